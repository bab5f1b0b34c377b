"""Converse's token counts: cache reads and writes are beside `inputTokens`, thinking is in `outputTokens`."""

from tidegate.protocols.usage import Usage

from .wire import TokenUsage

__all__ = ["parse_usage"]


def parse_usage(told: TokenUsage | None) -> Usage | None:
    """The tokens in disjoint classes; None where none are told."""
    if told is None or (told.input_tokens is None and told.output_tokens is None):
        return None
    written = told.cache_write_input_tokens
    hourly = sum(one.input_tokens for one in told.cache_details or () if one.ttl == "1h") or None
    return Usage(
        input=told.input_tokens,
        cache_read=told.cache_read_input_tokens,
        cache_write=written if written is None else max(0, written - (hourly or 0)),
        cache_write_1h=hourly,
        output=told.output_tokens,
    )
