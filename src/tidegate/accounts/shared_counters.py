"""Limits counted exactly over the workers of one host, in the memory that they share.

The memory is a table. A counter has a slot with its *tag*, a keyed hash of its name, which is one of the
`BUCKET` slots of its bucket. A slot is reused when its counter is unused, the longest unused first. Where a
bucket has no slot left, a counter is kept in an *overflow* slot, by its hash and without a tag, together with
any others there: they are limited too strictly rather than too loosely. A new slot begins with what its
overflow slot has, so that a counter that moves forgets nothing.

All changes are made under the lock of the memory. A worker that dies loses its lock; what it took stays
taken, and its open requests are forgotten when the worker that replaces it starts.
"""

import asyncio
import os
from array import array
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import repeat
from struct import unpack

from tidegate.bus import Memory
from tidegate.protocols.errors import Unavailable

from .counters import MOST_COUNTERS, Place, Taken, Want, begin_all
from .gcra import correct, take

__all__ = ["SharedCounters"]

RATES = 1 << 17
"""Slots for rates."""
OPEN = 1 << 14
"""Slots for open requests."""
BUCKET = 16
OVERFLOW = 1 << 12
"""Overflow slots of each of the two."""
HEADER = 64
KEY = 16
"""Bytes at the beginning of the memory: the key of the hash. Nobody outside can aim at a bucket."""

TRIES = 50
"""How often the lock is tried at once. It is held for some microseconds."""
PAUSE_S = 0.0005
"""Seconds until it is tried again: its holder is not running."""
PATIENCE_S = 5.0
"""Seconds after which a request is refused instead."""


