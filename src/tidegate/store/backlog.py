"""What a journal has and the database does not have yet, kept in memory as far as it is little: most lines
never have to be read from the file.
"""

from typing import NamedTuple

from .journal import Batch, Begun, Ended, Journal, Line

__all__ = ["Backlog", "Taken"]

MOST = 4 * 1024 * 1024
"""Bytes of lines that are kept in memory, where the database is slow or away; beyond, the file has them."""


class Taken(NamedTuple):
    """Lines to be moved."""

    backlog: "Backlog"
    batch: Batch
    start: int
    """The position of the first of them; what is before and not moved has to be read from the file."""
    end: int
    """The position behind them."""


class Backlog:
    """A journal, and how far it has been moved."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.moved = 0
        """The position up to which the database has it."""
        self._batch, self._start = Batch(), 0

    @property
    def size(self) -> int:
        """Bytes that are not moved."""
        return self.journal.size - self.moved

    @property
    def waiting(self) -> int:
        """Bytes of the lines in memory."""
        return self.journal.size - self._start

    def append(self, line: Line) -> None:
        """Write a line to the journal. Raises JournalFailed."""
        self.journal.append(line)
        self._batch.add(line)

    def begin(self, line: Begun) -> None:
        """Write the beginning of a request. Raises JournalFailed."""
        self.journal.append(line)
        self._batch.begun[line.id] = line

    def end(self, line: Ended) -> int:
        """Write the end of a request. Returns how many bytes of lines are in memory. Raises JournalFailed."""
        waiting = self.journal.append(line) - self._start
        self._batch.add_end(line)
        if waiting > MOST:
            self.take()
        return waiting

    def take(self) -> Taken:
        """The lines in memory. Where they are not moved after all, the file has them."""
        taken = Taken(self, self._batch, self._start, self.journal.size)
        self._batch, self._start = Batch(), self.journal.size
        return taken
