"""Token counts of an answer, in classes that do not overlap.

Providers count differently: some include cached tokens in the prompt and reasoning in the completion, some do
not. Each reader knows its provider's rule and fills in these classes, so that every token is in exactly one
of them and can be priced by its own rule. Writers add the classes up as the client's dialect does.
"""

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["MOST_TOKENS", "Count", "FloatCount", "Usage"]

MOST_TOKENS = 2**53 - 1
"""A larger number is not a plausible count: JSON numbers are exact up to here."""

Count = Annotated[int, Meta(ge=0, le=MOST_TOKENS)]
"""A count in a provider's answer. Anything else is left out by name where the answer is decoded leniently:
a negative or absurd number is not a count, and not reported."""
FloatCount = Annotated[float, Meta(ge=0, le=MOST_TOKENS)]
"""The same for providers whose counts may be fractions."""


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tokens by class. `None` is "not reported", 0 is zero. Never negative, never accumulating:
    a provider that repeats its usage replaces the earlier one.
    """

    input: int | None = None
    """Prompt tokens that were neither read from nor written to a cache, without audio."""
    cache_read: int | None = None
    """Prompt tokens read from the provider's cache."""
    cache_write: int | None = None
    """Prompt tokens written to the cache for the default lifetime (5 minutes at Anthropic)."""
    cache_write_1h: int | None = None
    """Prompt tokens written to the cache for one hour."""
    input_audio: int | None = None
    """Audio tokens of the prompt, if reported separately."""
    input_image: int | None = None
    """Image tokens of the prompt, if reported separately because they have their own price
    (models that draw)."""
    output: int | None = None
    """Completion tokens without reasoning and audio; 0 if there is no completion (embeddings). If the
    provider does not report reasoning separately, it is included here and `reasoning` is None."""
    reasoning: int | None = None
    """Completion tokens spent on thinking, whether shown or not."""
    output_audio: int | None = None
    """Audio tokens of the completion."""
    output_image: int | None = None
    """Image tokens of the completion, if reported separately (models that generate images)."""
    searches: int | None = None
    """The number of web searches run by the provider."""

    @property
    def prompt_tokens(self) -> int | None:
        """All tokens of the prompt, cached ones included (OpenAI's sense)."""
        written = (self.cache_write or 0) + (self.cache_write_1h or 0)
        own = (self.input or 0) + (self.input_audio or 0) + (self.input_image or 0)
        return own + (self.cache_read or 0) + written or _zero(
            self.input, self.input_audio, self.input_image, self.cache_read, self.cache_write_total
        )

    @property
    def completion_tokens(self) -> int | None:
        """All tokens of the completion, reasoning included (OpenAI's sense)."""
        media = (self.output_audio or 0) + (self.output_image or 0)
        return (self.output or 0) + (self.reasoning or 0) + media or _zero(
            self.output, self.reasoning, self.output_audio, self.output_image
        )

    @property
    def cache_write_total(self) -> int | None:
        """Tokens written to a cache, whatever their lifetime."""
        written, hour = self.cache_write, self.cache_write_1h
        return (written or 0) + (hour or 0) or _zero(written, hour)


def _zero(*counts: int | None) -> int | None:
    """The sum of no counts: 0 if any count was reported, else None."""
    return None if counts.count(None) == len(counts) else 0
