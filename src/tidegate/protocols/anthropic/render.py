"""Conversion of a `Turn` of any origin to a request for Anthropic."""

from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from tidegate.protocols.claude_schema import close_schema
from tidegate.protocols.claude_thinking import Thinking, plan_thinking, render_sampling
from tidegate.protocols.contract import Call, Outcome, Target, drop_or_refuse, require_prefill
from tidegate.protocols.decode import decode
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.limits import opaque_user
from tidegate.protocols.noise import KEEPS_ALL
from tidegate.protocols.paths import quote_segment
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import Turn

from .billing import BILLING_HEADER
from .build import read_thinking
from .dialect import Dialect
from .messages import Conversation
from .tools import ToolPlan, is_forced, plan_tools
from .wire import FIELDS, THINKING

__all__ = ["CARRIES", "PROMPT", "MessagesCall", "call_path", "render_prompt", "render_request"]

CARRIES: dict[str, Outcome] = {
    "tools": "carried",
    "tool_choice": "carried",
    "parallel_tool_calls": "carried",
    "output": "carried",
    "reasoning": "carried",
    "max_tokens": "carried",
    "temperature": "carried",
    "top_p": "carried",
    "top_k": "carried",
    "presence_penalty": "dropped",
    "frequency_penalty": "dropped",
    "seed": "dropped",
    "stop": "carried",
    "n": "refused",
    "logprobs": "dropped",
    "top_logprobs": "dropped",
    "logit_bias": "dropped",
    "continues": "carried",
    "modalities": "carried",
    "verbosity": "dropped",
    "user": "carried",
    "service_tier": "carried",
}
"""The outcome of each optional field. In `modalities`, anything except text is refused."""

_LACKS = {name: outcome for name, outcome in CARRIES.items() if outcome != "carried"}
_LACKING, _UNSET = attrgetter(*_LACKS), (None,) * len(_LACKS)
"""Most requests set none of the fields that are not carried; a single comparison detects this."""

JSON_ONLY = "Answer with one JSON object and nothing else: no other text, no code fence."
TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
"""OpenAI's and Anthropic's service tiers; others have no counterpart."""

PROMPT = frozenset(
    ["model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"]
)
"""The fields that the counting endpoint accepts; it rejects all others."""

_encode = msgspec.json.Encoder().encode


class MessagesCall(Call, frozen=True, gc=False):
    """A call, with what is needed to read its answer."""

    answer_tool: str | None = None
    """The tool whose call is the text of the answer, if structured output is requested through a tool."""
    custom_tools: frozenset[str] = frozenset()
    """The tools whose calls are read as calls to custom tools."""


class _Rendered(Struct, frozen=True):
    """The parts of a body, and the decisions made while writing it."""

    body: dict[str, Any]
    tools: ToolPlan
    dropped: tuple[str, ...]


def render_request(turn: Turn, target: Target) -> MessagesCall:
    """Write the request. Raises Unsupported naming what cannot be carried."""
    dialect: Dialect = target.dialect
    rendered = _render(turn, target)
    body = rendered.body
    if turn.stream and dialect.stream_in_body:
        body["stream"] = True
    if not dialect.model_in_body:
        del body["model"]
    if dialect.body:
        body |= dialect.body
    return MessagesCall(
        path=call_path(dialect, target.model, turn.stream),
        body=_encode(body),
        stream=turn.stream,
        dropped=rendered.dropped,
        answer_tool=rendered.tools.answer_tool,
        custom_tools=rendered.tools.custom,
    )


def render_prompt(turn: Turn, target: Target) -> dict[str, Any]:
    """Return the fields of a body that determine the prompt and the thinking."""
    body = _render(turn, target).body
    return {key: value for key, value in body.items() if key in PROMPT}


def call_path(dialect: Dialect, model: str, stream: bool) -> str:
    """Return the path for the request, relative to the base URL."""
    path = dialect.stream_path if stream and dialect.stream_path is not None else dialect.path
    return path.replace("{model}", quote_segment(model, "@")) if "{" in path else path


