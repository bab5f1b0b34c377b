"""Where limits are counted. This is the place for one process; `shared_counters` is the one for several."""

from collections.abc import Sequence
from typing import NamedTuple
from typing import Protocol as Interface

from msgspec import Struct

from tidegate.protocols.limit_headers import Standing

from .gcra import Want, correct, take, take_both

__all__ = ["Counters", "LocalCounters", "Place", "Taken", "Want", "begin_all"]

MOST_COUNTERS = 100_000
"""Counters that are kept before those that are unused by then are forgotten."""


class Place(NamedTuple):
    """One of the requests that may be open at the same time."""

    name: str
    """Of the counter: `key:…`."""
    most: int


class Taken(Struct, frozen=True, gc=False):
    """What the limits of a request have said."""

    verdicts: Sequence[Standing]
    """In the order of the wants."""
    refused: int | None = None
    """The place of the want that was refused longest; None where all were allowed. Then nothing was taken of
    any."""
    full: int | None = None
    """The place in `places` that there was no room for. Then nothing was taken, and there are no verdicts."""


class Counters(Interface):
    """Counts limits. All that a request needs is taken, or nothing."""

    def take_now(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken | None:
        """Take the units and the places, if nothing has to be waited for; otherwise return None. `now` is in
        seconds since 1970.
        """
        ...

    async def take(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken:
        """The same, waiting for what it takes. Raises Unavailable."""
        ...

    def correct(self, want: Want, units: int, now: float) -> None:
        """Take more units, or give some back, without waiting."""
        ...

    def end(self, name: str) -> None:
        """A request that had a place has ended."""
        ...


class PlacesOnly(Interface):
    """Counts open requests."""

    async def begin(self, name: str, most: int) -> bool:
        """Count one more open request, if there are fewer than `most`. Returns whether it is counted."""
        ...

    def end(self, name: str) -> None:
        """An open request that was counted has ended."""
        ...


async def begin_all(counters: PlacesOnly, places: Sequence[Place]) -> int | None:
    """Begin all, or none. Returns the number of the first that has no room."""
    begun: list[str] = []
    try:
        for number, place in enumerate(places):
            if not await counters.begin(place.name, place.most):
                return number
            begun.append(place.name)
        begun.clear()
    finally:
        for name in begun:
            counters.end(name)
    return None


class LocalCounters:
    """Counters in this process."""

    def __init__(self) -> None:
        self._arrivals: dict[str, float] = {}
        self._open: dict[str, int] = {}

    async def take(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken:
        """See Counters."""
        if places and (full := await begin_all(self, places)) is not None:
            return Taken((), None, full)
        taken = self._take_units(wants, now)
        if taken.refused is not None:
            for place in places:
                self.end(place.name)
        return taken

    def take_now(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken | None:
        """See Counters."""
        if places:
            return None
        if len(wants) == 2 and len(self._arrivals) < MOST_COUNTERS - 1:
            verdicts = take_both(wants[0], wants[1], self._arrivals, now)
            if verdicts is not None:
                return Taken(verdicts)
        return self._take_units(wants, now)

    def _take_units(self, wants: Sequence[Want], now: float) -> Taken:
        arrivals = self._arrivals
        verdicts, after, refused = take(wants, arrivals, now)
        if refused is None:
            arrivals.update(after)
            if len(arrivals) > MOST_COUNTERS:
                self._forget(now)
        return Taken(verdicts, refused)

    def _forget(self, now: float) -> None:
        """Forget the counters that are unused by now. If those are few, forget those that soon will be."""
        used = [(arrival, name) for name, arrival in self._arrivals.items() if arrival > now]
        used.sort(reverse=True)
        self._arrivals = {name: arrival for arrival, name in used[: MOST_COUNTERS // 2]}

    def correct(self, want: Want, units: int, now: float) -> None:
        """See Counters."""
        arrival = self._arrivals.get(want.name, 0.0)
        self._arrivals[want.name] = correct(want.rate, arrival, now, units)

    async def begin(self, name: str, most: int) -> bool:
        """See PlacesOnly."""
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
