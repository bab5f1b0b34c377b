"""The token counts of OpenAI's images."""

from typing import Any

from msgspec import Struct

from tidegate.protocols.usage import Count, Usage

__all__ = ["UsageIn", "add", "parse_usage"]


class Details(Struct, gc=False):
    """Tokens by kind."""

    text_tokens: Count | None = None
    image_tokens: Count | None = None


class UsageIn(Struct, gc=False):
    """The token counts that are read."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    cost_in_usd_ticks: Any = None
    """xAI's, in 10⁻¹⁰ USD."""


def parse_usage(usage: UsageIn | None) -> Usage | None:
    """Return the token classes; None if there are no counts (dall-e, xAI)."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    read = usage.input_tokens_details.image_tokens if usage.input_tokens_details else None
    drawn = usage.output_tokens_details.image_tokens if usage.output_tokens_details else None
    return Usage(
        input=None if usage.input_tokens is None else usage.input_tokens - (read or 0),
        input_image=read,
        output=None if usage.output_tokens is None else usage.output_tokens - (drawn or 0),
        output_image=drawn,
    )


def add(first: Usage | None, second: Usage | None) -> Usage | None:
    """The usage of two images together: a class that neither reports stays unknown."""
    if first is None or second is None:
        return first or second
    counts = {name: _sum(getattr(first, name), getattr(second, name)) for name in first.__struct_fields__}
    return Usage(**counts)


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)
