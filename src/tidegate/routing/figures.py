"""What is measured of an endpoint: time to first token, speed, success.

Latency comes from successes only. A figure counts from `ENOUGH` samples on: until then it is None, and
whoever ranks takes the peers' median. Figures that nobody has renewed for `STALE_S` are forgotten.
"""

import math
from collections.abc import Mapping

from msgspec import Struct

from tidegate.meters import Average, Histogram, RecentHistogram

__all__ = ["ENOUGH", "ENOUGH_TO_HEDGE", "Delta", "Figures", "Samples"]

ENOUGH = 20
"""Samples from which on a figure counts."""
ENOUGH_TO_HEDGE = 100
"""Samples from which on the 95th percentile counts."""
STALE_S = 1800.0
"""Seconds after which an unrenewed figure is forgotten."""
FORGIVE_S = 60.0
"""The time in which a rate of success moves towards 1 by a factor of e while nobody calls, in seconds."""
SUCCESS_SHARE = 0.1
"""The share of one attempt in the rate of success."""
RESTART = 0.5
"""The rate of success with which an endpoint starts again after its breaker closes."""
BASELINE_S = 1800.0
"""The half-life of the time to first token that an endpoint usually has, in seconds."""
DOUBLED, RECOVERED = 2.0, 1.5
"""Above so many times its usual time to first token an endpoint has slowed down, below so many no more."""
FRESH_S = 0.25
"""How long a percentile is kept before it is computed again, in seconds."""


class Samples(Struct, frozen=True, array_like=True, gc=False):
    """Some samples: how many, and their mean."""

    count: int = 0
    mean: float = 0.0


class Delta(Struct, frozen=True, array_like=True, gc=False):
    """What was measured since the last delta: what workers send each other."""

    ttft: Samples = Samples()
    buckets: dict[int, int] = {}
    """Of the histogram of times to first token."""
    answer: Samples = Samples()
    speed: Samples = Samples()
    output: Samples = Samples()
    successes: int = 0
    failures: int = 0


