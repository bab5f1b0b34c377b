"""The circuit breaker of one endpoint.

    closed ── 5 attempts within 30 s, half of them failed ──> open for 5 s · 2ⁿ (at most 120 s, ± 20 %)
    closed ── 20 failures in a row, over at least a second ─> the same
    open ── the time is over ──> half-open: one probe at a time ── two successes ──> closed
                                          └── a failure ──> open, n + 1

n decreases by one for every 5 minutes of health. A probe whose end is never reported expires after `PROBE_S`.
Other attempts that end while the breaker is not closed have no effect.

The second rule is for busy endpoints: by the first alone, a complete outage would take as many failures as
there were successes in the 30 seconds before.
"""

import math
from random import Random
from typing import Literal

from tidegate.meters import WindowCount

__all__ = ["PROBE_S", "SETTLING_S", "Breaker", "Change", "State"]

WINDOW_S = 30.0
"""The window of attempts that counts, in seconds."""
LEAST_ATTEMPTS = 5
"""Minimum number of attempts in the window."""
IN_A_ROW, ROW_S = 20, 1.0
"""How many failures without a success in between open it too, and over at least how many seconds: a broken
connection that fails many requests at once is no outage."""
FAILED_SHARE = 0.5
"""The failure rate that opens it."""
OPEN_S, LONGEST_OPEN_S = 5.0, 120.0
"""How long it opens at first, and at most, in seconds."""
JITTER = 0.2
"""The relative jitter of that time, so that breakers that opened together do not probe together."""
HIGHEST_LEVEL = 5
"""The level at which LONGEST_OPEN_S is reached."""
SUCCESSES_TO_CLOSE = 2
HEALTHY_S = 300.0
"""The time of health after which the level decreases by one, in seconds."""
PROBE_S = 60.0
"""The timeout of a probe, in seconds."""

SETTLING_S = 2.0
"""How long reports of other workers that contradict a recovery are ignored, in seconds: they may have been
sent before it."""

_ATTEMPTS, _FAILURES = 0, 1

State = Literal["closed", "open", "half_open"]
Change = Literal["opened", "closed"]


class Breaker:
    """The breaker of one endpoint. Before the time `until`, no requests pass; while the breaker is closed, it
    is 0.
    """

    __slots__ = (
        "_probe", "_random", "_row", "_row_began", "_window", "closed_at", "level", "own", "state",
        "successes", "until",
    )  # fmt: skip

    def __init__(self, random: Random) -> None:
        self._random = random
        self._window = WindowCount(WINDOW_S, 2)
        self._row = 0
        """Failures since the last success."""
        self._row_began = 0.0
        self.closed_at = -math.inf
        """When it last closed."""
        self.successes = 0
        """Consecutive successful probes."""
        self._probe = 0
        """The number of the latest probe. Older ones that end late are ignored."""
        self.state: State = "closed"
        self.level = 0
        """The exponent for the next opening."""
        self.until = 0.0
        self.own = False
        """Whether this worker opened it, rather than another one."""

    @property
    def untouched(self) -> bool:
        """Whether it has never opened."""
        return self.state == "closed" and self.closed_at == -math.inf

    def begin(self, now: float) -> int:
        """An attempt begins. Returns its number if it is the probe of a half-open breaker, else 0.

        If no other candidate can serve, an attempt may begin before the time is over; it is a probe too.
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
        """An attempt started its answer, or ended successfully."""
        if self.state == "closed":
            self._window.add(_ATTEMPTS, now)
            self._row = 0
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
        """An attempt failed because of the provider."""
        if self.state != "closed":
            if not self._is_probe(probe):
                return None
            self._open(now)
            return "opened"
        if self._row == 0:
            self._row_began = now
        self._row += 1
        self._window.add(_ATTEMPTS, now)
        self._window.add(_FAILURES, now)
        return self._judge(now)

    def release(self, now: float, probe: int) -> None:
        """A probe ended without a result: the client disconnected, or the request was rejected."""
        if self._is_probe(probe):
            self.until = now

    def merge(self, attempts: int, failures: int, now: float) -> Change | None:
        """Count another worker's attempts, ignoring late reports from before the breaker closed."""
        if self.state != "closed" or now - self.closed_at < SETTLING_S:
            return None
        if attempts > failures:
            self._row = 0
        self._window.add(_ATTEMPTS, now, attempts)
        self._window.add(_FAILURES, now, failures)
        return self._judge(now) if failures else None

    def open_until(self, until: float, level: int) -> None:
        """Open because another worker did."""
        self.state, self.until, self.level = "open", until, level
        self.successes = 0
        self.own = False

    def hold(self, until: float, successes: int | None = None) -> None:
        """Wait for another worker's probe. After its end, `successes` probes have succeeded and the next may
        begin.
        """
        if self.state != "closed":
            self.state, self.until = "half_open", until
            if successes is not None:
                self.successes = successes

    def close(self, now: float) -> None:
        """Let all requests pass."""
        self.state, self.until = "closed", 0.0
        self.closed_at = now
        self.successes = 0
        self.own = False
        self._row = 0
        self._window.clear()

    def _judge(self, now: float) -> Change | None:
        attempts, failures = self._window.at(now)
        mostly = attempts >= LEAST_ATTEMPTS and failures >= FAILED_SHARE * attempts
        if not mostly and (self._row < IN_A_ROW or now - self._row_began < ROW_S):
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
