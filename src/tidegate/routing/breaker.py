"""The circuit breaker of one endpoint.

    closed ── 5 attempts within 30 s, half of them failed ──> open for 5 s · 2ⁿ (at most 120 s, ± 20 %)
    open ── the time is over ──> half-open: one probe at a time ── two successes ──> closed
                                          └── a failure ──> open, n + 1

n falls by one for every 5 minutes of health. A probe whose end is never reported frees its place after
`PROBE_S`. Attempts that end while the breaker is not closed, and are no probes, change nothing.
"""

import math
from random import Random
from typing import Literal

from tidegate.meters import WindowCount

__all__ = ["PROBE_S", "SETTLING_S", "Breaker", "Change", "State"]

WINDOW_S = 30.0
"""The window of attempts that decides, in seconds."""
LEAST_ATTEMPTS = 5
"""The fewest attempts that decide."""
FAILED_SHARE = 0.5
"""The share of failed attempts that opens it."""
OPEN_S, LONGEST_OPEN_S = 5.0, 120.0
"""How long it opens the first time, and at most, in seconds."""
JITTER = 0.2
"""The share by which that time varies: breakers that opened together must not probe together."""
HIGHEST_LEVEL = 5
"""The level at which LONGEST_OPEN_S is reached."""
SUCCESSES_TO_CLOSE = 2
HEALTHY_S = 300.0
"""The time of health for which the level falls by one, in seconds."""
PROBE_S = 60.0
"""How long a probe keeps its place, in seconds."""

SETTLING_S = 2.0
"""How long reports of other workers are not believed that contradict a recovery, in seconds: they may have
been sent before it."""

_ATTEMPTS, _FAILURES = 0, 1

State = Literal["closed", "open", "half_open"]
Change = Literal["opened", "closed"]


class Breaker:
    """The breaker of one endpoint. `until` says all that routing needs: before that time, nobody is let
    through; while the breaker is closed, it is 0.
    """

    __slots__ = (
        "_probe", "_random", "_window", "closed_at", "level", "own", "state", "successes", "until",
    )  # fmt: skip

    def __init__(self, random: Random) -> None:
        self._random = random
        self._window = WindowCount(WINDOW_S, 2)
        self.closed_at = -math.inf
        """When it was closed the last time."""
        self.successes = 0
        """Of probes, in a row."""
        self._probe = 0
        """The number of the latest probe: an older one that ends late is none any more."""
        self.state: State = "closed"
        self.level = 0
        """The exponent of the next time of opening."""
        self.until = 0.0
        self.own = False
        """Whether this worker has opened it, not another one."""

    @property
    def untouched(self) -> bool:
        """Whether it has always been closed."""
        return self.state == "closed" and self.closed_at == -math.inf

    def begin(self, now: float) -> int:
        """An attempt begins. Returns its number if it is the probe of a half-open breaker, else 0.

        Where nobody else can serve, an attempt may begin before the time is over: it is the probe too.
        """
        if self.state == "closed":
            return 0
        if self.state == "half_open" and now < self.until:
            return 0
        self.state = "half_open"
        self.until = now + PROBE_S
        self._probe += 1
        return self._probe

    def succeed(self, now: float, probe: int = 0) -> Change | None:
        """An attempt has begun its answer, or ended well."""
        if self.state == "closed":
            self._window.add(_ATTEMPTS, now)
            return None
        if not self._is_probe(probe):
            return None
        self.successes += 1
        self.until = now
        if self.successes < SUCCESSES_TO_CLOSE:
            return None
        self.close(now)
        return "closed"

    def fail(self, now: float, probe: int = 0) -> Change | None:
        """An attempt has failed through the provider's fault."""
        if self.state != "closed":
            if not self._is_probe(probe):
                return None
            self._open(now)
            return "opened"
        self._window.add(_ATTEMPTS, now)
        self._window.add(_FAILURES, now)
        return self._judge(now)

    def release(self, now: float, probe: int) -> None:
        """A probe has ended and says nothing: the client left, or its request was refused."""
        if self._is_probe(probe):
            self.until = now

    def merge(self, attempts: int, failures: int, now: float) -> Change | None:
        """Count the attempts of another worker. Those of just before it was closed are reported late."""
        if self.state != "closed" or now - self.closed_at < SETTLING_S:
            return None
        self._window.add(_ATTEMPTS, now, attempts)
        self._window.add(_FAILURES, now, failures)
        return self._judge(now) if failures else None

    def open_until(self, until: float, level: int) -> None:
        """Open as another worker has done."""
        self.state, self.until, self.level = "open", until, level
        self.successes = 0
        self.own = False

    def hold(self, until: float, successes: int | None = None) -> None:
        """Another worker probes: wait for its result. Or it has probed, and so many probes succeeded: then
        the next may begin.
        """
        if self.state != "closed":
            self.state, self.until = "half_open", until
            if successes is not None:
                self.successes = successes

    def close(self, now: float) -> None:
        """Let everybody through."""
        self.state, self.until = "closed", 0.0
        self.closed_at = now
        self.successes = 0
        self.own = False
        self._window.clear()

    def _judge(self, now: float) -> Change | None:
        attempts, failures = self._window.at(now)
        if attempts < LEAST_ATTEMPTS or failures < FAILED_SHARE * attempts:
            return None
        self._open(now)
        return "opened"

    def _open(self, now: float) -> None:
        if self.state == "closed" and self.closed_at > -math.inf:
            self.level = max(0, self.level - int((now - self.closed_at) / HEALTHY_S))
        wait = min(OPEN_S * 2**self.level, LONGEST_OPEN_S)
        wait *= self._random.uniform(1 - JITTER, 1 + JITTER)
        self.open_until(now + wait, min(self.level + 1, HIGHEST_LEVEL))
        self.own = True

    def _is_probe(self, probe: int) -> bool:
        return probe != 0 and probe == self._probe and self.state == "half_open"