def _render(turn: Turn, target: Target) -> _Rendered:
    profile = target.profile
    if not target.dialect.links:
        profile = structs.replace(profile, remote_images=False)
    turn = _take_thinking(turn)
    dropped = [] if _LACKING(turn) == _UNSET else _drop_or_refuse(turn)
    if turn.modalities and set(turn.modalities) - {"text"}:
        raise Unsupported("this provider answers in text only (modalities)", param="modalities")
    thinking = plan_thinking(turn, profile, is_forced(turn, profile))
    require_prefill(turn, profile.prefill and not thinking.thinks)
    tools = plan_tools(turn, profile)
    sampling, unsampled = render_sampling(turn, profile, thinking.thinks)
    conversation = _render_conversation(turn, profile, thinking.thinks, tools.tools)
    body: dict[str, Any] = {
        "model": target.model,
        "max_tokens": thinking.max_tokens,
        "messages": [{"role": role, "content": blocks} for role, blocks in conversation.turns],
    }
    if conversation.system:
        body["system"] = conversation.system
    _add_tools(body, tools)
    if sampling:
        body |= sampling
    _add_thinking(body, thinking, turn, profile)
    dropped += [*unsampled, *thinking.dropped, *tools.dropped, *conversation.dropped]
    dropped += _add_rest(body, turn, profile)
    return _Rendered(body, tools, tuple(dropped))


def _drop_or_refuse(turn: Turn) -> list[str]:
    return drop_or_refuse(structs.replace(turn, n=None) if turn.n == 1 else turn, _LACKS)


def _take_thinking(turn: Turn) -> Turn:
    """Return the Turn with Anthropic's `thinking` from a client of another dialect applied.

    Anthropic's OpenAI-compatible API accepts it at the top level, and some clients send it to gateways too.
    """
    sent = turn.extensions.get("thinking")
    if sent is None or turn.reasoning is not None or turn.origin == "anthropic":
        return turn
    rest = {key: value for key, value in turn.extensions.items() if key != "thinking"}
    control = read_thinking(decode(THINKING, sent, "thinking"))
    return structs.replace(turn, reasoning=control, extensions=rest)


def _render_conversation(
    turn: Turn, profile: Profile, thinks: bool, tools: list[dict[str, Any] | Raw]
) -> Conversation:
    conversation = Conversation(profile, tools)
    for index, message in enumerate(turn.messages):
        conversation.add(message, index)
    if turn.output is not None and turn.output.kind == "json_object":
        conversation.system.append({"type": "text", "text": JSON_ONLY})
    conversation.close(continues=profile.prefill and not thinks)
    return conversation


def _add_tools(body: dict[str, Any], plan: ToolPlan) -> None:
    if plan.tools:
        body["tools"] = plan.tools
    if plan.choice is not None:
        body["tool_choice"] = plan.choice


def _add_thinking(body: dict[str, Any], thinking: Thinking, turn: Turn, profile: Profile) -> None:
    """Add thinking, and the other fields of `output_config`, which contains its effort."""
    if thinking.config is not None:
        body["thinking"] = thinking.config
    config: dict[str, Any] = {}
    if turn.origin == "anthropic" and "output_config" in turn.extensions:
        sent = FIELDS.decode(turn.extensions["output_config"])
        config = {key: value for key, value in sent.items() if key not in ("effort", "format")}
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    output = turn.output
    if output is not None and output.schema is not None and profile.native_schema:
        config["format"] = {"type": "json_schema", "schema": close_schema(output.schema)}
    if config:
        body["output_config"] = config


def _add_rest(body: dict[str, Any], turn: Turn, profile: Profile) -> list[str]:
    """Add stop sequences, the end user, the tier and the fields that only this format has. Returns the names
    of dropped fields.
    """
    dropped = []
    if turn.stop:
        stops = [stop for stop in turn.stop if stop.strip()] if profile.stop else []
        if len(stops) < len(turn.stop):
            dropped.append("stop")
        if stops:
            body["stop_sequences"] = stops
    if turn.user is not None:
        body["metadata"] = {"user_id": turn.user if turn.origin == "anthropic" else opaque_user(turn.user)}
    if turn.service_tier in TIERS:
        body["service_tier"] = TIERS[turn.service_tier]
    elif turn.service_tier is not None:
        dropped.append("service_tier")
    if turn.origin != "anthropic":
        return [*dropped, *turn.extensions]
    for name, value in turn.extensions.items():
        if name not in ("output_config", BILLING_HEADER):
            body["context_management" if name == KEEPS_ALL else name] = value
    return [*dropped, BILLING_HEADER] if BILLING_HEADER in turn.extensions else dropped
