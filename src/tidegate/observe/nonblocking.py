"""A file descriptor whose writers never wait.

Standard output may be a pipe that nobody reads: a write then blocks, and with it every request of
the worker. A non-blocking writer takes lines at once and writes them in a thread of its own. What waits is
bounded; what does not fit is lost, and said to be lost once the way is free again.
"""

import atexit
import os
import select
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from time import monotonic

__all__ = ["NonBlockingWriter"]

ROOM = 8 * 1024 * 1024
"""Bytes that may wait: some 20,000 records."""
LAST_WORDS_S = 1.0
"""How long the end of the process waits for a reader."""


class NonBlockingWriter:
    """Writes to a descriptor, piece by piece, in the order given.

    `say` is told once what could not be written, and why.
    """

    def __init__(self, descriptor: int, say: Callable[[str], None], room: int = ROOM) -> None:
        self._descriptor = descriptor
        self._say = say
        self._room = room
        self._waiting: deque[bytes] = deque()
        self._size = 0
        """Bytes that wait, those under way included."""
        self._lost = 0
        self._deaf = False
        """Whether nobody will ever read again."""
        self._change = Condition()
        self._thread: Thread | None = None

    def write(self, piece: bytes) -> None:
        """Take a piece: whole lines, which are written as one where the system does so."""
        with self._change:
            if self._deaf:
                return
            if self._size + len(piece) > self._room:
                self._lost += piece.count(b"\n")
                return
            self._waiting.append(piece)
            self._size += len(piece)
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
                piece = self._waiting.popleft()
            lost = self._write_out(piece)
            with self._change:
                self._size -= len(piece)
                lost, self._lost = lost + self._lost, 0
                self._change.notify_all()
            if lost:
                self._say(f"{lost} lines of output are lost: they could not be written")

    def _write_out(self, piece: bytes) -> int:
        """Write a piece, however long the reader takes; how many of its lines are lost."""
        rest = memoryview(piece)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody has made the descriptor non-blocking
                select.select([], [self._descriptor], [])
            except BrokenPipeError:
                self._deaf = True
                self._say("nobody reads the output any more: nothing more is written")
                return 0
            except OSError:  # a full disk has room again some day
                return bytes(rest).count(b"\n")
        return 0
