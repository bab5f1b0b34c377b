"""A mergeable histogram of positive values with exponentially growing buckets: quantiles within 2 %.

The scheme of DDSketch (Masson, Rim, Lee, 2019): value v belongs to bucket ceil(log(v) / log(GAMMA)), and the
estimate of a bucket differs from any of its values by at most (GAMMA - 1) / (GAMMA + 1).
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

__all__ = ["GAMMA", "Histogram", "RecentHistogram", "bucket_of", "counts_of", "quantile_of", "quantiles_of"]

GAMMA = 1.04
"""The growth of the buckets: an error of at most 2 %."""
LEAST = 1e-6
"""The smallest value, for which smaller ones count: a microsecond, if values are in seconds."""

_PER_LOG = 1 / math.log(GAMMA)
_MIDDLE = 2 / (1 + GAMMA)
_log, _ceil = math.log, math.ceil
_BUCKETS = {bucket: bucket for bucket in range(_ceil(_log(LEAST) * _PER_LOG), 400)}
"""One integer for each bucket up to a month in seconds, instead of one for each key of each histogram."""


class Histogram:
    """Counts by bucket."""

    __slots__ = ("_counts", "count")

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._counts = dict(counts or {})
        self.count = sum(self._counts.values())
        """The number of values."""

    def add(self, value: float) -> None:
        """Count a value."""
        bucket = bucket_of(value)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1

    def merge(self, counts: Mapping[int, int]) -> None:
        """Add the counts of another histogram."""
        mine = self._counts
        for bucket, count in counts.items():
            mine[bucket] = mine.get(bucket, 0) + count
            self.count += count

    def counts(self) -> dict[int, int]:
        """The counts by bucket: what another histogram can merge."""
        return dict(self._counts)

    def quantile(self, share: float) -> float | None:
        """The value that this share (0 to 1) of all values does not exceed; None without values."""
        return quantile_of((self._counts,), share)

    def clear(self) -> None:
        """Forget all values."""
        self._counts.clear()
        self.count = 0


def bucket_of(value: float) -> int:
    """The bucket of a value."""
    bucket = _ceil(_log(value if value > LEAST else LEAST) * _PER_LOG)
    return _BUCKETS.get(bucket, bucket)


def _end_of(bucket: int) -> float:
    """The largest value of a bucket."""
    return float(GAMMA**bucket)


def counts_of(
    values: Iterable[float],
    bucket_of: Callable[[float], int] = bucket_of,
    end_of: Callable[[int], float] = _end_of,
) -> dict[int, int]:
    """Many values counted by their buckets, whose largest values `end_of` returns: it looks at each bucket
    once, and not at each value.
    """
    ordered, begin = sorted(values), 0
    counts: dict[int, int] = {}
    while begin < len(ordered):
        bucket = bucket_of(ordered[begin])
        end = max(begin + 1, bisect_right(ordered, end_of(bucket), begin))
        counts[bucket] = counts.get(bucket, 0) + end - begin
        begin = end
    return counts


def quantile_of(parts: Iterable[Mapping[int, int]], share: float) -> float | None:
    """The quantile of several merged histograms."""
    total: dict[int, int] = {}
    for part in parts:
        for bucket, count in part.items():
            total[bucket] = total.get(bucket, 0) + count
    return quantiles_of(total, (share,))[0]


def quantiles_of(counts: Mapping[int, int], shares: Sequence[float]) -> list[float | None]:
    """The quantiles of a histogram; `shares` (0 to 1) ascend."""
    buckets = sorted(counts)
    if not buckets:
        return [None] * len(shares)
    seen = list(accumulate(map(counts.__getitem__, buckets)))
    return [float(GAMMA ** buckets[bisect_left(seen, share * seen[-1])]) * _MIDDLE for share in shares]


class RecentHistogram:
    """A histogram of recent values: a ring of slices, of which the oldest is dropped as a whole."""

    __slots__ = ("_slice_s", "_slices")

    def __init__(self, span_s: float = 300.0, slices: int = 10) -> None:
        self._slice_s = span_s / slices
        self._slices: list[tuple[int, Histogram]] = [(-1, Histogram()) for _ in range(slices)]

    def add(self, value: float, now: float) -> None:
        """Count a value."""
        self._slice(now).add(value)

    def merge(self, counts: Mapping[int, int], now: float) -> None:
        """Add recent counts of another histogram."""
        self._slice(now).merge(counts)

    def count(self, now: float) -> int:
        """The number of values."""
        return sum(one.count for one in self._recent(now))

    def quantile(self, share: float, now: float) -> float | None:
        """See Histogram."""
        return quantile_of((one.counts() for one in self._recent(now)), share)

    def _slice(self, now: float) -> Histogram:
        number = int(now / self._slice_s)
        place = number % len(self._slices)
        of, histogram = self._slices[place]
        if of != number:
            histogram = Histogram()
            self._slices[place] = (number, histogram)
        return histogram

    def _recent(self, now: float) -> list[Histogram]:
        oldest = int(now / self._slice_s) - len(self._slices) + 1
        return [one for of, one in self._slices if of >= oldest]