class SharedCounters:
    """See Counters."""

    def __init__(self, memory: Memory) -> None:
        """Blocks until the memory is free, for an instant."""
        self._memory = memory
        places = memory.places
        sizes = [HEADER, 8 * RATES, 8 * (RATES + OVERFLOW), 8 * OPEN, 4 * (OPEN + OVERFLOW) * places]
        whole = memory.map(sum(sizes))
        parts = []
        for size in sizes:
            parts.append(whole[:size])
            whole = whole[size:]
        self._key = self._agree_on_key(parts[0])
        self._tags = parts[1].cast("Q")
        self._arrivals = parts[2].cast("d")
        """Of each slot, then of each overflow slot: the number of `gcra`, in seconds since 1970."""
        self._open_tags = parts[3].cast("Q")
        self._open = parts[4].cast("I")
        """The open requests of each slot, then of each overflow slot: a number for each worker. Each worker
        changes its own numbers only."""
        self._open[memory.place :: places] = memoryview(array("I", repeat(0, OPEN + OVERFLOW)))
        self._places = places
        self._hashes: dict[str, int] = {}
        self._slots: dict[str, int] = {}
        """Where counters were when they were last used."""
        self._held: dict[str, list[int]] = {}
        """The slots of this worker's open requests, by name."""
        self._corrections: list[tuple[Want, int, float]] = []
        """Those that have not been made, because the lock was held."""

    # --- rates ------------------------------------------------------------------------------------

    def take_now(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken | None:
        """See Counters."""
        return None if places or not self._try_lock() else self._take_locked(wants, now)

    async def take(self, wants: Sequence[Want], now: float, places: Sequence[Place] = ()) -> Taken:
        """See Counters. Raises Unavailable if the memory stays locked for seconds."""
        if not places:
            return await self._take_units(wants, now)
        full = await begin_all(self, places)
        if full is not None:
            return Taken((), None, full)
        taken = None
        try:
            taken = await self._take_units(wants, now)
        finally:
            if taken is None or taken.refused is not None:
                for place in places:
                    self.end(place.name)
        return taken

    async def _take_units(self, wants: Sequence[Want], now: float) -> Taken:
        if not wants:
            return Taken((), None)
        if not self._try_lock():
            await self._lock()
        return self._take_locked(wants, now)

    def _take_locked(self, wants: Sequence[Want], now: float) -> Taken:
        """Take units, and unlock the memory."""
        try:
            if self._corrections:
                self._make_corrections()
            slots = {want.name: self._slot(want.name, now) for want in wants}
            arrivals = self._arrivals
            verdicts, after, refused = take(
                wants, {name: arrivals[slot] for name, slot in slots.items()}, now
            )
            if refused is None:
                for name, slot in slots.items():
                    arrivals[slot] = max(arrivals[slot], after[name])  # two may share an overflow slot
            return Taken(verdicts, refused)
        finally:
            self._memory.unlock()

    def correct(self, want: Want, units: int, now: float) -> None:
        """See Counters. Where the lock is held, the correction is made a little later."""
        self._corrections.append((want, units, now))
        self._catch_up()

    def _catch_up(self) -> None:
        if not self._corrections:
            return
        if not self._try_lock():
            asyncio.get_running_loop().call_later(PAUSE_S, self._catch_up)
            return
        try:
            self._make_corrections()
        finally:
            self._memory.unlock()

    def _make_corrections(self) -> None:
        for want, units, now in self._corrections:
            slot = self._slot(want.name, now)
            self._arrivals[slot] = correct(want.rate, self._arrivals[slot], now, units)
        self._corrections.clear()

    def _slot(self, name: str, now: float) -> int:
        """Where a counter is; one that is nowhere gets a slot."""
        tag, slot = self._hash(name), self._slots.get(name)
        if slot is not None and self._tags[slot] == tag:
            return slot
        overflow = RATES + tag % OVERFLOW
        start = tag // OVERFLOW % (RATES // BUCKET) * BUCKET
        slot = _place_of(tag, self._tags[start : start + BUCKET])
        if slot is None:
            arrivals = self._arrivals[start : start + BUCKET].tolist()
            slot = min(range(BUCKET), key=arrivals.__getitem__)
            if arrivals[slot] >= now:
                return overflow
            # `now` at least: the next want of this request must not take the slot, too.
            self._arrivals[start + slot] = max(self._arrivals[overflow], now)
            self._tags[start + slot] = tag
        if len(self._slots) >= MOST_COUNTERS:
            self._slots.clear()
        self._slots[name] = start + slot
        return start + slot

    # --- open requests ------------------------------------------------------------------------------

    async def begin(self, name: str, most: int) -> bool:
        """See PlacesOnly. Raises Unavailable if the memory stays locked for seconds."""
        if not self._try_lock():
            await self._lock()
        try:
            tag = self._hash(name)
            overflow = OPEN + tag % OVERFLOW
            slot = self._open_slot(tag, overflow)
            count = self._count(overflow) + (self._count(slot) if slot != overflow else 0)
            if count >= most:
                return False
            self._open[slot * self._places + self._memory.place] += 1
        finally:
            self._memory.unlock()
        self._held.setdefault(name, []).append(slot)
        return True

    def end(self, name: str) -> None:
        """See Counters. Needs no lock: a slot with an open request is not reused, and only this worker
        changes its number.
        """
        slots = self._held[name]
        self._open[slots.pop() * self._places + self._memory.place] -= 1
        if not slots:
            del self._held[name]

    def _open_slot(self, tag: int, overflow: int) -> int:
        start = tag // OVERFLOW % (OPEN // BUCKET) * BUCKET
        slot = _place_of(tag, self._open_tags[start : start + BUCKET])
        if slot is None:
            slot = next((place for place in range(BUCKET) if not self._count(start + place)), None)
            if slot is None:
                return overflow
            self._open_tags[start + slot] = tag
        return start + slot

    def _count(self, slot: int) -> int:
        return sum(self._open[slot * self._places : (slot + 1) * self._places])

    # --- the memory -------------------------------------------------------------------------------

    def _hash(self, name: str) -> int:
        found = self._hashes.get(name)
        if found is None:
            if len(self._hashes) >= MOST_COUNTERS:
                self._hashes.clear()
            digest = blake2b(name.encode(), digest_size=8, key=self._key).digest()
            found = self._hashes[name] = unpack("Q", digest)[0] or 1  # 0 is a slot that was never used
        return found

    def _try_lock(self) -> bool:
        lock: Callable[[], bool] = self._memory.lock
        return lock() or any(lock() for _ in range(TRIES))

    async def _lock(self) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + PATIENCE_S
        while clock() < end:
            await asyncio.sleep(PAUSE_S)
            if self._try_lock():
                return
        raise Unavailable("the limits are not available at the moment", retry_after=5)

    def _agree_on_key(self, header: memoryview) -> bytes:
        self._memory.wait()
        try:
            if not any(header[:KEY]):
                header[:KEY] = os.urandom(KEY)
            return bytes(header[:KEY])
        finally:
            self._memory.unlock()


def _place_of(tag: int, tags: memoryview) -> int | None:
    found = tags.tolist()
    return found.index(tag) if tag in found else None
