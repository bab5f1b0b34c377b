"""Limits counted over several hosts, by a server that all of them share (see `store.counting`).

While there is much room, a worker has leases, and most requests are decided here. Where room is scarce, each
request asks the server, once for all its limits. Before a request is refused, leases of other workers are
waited for, so that limits are exact.

Where the server is not available, the workers of each host count by themselves, or requests are refused, as
the operator has chosen.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from tidegate.protocols.errors import Unavailable
from tidegate.protocols.limit_headers import Standing
from tidegate.store.counting import Asked, CounterServer, Granted, PlaceAsked, RateAsked, Recall, Returned
from tidegate.store.errors import StoreUnavailable

from .counters import MOST_COUNTERS, Counters, Place, Taken, Want
from .gcra import Rate, take, units_left

__all__ = ["LeasedCounters"]

log = logging.getLogger("tidegate")

OFTEN_S = 1.0
"""A lease is asked for by whoever has asked for the same counter within these seconds."""
SWEEP_S = 0.1
"""Seconds between two looks for leases that end."""
EARLY_S = 0.3
"""How long before its end a lease is given back, in seconds."""
BEAT_S = 3.0
"""Seconds between two signs of life."""
RENEW_BEATS = 200
"""Signs of life after which the places are reported again, which the server forgets after an hour."""
WAITS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3)
"""How long a request that would be refused waits for leases of others, in seconds, between its attempts."""


class _Lease:
    """Units of a rate that need not be asked for."""

    __slots__ = ("_ahead", "_clock", "ends", "left", "rate", "size")

    def __init__(self, rate: Rate, size: int, now: float, clock: float, arrival: float) -> None:
        """`now` is the server's time, `clock` that of the loop when it was asked, `arrival` the number of the
        rate with the lease.
        """
        self.rate = rate
        self.size = self.left = size
        self.ends = clock + size * rate.interval_s
        self._clock = clock
        self._ahead = arrival - now

    def covers(self, want: Want, clock: float) -> bool:
        """Whether there are units for a request."""
        return self.left >= want.units and self.rate == want.rate and clock < self.ends

    def verdict(self, clock: float) -> Standing:
        """What the rate said, and what is left of the lease."""
        ahead, rate = max(0.0, self._ahead - (clock - self._clock)), self.rate
        # What was leased comes back in time, too, and must not be counted twice.
        left = min(rate.units, units_left(rate.units, rate.period_s, ahead) + self.left)
        return Standing(rate.units, left, ahead)


class _Places:
    """The places of one counter."""

    __slots__ = ("ample", "had", "here", "open", "used_at")

    def __init__(self) -> None:
        self.had = 0
        """Places that the server has granted."""
        self.open = 0
        """Those that requests have."""
        self.here = 0
        """Requests that are counted by the fallback."""
        self.ample = False
        """Whether places are kept for a while when their requests have ended."""
        self.used_at = 0.0


class LeasedCounters:
    """See Counters."""

    def __init__(self, server: CounterServer, fallback: Counters, *, refuse: bool = False) -> None:
        """`fallback` counts while the server is away, unless requests are to be refused then."""
        self._server = server
        self._fallback = fallback
        self.refuse = refuse
        """Whether requests with limits are refused while the server is away; it may be changed."""
        self._leases: dict[str, _Lease] = {}
        self._places: dict[str, _Places] = {}
        self._asked_at: dict[str, float] = {}
        self._asking: set[str] = set()
        """Counters for which a lease is being asked for."""
        self._back: dict[str, Returned] = {}
        """What is given back soon."""
        self._leaving: set[str] = set()
        """Counters whose spare places are given back soon."""
        self._flushing = False
        self._clock: Callable[[], float] = lambda: 0.0
        self._task: asyncio.Task[None] | None = None
        server.on_recall(Recall(self._recall_rate, self._recall_place))

    # --- start and stop ---------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to give signs of life, on the running loop."""
        self._clock = asyncio.get_running_loop().time
        self._task = asyncio.create_task(self._live(), name="counters")

    async def close(self) -> None:
        """Give all leases back, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for name in list(self._leases):
            self._end_lease(name)
        self._leaving.update(self._places)
        self._flush()

    async def _live(self) -> None:
        beats = 0
        last_beat = -BEAT_S
        while True:
            now = self._clock()
            if now - last_beat >= BEAT_S:
                last_beat, beats = now, beats + 1
                await self._beat(beats % RENEW_BEATS == 0)
            self._sweep(now)
            await asyncio.sleep(SWEEP_S)

    async def _beat(self, renew: bool) -> None:
        try:
            if self._server.failure is None and (not await self._server.beat() or renew):
                await self._server.renew([(name, one.had) for name, one in self._places.items() if one.had])
        except StoreUnavailable as error:
            log.debug("no sign of life: %s", error)

    def _sweep(self, now: float) -> None:
        """Give back the leases that end, and the places that nobody needs."""
        for name, lease in list(self._leases.items()):
            if lease.ends - EARLY_S <= now:
                self._end_lease(name)
        for name, places in list(self._places.items()):
            if places.had > places.open and now - places.used_at > OFTEN_S:
                self._leave_soon(name)
            elif not places.had and not places.here:
                del self._places[name]

    # --- taking -----------------------------------------------------------------------------------

    async def take(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken:
        """See Counters."""
        taken = self.take_now(wants, now, places)
        if taken is not None:
            return taken
        asking = asyncio.ensure_future(self._ask(wants, now, places))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:  # the client has left: what is granted all the same is given back
            asking.add_done_callback(lambda done: self._undo(done, wants, now, places))
            raise

    def take_now(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken | None:
        """See Counters: take all of what is here already."""
        clock = self._clock()
        found = []
        for want in wants:
            lease = self._leases.get(want.name)
            if lease is None or not lease.covers(want, clock):
                return None
            found.append(lease)
        if not all(map(self._has_spare, places)):
            return None
        for lease, want in zip(found, wants, strict=True):
            lease.left -= want.units
        for place in places:
            self._occupy(place.name, clock)
        return Taken([lease.verdict(clock) for lease in found])

    def _has_spare(self, place: Place) -> bool:
        known = self._places.get(place.name)
        return known is not None and known.open < min(known.had, place.most)

    def _occupy(self, name: str, clock: float) -> None:
        places = self._places[name]
        places.open += 1
        places.used_at = clock

    async def _ask(self, wants: Sequence[Want], now: float, places: Sequence[Place]) -> Taken:
        """Ask the server for all, again and again while others have leases of what it refuses."""
        for wait_s in (*WAITS_S, None):
            try:
                taken, leased_elsewhere = await self._ask_once(wants, places)
            except StoreUnavailable as error:
                return await self._do_without(wants, now, places, error)
            if taken.refused is None and taken.full is None:
                return taken
            if wait_s is None or not (leased_elsewhere or self._has_come(taken, places)):
                break
            await asyncio.sleep(wait_s)
        return taken

    def _has_come(self, taken: Taken, places: Sequence[Place]) -> bool:
        """Whether there is a place here after all: other requests of this worker have asked as well."""
        return taken.full is not None and self._has_spare(places[taken.full])

    async def _ask_once(self, wants: Sequence[Want], places: Sequence[Place]) -> tuple[Taken, bool]:
        """Ask the server for what is not here. Returns its answer, and whether others have leases."""
        clock = self._clock()
        here = [place for place in places if self._has_spare(place)]
        missing = [place for place in places if place not in here]
        for place in here:
            self._occupy(place.name, clock)
        taken = None
        try:
            taken, leased_elsewhere = await self._ask_for(wants, missing, clock)
        finally:
            if taken is None or taken.refused is not None or taken.full is not None:
                for place in here:
                    self.end(place.name)
        if taken.full is not None:
            taken = Taken((), None, places.index(missing[taken.full]))
        return taken, leased_elsewhere

    async def _ask_for(
        self, wants: Sequence[Want], places: Sequence[Place], clock: float
    ) -> tuple[Taken, bool]:
        rates = [self._rate_asked(want, clock) for want in wants]
        seats = [PlaceAsked(place.name, place.most, self._is_frequent(place.name, clock)) for place in places]
        try:
            granted = await self._server.take(Asked(rates, seats))
        finally:
            self._asking.difference_update(one.name for one in rates if one.lease)
            self._asking.difference_update(one.name for one in seats if one.lease)
        if granted.full is not None:  # then the server has not looked at the rates
            for want, one in zip(wants, rates, strict=True):
                if one.ended:
                    self._give_back(want.name, want.rate, one.back, one.ended)
            return Taken((), None, granted.full), granted.leased_elsewhere
        arrivals = {want.name: arrival for want, arrival in zip(wants, granted.arrivals, strict=True)}
        verdicts, after, refused = take(wants, arrivals, granted.now)
        if not granted.allowed:
            return Taken(verdicts, refused or 0), granted.leased_elsewhere  # the server decides
        for want, size in zip(wants, granted.leases, strict=True):
            if size:
                self._end_lease(want.name)
                ahead = after[want.name] + size * want.rate.interval_s
                self._leases[want.name] = _Lease(want.rate, size, granted.now, clock, ahead)
        self._seat(places, granted)
        return Taken(verdicts), False

    def _seat(self, places: Sequence[Place], granted: Granted) -> None:
        for place, count in zip(places, granted.places, strict=True):
            known = self._places.setdefault(place.name, _Places())
            known.had += count
            known.ample = count > 1
            self._occupy(place.name, self._clock())

    def _rate_asked(self, want: Want, clock: float) -> RateAsked:
        """What is asked of a rate. A lease that does not suffice is given back with it."""
        lease = self._leases.pop(want.name, None)
        rate, frequent = want.rate, self._is_frequent(want.name, clock)
        back, ended = (lease.left, lease.size) if lease is not None else (0, 0)
        return RateAsked(want.name, want.units, rate.units, rate.period_s, frequent, back, ended)

    def _is_frequent(self, name: str, clock: float) -> bool:
        """Whether to ask for a lease: this is not the first request lately, and nobody is asking for one."""
        last = self._asked_at.get(name)
        if len(self._asked_at) >= MOST_COUNTERS:
            self._asked_at.clear()
        self._asked_at[name] = clock
        if last is None or clock - last > OFTEN_S or name in self._asking:
            return False
        self._asking.add(name)
        return True

    def _undo(
        self, asked: "asyncio.Future[Taken]", wants: Sequence[Want], now: float, places: Sequence[Place]
    ) -> None:
        if asked.cancelled() or asked.exception() is not None:
            return
        taken = asked.result()
        if taken.refused is None and taken.full is None:
            for want in wants:
                self.correct(want, -want.units, now)
            for place in places:
                self.end(place.name)

    # --- without the server -----------------------------------------------------------------------

    async def _do_without(
        self, wants: Sequence[Want], now: float, places: Sequence[Place], error: StoreUnavailable
    ) -> Taken:
        """Decide here, or not at all."""
        if self.refuse:
            raise Unavailable("the limits are not available at the moment", retry_after=5) from error
        here = []
        for place in places:  # what was begun before counts, too
            known = self._places.get(place.name)
            here.append(Place(place.name, place.most - (known.open if known is not None else 0)))
        taken = await self._fallback.take(wants, now, here)
        if taken.refused is None and taken.full is None:
            for place in places:
                self._places.setdefault(place.name, _Places()).here += 1
        return taken

    # --- giving back ------------------------------------------------------------------------------

    def correct(self, want: Want, units: int, now: float) -> None:
        """See Counters."""
        if self._server.failure is not None:
            self._fallback.correct(want, units, now)
            return
        lease = self._leases.get(want.name)
        if lease is not None and lease.rate == want.rate and lease.left >= units:
            lease.left -= units
        else:
            self._give_back(want.name, want.rate, -units, 0)

    def end(self, name: str) -> None:
        """See Counters."""
        places = self._places[name]
        if places.here:
            places.here -= 1
            self._fallback.end(name)
            return
        places.open -= 1
        if not places.ample:
            self._leave_soon(name)

    def _recall_rate(self, name: str) -> None:
        self._end_lease(name)

    def _recall_place(self, name: str) -> None:
        places = self._places.get(name)
        if places is not None and places.had:
            places.ample = False
            self._leave_soon(name)

    def _end_lease(self, name: str) -> None:
        lease = self._leases.pop(name, None)
        if lease is not None:
            self._give_back(name, lease.rate, lease.left, lease.size)

    def _give_back(self, name: str, rate: Rate, units: int, ended: int) -> None:
        known = self._back.get(name)
        if known is not None and (known.limit, known.period_s) == (rate.units, rate.period_s):
            units, ended = units + known.units, ended + known.ended
        elif known is not None:
            self._flush()
        self._back[name] = Returned(name, units, rate.units, rate.period_s, ended)
        self._flush_soon()

    def _leave_soon(self, name: str) -> None:
        self._leaving.add(name)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._back:
            self._server.give_back(list(self._back.values()))
            self._back.clear()
        spare = []
        for name in self._leaving:
            places = self._places.get(name)
            if places is not None and places.had:
                spare.append((name, places.had - places.open))
                places.had = places.open
        self._leaving.clear()
        if spare:
            self._server.leave(spare)
