"""What the workers of a host count: each request adds to numbers, and a scrape adds the workers up."""

import math
import os
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from time import time

from tidegate.meters import counts_of
from tidegate.protocols.errors import (
    Forbidden,
    InsufficientFunds,
    LimitExceeded,
    ModelNotFound,
    PathNotFound,
    TidegateError,
    Unauthenticated,
)

from .answers import Answers
from .counters import AREA_BYTES, Area, Labels
from .families import BOUNDS_S, DOOR, GAUGES, MODEL, status_class
from .kinds import KINDS
from .sample import OTHER, Part, Sample

__all__ = ["Live"]

NOBODY = "none"
"""The provider of requests that named a model and reached nobody."""

KIND_AT = {kind: MODEL.errors + place for place, kind in enumerate(KINDS)}
BOUNDS_MS = tuple(bound * 1e3 for bound in BOUNDS_S)
ENDS_MS = (*BOUNDS_MS, math.inf)
PLACE_OF = partial(bisect_left, BOUNDS_MS)
SUM_AT = len(BOUNDS_S) + 1
STATUS_AT = {status: status_class(status) for status in range(100, 600)}

REASONS: Sequence[tuple[type[TidegateError], int]] = (
    (LimitExceeded, 0), (InsufficientFunds, 1), (Forbidden, 2), (Unauthenticated, 3), (ModelNotFound, 4),
    (PathNotFound, 4),
)  # fmt: skip
"""Error → its place in REFUSALS."""
ANY_REASON = 5


