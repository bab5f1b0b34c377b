"""Conversion of a `Turn` to a request for Gemini."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tidegate.protocols.contract import Call, Outcome, Target, drop_or_refuse, require_prefill
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.paths import quote_segment
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import OutputFormat, Turn

from .dialect import GeminiDialect
from .messages import render_contents
from .schema import mend_references, to_openapi
from .thinking import render_thinking
from .tools import render_tool_config, render_tools
from .wire import GenerationConfig, OutContent, Request

__all__ = ["CARRIES", "GeminiCall", "render_body", "render_path", "render_request"]

FORMAT = "gemini"

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
    "presence_penalty": "carried",
    "frequency_penalty": "carried",
    "seed": "carried",
    "stop": "carried",
    "n": "carried",
    "logprobs": "carried",
    "top_logprobs": "carried",
    "logit_bias": "dropped",
    "continues": "carried",
    "modalities": "carried",
    "verbosity": "dropped",
    "user": "dropped",
    "service_tier": "carried",
}
"""`user` is dropped: Vertex's `labels` are for billing and do not allow arbitrary text."""

SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
)

MOST_STOPS = 5

TIERS = {"auto": None, "default": None}
"""OpenAI's service tiers that have no effect."""

_CONFIG = "generationConfig."
"""The prefix of extension fields in `generationConfig`."""

_ENCODE = msgspec.json.Encoder().encode
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


class GeminiCall(Call, frozen=True, gc=False):
    """A call, with what is needed to read its answer."""

    custom_tools: frozenset[str] = frozenset()


def render_request(turn: Turn, target: Target) -> GeminiCall:
    """See Protocol. The model and whether to stream are in the path."""
    body, dropped, custom = render_body(turn, target)
    stream = turn.stream and target.profile.streams
    return GeminiCall(
        path=render_path(target, stream=stream),
        body=body,
        stream=stream,
        dropped=dropped,
        custom_tools=custom,
    )


def render_path(target: Target, *, stream: bool = False, method: str = "generateContent") -> str:
    """Return the path. Without `alt=sse` a stream would be one long JSON array."""
    model = quote_segment(target.model.removeprefix("models/"), "-._~@")
    path: str = target.dialect.path.format(model=model)
    return f"{path}:streamGenerateContent?alt=sse" if stream else f"{path}:{method}"


def render_body(turn: Turn, target: Target) -> tuple[bytes, tuple[str, ...], frozenset[str]]:
    """Return the body, the names of dropped fields, and the names of the custom tools."""
    dialect: GeminiDialect = target.dialect
    dropped = dict.fromkeys(_dropped(turn))
    require_prefill(turn, target.profile.prefill)
    contents = render_contents(turn, target.profile)
    searching: list[str] = []
    tools = render_tools(turn, dialect, searching)
    dropped |= dict.fromkeys(searching)
    if any(tool.strict for tool in turn.tools):
        dropped["tools.strict"] = None
    if any(tool.cache is not None for tool in turn.tools):
        contents.dropped["cache_control"] = None
    request = Request(
        contents=contents.contents,
        system_instruction=OutContent(parts=contents.system) if contents.system else None,
        tools=tools.tools or None,
        tool_config=render_tool_config(turn.tool_choice, tools),
        generation_config=_render_config(turn, target, dropped),
        service_tier=_render_tier(turn.service_tier, dialect, dropped),
    )
    body = _ENCODE(request)
    if turn.origin == FORMAT and turn.extensions:
        body = _with_extensions(body, turn.extensions)
    return body, (*dropped, *contents.dropped), tools.custom


def _with_extensions(body: bytes, fields: Mapping[str, Raw]) -> bytes:
    """Return a body with the fields that a client of Gemini's dialect set beyond those of all formats."""
    whole = _FIELDS.decode(body)
    config = _FIELDS.decode(whole.get("generationConfig", b"{}"))
    config |= {name.removeprefix(_CONFIG): raw for name, raw in fields.items() if name.startswith(_CONFIG)}
    whole |= {name: raw for name, raw in fields.items() if not name.startswith(_CONFIG)}
    if config:
        whole["generationConfig"] = Raw(_ENCODE(config))
    return _ENCODE(whole)


def _dropped(turn: Turn) -> list[str]:
    names = [name for name in drop_or_refuse(turn, CARRIES) if name != "parallel_tool_calls"]
    if turn.parallel_tool_calls is False:  # allowing them is Gemini's default
        names.append("parallel_tool_calls")
    return names if turn.origin == FORMAT else [*names, *turn.extensions]


def _render_config(turn: Turn, target: Target, dropped: dict[str, None]) -> GenerationConfig | None:
    profile = target.profile
    if profile.thinking == "none" and turn.reasoning is not None and turn.reasoning.effort != "none":
        dropped["reasoning"] = None
    config = GenerationConfig(
        candidate_count=turn.n,
        max_output_tokens=turn.max_tokens,
        stop_sequences=_render_stops(turn.stop, profile, dropped),
        seed=turn.seed,
        response_modalities=[one.upper() for one in turn.modalities] or None,
        thinking_config=render_thinking(turn.reasoning, profile),
        **_render_sampling(turn, profile, dropped),  # type: ignore[arg-type]
        **_render_output(turn.output, target),  # type: ignore[arg-type]
    )
    return None if config == _EMPTY_CONFIG else config


_EMPTY_CONFIG = GenerationConfig()


def _render_sampling(turn: Turn, profile: Profile, dropped: dict[str, None]) -> dict[str, object]:
    """Write the sampling parameters. Gemini's `logprobs` is the number of alternatives, and
    `responseLogprobs` the switch.
    """
    values = {name: getattr(turn, name) for name in SAMPLING}
    if profile.sampling == "refused":
        dropped.update(dict.fromkeys(name for name, value in values.items() if value is not None))
        return {}
    values["response_logprobs"] = values.pop("logprobs")
    values["logprobs"] = values.pop("top_logprobs")
    return values


def _render_stops(stops: tuple[str, ...], profile: Profile, dropped: dict[str, None]) -> list[str] | None:
    """Write the stop sequences; Gemini accepts at most five."""
    if not profile.stop and stops:
        dropped["stop"] = None
        return None
    dropped.update(dict.fromkeys(f"stop.{place}" for place in range(MOST_STOPS, len(stops))))
    return list(stops[:MOST_STOPS]) or None


def _render_output(output: OutputFormat | None, target: Target) -> dict[str, object]:
    if output is None:
        return {}
    if not target.profile.native_schema:
        raise Unsupported(
            "this model does not support structured output (response_format)", param="response_format"
        )
    fields: dict[str, object] = {"response_mime_type": "text/x.enum" if output.bare else "application/json"}
    if output.kind == "json_schema" and output.schema is not None:
        if target.dialect.schemas == "openapi" or output.bare:
            fields["response_schema"] = to_openapi(output.schema, "response_format")
        else:
            fields["response_json_schema"] = mend_references(output.schema, "response_format")
    return fields


def _render_tier(tier: str | None, dialect: GeminiDialect, dropped: dict[str, None]) -> str | None:
    if tier is None or tier in TIERS:
        return None
    if tier in dialect.service_tiers:
        return tier
    dropped["service_tier"] = None
    return None
