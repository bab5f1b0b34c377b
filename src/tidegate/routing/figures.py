"""What is measured of an endpoint: time to first token, speed, success.

Latency comes from successes only. A figure counts from `ENOUGH` samples on: until then it is None, and
whoever ranks takes the peers' median. Figures that nobody has renewed for `STALE_S` are forgotten.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from tidegate.meters import Average, RecentHistogram, bucket_of

__all__ = ["ENOUGH", "ENOUGH_TO_HEDGE", "Delta", "Figures", "Samples", "View"]

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
"""How old the figures may be that somebody looks at, in seconds."""
MOST_UNSEEN = 64
"""Successes that are noted and not counted, at most."""


class Samples(Struct, frozen=True, array_like=True, gc=False):
    """Some samples: how many, and their mean."""

    count: int = 0
    mean: float = 0.0


NO_SAMPLES = Samples()


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


class View(NamedTuple):
    """The figures at a moment; None where there are not enough samples."""

    ttft_s: float | None = None
    """The time to first token, in seconds."""
    ttft_p50_s: float | None = None
    """Its median of the last 5 minutes."""
    ttft_p95_s: float | None = None
    """Its 95th percentile, from `ENOUGH_TO_HEDGE` samples on."""
    answer_s: float | None = None
    """The time of a plain answer, in seconds."""
    tokens_per_s: float | None = None
    """The speed of generation after the first token."""
    output_tokens: float | None = None
    """The tokens of a completion."""
    success: float = 1.0
    """The rate of success, 0 to 1; 1 where it is not known."""


class Sum:
    """Samples that are being added up."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0

    def add(self, samples: Samples) -> None:
        self.count += samples.count
        self.total += samples.count * samples.mean

    def take(self) -> Samples:
        """The samples so far; begins anew."""
        if not self.count:
            return Samples()
        taken = Samples(self.count, self.total / self.count)
        self.count, self.total = 0, 0.0
        return taken