class Live:
    """The counters of one worker, and those of the others to read."""

    def __init__(self, memory: memoryview | None = None, place: int = 0, places: int = 1) -> None:
        """`memory` is that of `size_for(places)`, shared by workers; None: this is the only one. `place` is
        the worker's number, from 0.
        """
        if memory is None:
            memory = memoryview(bytearray(AREA_BYTES * places))
        self.areas = [
            Area(memory[number * AREA_BYTES : (number + 1) * AREA_BYTES]) for number in range(places)
        ]
        self.own = self.areas[place]
        self._cells = self.own.cells
        self._blocks = self.own.begin(int(time() * 1000))
        self._models: dict[tuple[str, str], int] = {}
        self._doors: dict[str, int] = {}
        self._others = self._block(("model", NOBODY, OTHER))
        self._worker = self._block(("worker",))
        for cell in GAUGES:
            self._cells[self._worker + cell] = 0
        self._noted: dict[int, int] = {}
        """What `note_total` has counted in, by cell."""

    @staticmethod
    def size_for(places: int) -> int:
        """The bytes of memory for so many workers."""
        return AREA_BYTES * places

    # --- for requests -------------------------------------------------------------------------

    def count(self, door: str, status: int, error: TidegateError | None) -> None:
        """Count a request at its door; `error` is why the gateway refused it, if it did."""
        cells, block = self._cells, self._door(door)
        cells[block + DOOR.requests + STATUS_AT.get(status, 4)] += 1
        if error is not None:
            cells[block + DOOR.refused + _reason_of(error)] += 1

    def add(self, sample: Sample) -> None:
        """Count a request that named a model."""
        cells, parts = self._cells, sample.parts
        for part in parts:
            self._add_part(part)
        block = self._model(parts[-1].provider, parts[-1].model) if parts else self._model(NOBODY, OTHER)
        cells[block + MODEL.requests + STATUS_AT.get(sample.status, 4)] += 1
        total_ms, ttft_ms = sample.total_ms, sample.ttft_ms
        at = block + MODEL.duration
        cells[at + bisect_left(BOUNDS_MS, total_ms)] += 1
        cells[at + SUM_AT] += int(total_ms * 1e3)
        if ttft_ms is not None:
            at = block + MODEL.ttft
            cells[at + bisect_left(BOUNDS_MS, ttft_ms)] += 1
            cells[at + SUM_AT] += int(ttft_ms * 1e3)
        if sample.estimated:
            cells[block + MODEL.estimated] += 1

    def add_answers(self, answers: Answers) -> None:
        """Count whole answers."""
        cells, count = self._cells, answers.count
        cells[self._door(answers.door) + DOOR.requests + STATUS_AT[200]] += count
        block = self._model(answers.provider, answers.model)
        cells[block + MODEL.requests + STATUS_AT[200]] += count
        cells[block + MODEL.attempts] += count
        at = block + MODEL.tokens
        tokens = (answers.input, answers.cache_read, answers.cache_write, answers.output, answers.reasoning)
        for place, number in enumerate(tokens):
            cells[at + place] += number
        cells[block + MODEL.cost] += answers.cost
        cells[block + MODEL.unpriced] += answers.unpriced
        cells[block + MODEL.discount] += answers.discount
        cells[block + MODEL.premium] += answers.premium
        cells[block + MODEL.tool_calls] += answers.tool_calls
        for begin, times in ((MODEL.duration, answers.totals_ms), (MODEL.ttft, answers.ttfts_ms)):
            at = block + begin
            for place, number in counts_of(times, PLACE_OF, ENDS_MS.__getitem__).items():
                cells[at + place] += number
            cells[at + SUM_AT] += int(sum(times) * 1e3)

    def _add_part(self, part: Part) -> None:
        cells, block = self._cells, self._model(part.provider, part.model)
        cells[block + MODEL.attempts] += 1
        if part.error is not None:
            cells[block + KIND_AT[part.error]] += 1
        at = block + MODEL.tokens
        for count in (part.input, part.cache_read, part.cache_write, part.output, part.reasoning):
            if count:
                cells[at] += count
            at += 1
        if part.cost is None:
            cells[block + MODEL.unpriced] += 1
        elif part.cost:
            cells[block + MODEL.cost] += part.cost
        if part.discount or part.premium:
            cells[block + MODEL.discount] += part.discount
            cells[block + MODEL.premium] += part.premium
        if part.tool_calls:
            cells[block + MODEL.tool_calls] += 1
        if part.bad_tool_calls:
            cells[block + MODEL.bad_tool_calls] += 1

    def _model(self, provider: str, model: str) -> int:
        found = self._models.get((provider, model))
        if found is None:
            found = self._models[provider, model] = self._block(("model", provider, model))
        return found

    def _door(self, name: str) -> int:
        found = self._doors.get(name)
        if found is None:
            found = self._doors[name] = self._block(("door", name))
        return found

    def _block(self, labels: Labels) -> int:
        """Where a block begins; where there is no room for it, that of models which nobody served."""
        found = self._blocks.get(labels)
        if found is None:
            found = self.own.add_block(labels)
            if found is None:
                return self._others
            self._blocks[labels] = found
        return found

    # --- now and then -------------------------------------------------------------------------

    def note(self, cell: int, number: int) -> None:
        """Set a gauge of this worker (see WorkerCells)."""
        self._cells[self._worker + cell] = number

    def note_total(self, cell: int, number: int) -> None:
        """Count what something in this process has counted by itself since it began."""
        self._cells[self._worker + cell] += number - self._noted.get(cell, 0)
        self._noted[cell] = number

    # --- for scrapes --------------------------------------------------------------------------

    def merge(self) -> dict[Labels, list[int]]:
        """The blocks of all workers, added up by their labels."""
        total: dict[Labels, list[int]] = {}
        for area in self.areas:
            gone = not area.pid or not _is_alive(area.pid)
            for labels, values in area.blocks():
                if gone and labels[0] == "worker":
                    for cell in GAUGES:
                        values[cell] = 0
                known = total.get(labels)
                total[labels] = values if known is None else [*map(int.__add__, known, values)]
        return total

    def workers(self) -> list[tuple[int, int, float]]:
        """Number, process and start (in seconds since 1970) of each worker that lives."""
        return [
            (place, area.pid, area.started_ms / 1000)
            for place, area in enumerate(self.areas)
            if area.pid and _is_alive(area.pid)
        ]


def _reason_of(error: TidegateError) -> int:
    return next((place for kind, place in REASONS if isinstance(error, kind)), ANY_REASON)


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
