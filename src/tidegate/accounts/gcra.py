"""The generic cell rate algorithm: a limit is one number, the time at which it will be unused again.

A limit of N units per period lets N units through at once, and then one every period / N seconds. Each unit
moves the *theoretical arrival time* on by that interval; a request that would move it further than one
period into the future is refused. Nothing has to be swept, and no window begins anew, so that no client gets
twice its limit around the turn of a minute. (ITU-T I.371.)
"""

from collections.abc import Mapping, MutableMapping, Sequence

from msgspec import Struct
from msgspec.structs import force_setattr

from tidegate.protocols.limit_headers import Standing

__all__ = ["Rate", "Want", "correct", "take", "take_both", "units_left"]

SLACK = 1 + 1e-9
"""By how much a period may be exceeded: sums of intervals are not exact."""


class Rate(Struct, frozen=True, gc=False):
    """So many units per period."""

    units: int
    period_s: float
    interval_s: float = 0.0
    """Seconds that one unit takes to come back."""
    per_s: float = 0.0
    """Units that come back in a second."""
    most_s: float = 0.0
    """By how many seconds the limit may be ahead of now."""

    def __post_init__(self) -> None:
        """Compute the last three: arithmetic with whole numbers takes three times as long."""
        force_setattr(self, "interval_s", self.period_s / self.units)
        force_setattr(self, "per_s", self.units / self.period_s)
        force_setattr(self, "most_s", self.period_s * SLACK)


class Want(Struct, frozen=True, gc=False):
    """Units of a limit that a request needs."""

    name: str
    """Of the counter: `key:…:requests`."""
    rate: Rate
    units: int


def take(
    wants: Sequence[Want], arrivals: Mapping[str, float], now: float
) -> tuple[list[Standing], dict[str, float], int | None]:
    """What limits say, their numbers if none of them refuses, and the place of the want that is refused
    longest. `arrivals` are the numbers of the limits by name; one without a number is unused.
    """
    said: list[Standing] = []
    after: dict[str, float] = {}
    refused, find = None, arrivals.get
    for want in wants:
        name, rate = want.name, want.rate
        start = find(name, now)
        if start < now:
            start = now
        moved = start + want.units * rate.interval_s
        ahead_s = moved - now
        if ahead_s > rate.most_s:
            wait_s = ahead_s - rate.period_s if want.units <= rate.units else float("inf")
            if refused is None or wait_s > said[refused].retry_s:
                refused = len(said)
            after[name], ahead_s = start, start - now
        else:
            after[name], wait_s = moved, 0.0
        left = int((rate.period_s - ahead_s) * rate.per_s + 1e-6)  # `units_left`, without a call
        said.append(Standing(rate.units, left if left > 0 else 0, ahead_s, wait_s))
    return said, after, refused


def take_both(
    first: Want, second: Want, arrivals: MutableMapping[str, float], now: float
) -> tuple[Standing, Standing] | None:
    """As `take` for two limits, whose numbers are moved on; None where one of them refuses, and nothing is
    moved. Most keys have one limit of requests and one of tokens, and this takes two thirds of the time.
    """
    name, rate, other_name, other = first.name, first.rate, second.name, second.rate
    start, other_start = arrivals.get(name, now), arrivals.get(other_name, now)
    moved = (start if start > now else now) + first.units * rate.interval_s
    other_moved = (other_start if other_start > now else now) + second.units * other.interval_s
    ahead_s, other_ahead_s = moved - now, other_moved - now
    if ahead_s > rate.most_s or other_ahead_s > other.most_s:
        return None
    arrivals[name], arrivals[other_name] = moved, other_moved
    left = int((rate.period_s - ahead_s) * rate.per_s + 1e-6)
    other_left = int((other.period_s - other_ahead_s) * other.per_s + 1e-6)
    return (
        Standing(rate.units, left if left > 0 else 0, ahead_s),
        Standing(other.units, other_left if other_left > 0 else 0, other_ahead_s),
    )


def correct(rate: Rate, arrival: float, now: float, units: int) -> float:
    """Take units whatever the limit allows, or give them back where the number is negative: an estimate
    has become a fact.
    """
    moved = (arrival if arrival > now else now) + units * rate.interval_s
    return moved if moved > now else now


def units_left(units: int, period_s: float, ahead_s: float) -> int:
    """Units that a limit would allow whose number is so many seconds ahead of now."""
    left = int((period_s - ahead_s) / period_s * units + 1e-6)
    return left if left > 0 else 0
