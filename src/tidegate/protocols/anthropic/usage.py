"""Conversion of token counts between Anthropic's sums and Tidegate's classes, which do not overlap.

Anthropic counts cached tokens separately from `input_tokens`, and thinking within `output_tokens`. In a
stream, `message_start` has the counts of the prompt and `message_delta` has cumulative counts, which replace
earlier values.
"""

from typing import Any

from msgspec import structs

from tidegate.protocols.served import Served, served
from tidegate.protocols.usage import Usage

from .wire import UsageOut

__all__ = ["merge_usage", "read_served", "read_usage", "render_delta_usage", "render_usage"]


def merge_usage(known: UsageOut | None, newly: UsageOut) -> UsageOut:
    """Merge newly reported counts into the usage so far."""
    if known is None:
        return newly
    return UsageOut(
        *[
            newer if newer is not None else older
            for newer, older in zip(structs.astuple(newly), structs.astuple(known), strict=True)
        ]
    )


def read_served(usage: UsageOut) -> Served | None:
    """Return how the answer was served."""
    return served(usage.service_tier, usage.speed, usage.inference_geo)


def read_usage(usage: UsageOut) -> Usage:
    """Return the token classes. Cache writes without a lifetime count as the default lifetime."""
    written, hour = usage.cache_creation_input_tokens, None
    if usage.cache_creation is not None:
        hour = usage.cache_creation.ephemeral_1h_input_tokens
        if written is None:
            written = (usage.cache_creation.ephemeral_5m_input_tokens or 0) + (hour or 0)
    details = usage.output_tokens_details
    thinking = details.thinking_tokens if details is not None else None
    output = usage.output_tokens
    if output is not None and thinking is not None:
        thinking = min(thinking, output)
        output -= thinking
    return Usage(
        input=usage.input_tokens,
        cache_read=usage.cache_read_input_tokens,
        cache_write=max(written - (hour or 0), 0) if written is not None else None,
        cache_write_1h=hour,
        output=output,
        reasoning=thinking,
        searches=usage.server_tool_use.web_search_requests if usage.server_tool_use is not None else None,
    )


def render_delta_usage(usage: Usage | None) -> dict[str, Any]:
    """Write the cumulative usage of `message_delta`; required counts that were not reported are 0."""
    usage = usage or Usage()
    rendered: dict[str, Any] = {
        "input_tokens": (usage.input or 0) + (usage.input_audio or 0),
        "cache_creation_input_tokens": usage.cache_write_total,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.completion_tokens or 0,
    }
    rendered["output_tokens_details"] = rendered["server_tool_use"] = None
    if usage.reasoning is not None:
        rendered["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.searches is not None:
        rendered["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    return rendered


def render_usage(usage: Usage | None) -> dict[str, Any]:
    """Write the usage of a message. Every field of Anthropic's is there; null is what is not known."""
    rendered = render_delta_usage(usage)
    rendered |= {"cache_creation": None, "service_tier": None, "inference_geo": None}
    if usage is not None and usage.cache_write_total is not None:
        rendered["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h or 0,
        }
    return rendered
