"""Deletes what is older than it is to be kept: one worker does it for all, a little at a time."""

import asyncio
import logging
from collections.abc import Callable

from tidegate.bus import Bus
from tidegate.config import Logs
from tidegate.periodic import Periodic
from tidegate.store.errors import StoreUnavailable
from tidegate.store.journal import milliseconds
from tidegate.store.retention import BATCH, delete_old_bodies, delete_old_records, delete_old_refusals
from tidegate.store.store import Store

from .refusals import KEPT_DAYS

__all__ = ["Retention"]

EVERY_S = 600.0
"""Seconds between two rounds."""
PAUSE_S = 0.05
"""Seconds between two batches, for those who wait to write."""
DAY_MS = 86_400_000
CLAIM = "retention"


class Retention:
    """Deletes old bodies and records while the gateway runs."""

    def __init__(self, store: Store, bus: Bus, logs: Callable[[], Logs]) -> None:
        """`logs` gives the present configuration."""
        self._store = store
        self._bus = bus
        self._logs = logs
        self._rounds = Periodic(
            "retention",
            EVERY_S,
            self._round,
            problem="old bodies and records are not deleted now",
            expected=StoreUnavailable,
            expected_level=logging.INFO,
            at_once=True,
        )

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._rounds.start()

    async def close(self) -> None:
        """Stop; a batch under way is finished or undone as a whole."""
        await self._rounds.close()

    async def _round(self) -> None:
        if self._bus.claim(CLAIM):
            await self.clean()

    async def clean(self) -> int:
        """Delete all that is too old. Returns how many rows there were. Raises StoreUnavailable."""
        logs, now, total = self._logs(), milliseconds(), 0
        rounds = [(delete_old_bodies, logs.bodies_days), (delete_old_refusals, KEPT_DAYS)]
        if logs.records_days is not None:
            rounds.append((delete_old_records, logs.records_days))
        for delete, days in rounds:
            while count := await self._store.change(delete, now - days * DAY_MS):
                total += count
                if count < BATCH and delete is delete_old_bodies:
                    break
                await asyncio.sleep(PAUSE_S)
        return total
