"""The measurements of an endpoint: time to first token, speed, success rate.

Latency is measured on successful attempts, and on the long silence of attempts that were overtaken (see
`hedging`). A figure is None until there are `ENOUGH` samples; ranking then uses the peers' median. Figures
without new samples for `STALE_S` are forgotten.
"""

import math
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from tidegate.meters import Average, RecentHistogram, bucket_of

__all__ = ["ENOUGH", "ENOUGH_TO_HEDGE", "Delta", "Figures", "Samples", "View"]

ENOUGH = 20
"""Minimum number of samples of a figure."""
ENOUGH_TO_HEDGE = 100
"""Minimum number of samples for the 95th percentile."""
STALE_S = 1800.0
"""Seconds without new samples after which a figure is forgotten."""
FORGIVE_S = 60.0
"""The time constant with which the success rate recovers towards 1 without calls, in seconds."""
SUCCESS_SHARE = 0.1
"""The weight of one attempt in the success rate."""
RESTART = 0.5
"""The success rate of an endpoint after its breaker closes."""
BASELINE_S = 1800.0
"""The half-life of an endpoint's usual time to first token, in seconds."""
DOUBLED, RECOVERED = 2.0, 1.5
"""An endpoint has slowed down above the first multiple of its usual time to first token, until it falls below
the second."""
FRESH_S = 0.25
"""Maximum age of the figures in a view, in seconds."""
MOST_UNSEEN = 64
"""Maximum number of successes that are recorded but not counted yet."""


class Samples(Struct, frozen=True, array_like=True, gc=False):
    """The number and mean of some samples."""

    count: int = 0
    mean: float = 0.0


NO_SAMPLES = Samples()


class Delta(Struct, frozen=True, array_like=True, gc=False):
    """The measurements since the last delta, which workers send each other."""

    ttft: Samples = Samples()
    buckets: dict[int, int] = {}
    """The histogram of times to first token."""
    answer: Samples = Samples()
    speed: Samples = Samples()
    output: Samples = Samples()
    successes: int = 0
    failures: int = 0


class View(NamedTuple):
    """The figures at a moment; None if there are not enough samples."""

    ttft_s: float | None = None
    """The time to first token, in seconds."""
    ttft_p50_s: float | None = None
    """Its median of the last 5 minutes."""
    ttft_p95_s: float | None = None
    """Its 95th percentile, from `ENOUGH_TO_HEDGE` samples on."""
    answer_s: float | None = None
    """The duration of a plain answer, in seconds."""
    tokens_per_s: float | None = None
    """The speed of generation after the first token."""
    output_tokens: float | None = None
    """The tokens of a completion."""
    success: float = 1.0
    """The success rate, 0 to 1; 1 if unknown."""


class Sum:
    """A running sum of samples."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0

    def add(self, samples: Samples) -> None:
        self.count += samples.count
        self.total += samples.count * samples.mean

    def take(self) -> Samples:
        """Return the samples so far, and start again."""
        if not self.count:
            return Samples()
        taken = Samples(self.count, self.total / self.count)
        self.count, self.total = 0, 0.0
        return taken


class Figures:
    """The figures of one endpoint. Events are only recorded, and counted when the figures are viewed, at most
    four times a second, so that requests stay fast.
    """

    __slots__ = (
        "_answers", "_averages", "_baseline", "_buckets_new", "_failures", "_news", "_recent", "_speeds",
        "_success", "_successes", "_tokens", "_ttfts", "_view", "_viewed_at", "changed", "slowed",
        "unseen_successes",
    )  # fmt: skip

    def __init__(self) -> None:
        # Noted and not counted yet, as plain numbers: a few objects that stay would each keep a megabyte of a
        # burst's memory from being given back.
        self._ttfts, self._answers = array("d"), array("d")
        self._tokens, self._speeds = array("d"), array("d")
        self.unseen_successes = 0
        """Successes that have not been counted yet."""
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
        """Whether there is anything to send to the other workers."""
        self.slowed = False
        """Whether the time to first token has doubled, and not recovered."""

    # --- events ---------------------------------------------------------------------------------

    def first_token(self, seconds: float) -> None:
        """A stream has begun after `seconds`."""
        self._ttfts.append(seconds)
        self.changed = True

    def answered(self, seconds: float) -> None:
        """A plain answer was complete after `seconds`."""
        self._answers.append(seconds)
        self.changed = True

    def generated(self, tokens: int, seconds: float) -> None:
        """Tokens were generated within `seconds`."""
        self._tokens.append(tokens)
        self._speeds.append(tokens / seconds)
        self.changed = True

    def succeeded(self) -> bool:
        """An attempt succeeded. Returns whether the recorded events should be counted now."""
        self.unseen_successes += 1
        self.changed = True
        return self.unseen_successes >= MOST_UNSEEN

    def failed(self, now: float) -> None:
        """An attempt failed because of the provider."""
        self.count(now)
        self._failures += 1
        self.changed = True
        self._note_success(0.0, now, 1)
        self._viewed_at = -math.inf

    def restart(self, now: float) -> None:
        """Start again with a moderate success rate, because the breaker has closed."""
        self.count(now)
        self._success.restart(RESTART, now, max(ENOUGH, self._success.samples))
        self._viewed_at = -math.inf

    # --- views ----------------------------------------------------------------------------------

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
        """The number of attempts in the success rate."""
        return self._success.samples + self.unseen_successes

    @property
    def enough(self) -> bool:
        """Whether there are enough attempts for a success rate."""
        return self.attempts >= ENOUGH

    # --- counting -----------------------------------------------------------------------------

    def count(self, now: float) -> None:
        """Count the recorded events."""
        for value in self._ttfts:
            bucket = bucket_of(value)
            self._buckets_new[bucket] = self._buckets_new.get(bucket, 0) + 1
            self._recent.add(value, now)
        noted = (self._ttfts, self._answers, self._speeds, self._tokens)
        samples = tuple(map(_samples, noted))
        for new, one in zip(self._news, samples, strict=True):
            new.add(one)
        self._renew(samples, now)
        if self.unseen_successes:
            self._successes += self.unseen_successes
            self._note_success(1.0, now, self.unseen_successes)
        for values in noted:
            del values[:]
        self.unseen_successes = 0

    def take_delta(self, now: float) -> Delta:
        """The measurements since the last call, for other workers."""
        self.count(now)
        ttft, answer, speed, output = (new.take() for new in self._news)
        taken = Delta(ttft, self._buckets_new, answer, speed, output, self._successes, self._failures)
        self._buckets_new = {}
        self._successes = self._failures = 0
        self.changed = False
        return taken

    def merge(self, delta: Delta, now: float) -> None:
        """Add another worker's recent measurements."""
        self._renew((delta.ttft, delta.answer, delta.speed, delta.output), now)
        self._recent.merge(delta.buckets, now)
        attempts = delta.successes + delta.failures
        if attempts:
            self._note_success(delta.successes / attempts, now, attempts)
        self._viewed_at = -math.inf

    def slows(self) -> bool:
        """Whether the endpoint has just slowed down."""
        usual, current = self.pace
        if self.slowed:
            self.slowed = current > RECOVERED * usual
            return False
        self.slowed = current > DOUBLED * usual and self._baseline.samples >= ENOUGH_TO_HEDGE
        return self.slowed

    def _renew(self, samples: Sequence[Samples], now: float) -> None:
        """Add samples to the averages, restarting those that are stale."""
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
