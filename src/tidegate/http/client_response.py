"""The answer to a request of ours, while it arrives."""

import asyncio
from typing import Protocol as Interface

from .contract import Header
from .decode import PIECE, Decoder
from .errors import RequestFailed

__all__ = ["Failure", "Response"]

Failure = tuple[type[RequestFailed], str]
"""An error that has not been raised yet. Errors are made where they are raised: one that is kept
holds its traceback, and with it every body that the frames know."""


class Source(Interface):
    """The connection that a response arrives on."""

    loop: asyncio.AbstractEventLoop

    def go_on(self) -> None:
        """Read on, if reading has paused."""
        ...

    def abort(self) -> None:
        """Drop the connection."""
        ...


class Response:
    """Status and headers have arrived; the body comes as it is read.

    Whoever has not read it to its end closes it: what is left then takes the connection with it.
    """

    __slots__ = (
        "_connection",
        "_decoder",
        "_failure",
        "_pieces",
        "_waiter",
        "complete",
        "headers",
        "size",
        "status",
    )

    def __init__(
        self, connection: Source, status: int, headers: list[Header], decoder: Decoder | None
    ) -> None:
        self.status = status
        """Three digits, whatever they mean."""
        self.headers = headers
        """Names are lower case; trailers are never among them."""
        self.complete = False
        """Whether the whole body has arrived (it may still have to be read)."""
        self.size = 0
        """Bytes that have arrived and were not read, as they came."""
        self._connection: Source | None = connection
        self._decoder = decoder
        self._failure: Failure | None = None
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    # --- for whoever reads ---------------------------------------------------------------------

    def take(self) -> bytes | None:
        """The whole body if all of it has arrived; None where it has to be read piece by piece."""
        if not self.complete or self._decoder is not None:
            return None
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read_any(self) -> bytes:
        """The next bytes of the body; b"" is its end. Raises AnswerCut or BadAnswer."""
        if self._decoder is not None:
            return await self._read_decoded(self._decoder)
        while not self._pieces:
            if self.complete:
                return b""
            await self._arrival()
        return self._drain()

    async def _read_decoded(self, decoder: Decoder) -> bytes:
        while True:
            if data := decoder.take():
                if len(data) == PIECE:
                    await asyncio.sleep(0)  # there is more, and others want their turn
                return data
            if self._pieces:
                decoder.feed(self._drain())
            elif self.complete:
                decoder.close()
                return b""
            else:
                await self._arrival()

    async def _arrival(self) -> None:
        """Await more. Raises what the connection failed with."""
        if self._failure is not None:
            kind, message = self._failure
            raise kind(message)
        assert self._connection is not None, "the response is closed"
        self._waiter = waiter = self._connection.loop.create_future()
        await waiter

    def _drain(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        self.size = 0
        if self._connection is not None:
            self._connection.go_on()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """End it. A body that has not arrived to its end takes the connection with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # --- for the connection --------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """More of the body has arrived."""
        self._pieces.append(data)
        self.size += len(data)
        if self._waiter is not None:
            self._wake()

    def finish(self) -> None:
        """The body has arrived to its end."""
        self.complete = True
        self._connection = None
        if self._waiter is not None:
            self._wake()

    def fail(self, failure: Failure) -> None:
        """The connection has failed before the end of the body."""
        self._failure = failure
        self._connection = None
        if self._waiter is not None:
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
