"""The counters of a worker: numbers in memory that the workers of a host share.

Each worker writes into its own *area*, and only reads those of the others, so nobody waits for a lock. An
area outlives its worker: the one that takes its place goes on counting where the dead one stopped. Only what
a worker has open now begins with zero.

An area is a list of *blocks*. A block has a name, its labels, and a number for each cell of its kind
(`families.py` says what they mean). Which block a request counts in is looked up once for each model, so that
a request only adds to numbers.
"""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["AREA_BYTES", "BLOCK_CELLS", "Area", "Block", "Labels"]

MOST_BLOCKS = 1024
"""The most blocks of an area; what comes later counts in the block of `other`."""
NAME_BYTES = 256
"""The most bytes of a block's name."""
BLOCK_CELLS = 64
"""Numbers in a block."""
HEAD_CELLS = 8
PID, STARTED, BLOCKS = range(3)
"""Cells of the head: the worker's process, when it began (ms since 1970), how many blocks there are."""

NAMES = 8 * HEAD_CELLS
CELLS = NAMES + MOST_BLOCKS * NAME_BYTES
AREA_BYTES = CELLS + 8 * MOST_BLOCKS * BLOCK_CELLS
"""The size of an area. Pages of it that are not used take no memory."""

Labels = tuple[str, ...]
"""The kind of a block, and the values of its labels."""


class Block(NamedTuple):
    """A block, as others read it."""

    labels: Labels
    values: list[int]


class Area:
    """One worker's counters."""

    def __init__(self, memory: memoryview) -> None:
        """`memory` is AREA_BYTES long, and zero where nobody has counted in it yet."""
        self._head = memory[:NAMES].cast("q")
        self._names = memory[NAMES:CELLS]
        self.cells = memory[CELLS:AREA_BYTES].cast("q")
        """All blocks, one after another."""
        self._known: list[Labels] = []

    # --- for the worker whose area it is --------------------------------------------------------

    def begin(self, started_ms: int) -> dict[Labels, int]:
        """Take the area over. Returns where the blocks begin that are there already."""
        self._head[PID], self._head[STARTED] = os.getpid(), started_ms
        return {labels: place * BLOCK_CELLS for place, labels in enumerate(self.labels())}

    def add_block(self, labels: Labels) -> int | None:
        """Add a block. Returns where it begins; None if there is no room, or the name is too long."""
        name = "\0".join(labels).encode("utf-8", "replace")
        place = self._head[BLOCKS]
        if place >= MOST_BLOCKS or len(name) > NAME_BYTES:
            return None
        self._names[place * NAME_BYTES : place * NAME_BYTES + len(name)] = name
        self._head[BLOCKS] = place + 1  # only now others read it
        return place * BLOCK_CELLS

    # --- for all --------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The process of its worker; 0 if none has begun."""
        return self._head[PID]

    @property
    def started_ms(self) -> int:
        """When its worker began, in milliseconds since 1970."""
        return self._head[STARTED]

    def labels(self) -> Sequence[Labels]:
        """The labels of its blocks. They are decoded once: a block keeps its name."""
        known = self._known
        for place in range(len(known), self._head[BLOCKS]):
            name = bytes(self._names[place * NAME_BYTES : (place + 1) * NAME_BYTES])
            known.append(tuple(name.rstrip(b"\0").decode("utf-8", "replace").split("\0")))
        return known

    def blocks(self) -> Iterator[Block]:
        """Its blocks as they are now."""
        for place, labels in enumerate(self.labels()):
            start = place * BLOCK_CELLS
            yield Block(labels, self.cells[start : start + BLOCK_CELLS].tolist())
