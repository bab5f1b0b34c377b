"""The generic cell rate algorithm: a limit is one number, the time at which it will be unused again.

A limit of N units per period lets N units through at once, and then one every period / N seconds. Each unit
moves the *theoretical arrival time* on by that interval; a request that would move it further than one
period into the future is refused. Nothing has to be swept, and no window begins anew, so that no client gets
twice its limit around the turn of a minute. (ITU-T I.371.)
"""

from typing import NamedTuple

__all__ = ["Rate", "Verdict", "correct", "take", "units_left"]


class Rate(NamedTuple):
    """So many units per period."""

    units: int
    period_s: float

    @property
    def interval_s(self) -> float:
        """Seconds that one unit takes to come back."""
        return self.period_s / self.units


class Verdict(NamedTuple):
    """What a limit says to a request."""

    allowed: bool
    remaining: int
    """Units that are left, now."""
    retry_s: float
    """Seconds until the request would be allowed; 0 if it is. Infinite where it needs more than the limit."""
    reset_s: float
    """Seconds until the limit is unused again."""


def take(rate: Rate, arrival: float, now: float, units: int = 1) -> tuple[float, Verdict]:
    """Take units if the limit allows it. `arrival` is the number of the limit (0.0 at first); returns the new
    one with the verdict.
    """
    most, period_s = rate
    start = max(now, arrival)
    after = start + units * (period_s / most)
    if after <= now + period_s * (1 + 1e-9):  # sums of intervals are not exact
        left = int((now + period_s - after) / period_s * most + 1e-6)
        return after, Verdict(True, max(0, left), 0.0, after - now)
    wait = after - now - period_s if units <= most else float("inf")
    return arrival, Verdict(False, units_left(rate, start, now), wait, start - now)


def correct(rate: Rate, arrival: float, now: float, units: int) -> float:
    """Take units whatever the limit allows, or give them back where the number is negative: an estimate
    has become a fact.
    """
    return max(now, max(arrival, now) + units * rate.period_s / rate.units)


def units_left(rate: Rate, arrival: float, now: float) -> int:
    """Units that the limit would allow now."""
    units, period_s = rate
    left = int((now + period_s - arrival) / period_s * units + 1e-6)
    return max(0, left)