class Sum:
    """Samples that are being added up."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value

    def take(self) -> Samples:
        """The samples so far; begins anew."""
        if not self.count:
            return Samples()
        taken = Samples(self.count, self.total / self.count)
        self.count, self.total = 0, 0.0
        return taken


class Figures:
    """The figures of one endpoint."""

    __slots__ = (
        "_answer", "_answer_new", "_baseline", "_failures", "_histogram_new", "_output", "_output_new",
        "_p50", "_p95", "_percentiles_at", "_recent", "_speed", "_speed_new", "_success", "_successes",
        "_ttft", "_ttft_new", "changed", "slowed",
    )  # fmt: skip

    def __init__(self) -> None:
        self._ttft, self._recent = Average(), RecentHistogram()
        self._baseline = Average(BASELINE_S)
        self._answer, self._speed, self._output = Average(), Average(), Average()
        self._success = Average(half_life_s=1e-9, most=SUCCESS_SHARE)
        self._success.value = 1.0
        # the percentiles, as of the last time that they were computed
        self._p50: float | None = None
        self._p95: float | None = None
        self._percentiles_at = -math.inf
        # what the other workers do not know yet
        self._ttft_new, self._answer_new, self._speed_new, self._output_new = Sum(), Sum(), Sum(), Sum()
        self._histogram_new = Histogram()
        self._successes = self._failures = 0
        self.changed = False
        """Whether there is anything that the other workers do not know yet."""
        self.slowed = False
        """Whether the time to first token has doubled, and not recovered."""

    # --- what happened ------------------------------------------------------------------------

    def first_token(self, seconds: float, now: float) -> bool:
        """A stream has begun after so many seconds. Returns whether the endpoint has just slowed down."""
        self._ttft_new.add(seconds)
        self._histogram_new.add(seconds)
        self.changed = True
        self._recent.add(seconds, now)
        return self._note_ttft(seconds, now, 1)

    def answered(self, seconds: float, now: float) -> None:
        """A plain answer was complete after so many seconds."""
        self._answer_new.add(seconds)
        self.changed = True
        _renew(self._answer, seconds, now)

    def generated(self, tokens: int, seconds: float, now: float) -> None:
        """So many tokens were generated within so many seconds."""
        speed = tokens / seconds
        self._speed_new.add(speed)
        self._output_new.add(tokens)
        self.changed = True
        _renew(self._speed, speed, now)
        _renew(self._output, tokens, now)

    def succeeded(self, now: float) -> None:
        """An attempt succeeded."""
        self._successes += 1
        self.changed = True
        self._note_success(1.0, now, 1)

    def failed(self, now: float) -> None:
        """An attempt failed through the provider's fault."""
        self._failures += 1
        self.changed = True
        self._note_success(0.0, now, 1)

    def restart(self, now: float) -> None:
        """The breaker has closed: start with a modest rate of success."""
        self._success.restart(RESTART, now, max(ENOUGH, self._success.samples))

    # --- what follows -------------------------------------------------------------------------

    def ttft_s(self, now: float) -> float | None:
        """The time to first token, in seconds."""
        return _known(self._ttft, now)

    def answer_s(self, now: float) -> float | None:
        """The time of a plain answer, in seconds."""
        return _known(self._answer, now)

    def tokens_per_s(self, now: float) -> float | None:
        """The speed of generation after the first token."""
        return _known(self._speed, now)

    def output_tokens(self, now: float) -> float | None:
        """The tokens of a completion."""
        return _known(self._output, now)

    def success(self, now: float) -> float:
        """The rate of success, 0 to 1; 1 where it is not known."""
        known = self._success
        if known.samples < ENOUGH:
            return 1.0
        idle = now - known.at
        return known.value if idle <= 0 else 1.0 - (1.0 - known.value) * math.exp(-idle / FORGIVE_S)

    @property
    def pace(self) -> tuple[float, float]:
        """The usual and the current time to first token, in seconds."""
        return self._baseline.value, self._ttft.value

    @property
    def attempts(self) -> int:
        """The attempts that the rate of success is made of."""
        return self._success.samples

    @property
    def enough(self) -> bool:
        """Whether the rate of success counts."""
        return self._success.samples >= ENOUGH

    def p50(self, now: float) -> float | None:
        """The median time to first token of the last 5 minutes, from `ENOUGH` samples on."""
        self._compute(now)
        return self._p50

    def p95(self, now: float) -> float | None:
        """The 95th percentile, from `ENOUGH_TO_HEDGE` samples on."""
        self._compute(now)
        return self._p95

    # --- other workers ------------------------------------------------------------------------

    def take_delta(self) -> Delta:
        """What was measured here since the last time."""
        taken = Delta(
            self._ttft_new.take(),
            self._histogram_new.counts(),
            self._answer_new.take(),
            self._speed_new.take(),
            self._output_new.take(),
            self._successes,
            self._failures,
        )
        self._histogram_new.clear()
        self._successes = self._failures = 0
        self.changed = False
        return taken

    def merge(self, delta: Delta, now: float) -> None:
        """Add what another worker has measured within the last seconds."""
        if delta.ttft.count:
            self._note_ttft(delta.ttft.mean, now, delta.ttft.count)
            self._merge_buckets(delta.buckets, now)
        for average, samples in (
            (self._answer, delta.answer),
            (self._speed, delta.speed),
            (self._output, delta.output),
        ):
            if samples.count:
                _renew(average, samples.mean, now, samples.count)
        attempts = delta.successes + delta.failures
        if attempts:
            self._note_success(delta.successes / attempts, now, attempts)

    def _merge_buckets(self, buckets: Mapping[int, int], now: float) -> None:
        self._recent.merge(buckets, now)

    # --- averages -----------------------------------------------------------------------------

    def _note_ttft(self, seconds: float, now: float, count: int) -> bool:
        _renew(self._ttft, seconds, now, count)
        _renew(self._baseline, seconds, now, count)
        usual, current = self._baseline.value, self._ttft.value
        if self.slowed:
            self.slowed = current > RECOVERED * usual
            return False
        self.slowed = current > DOUBLED * usual and self._baseline.samples >= ENOUGH_TO_HEDGE
        return self.slowed

    def _note_success(self, value: float, now: float, count: int) -> None:
        known = self._success
        if known.samples >= ENOUGH:
            known.value = self.success(now)
        known.add(value, now, count)

    def _compute(self, now: float) -> None:
        if now - self._percentiles_at < FRESH_S:
            return
        self._percentiles_at = now
        count = self._recent.count(now)
        self._p50 = self._recent.quantile(0.5, now) if count >= ENOUGH else None
        self._p95 = self._recent.quantile(0.95, now) if count >= ENOUGH_TO_HEDGE else None


def _renew(average: Average, value: float, now: float, count: int = 1) -> None:
    """Add to an average; one that is stale begins anew."""
    if average.samples and now - average.at > STALE_S:
        average.clear()
    average.add(value, now, count)


def _known(average: Average, now: float) -> float | None:
    if average.samples < ENOUGH or now - average.at > STALE_S:
        return None
    return average.value
