"""Answers that are counted together: most requests get a whole answer at the first attempt, and it takes a
fraction of the time to add many of them up at once.
"""

from collections.abc import Sequence

from msgspec import Struct

from tidegate.meters import counts_of

from .history import ALL, FIVE_MINUTES_S, Series
from .sample import ADDED, Answered, columns_of
from .sums import Sums

__all__ = ["Answers", "by_series"]


class Answers(Struct, kw_only=True, gc=False):
    """Whole answers of one model to one caller, each at the first attempt, with the usage that the provider
    reported. Tokens, amounts and times are sums, in the classes of `Part`.
    """

    provider: str
    model: str
    door: str
    at: int
    """When they were counted, in milliseconds since 1970."""
    user: str | None = None
    key: str | None = None
    totals_ms: Sequence[float]
    """Of each answer: from the request's head to the end."""
    ttfts_ms: Sequence[float] = ()
    """Of each streamed answer: to its first byte."""
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cost: int = 0
    """Of those whose price is known, in nano (10⁻⁹ USD)."""
    unpriced: int = 0
    """How many have no known price."""
    discount: int = 0
    premium: int = 0
    generated: int = 0
    generated_ms: float = 0.0
    tool_calls: int = 0
    """How many ended in tool calls."""

    @classmethod
    def of(
        cls, answered: Sequence[Answered], door: str, at: int, user: str | None, key: str | None
    ) -> "Answers":
        """Answers of one model that were taken apart one by one."""
        columns = columns_of(answered)
        costs = columns["cost"]
        return cls(
            provider=answered[0].provider, model=answered[0].model, door=door, at=at, user=user, key=key,
            totals_ms=columns["total_ms"], ttfts_ms=[one for one in columns["ttft_ms"] if one is not None],
            cost=sum(filter(None, costs)), unpriced=costs.count(None),
            generated_ms=sum(columns["generated_ms"]),
            **{name: sum(columns[name]) for name in ADDED},
        )  # fmt: skip

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.totals_ms)

    def sums(self) -> Sums:
        """What they add to each of their series."""
        count = self.count
        return Sums(
            requests=count,
            rated=count,
            unpriced=self.unpriced,
            cost=self.cost,
            input=self.input,
            cache_read=self.cache_read,
            cache_write=self.cache_write,
            output=self.output,
            reasoning=self.reasoning,
            discount=self.discount,
            premium=self.premium,
            generated=self.generated,
            generated_ms=round(self.generated_ms),
            tool_calls=self.tool_calls,
            latency=_buckets(self.totals_ms),
            ttft=_buckets(self.ttfts_ms),
        )


def by_series(answers: Answers) -> dict[int, dict[Series, Sums]]:
    """The sums of some answers by the beginning of their five minutes, and by series; see `roll_up`."""
    sums = answers.sums()
    series = [Series("all", "", ALL), Series("model", answers.provider, answers.model)]
    if answers.user is not None:
        series.append(Series("user", "", answers.user))
    if answers.key is not None:
        series.append(Series("key", "", answers.key))
    return {answers.at - answers.at % (FIVE_MINUTES_S * 1000): dict.fromkeys(series, sums)}


def _buckets(times_ms: Sequence[float]) -> dict[int, int]:
    return counts_of([time / 1e3 for time in times_ms])
