"""Calling an ASGI application in the same process, as a client would over a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

__all__ = ["Application", "Response", "ask"]

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

HEADERS = [
    (b"host", b"127.0.0.1"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"tidegate-check"),
]


class Response:
    """A response whose body arrives in pieces."""

    def __init__(self) -> None:
        self.status = 0
        """Set when the first piece of the body has arrived."""
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._over = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body. An application that fails ends it early."""
        while (message := await self._messages.get()) is not None:
            self.status = message.get("status", self.status)
            if body := message.get("body"):
                yield body

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.pieces()])

    async def send(self, message: dict[str, Any]) -> None:
        """Receive a message from the application."""
        self._messages.put_nowait(message)

    async def leave(self) -> dict[str, Any]:
        """Wait until the client disconnects."""
        await self._over.wait()
        return {"type": "http.disconnect"}

    def end(self) -> None:
        """Mark the end of the response."""
        self._messages.put_nowait(None)

    def close(self) -> None:
        """Disconnect."""
        self._over.set()


@asynccontextmanager
async def ask(application: Application, path: str, body: bytes) -> AsyncIterator[Response]:
    """POST a JSON body. Leaving the context closes the connection, as far as the application can see."""
    response = Response()
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return unread.pop() if unread else await response.leave()

    length = (b"content-length", b"%d" % len(body))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*HEADERS, length],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    serving = asyncio.ensure_future(application(scope, receive, response.send))
    serving.add_done_callback(lambda _: response.end())
    try:
        yield response
    finally:
        response.close()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
