"""Token counts, between OpenAI's overlapping sums and our classes that do not overlap."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from .decode import MALFORMED
from .lenient import decode_view
from .served import Served, nano_usd, served
from .usage import Count, Usage

__all__ = ["UsageIn", "completion_tokens", "parse_served", "parse_usage", "read_usage", "render_usage"]


class PromptDetails(Struct, gc=False):
    """`prompt_tokens_details`: parts of the prompt's tokens."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None


class CompletionDetails(Struct, gc=False):
    """`completion_tokens_details`: parts of the completion's tokens."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None


NO_PROMPT_DETAILS = PromptDetails()
NO_COMPLETION_DETAILS = CompletionDetails()


class UsageIn(Struct, gc=False):
    """`usage`, with the places in which OpenAI's followers put what OpenAI has in the details."""

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


USAGE = Decoder(UsageIn)


def parse_usage(told: UsageIn) -> Usage | None:
    """The classes of a usage object; None where it counts nothing.

    Some services count reasoning beside the completion (then the total says so), and some say of
    a part more than of the whole: the whole is what is billed, so it wins.
    """
    if told.prompt_tokens is None and told.completion_tokens is None:
        return None
    prompt = told.prompt_tokens_details or NO_PROMPT_DETAILS
    completion = told.completion_tokens_details or NO_COMPLETION_DETAILS
    left = max(0, told.prompt_tokens or 0)
    read = prompt.cached_tokens
    if read is None:
        read = _first(told.prompt_cache_hit_tokens, told.num_cached_tokens, told.cached_tokens)
    read, left = _take(read, left)
    written = prompt.cache_write_tokens
    if written is None:
        written = told.cache_creation_input_tokens or None
    written, left = _take(written, left)
    heard, left = _take(prompt.audio_tokens or None, left)
    rest = completion_tokens(told)
    thought = completion.reasoning_tokens
    thought, rest = _take(told.reasoning_tokens if thought is None else thought, rest)
    spoken, rest = _take(completion.audio_tokens or None, rest)
    return Usage(
        input=None if told.prompt_tokens is None else left,
        cache_read=read,
        cache_write=written,
        input_audio=heard,
        output=None if told.completion_tokens is None else rest,
        reasoning=thought,
        output_audio=spoken,
    )


def parse_served(service_tier: Any, told: UsageIn | None) -> Served | None:
    """How an answer was served: its `service_tier`, and the cost in its usage."""
    cost = None
    if told is not None and not (told.cost is None and told.cost_in_usd_ticks is None):
        cost = nano_usd(told.cost, told.cost_in_usd_ticks)
    return served(service_tier, cost=cost)


def read_usage(told: Any, leave_out: Callable[[str], None]) -> UsageIn | None:
    """A decoded usage object. `leave_out` is called with the names of fields that cannot be read; returns
    None if that is the whole object.
    """
    try:
        return msgspec.convert(told, UsageIn)
    except msgspec.ValidationError:
        pass
    try:
        return decode_view(USAGE, msgspec.json.encode(told), lambda name: leave_out(f"usage.{name}"))
    except MALFORMED:
        leave_out("usage")
        return None


def completion_tokens(told: UsageIn) -> int:
    """All tokens of the completion, reasoning included, wherever the service counts it."""
    completion = max(0, told.completion_tokens or 0)
    details = told.completion_tokens_details
    reasoning = (details.reasoning_tokens if details else None) or told.reasoning_tokens
    if reasoning and told.total_tokens == (told.prompt_tokens or 0) + completion + reasoning:
        return completion + reasoning
    return completion


def _first(*counts: int | None) -> int | None:
    for count in counts:
        if count is not None:
            return count
    return None


def _take(part: int | None, whole: int) -> tuple[int | None, int]:
    """A part of a count, no larger than the count, and what is left of it."""
    if part is None:
        return None, whole
    if part > whole:
        part = whole
    elif part < 0:
        part = 0
    return part, whole - part


def render_usage(usage: Usage) -> dict[str, Any]:
    """`usage` in OpenAI's form. Details that were not reported are left out."""
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
