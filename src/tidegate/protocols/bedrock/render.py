"""Conversion of a `Turn` to a request for Converse."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.protocols.claude_schema import close_schema
from tidegate.protocols.contract import Call, Outcome, Target, drop_or_refuse, require_prefill
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.paths import quote_segment
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import OutputFormat, Turn

from .dialect import BedrockDialect, Vendor
from .messages import Conversation, render_conversation
from .thinking import Plan, plan_sampling
from .tools import ToolPlan, plan_tools

__all__ = ["CARRIES", "BedrockCall", "render_request"]

CARRIES: Mapping[str, Outcome] = {
    "tools": "carried",
    "tool_choice": "carried",
    "parallel_tool_calls": "dropped",
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
    "modalities": "refused",
    "verbosity": "dropped",
    "user": "dropped",
    "service_tier": "carried",
}

TIERS = {"auto": None, "default": "default", "flex": "flex", "priority": "priority", "reserved": "reserved"}
"""Service tiers; None has no effect."""

MOST_CACHE_POINTS = 4

JSON_ONLY = "Answer with one JSON object and nothing else: no other text, no code fence."
"""The instruction for OpenAI's `json_object`: Converse only supports output formats with a schema."""

_ENCODE = msgspec.json.Encoder().encode


class BedrockCall(Call, frozen=True, gc=False):
    """A call, with what is needed to read its answer."""

    answer_tool: str | None = None
    custom_tools: frozenset[str] = frozenset()


def render_request(turn: Turn, target: Target) -> BedrockCall:
    """See Protocol. The model and whether to stream are in the path."""
    dialect: BedrockDialect = target.dialect
    profile = target.profile
    vendor = dialect.vendor_of(target.model)
    dropped = _plan_dropped(turn)
    tools = plan_tools(turn, profile, vendor)
    plan = plan_sampling(turn, profile, vendor, tools.forced)
    require_prefill(turn, vendor.continues and profile.prefill and not plan.thinks)
    conversation = render_conversation(
        turn, profile, vendor, tools.config is not None, profile.prefill and not plan.thinks
    )
    dropped |= dict.fromkeys([*plan.dropped, *tools.dropped, *conversation.dropped])
    body = _render_body(conversation, tools, plan, vendor, dropped)
    _limit_cache_points(body, dropped)
    _add_rest(body, turn, profile, dropped)
    stream = turn.stream and profile.streams
    path = dialect.stream_path if stream else dialect.path
    return BedrockCall(
        path=path.format(model=quote_segment(target.model)),
        body=_ENCODE({**body, **dialect.body}),
        stream=stream,
        dropped=tuple(dropped),
        answer_tool=tools.answer_tool,
        custom_tools=tools.custom,
    )


def _plan_dropped(turn: Turn) -> dict[str, None]:
    """Return the fields that are dropped for any model. Values that are Converse's
    defaults are not reported.
    """
    if turn.n is not None and turn.n > 1:
        raise Unsupported("this provider returns only one choice (n)", param="n")
    modalities = tuple(one for one in turn.modalities if one != "text")
    usual = msgspec.structs.replace(turn, n=None, modalities=modalities, parallel_tool_calls=None)
    dropped = dict.fromkeys(drop_or_refuse(usual, CARRIES))
    if turn.tools and turn.parallel_tool_calls is False:
        dropped["parallel_tool_calls"] = None
    return dropped | dict.fromkeys(turn.extensions)


def _render_body(
    conversation: Conversation, tools: ToolPlan, plan: Plan, vendor: Vendor, dropped: dict[str, None]
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [{"role": role, "content": blocks} for role, blocks in conversation.turns]
    }
    if conversation.system:
        body["system"] = conversation.system
    if tools.config is not None:
        body["toolConfig"] = tools.config
    sampling = plan.sampling
    inference = {
        "maxTokens": plan.max_tokens,
        "temperature": sampling.get("temperature"),
        "topP": sampling.get("top_p"),
    }
    body["inferenceConfig"] = {name: value for name, value in inference.items() if value is not None}
    fields = {**plan.fields, **tools.fields}
    if "top_k" in sampling:
        if vendor.top_k:
            _put(fields, vendor.top_k, sampling["top_k"])
        else:
            dropped["top_k"] = None
    if fields:
        body["additionalModelRequestFields"] = fields
    return body


def _limit_cache_points(body: dict[str, Any], dropped: dict[str, None]) -> None:
    """Limit the number of cache points: the last ones cover the longest prefixes, so they are kept."""
    lists = [body.get("toolConfig", {}).get("tools", []), body.get("system", [])]
    lists += [message["content"] for message in body["messages"]]
    points = [
        block for blocks in lists for block in blocks if isinstance(block, dict) and "cachePoint" in block
    ]
    surplus = {id(point) for point in points[:-MOST_CACHE_POINTS]}
    if surplus:
        dropped["cache_control"] = None
        for blocks in lists:
            blocks[:] = [block for block in blocks if id(block) not in surplus]


def _put(fields: dict[str, Any], way: tuple[str, ...], value: Any) -> None:
    for step in way[:-1]:
        fields = fields.setdefault(step, {})
    fields[way[-1]] = value


def _add_rest(body: dict[str, Any], turn: Turn, profile: Profile, dropped: dict[str, None]) -> None:
    """Add stop sequences, the output format and the tier."""
    stops = [stop for stop in turn.stop if stop.strip()] if profile.stop else []
    if len(stops) < len(turn.stop):
        dropped["stop"] = None
    if stops:
        body["inferenceConfig"]["stopSequences"] = stops
    if turn.output is not None:
        _add_output(body, turn.output, profile)
    if turn.service_tier is not None:
        tier = TIERS.get(turn.service_tier)
        if tier is not None:
            body["serviceTier"] = {"type": tier}
        elif turn.service_tier not in TIERS:
            dropped["service_tier"] = None


def _add_output(body: dict[str, Any], output: OutputFormat, profile: Profile) -> None:
    """Add the output format; for a model without support, a tool is used instead."""
    if output.schema is None:
        body.setdefault("system", []).append({"text": JSON_ONLY})
    elif profile.native_schema:
        # The schema is compiled as by Anthropic's API: every object must be closed.
        schema = {"schema": _ENCODE(close_schema(output.schema)).decode()}
        named = {"name": output.name, "description": output.description}
        schema |= {name: value for name, value in named.items() if value}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
