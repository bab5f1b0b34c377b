"""Where limits are counted. This is the place for one process; `shared_counters` is the one for several."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple
from typing import Protocol as Interface

from .gcra import Rate, Verdict, correct, take

__all__ = ["Counters", "LocalCounters", "Taken", "Want", "weigh"]

MOST_COUNTERS = 100_000
"""Counters that are kept; the ones used least recently are forgotten, and they are unused by then."""


class Want(NamedTuple):
    """Units of a limit that a request needs."""

    name: str
    """Of the counter: `key:…:requests`."""
    rate: Rate
    units: int


class Taken(NamedTuple):
    """What the limits of a request have said."""

    verdicts: Sequence[Verdict]
    """In the order of the wants."""
    refused: int | None
    """The place of the want that was refused longest; None where all were allowed. Then nothing was taken of
    any."""


class Counters(Interface):
    """Counts limits. All wants of a request are taken, or none."""

    async def take(self, wants: Sequence[Want], now: float) -> Taken:
        """Take the units. `now` is in seconds since 1970, by which hosts agree."""
        ...

    def correct(self, want: Want, units: int, now: float) -> None:
        """Take more units, or give some back, without waiting."""
        ...

    async def begin(self, name: str, most: int) -> bool:
        """Count one more open request, if there are fewer than `most`. Returns whether it is counted."""
        ...

    def end(self, name: str) -> None:
        """An open request that was counted has ended."""
        ...


def weigh(wants: Sequence[Want], arrivals: Sequence[float], now: float) -> tuple[Taken, list[float]]:
    """What limits say whose numbers are `arrivals`, and their numbers if all allow it."""
    results = [
        take(want.rate, arrival, now, want.units) for want, arrival in zip(wants, arrivals, strict=True)
    ]
    refused = [place for place, (_, verdict) in enumerate(results) if not verdict.allowed]
    longest = max(refused, key=lambda place: results[place][1].retry_s) if refused else None
    return Taken([verdict for _, verdict in results], longest), [arrival for arrival, _ in results]


class LocalCounters:
    """Counters in this process."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, float] = OrderedDict()
        self._open: dict[str, int] = {}

    async def take(self, wants: Sequence[Want], now: float) -> Taken:
        """See Counters."""
        return self.take_now(wants, now)

    def take_now(self, wants: Sequence[Want], now: float) -> Taken:
        """The same, for callers that cannot wait."""
        arrivals = self._arrivals
        taken, after = weigh(wants, [arrivals.get(want.name, 0.0) for want in wants], now)
        if taken.refused is None:
            for want, arrival in zip(wants, after, strict=True):
                arrivals[want.name] = arrival
                arrivals.move_to_end(want.name)
            while len(arrivals) > MOST_COUNTERS:
                arrivals.popitem(last=False)
        return taken

    def correct(self, want: Want, units: int, now: float) -> None:
        """See Counters."""
        arrival = self._arrivals.get(want.name, 0.0)
        self._arrivals[want.name] = correct(want.rate, arrival, now, units)

    async def begin(self, name: str, most: int) -> bool:
        """See Counters."""
        count = self._open.get(name, 0)
        if count >= most:
            return False
        self._open[name] = count + 1
        return True

    def end(self, name: str) -> None:
        """See Counters."""
        left = self._open[name] - 1
        if left:
            self._open[name] = left
        else:
            del self._open[name]
