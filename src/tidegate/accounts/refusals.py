"""Counts requests that are refused before they are accounted for: without a valid key, over a limit, with a
body that cannot be read. They have no row of their own in the store, so that whoever sends many of them
cannot fill it: they are counted by five minutes, reason and caller.
"""

import logging

from tidegate.periodic import Periodic
from tidegate.protocols.excerpt import escape_controls
from tidegate.store.errors import StoreUnavailable
from tidegate.store.journal import milliseconds
from tidegate.store.refusals import SPAN_MS, Counted, Reason, add_refusals
from tidegate.store.store import Store

__all__ = ["KEPT_DAYS", "MOST", "OTHERS", "Refusals"]

EVERY_S = 5.0
"""Seconds between two writes."""
MOST = 50
"""Reasons that a worker distinguishes by caller within five minutes; what comes after them is OTHERS, by door
and status."""
OTHERS = "others"
KEPT_DAYS = 7


class Refusals:
    """The refusals of one worker."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[Reason, Counted] = {}
        """What is not written yet."""
        self._distinguished: set[Reason] = set()
        """The reasons of these five minutes."""
        self._began = 0
        self._rounds = Periodic(
            "refusals",
            EVERY_S,
            self.write,
            problem="refused requests are not counted in the store now",
            expected=StoreUnavailable,
            expected_level=logging.INFO,
        )

    def start(self) -> None:
        """Begin to write, on the running event loop."""
        self._rounds.start()

    async def close(self) -> None:
        """Write what is left, and stop."""
        await self._rounds.close()
        try:
            await self.write()
        except StoreUnavailable:
            self._counted.clear()

    def add(
        self, *, door: str, status: int, code: str, user: str | None, key: str | None, presented: str,
        request: str, model: str | None, address: str, message: str,
    ) -> None:  # fmt: skip
        """Count a request. `presented` is what it sent in place of a key that somebody has (see
        `api_keys.beginning_of`).
        """
        now = milliseconds()
        began = now - now % SPAN_MS
        if began != self._began:
            self._began = began
            self._distinguished.clear()
        reason = Reason(
            began, door, status, _stored(code), _stored(user or ""), _stored(key or "", 64), presented
        )
        if reason not in self._distinguished:
            if len(self._distinguished) < MOST:
                self._distinguished.add(reason)
            else:
                reason = Reason(began, door, status, "", "", "", OTHERS)
        known = self._counted.get(reason)
        self._counted[reason] = Counted(
            known.requests + 1 if known is not None else 1,
            now, request[:64], _stored(model or ""), _stored(address, 64), _stored(message, 300),
        )  # fmt: skip

    async def write(self) -> None:
        """Add what was counted to the store. Raises StoreUnavailable: then it is tried again."""
        if not self._counted:
            return
        counted, self._counted = self._counted, {}
        try:
            await self._store.change(add_refusals, counted)
        except StoreUnavailable:
            self._take_back(counted)
            raise

    def _take_back(self, counted: dict[Reason, Counted]) -> None:
        """Keep what could not be written, of the present five minutes."""
        for reason, older in counted.items():
            if reason.at != self._began:
                continue
            newer = self._counted.get(reason)
            if newer is None:
                self._counted[reason] = older
            else:
                newer.requests += older.requests


def _stored(text: str, longest: int = 255) -> str:
    """A text as any database can store it: PostgreSQL refuses NUL."""
    return escape_controls(text)[:longest]
