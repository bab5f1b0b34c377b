"""Where limits are counted. This is the place for one process; `shared_counters` is the one for several."""

from collections.abc import Sequence
from typing import NamedTuple
from typing import Protocol as Interface

from .gcra import Rate, Verdict, correct, take

__all__ = ["Counters", "LocalCounters", "Place", "Taken", "Want", "begin_all", "weigh"]

MOST_COUNTERS = 100_000
"""Counters that are kept before those that are unused by then are forgotten."""


class Want(NamedTuple):
    """Units of a limit that a request needs."""

    name: str
    """Of the counter: `key:…:requests`."""
    rate: Rate
    units: int


class Place(NamedTuple):
    """One of the requests that may be open at the same time."""

    name: str
    """Of the counter: `key:…`."""
    most: int


class Taken(NamedTuple):
    """What the limits of a request have said."""

    verdicts: Sequence[Verdict]
    """In the order of the wants."""
    refused: int | None
    """The place of the want that was refused longest; None where all were allowed. Then nothing was taken of
    any."""
    full: int | None = None
    """The place in `places` that there was no room for. Then nothing was taken, and there are no verdicts."""


class Counters(Interface):
    """Counts limits. All that a request needs is taken, or nothing."""

    async def take(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken:
        """Take the units and the places. `now` is in seconds since 1970. Raises Unavailable."""
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


def weigh(wants: Sequence[Want], arrivals: Sequence[float], now: float) -> tuple[Taken, list[float]]:
    """What limits say whose numbers are `arrivals`, and their numbers if all allow it."""
    verdicts: list[Verdict] = []
    after: list[float] = []
    allowed = True
    for want, arrival in zip(wants, arrivals, strict=True):
        moved, verdict = take(want.rate, arrival, now, want.units)
        after.append(moved)
        verdicts.append(verdict)
        allowed = allowed and verdict.allowed
    return Taken(verdicts, None if allowed else _longest(verdicts)), after


def _longest(verdicts: Sequence[Verdict]) -> int:
    """The place of the refusal that lasts longest."""
    refused = [place for place, verdict in enumerate(verdicts) if not verdict.allowed]
    return max(refused, key=lambda place: verdicts[place].retry_s)


class LocalCounters:
    """Counters in this process."""

    def __init__(self) -> None:
        self._arrivals: dict[str, float] = {}
        self._open: dict[str, int] = {}

    async def take(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken:
        """See Counters."""
        if places and (full := await begin_all(self, places)) is not None:
            return Taken((), None, full)
        taken = self.take_now(wants, now)
        if taken.refused is not None:
            for place in places:
                self.end(place.name)
        return taken

    def take_now(self, wants: Sequence[Want], now: float) -> Taken:
        """The same, for callers that cannot wait."""
        arrivals = self._arrivals
        taken, after = weigh(wants, [arrivals.get(want.name, 0.0) for want in wants], now)
        if taken.refused is None:
            for want, arrival in zip(wants, after, strict=True):
                arrivals[want.name] = arrival
            if len(arrivals) > MOST_COUNTERS:
                self._forget(now)
        return taken

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
