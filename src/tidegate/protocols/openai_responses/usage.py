"""Conversion of token counts between the sums of the Responses API and Tidegate's classes, which do not
overlap.

Cached tokens are included in `input_tokens` and reasoning in `output_tokens`, at OpenAI, Azure, xAI and
DeepSeek alike (in every recording, the total is input + output).
"""

from typing import Any

from msgspec import Struct

from tidegate.protocols.usage import Count, Usage

__all__ = ["UsageIn", "parse_usage", "render_usage"]


class InputDetails(Struct, gc=False):
    """`input_tokens_details`: subsets of the input tokens."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class OutputDetails(Struct, gc=False):
    """`output_tokens_details`: subsets of the output tokens."""

    reasoning_tokens: Count | None = None


class ServerTools(Struct, gc=False):
    """xAI's `server_side_tool_usage_details`."""

    web_search_calls: Count | None = None
    x_search_calls: Count | None = None


class UsageIn(Struct):
    """`usage`."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None
    server_side_tool_usage_details: ServerTools | None = None
    cost: Any = None
    """USD: a number (OpenRouter), or an object with a `total_cost` (Perplexity)."""
    cost_in_usd_ticks: Any = None
    """xAI's, in 10⁻¹⁰ USD."""


def parse_usage(usage: UsageIn, searches: int | None = None) -> Usage | None:
    """Return the token classes of a usage object; None if it has no counts. A subset is
    capped at its total.
    """
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    details = usage.input_tokens_details or InputDetails()
    left = max(0, usage.input_tokens or 0)
    read, left = _take(details.cached_tokens, left)
    written, left = _take(details.cache_write_tokens, left)
    spent = usage.output_tokens_details or OutputDetails()
    thought, rest = _take(spent.reasoning_tokens, max(0, usage.output_tokens or 0))
    return Usage(
        input=None if usage.input_tokens is None else left,
        cache_read=read,
        cache_write=written,
        output=None if usage.output_tokens is None else rest,
        reasoning=thought,
        searches=_searches(usage) if searches is None else searches,
    )


def _searches(usage: UsageIn) -> int | None:
    tools = usage.server_side_tool_usage_details
    if tools is None:
        return None
    known = [count for count in (tools.web_search_calls, tools.x_search_calls) if count is not None]
    return sum(known) if known else None


def _take(part: int | None, whole: int) -> tuple[int | None, int]:
    """Return a subset of a count, capped at the count, and the remainder."""
    if part is None:
        return None, whole
    part = min(max(0, part), whole)
    return part, whole - part


def render_usage(usage: Usage) -> dict[str, Any]:
    """Write `usage` in OpenAI's form. Its details are required, so counts that were not reported are 0."""
    taken, made = usage.prompt_tokens or 0, usage.completion_tokens or 0
    return {
        "input_tokens": taken,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write_total or 0,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": taken + made,
    }
