"""Looks every few minutes whether models have moved away from their past, or will retire soon."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import time

from tidegate.periodic import Periodic
from tidegate.protocols.errors import Unavailable

from .changes import Change, Changes, Measure, Model, Pair
from .history import DAY_S, FIVE_MINUTES_S, HOUR_S, History, Query, Range
from .sample import OTHER
from .sums import Row, Sums

__all__ = ["ChangeWatch"]

EVERY_S = 120.0
"""Seconds between two looks."""
RECENT_MS = 30 * 60_000
"""What is compared with the day before."""

Retirement = Callable[[str, str], str | None]
"""The retirement date (`YYYY-MM-DD`) of a provider's model, if it is known."""


class ChangeWatch:
    """Every worker looks, so that each knows what is open; who may report is asked every time."""

    def __init__(
        self,
        history: Callable[[], History],
        may_report: Callable[[], bool],
        retirement: Retirement,
        report: Callable[[Change, bool], None],
        report_retirement: Callable[[Model, str, int], None],
        note_open: Callable[[Mapping[Model, frozenset[Measure]]], None] = lambda _: None,
    ) -> None:
        """`may_report` is whether this worker, and none beside it, reports. `report` is called with each
        change, and whether it has ended; `report_retirement` with a model, its date and the days until then;
        `note_open` after each look, in every worker, with what has changed of each model.
        """
        self._history = history
        self._may_report = may_report
        self._retirement = retirement
        self._report = report
        self._report_retirement = report_retirement
        self._note_open = note_open
        self._changes = Changes()
        self._past: dict[Model, list[Sums]] = {}
        self._past_until = 0
        """The end of the hours in `_past`, in milliseconds since 1970."""
        self._rounds = Periodic(
            "changes",
            EVERY_S,
            self._round,
            problem="models could not be compared with their past",
            expected=Unavailable,
            expected_level=logging.DEBUG,  # the store says so itself
        )
        self.enabled = False
        """Whether to look."""

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._may_report()  # the first answer may be late
        self._rounds.start()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.close()

    async def _round(self) -> None:
        if self.enabled:
            await self.look(int(time() * 1000))

    async def look(self, now: int) -> None:
        """Look once. `now` is in milliseconds since 1970. Raises Unavailable."""
        models, may_report = await self._read(now), self._may_report()
        for change, ended in self._changes.look(models):
            if may_report:
                self._report(change, ended)
        self._note_open(self._changes.open)
        found = {model: self._retirement(*model) for model in models}
        dates = {model: day for model, day in found.items() if day is not None}
        for model, left in self._changes.retiring(dates, datetime.fromtimestamp(now / 1000, UTC).date()):
            if may_report:
                self._report_retirement(model, dates[model], left)

    async def _read(self, now: int) -> Mapping[Model, Pair]:
        """The models with requests since the day before."""
        width, hour = FIVE_MINUTES_S * 1000, HOUR_S * 1000
        since = now - RECENT_MS - (now - RECENT_MS) % width
        until = since - since % hour
        queries = [Query("model", [Range(FIVE_MINUTES_S, since, now - now % width + width)])]
        if until != self._past_until:
            queries.append(Query("model", [Range(HOUR_S, until - DAY_S * 1000, until)]))
        recent, *past = await self._history().read(queries)
        if past:
            self._past, self._past_until = {}, until
            for row in past[0]:
                self._past.setdefault(Model(row.provider, row.name), []).append(row.sums)
        return _pairs(self._past, recent)


def _pairs(past: Mapping[Model, list[Sums]], recent: Iterable[Row]) -> Mapping[Model, Pair]:
    sums: dict[Model, Sums] = {model: Sums() for model in past}
    for row in recent:
        sums.setdefault(Model(row.provider, row.name), Sums()).add(row.sums)
    return {model: Pair(past.get(model, ()), one) for model, one in sums.items() if model.name != OTHER}
