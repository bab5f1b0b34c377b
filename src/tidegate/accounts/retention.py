"""Deletes what is older than it is to be kept: one worker does it for all, a little at a time."""

import asyncio
import logging
from collections.abc import Callable

from tidegate.bus import Bus
from tidegate.config import Logs
from tidegate.store.errors import StoreUnavailable
from tidegate.store.journal import milliseconds
from tidegate.store.retention import BATCH, delete_old_bodies, delete_old_records
from tidegate.store.store import Store

__all__ = ["Retention"]

log = logging.getLogger("tidegate")

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
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                if self._bus.claim(CLAIM):
                    await self.clean()
            except StoreUnavailable as error:
                log.info("old bodies and records are not deleted now: %s", error)
            except Exception:
                log.exception("old bodies and records cannot be deleted")
            await asyncio.sleep(EVERY_S)

    async def clean(self) -> int:
        """Delete all that is too old. Returns how many rows there were. Raises StoreUnavailable."""
        logs, now, total = self._logs(), milliseconds(), 0
        rounds = [(delete_old_bodies, logs.bodies_days)]
        if logs.records_days is not None:
            rounds.append((delete_old_records, logs.records_days))
        for delete, days in rounds:
            while count := await self._store.change(delete, now - days * DAY_MS):
                total += count
                if count < BATCH and delete is delete_old_bodies:
                    break
                await asyncio.sleep(PAUSE_S)
        return total
