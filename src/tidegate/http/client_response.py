"""A response from a provider, while it arrives."""

import asyncio
from collections.abc import Callable
from typing import Protocol as Interface

from .contract import Header
from .decode import PIECE, Decoder
from .errors import RequestFailed

__all__ = ["Failure", "Response", "Sink"]

Failure = tuple[type[RequestFailed], str]
"""An error that has not been raised yet. Exceptions are created where they are raised: a stored one would
keep its traceback, and with it every body in its frames, alive."""

SMALL = 16 * 1024
"""A single piece of at most this size never made the connection pause reading."""

Sink = Callable[[bytes], bool]
"""Receives the next bytes of a body; returns whether it accepts more now."""


class Source(Interface):
    """The connection that a response arrives on."""

    loop: asyncio.AbstractEventLoop
    held: bool
    """Whether reading has paused."""

    def go_on(self) -> None:
        """Resume reading, if it has paused."""
        ...

    def abort(self) -> None:
        """Drop the connection."""
        ...


class Response:
    """A response whose status and headers have arrived; the body arrives while it is read.

    A reader that does not read it to its end must close it, which closes the connection too.
    """

    __slots__ = (
        "_connection",
        "_decoder",
        "_failure",
        "_sink",
        "_waiter",
        "complete",
        "headers",
        "pieces",
        "size",
        "status",
    )

    def __init__(
        self, connection: Source, status: int, headers: list[Header], decoder: Decoder | None
    ) -> None:
        self.status = status
        """Any three digits."""
        self.headers = headers
        """Names are in lower case; trailers are never included."""
        self.complete = False
        """Whether the whole body has arrived (it may not have been read yet)."""
        self.size = 0
        """The number of bytes that have arrived and not been read, before decoding."""
        self._connection: Source | None = connection
        self._decoder = decoder
        self._failure: Failure | None = None
        self.pieces: list[bytes] = []
        """Pieces of the body that have arrived and not been read. The connection adds to them, and to `size`;
        `arrive` follows when it has no more for now.
        """
        self._waiter: asyncio.Future[bool] | None = None
        """Resolved when a reader has something to do; False means that its sink accepts no more."""
        self._sink: Sink | None = None
        """Receives data in place of a waiting reader."""

    # --- for the reader ------------------------------------------------------------------------

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    @property
    def is_encoded(self) -> bool:
        """Whether the body arrives encoded."""
        return self._decoder is not None

    def take(self) -> bytes | None:
        """Return the whole body if all of it has arrived; None if it has to be read piece by piece."""
        if not self.complete or self._decoder is not None:
            return None
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read_any(self) -> bytes:
        """Return the next bytes of the body; b"" is its end. Raises AnswerCut or BadAnswer."""
        if self._decoder is not None:
            return await self._read_decoded(self._decoder)
        while not self.pieces:
            if self.complete:
                return b""
            await self._arrival()
        return self._drain()

    async def read_into(self, sink: Sink) -> bool:
        """Call `sink` with the body as it arrives, until it accepts no more or the body has ended; returns
        whether it has ended. The sink runs in the connection's callback, which saves a turn of the event loop
        per piece. Raises AnswerCut, BadAnswer and what the sink raises.
        """
        if self._decoder is not None:
            while data := await self._read_decoded(self._decoder):
                if not sink(data):
                    return False
            return True
        while True:
            if self.pieces and not sink(self._drain()):
                return False
            if self.complete:
                return True
            self._sink = sink
            try:
                if not await self._arrival():
                    return False
            finally:
                self._sink = None

    async def _read_decoded(self, decoder: Decoder) -> bytes:
        while True:
            if data := decoder.take():
                if len(data) == PIECE:
                    await asyncio.sleep(0)  # there is more, and other tasks need a turn
                return data
            if self.pieces:
                decoder.feed(self._drain())
            elif self.complete:
                decoder.close()
                return b""
            else:
                await self._arrival()

    async def _arrival(self) -> bool:
        """Wait for more data; False if a sink has received it and accepts no more. Raises the failure of the
        connection.
        """
        if self._failure is not None:
            kind, message = self._failure
            raise kind(message)
        assert self._connection is not None, "the response is closed"
        waiter: asyncio.Future[bool] = self._connection.loop.create_future()
        self._waiter = waiter
        return await waiter

    def _drain(self) -> bytes:
        pieces, self.pieces = self.pieces, []
        self.size = 0
        if self._connection is not None and self._connection.held:
            self._connection.go_on()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the response. If the body has not arrived completely, the connection is closed too."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # --- for the connection --------------------------------------------------------------------

    def arrive(self) -> None:
        """Pass new data, of which there is some, to the waiting sink, or wake the reader."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        sink, pieces = self._sink, self.pieces
        if sink is None:
            self._wake()
            return
        try:
            if len(pieces) == 1 and self.size <= SMALL:  # reading has not paused
                self.size = 0
                data = pieces.pop()
            else:
                data = self._drain()
            if not sink(data):
                waiter.set_result(False)
        except Exception as error:  # noqa: BLE001 it belongs to the reader, not to the connection
            waiter.set_exception(error)
            del waiter  # the error refers to this frame

    def finish(self) -> None:
        """Mark the body as complete."""
        self.complete = True
        self._connection = None
        if self._waiter is not None:
            self._wake()

    def fail(self, failure: Failure) -> None:
        """Fail: the connection ended before the end of the body."""
        self._failure = failure
        self._connection = None
        if self._waiter is not None:
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(True)
