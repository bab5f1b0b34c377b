"""Conversion of token counts between OpenAI's overlapping sums and Tidegate's classes,
which do not overlap.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from .decode import MALFORMED
from .lenient import decode_view
from .served import Served, nano_usd, served, with_upstream
from .sound_json import make_sound
from .surrogates import encode_with_halves
from .usage import Count, Usage

__all__ = ["UsageIn", "completion_tokens", "parse_served", "parse_usage", "read_usage", "render_usage"]


class PromptDetails(Struct, gc=False):
    """`prompt_tokens_details`: subsets of the prompt tokens."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None


class CompletionDetails(Struct, gc=False):
    """`completion_tokens_details`: subsets of the completion tokens."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None


NO_PROMPT_DETAILS = PromptDetails()
NO_COMPLETION_DETAILS = CompletionDetails()


class UsageIn(Struct, gc=False):
    """`usage`, including the other names that compatible services use for OpenAI's details."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: Count | None = None
    """DeepSeek's cached tokens."""
    num_cached_tokens: Count | None = None
    """Mistral's."""
    cached_tokens: Count | None = None
    """Together's."""
    cache_creation_input_tokens: Count | None = None
    """Tokens written to the cache, of services that also speak Anthropic's format."""
    reasoning_tokens: Count | None = None
    """Together's and Perplexity's."""
    cost: Any = None
    """USD: a number (OpenRouter), or an object with a `total_cost` (Perplexity)."""
    cost_in_usd_ticks: Any = None
    """xAI's, in 10⁻¹⁰ USD."""
    is_byok: Any = None
    """Whether OpenRouter used a key of its customer's: then `cost` is only its fee."""
    cost_details: Any = None
    """OpenRouter's."""
    search_context_size: Any = None
    """Perplexity's."""


USAGE = Decoder(UsageIn)


def parse_usage(usage: UsageIn, completion_sum: int | None = None) -> Usage | None:
    """Return the token classes of a usage object; None if it has no counts. `completion_sum` is what
    `completion_tokens` returns for it, if that is known.

    Some services do not include reasoning in the completion tokens (the total shows it), and some report a
    subset that is larger than the whole: the whole is what is billed, so it wins.
    """
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return None
    prompt = usage.prompt_tokens_details or NO_PROMPT_DETAILS
    completion = usage.completion_tokens_details or NO_COMPLETION_DETAILS
    left = usage.prompt_tokens or 0
    read = prompt.cached_tokens
    if read is None:
        read = usage.prompt_cache_hit_tokens
    if read is None:
        read = usage.num_cached_tokens if usage.num_cached_tokens is not None else usage.cached_tokens
    written = prompt.cache_write_tokens
    if written is None:
        written = usage.cache_creation_input_tokens or None
    audio_in, audio_out = prompt.audio_tokens or None, completion.audio_tokens or None
    thought = completion.reasoning_tokens
    if thought is None:
        thought = usage.reasoning_tokens
    if read:
        read, left = _take(read, left)
    if written:
        written, left = _take(written, left)
    if audio_in:
        audio_in, left = _take(audio_in, left)
    rest = completion_tokens(usage) if completion_sum is None else completion_sum
    if thought:
        thought, rest = _take(thought, rest)
    if audio_out:
        audio_out, rest = _take(audio_out, rest)
    return Usage(
        input=None if usage.prompt_tokens is None else left,
        cache_read=read,
        cache_write=written,
        input_audio=audio_in,
        output=None if usage.completion_tokens is None else rest,
        reasoning=thought,
        output_audio=audio_out,
    )


def parse_served(service_tier: Any, usage: UsageIn | None) -> Served | None:
    """Return how an answer was served: its `service_tier`, and what its usage says beside the counts."""
    if usage is None:
        return served(service_tier)
    cost = None
    if usage.cost is None and usage.cost_in_usd_ticks is None:
        if service_tier is None and usage.search_context_size is None:
            return None
    else:
        cost = nano_usd(usage.cost, usage.cost_in_usd_ticks)
        if usage.is_byok is True:
            cost = with_upstream(cost, usage.cost_details)
    return served(service_tier, cost=cost, search_context_size=usage.search_context_size)


def read_usage(decoded: Any, leave_out: Callable[[str], None]) -> UsageIn | None:
    """A decoded usage object. `leave_out` is called with the names of fields that cannot be read; returns
    None if that is the whole object.
    """
    try:
        return msgspec.convert(decoded, UsageIn)
    except (msgspec.ValidationError, UnicodeError):
        pass
    try:
        return decode_view(USAGE, _encoded(decoded), lambda name: leave_out(f"usage.{name}"))
    except MALFORMED:
        leave_out("usage")
        return None


def _encoded(decoded: Any) -> bytes:
    try:
        return msgspec.json.encode(decoded)
    except UnicodeEncodeError:
        return make_sound(encode_with_halves(decoded))


def completion_tokens(usage: UsageIn) -> int:
    """Return all completion tokens including reasoning, wherever the service counts it."""
    completion, details = usage.completion_tokens or 0, usage.completion_tokens_details
    reasoning = (details.reasoning_tokens if details is not None else None) or usage.reasoning_tokens
    if reasoning and usage.total_tokens == (usage.prompt_tokens or 0) + completion + reasoning:
        return completion + reasoning
    return completion


def _take(part: int, whole: int) -> tuple[int, int]:
    """Return a subset of a count, capped at the count, and the remainder."""
    part = max(0, min(part, whole))
    return part, whole - part


def render_usage(usage: Usage) -> dict[str, Any]:
    """Write `usage` in OpenAI's form. Details that were not reported are omitted."""
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    rendered: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    details: dict[str, int] = {}
    if usage.cache_read is not None:
        details["cached_tokens"] = usage.cache_read
    written = usage.cache_write_total
    if written is not None:
        details["cache_write_tokens"] = written
    if usage.input_audio is not None:
        details["audio_tokens"] = usage.input_audio
    if details:
        rendered["prompt_tokens_details"] = details
    details = {}
    if usage.reasoning is not None:
        details["reasoning_tokens"] = usage.reasoning
    if usage.output_audio is not None:
        details["audio_tokens"] = usage.output_audio
    if details:
        rendered["completion_tokens_details"] = details
    return rendered