class Figures:
    """The figures of one endpoint. What happens is only noted, and counted when somebody looks (`view`), at
    most four times a second: a request pays for the note.
    """

    __slots__ = (
        "_answers", "_averages", "_baseline", "_buckets_new", "_failures", "_news", "_outputs", "_recent",
        "_success", "_successes", "_ttfts", "_view", "_viewed_at", "changed", "slowed", "unseen_successes",
    )  # fmt: skip

    def __init__(self) -> None:
        # noted and not counted yet
        self._ttfts: list[float] = []
        self._answers: list[float] = []
        self._outputs: list[tuple[int, float]] = []
        self.unseen_successes = 0
        """Successes that are not counted yet."""
        # counted: time to first token, plain answer, speed, tokens of a completion
        self._averages = (Average(), Average(), Average(), Average())
        self._baseline = Average(BASELINE_S)
        self._recent = RecentHistogram()
        self._success = Average(half_life_s=1e-9, most=SUCCESS_SHARE)
        self._view, self._viewed_at = View(), -math.inf
        # what the other workers do not know yet
        self._news = (Sum(), Sum(), Sum(), Sum())
        self._buckets_new: dict[int, int] = {}
        self._successes = self._failures = 0
        self.changed = False
        """Whether there is anything that the other workers do not know yet."""
        self.slowed = False
        """Whether the time to first token has doubled, and not recovered."""

    # --- what happened ------------------------------------------------------------------------

    def first_token(self, seconds: float) -> None:
        """A stream has begun after so many seconds."""
        self._ttfts.append(seconds)
        self.changed = True

    def answered(self, seconds: float) -> None:
        """A plain answer was complete after so many seconds."""
        self._answers.append(seconds)
        self.changed = True

    def generated(self, tokens: int, seconds: float) -> None:
        """So many tokens were generated within so many seconds."""
        self._outputs.append((tokens, seconds))
        self.changed = True

    def succeeded(self) -> bool:
        """An attempt succeeded. Returns whether so much is noted that it should be counted now."""
        self.unseen_successes += 1
        self.changed = True
        return self.unseen_successes >= MOST_UNSEEN

    def failed(self, now: float) -> None:
        """An attempt failed through the provider's fault."""
        self.count(now)
        self._failures += 1
        self.changed = True
        self._note_success(0.0, now, 1)
        self._viewed_at = -math.inf

    def restart(self, now: float) -> None:
        """The breaker has closed: start with a modest rate of success."""
        self.count(now)
        self._success.restart(RESTART, now, max(ENOUGH, self._success.samples))
        self._viewed_at = -math.inf

    # --- what follows -------------------------------------------------------------------------

    def view(self, now: float) -> View:
        """The figures, at most `FRESH_S` old."""
        if now - self._viewed_at < FRESH_S:
            return self._view
        self.count(now)
        self._viewed_at = now
        ttft, answer, speed, output = (_known(average, now) for average in self._averages)
        count = self._recent.count(now)
        p50 = self._recent.quantile(0.5, now) if count >= ENOUGH else None
        p95 = self._recent.quantile(0.95, now) if count >= ENOUGH_TO_HEDGE else None
        self._view = View(ttft, p50, p95, answer, speed, output, self._success_at(now))
        return self._view

    @property
    def pace(self) -> tuple[float, float]:
        """The usual and the current time to first token, in seconds."""
        return self._baseline.value, self._averages[0].value

    @property
    def attempts(self) -> int:
        """The attempts that the rate of success is made of."""
        return self._success.samples + self.unseen_successes

    @property
    def enough(self) -> bool:
        """Whether the rate of success counts."""
        return self.attempts >= ENOUGH

    # --- counting -----------------------------------------------------------------------------

    def count(self, now: float) -> None:
        """Count what was noted."""
        for value in self._ttfts:
            bucket = bucket_of(value)
            self._buckets_new[bucket] = self._buckets_new.get(bucket, 0) + 1
            self._recent.add(value, now)
        outputs = self._outputs
        samples = (
            _samples(self._ttfts),
            _samples(self._answers),
            _samples([tokens / seconds for tokens, seconds in outputs]),
            _samples([tokens for tokens, _ in outputs]),
        )
        for new, one in zip(self._news, samples, strict=True):
            new.add(one)
        self._renew(samples, now)
        if self.unseen_successes:
            self._successes += self.unseen_successes
            self._note_success(1.0, now, self.unseen_successes)
        self._ttfts, self._answers, self._outputs, self.unseen_successes = [], [], [], 0

    def take_delta(self, now: float) -> Delta:
        """What was measured here since the last time, for other workers."""
        self.count(now)
        ttft, answer, speed, output = (new.take() for new in self._news)
        taken = Delta(ttft, self._buckets_new, answer, speed, output, self._successes, self._failures)
        self._buckets_new = {}
        self._successes = self._failures = 0
        self.changed = False
        return taken

    def merge(self, delta: Delta, now: float) -> None:
        """Add what another worker has measured within the last seconds."""
        self._renew((delta.ttft, delta.answer, delta.speed, delta.output), now)
        self._recent.merge(delta.buckets, now)
        attempts = delta.successes + delta.failures
        if attempts:
            self._note_success(delta.successes / attempts, now, attempts)
        self._viewed_at = -math.inf

    def slows(self) -> bool:
        """Whether the endpoint has just slowed down: its time to first token has doubled."""
        usual, current = self.pace
        if self.slowed:
            self.slowed = current > RECOVERED * usual
            return False
        self.slowed = current > DOUBLED * usual and self._baseline.samples >= ENOUGH_TO_HEDGE
        return self.slowed

    def _renew(self, samples: Sequence[Samples], now: float) -> None:
        """Add to the averages; one that is stale begins anew."""
        for average, one in zip(self._averages, samples, strict=True):
            _add(average, one, now)
        _add(self._baseline, samples[0], now)

    def _note_success(self, value: float, now: float, count: int) -> None:
        known = self._success
        if known.samples >= ENOUGH:
            known.value = self._success_at(now)
        known.add(value, now, count)

    def _success_at(self, now: float) -> float:
        known = self._success
        if known.samples < ENOUGH:
            return 1.0
        idle = now - known.at
        return known.value if idle <= 0 else 1.0 - (1.0 - known.value) * math.exp(-idle / FORGIVE_S)


def _add(average: Average, samples: Samples, now: float) -> None:
    if not samples.count:
        return
    if average.samples and now - average.at > STALE_S:
        average.clear()
    average.add(samples.mean, now, samples.count)


def _samples(values: Sequence[float]) -> Samples:
    return Samples(len(values), sum(values) / len(values)) if values else NO_SAMPLES


def _known(average: Average, now: float) -> float | None:
    if average.samples < ENOUGH or now - average.at > STALE_S:
        return None
    return average.value
