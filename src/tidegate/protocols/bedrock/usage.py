"""Conversion of Converse's token counts: cache reads and writes are not included in `inputTokens`, thinking
is included in `outputTokens`.
"""

from tidegate.protocols.usage import Usage

from .wire import TokenUsage

__all__ = ["parse_usage"]


def parse_usage(counts: TokenUsage | None) -> Usage | None:
    """Return the token classes; None if there are no counts."""
    if counts is None or (counts.input_tokens is None and counts.output_tokens is None):
        return None
    written = counts.cache_write_input_tokens
    hourly = sum(one.input_tokens for one in counts.cache_details or () if one.ttl == "1h") or None
    return Usage(
        input=counts.input_tokens,
        cache_read=counts.cache_read_input_tokens,
        cache_write=written if written is None else max(0, written - (hourly or 0)),
        cache_write_1h=hourly,
        output=counts.output_tokens,
    )
