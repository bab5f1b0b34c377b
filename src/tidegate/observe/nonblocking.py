"""Non-blocking writes to a file descriptor.

Standard output may be a pipe without an active reader: a write then blocks, and with it every request of the
worker. A non-blocking writer accepts lines immediately and writes them in its own thread. The buffer is
limited; lines that do not fit are lost, and the loss is reported once writing is possible again.
"""

import atexit
import os
import select
import stat
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from time import monotonic

from tidegate.wording import counted

__all__ = ["PIPE_BUF", "NonBlockingWriter"]

PIPE_BUF = 4096
"""Bytes that POSIX systems write to a pipe atomically."""

ROOM = 8 * 1024 * 1024
"""Maximum size of the buffer in bytes: about 20,000 records."""
LAST_WORDS_S = 1.0
"""How long the process waits for a reader when it ends, in seconds."""


class NonBlockingWriter:
    """Writes lines to a descriptor, in order.

    `say` is called once with what could not be written, and why.
    """

    def __init__(
        self, descriptor: int | Callable[[], int], say: Callable[[str], None], room: int = ROOM
    ) -> None:
        """If `descriptor` is a function, it is called in the writing thread before each write. It may raise
        OSError.
        """
        self._choose = descriptor if callable(descriptor) else None
        self._descriptor = -1 if callable(descriptor) else descriptor
        self._say = say
        self._room = room
        self._waiting: deque[bytes] = deque()
        self._size = 0
        """Bytes in the buffer, including those being written."""
        self._lost = 0
        self._deaf = False
        """Whether the reader has closed the pipe."""
        self._unopened = False
        """Whether there was no descriptor the last time, and this was reported."""
        self._change = Condition()
        self._thread: Thread | None = None

    def write(self, lines: bytes) -> None:
        """Write complete lines."""
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
        """Wait until everything is written, for a limited time."""
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
                self._say(f"lost {counted(lost, 'line')} of output, which could not be written")

    def _write_lines(self, lines: bytes) -> int:
        """Write complete lines. Returns the number of lost ones."""
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
        """Group the lines into writes that are atomic, because several workers share the descriptor: one for
        a file, small ones for a pipe or anything else.
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
        """Write a piece, however long the reader takes. Returns the number of lost lines."""
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
            except OSError:  # a full disk may have room again later
                return bytes(rest).count(b"\n")
        return 0
