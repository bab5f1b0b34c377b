"""What a gateway does for its wallets by itself: it books out credits that have expired, and reports wallets
that have little left. One worker of all hosts does it for all.
"""

import logging
from collections.abc import Callable, Sequence

from tidegate.bus import Bus
from tidegate.money import show_usd
from tidegate.periodic import Periodic
from tidegate.store.errors import StoreUnavailable
from tidegate.store.journal import milliseconds
from tidegate.store.low_balances import TOGETHER, Crossing, count_touched, note_all, note_crossings
from tidegate.store.store import Store
from tidegate.store.wallets import expire_grants, users_with_expired

__all__ = ["Upkeep", "describe"]

log = logging.getLogger("tidegate")

LEAD = "upkeep"
"""What the worker leads that does the work."""
EVERY_S = 10.0
"""Seconds between two rounds."""


class Upkeep:
    """The periodic work of a worker for the wallets of all users."""

    def __init__(self, store: Store, bus: Bus, report: Callable[[Crossing], None]) -> None:
        """`bus` decides which worker does the work. `report` is called for each wallet that has crossed its
        threshold.
        """
        self._store = store
        self._bus = bus
        self._report = report
        self._rounds = Periodic(
            "upkeep",
            EVERY_S,
            self._work,
            problem="the wallets could not be looked through",
            expected=StoreUnavailable,
            expected_level=logging.DEBUG,  # the store says so itself
        )
        self.threshold = 0
        """Below which a wallet is low if its user has no threshold, in nano; 0: never."""
        self._looked_with: int | None = None
        """The threshold that all wallets have been compared with; None: they have to be."""

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._rounds.start()

    async def close(self) -> None:
        """Stop, after the round under way is broken off; what it has committed stays."""
        await self._rounds.close()

    async def _work(self) -> None:
        if self._bus.lead(LEAD):
            await self.round(milliseconds())
        else:
            self._looked_with = None  # whoever leads may have another threshold

    async def round(self, now: int) -> None:
        """Look through the wallets once. `now` is in milliseconds since 1970. Raises StoreUnavailable."""
        for user in await self._store.ask(users_with_expired, now):
            await self._store.change(expire_grants, now, user)
        threshold = self.threshold
        while self._looked_with != threshold:
            if not self._tell(await self._store.change(note_all, threshold, now)):
                self._looked_with = threshold
        # Those that change meanwhile wait for the next round, or a busy gateway would never end this one.
        for _ in range(0, await self._store.ask(count_touched), TOGETHER):
            self._tell(await self._store.change(note_crossings, threshold, now))

    def _tell(self, crossings: Sequence[Crossing]) -> int:
        """Report wallets that have crossed their thresholds. Returns how many."""
        for one in crossings:
            if one.kind == "fell":
                log.warning("%s", describe(one))
            self._report(one)
        return len(crossings)


def describe(crossing: Crossing) -> str:
    """A crossing in words."""
    left = f"the wallet of {crossing.user} has {show_usd(crossing.balance)} USD left"
    if crossing.kind == "rose":
        return left
    return f"{left}, which is below {show_usd(crossing.threshold)} USD"
