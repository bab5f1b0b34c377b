"""Sums over many requests, which can be added to each other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self, TypeVar

from msgspec import Struct, field
from msgspec.structs import astuple

from tidegate.meters import bucket_of, counts_of

from .sample import ADDED, Answered, Part, Sample, columns_of

__all__ = ["Row", "Sums"]


class Sums(Struct, kw_only=True, array_like=True):
    """What some requests add up to. Amounts are in nano (10⁻⁹ USD)."""

    requests: int = 0
    errors: int = 0
    """Those whose client got an error, whoever was at fault."""
    rated: int = 0
    """What the rate of success is of: requests; of a model at a provider, attempts."""
    failures: int = 0
    """Those of `rated` that failed because of a provider or the gateway."""
    unpriced: int = 0
    """Answers whose cost is unknown."""
    cost: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    discount: int = 0
    premium: int = 0
    generated: int = 0
    generated_ms: int = 0
    tool_calls: int = 0
    bad_tool_calls: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    """Failed attempts by kind of error."""
    latency: dict[int, int] = field(default_factory=dict)
    """The durations of answered requests: counts by bucket of seconds (see `meters.histogram`)."""
    ttft: dict[int, int] = field(default_factory=dict)
    """The times to the first token of streams, likewise."""

    @classmethod
    def of_answered(cls, answered: Sequence[Answered]) -> Self:
        """The sums of requests that were answered at the first attempt, by columns: a request costs a tenth
        of `add_request`, and is the same to the model that answered it.
        """
        columns = columns_of(answered)
        costs = columns["cost"]
        sums = cls()  # to make one with so many keywords takes three times as long as to fill it in
        sums.requests = sums.rated = len(answered)
        sums.unpriced, sums.cost = costs.count(None), sum(filter(None, costs))
        for name in ADDED:
            setattr(sums, name, sum(columns[name]))
        if sums.generated:
            sums.generated_ms = sum([round(one.generated_ms) for one in answered if one.generated])
        sums.latency = counts_of([one / 1e3 for one in columns["total_ms"]])
        sums.ttft = counts_of([one / 1e3 for one in columns["ttft_ms"] if one is not None])
        return sums

    @classmethod
    def total(cls, parts: Sequence[Self]) -> Self:
        """What several sums add up to, by columns; of a single one, itself. None of them is changed."""
        if len(parts) == 1:
            return parts[0]
        *numbers, kinds, latency, ttft = zip(*map(astuple, parts), strict=True)
        return cls(
            **dict(zip(NUMBERS, map(sum, numbers), strict=True)),
            kinds=_merged(kinds), latency=_merged(latency), ttft=_merged(ttft),
        )  # fmt: skip

    def add_request(self, sample: Sample) -> None:
        """Add a request with all its attempts."""
        self._add_ending(sample)
        self.rated += sample.rated
        self.failures += sample.rated and sample.error
        for part in sample.parts:
            self._add_part(part)

    def add_answer(self, sample: Sample) -> None:
        """Add a request to the model that gave the answer, or failed last; its attempts are added apart."""
        self._add_ending(sample)

    def add_attempt(self, part: Part) -> None:
        """Add an attempt to the model that it was made at."""
        self.rated += part.rated
        self.failures += part.failed
        self._add_part(part)

    def add(self, other: "Sums") -> None:
        """Add other sums."""
        self.requests += other.requests
        self.errors += other.errors
        self.rated += other.rated
        self.failures += other.failures
        self.unpriced += other.unpriced
        self.cost += other.cost
        self.input += other.input
        self.cache_read += other.cache_read
        self.cache_write += other.cache_write
        self.output += other.output
        self.reasoning += other.reasoning
        self.discount += other.discount
        self.premium += other.premium
        self.generated += other.generated
        self.generated_ms += other.generated_ms
        self.tool_calls += other.tool_calls
        self.bad_tool_calls += other.bad_tool_calls
        if other.kinds:
            add_counts(self.kinds, other.kinds)
        self.latency = joined(self.latency, other.latency)
        self.ttft = joined(self.ttft, other.ttft)

    def _add_ending(self, sample: Sample) -> None:
        self.requests += 1
        self.errors += sample.error
        if sample.rated and not sample.error:
            bucket = bucket_of(sample.total_ms / 1e3)
            self.latency[bucket] = self.latency.get(bucket, 0) + 1
        if sample.ttft_ms is not None:
            bucket = bucket_of(sample.ttft_ms / 1e3)
            self.ttft[bucket] = self.ttft.get(bucket, 0) + 1

    def _add_part(self, part: Part) -> None:
        if part.error is not None:
            self.kinds[part.error] = self.kinds.get(part.error, 0) + 1
        if part.cost is None:
            self.unpriced += 1
        else:
            self.cost += part.cost
        self.input += part.input
        self.output += part.output
        if part.cache_read or part.cache_write:
            self.cache_read += part.cache_read
            self.cache_write += part.cache_write
            self.discount += part.discount
            self.premium += part.premium
        if part.reasoning:
            self.reasoning += part.reasoning
        if part.generated:
            self.generated += part.generated
            self.generated_ms += round(part.generated_ms)
        if part.tool_calls or part.bad_tool_calls:
            self.tool_calls += part.tool_calls
            self.bad_tool_calls += part.bad_tool_calls


def add_counts(mine: dict[str, int], others: Mapping[str, int]) -> None:
    """Add counts by name to others."""
    for name, count in others.items():
        mine[name] = mine.get(name, 0) + count


def joined(mine: dict[int, int], others: Mapping[int, int]) -> dict[int, int]:
    """The counts of two histograms; `mine` may be changed. A `defaultdict` adds more than twice as fast as
    `dict.get`, and is worth its copy unless only little is added.
    """
    if not mine:
        return defaultdict(int, others)
    if type(mine) is dict:
        if len(others) * 4 < len(mine):
            get = mine.get
            for bucket, count in others.items():
                mine[bucket] = get(bucket, 0) + count
            return mine
        mine = defaultdict(int, mine)
    for bucket, count in others.items():
        mine[bucket] += count
    return mine


NUMBERS = Sums.__struct_fields__[:-3]
"""The fields that are numbers: all but the last ones, which are counts by something."""

K = TypeVar("K")


def _merged(counts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    """Several counts added up."""
    total: defaultdict[K, int] = defaultdict(int)
    for one in counts:
        for name, count in one.items():
            total[name] += count
    return total


class Row(NamedTuple):
    """Sums of one bucket of time, of one model, user or key."""

    at: int
    """The beginning of the bucket, in milliseconds since 1970 (UTC)."""
    provider: str
    """Empty where the rows are not by model."""
    name: str
    sums: Sums
