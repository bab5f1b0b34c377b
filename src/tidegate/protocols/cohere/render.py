"""Conversion of a `Turn` to a request for Cohere."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.contract import Call, Outcome, Target, drop_or_refuse
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.paths import quote_segment
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import OutputFormat, Turn

from .dialect import CohereDialect
from .messages import render_messages
from .thinking import render_thinking
from .tools import render_tools
from .wire import Request, ResponseFormat

__all__ = ["CARRIES", "CohereCall", "render_request"]

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
    "n": "refused",
    "logprobs": "carried",
    "top_logprobs": "dropped",
    "logit_bias": "dropped",
    "continues": "refused",
    "modalities": "refused",
    "verbosity": "dropped",
    "user": "dropped",
    "service_tier": "dropped",
}
"""Cohere's `priority` has another meaning (the order of requests under load), so service tiers are dropped.
"""

SAMPLING = {
    "temperature": ("temperature", 0.0, None),
    "top_p": ("p", 0.01, 0.99),
    "top_k": ("k", 0, 500),
    "presence_penalty": ("presence_penalty", 0.0, 1.0),
    "frequency_penalty": ("frequency_penalty", 0.0, 1.0),
}
"""Field of `Turn` → Cohere's name, minimum and maximum (docs.cohere.com/reference/chat)."""

MOST_STOPS = 5

_ENCODE = msgspec.json.Encoder().encode
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


class CohereCall(Call, frozen=True, gc=False):
    """A call, with what is needed to read its answer."""

    custom_tools: frozenset[str] = frozenset()


def render_request(turn: Turn, target: Target) -> CohereCall:
    """See Protocol."""
    profile = target.profile
    dropped = _plan_dropped(turn)
    messages = render_messages(turn, profile)
    tools = render_tools(turn, target.dialect, dropped)
    stream = turn.stream and profile.streams
    request = Request(
        model=target.model,
        messages=messages.messages,
        stream=stream,
        tools=tools.tools,
        tool_choice=tools.choice,
        strict_tools=tools.strict,
        documents=messages.documents or None,
        response_format=_render_output(turn.output, profile),
        thinking=render_thinking(turn.reasoning, profile, dropped),
        max_tokens=turn.max_tokens,
        seed=turn.seed,
        stop_sequences=_render_stops(turn.stop, profile, dropped),
        **_render_sampling(turn, profile, dropped),
    )
    return CohereCall(
        path=target.dialect.path.format(model=quote_segment(target.model)),
        body=_encode(request, target.dialect),
        stream=stream,
        dropped=(*dropped, *messages.dropped),
        custom_tools=tools.custom,
    )


def _encode(request: Request, dialect: CohereDialect) -> bytes:
    body = _ENCODE(request)
    return _ENCODE({**_FIELDS.decode(body), **dialect.body}) if dialect.body else body


def _plan_dropped(turn: Turn) -> dict[str, None]:
    """Return the fields that are dropped for any model. Values that are Cohere's defaults
    are not reported.
    """
    if turn.n is not None and turn.n > 1:
        raise Unsupported("this provider returns only one choice (n)", param="n")
    modalities = tuple(one for one in turn.modalities if one != "text")
    usual = msgspec.structs.replace(turn, n=None, modalities=modalities, parallel_tool_calls=None)
    dropped = dict.fromkeys(drop_or_refuse(usual, CARRIES))
    if turn.tools and turn.parallel_tool_calls is False:
        dropped["parallel_tool_calls"] = None
    return dropped | dict.fromkeys(turn.extensions)


def _render_sampling(turn: Turn, profile: Profile, dropped: dict[str, None]) -> dict[str, Any]:
    """Write the sampling parameters, clamped to Cohere's ranges; the clamped ones are reported."""
    rendered: dict[str, Any] = {"logprobs": turn.logprobs}
    for name, (key, least, greatest) in SAMPLING.items():
        value = getattr(turn, name)
        if value is None:
            continue
        if value < least:
            dropped[f"{name}<{least:g}"] = None
            value = least
        elif greatest is not None and value > greatest:
            dropped[f"{name}>{greatest:g}"] = None
            value = greatest
        rendered[key] = value
    if profile.sampling == "refused":
        dropped.update(
            dict.fromkeys(name for name in (*SAMPLING, "logprobs") if getattr(turn, name) is not None)
        )
        return {}
    return rendered


def _render_stops(stops: tuple[str, ...], profile: Profile, dropped: dict[str, None]) -> list[str] | None:
    """Write the stop sequences; Cohere accepts at most five."""
    if not profile.stop and stops:
        dropped["stop"] = None
        return None
    dropped.update(dict.fromkeys(f"stop.{place}" for place in range(MOST_STOPS, len(stops))))
    return list(stops[:MOST_STOPS]) or None


def _render_output(output: OutputFormat | None, profile: Profile) -> ResponseFormat | None:
    if output is None:
        return None
    if not profile.native_schema:
        raise Unsupported(
            "this model does not support structured output (response_format)", param="response_format"
        )
    if output.kind == "json_schema" and output.schema is not None:
        return ResponseFormat("json_object", output.schema)
    return ResponseFormat("json_object")
