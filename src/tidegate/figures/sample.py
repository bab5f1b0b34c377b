"""What one request adds to the figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple

__all__ = ["ADDED", "OTHER", "Answered", "Part", "Sample", "columns_of"]

ADDED = (
    "input", "cache_read", "cache_write", "output", "reasoning", "discount", "premium", "generated",
    "tool_calls",
)  # fmt: skip
"""Fields of answers that are just added up."""

OTHER = "other"
"""Stands for every model that neither the configuration nor the catalog has."""


class Part(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One attempt at a provider. Tokens are counted in disjoint classes, as in `Usage`; 0 where the provider
    reported none.
    """

    provider: str
    model: str
    """The provider's name for it, or OTHER."""
    error: str | None = None
    """The kind of its failure (see KINDS); None if it answered, or was cancelled."""
    rated: bool = True
    """Whether it counts for the rate of success: not if the request was at fault, or the client left."""
    input: int = 0
    """Neither read from a cache nor written to one, media included."""
    cache_read: int = 0
    cache_write: int = 0
    """Whatever the lifetime."""
    output: int = 0
    """Without reasoning where the provider reports it apart; media included."""
    reasoning: int = 0
    cost: int | None = 0
    """In nano (10⁻⁹ USD); None: it answered, and the price is unknown."""
    discount: int = 0
    """What reading from the prompt cache saved, in nano."""
    premium: int = 0
    """What writing to it cost on top, in nano."""
    generated: int = 0
    """Completion tokens whose time is known, for the speed of generation."""
    generated_ms: float = 0.0
    """The time from the first token (of a plain answer: from the request) to the end of these."""
    tool_calls: bool = False
    """Whether the answer ended in tool calls."""
    bad_tool_calls: bool = False
    """Whether its tool calls were malformed."""

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure of the provider or the gateway."""
        return self.rated and self.error is not None


class Answered(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """A request that was answered at the first attempt, as most are: what its `Sample` would say."""

    provider: str
    model: str
    total_ms: float
    input: int = 0
    output: int = 0
    cost: int | None = 0
    generated: int = 0
    generated_ms: float = 0.0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    discount: int = 0
    premium: int = 0
    tool_calls: bool = False
    ttft_ms: float | None = None

    def as_sample(self) -> "Sample":
        """The same at length."""
        part = Part(
            self.provider, self.model, None, True, self.input, self.cache_read, self.cache_write, self.output,
            self.reasoning, self.cost, self.discount, self.premium, self.generated, self.generated_ms,
            self.tool_calls,
        )  # fmt: skip
        return Sample(200, self.total_ms, self.ttft_ms, parts=(part,))


def columns_of(answered: Sequence[Answered]) -> Mapping[str, Sequence[Any]]:
    """The values of each field: to add them up by columns costs a tenth of doing so one by one."""
    return dict(zip(Answered.__struct_fields__, zip(*map(astuple, answered), strict=True), strict=True))


class Sample(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One request, with its attempts."""

    status: int
    """Of the response; 499 if the client left before there was one."""
    total_ms: float
    ttft_ms: float | None = None
    """From the request's head to the first byte of a streamed answer; None for any other."""
    error: bool = False
    """Whether the client got an error, whoever was at fault."""
    rated: bool = True
    """Whether it counts for the rate of success."""
    parts: tuple[Part, ...] = ()
    """The attempts in order; the last one is that of the answer."""
    estimated: bool = False
    """Whether usage was counted here, because the provider reported none."""

    @property
    def answered(self) -> Answered | None:
        """The same in short; None if it was not answered at the first attempt, or does not count for the rate
        of success.
        """
        parts = self.parts
        if self.error or not self.rated or len(parts) != 1:
            return None
        part = parts[0]
        if not part.rated or part.error is not None or part.bad_tool_calls:
            return None
        return Answered(
            part.provider, part.model, self.total_ms, part.input, part.output, part.cost, part.generated,
            part.generated_ms, part.cache_read, part.cache_write, part.reasoning, part.discount, part.premium,
            part.tool_calls, self.ttft_ms,
        )  # fmt: skip
