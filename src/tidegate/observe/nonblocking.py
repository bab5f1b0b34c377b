"""A file descriptor whose writers never wait.

Standard output may be a pipe without an active reader: a write then blocks, and with it every request of
the worker. A non-blocking writer takes lines at once and writes them in a thread of its own. What waits is
bounded; lines that do not fit are lost, and reported as lost once writing is possible again.
"""

import atexit
import os
import select
import stat
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from time import monotonic

__all__ = ["PIPE_BUF", "NonBlockingWriter"]

PIPE_BUF = 4096
"""Bytes that POSIX systems write to a pipe as one piece."""

ROOM = 8 * 1024 * 1024
"""Bytes that may wait: some 20,000 records."""
LAST_WORDS_S = 1.0
"""How long the end of the process waits for a reader."""


class NonBlockingWriter:
    """Writes to a descriptor, in the order given.

    `say` is told once what could not be written, and why.
    """

    def __init__(
        self, descriptor: int | Callable[[], int], say: Callable[[str], None], room: int = ROOM
    ) -> None:
        """A function names the descriptor before each write, in the writing thread; it may raise OSError."""
        self._choose = descriptor if callable(descriptor) else None
        self._descriptor = -1 if callable(descriptor) else descriptor
        self._say = say
        self._room = room
        self._waiting: deque[bytes] = deque()
        self._size = 0
        """Bytes that wait, those under way included."""
        self._lost = 0
        self._deaf = False
        """Whether the reader is gone for good."""
        self._unopened = False
        """Whether there was no descriptor the last time, and that was said."""
        self._change = Condition()
        self._thread: Thread | None = None

    def write(self, lines: bytes) -> None:
        """Take whole lines."""
        with self._change:
            if self._deaf:
                return
            if self._size + len(lines) > self._room:
                self._lost += lines.count(b"\n")
                return
            self._waiting.append(lines)
            self._size += len(lines)
            self._change.notify_all()
            if self._thread is None:
                self._thread = Thread(target=self._drain, name="writer", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def flush(self, patience_s: float = LAST_WORDS_S) -> None:
        """Await that everything is written, but not for a reader that does not come."""
        end = monotonic() + patience_s
        with self._change:
            self._change.wait_for(lambda: self._size == 0 or self._deaf, end - monotonic())

    def _drain(self) -> None:
        while not self._deaf:
            with self._change:
                self._change.wait_for(lambda: self._waiting)
                lines = self._waiting.popleft()
            lost = self._write_lines(lines)
            with self._change:
                self._size -= len(lines)
                lost, self._lost = lost + self._lost, 0
                self._change.notify_all()
            if lost:
                self._say(f"{lost} lines of output were lost: they could not be written")

    def _write_lines(self, lines: bytes) -> int:
        """Write whole lines; how many of them are lost."""
        if self._choose is not None:
            try:
                self._descriptor = self._choose()
            except OSError as error:
                if not self._unopened:
                    self._say(f"no records are written: {error.strerror}: {error.filename}")
                self._unopened = True
                return 0
            self._unopened = False
        return sum(self._write_out(piece) for piece in self._pieces(lines))

    def _pieces(self, lines: bytes) -> Iterator[bytes]:
        """The lines in writes that arrive whole, since several workers share the descriptor: a file takes
        all of them, whatever else is treated as a pipe.
        """
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            yield lines
            return
        start = 0
        while len(lines) - start > PIPE_BUF:
            end = lines.rfind(b"\n", start, start + PIPE_BUF) + 1 or lines.find(b"\n", start) + 1
            if not end:
                break
            yield lines[start:end]
            start = end
        yield lines[start:]

    def _write_out(self, piece: bytes) -> int:
        """Write a piece, however long the reader takes; how many of its lines are lost."""
        rest = memoryview(piece)
        while rest and not self._deaf:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another process made the descriptor non-blocking
                select.select([], [self._descriptor], [])
            except BrokenPipeError:
                self._deaf = True
                self._say("the output was closed by its reader: no more lines are written")
                return 0
            except OSError:  # a full disk has room again some day
                return bytes(rest).count(b"\n")
        return 0
