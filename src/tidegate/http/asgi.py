"""The application for any ASGI server: uvicorn, hypercorn, granian, gunicorn with their workers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from time import perf_counter
from typing import Any

from .contract import Application, Header
from .errors import ClientDisconnected
from .lines import harmless, split_lines
from .server.head import NO_BODY

__all__ = ["ASGIRequest", "Message", "Receive", "Scope", "Send", "serve_scope"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONGESTED = 64 * 1024
"""Bytes that may wait for the server before the client counts as congested."""


async def serve_scope(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request of scope type `http`."""
    request = ASGIRequest(scope, receive, send)
    try:
        await application(request)
    finally:
        await request.close()


class ASGIRequest:
    """A `ServerRequest` over ASGI. Written data waits in a queue, which a task passes to the server."""

    memory: dict[object, Any] | None = None
    """See ServerRequest."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[Header] = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        self.named: Mapping[bytes, bytes] = dict(reversed(self.headers))
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.received_at = self.body_at = perf_counter()
        self.disconnected = False
        self.congested_since: float | None = None
        self._receive = receive
        self._send = send
        self._on_disconnect: Callable[[], None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._whole = False
        """Whether the server has delivered the end of the body."""
        self._outgoing: deque[Message] = deque()
        self._waiting = 0
        """The number of bytes in `_outgoing`, including those that the server has not accepted yet."""
        self._pump: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._done = False
        self._aborted = False

    # --- the body --------------------------------------------------------------------------------

    def take_body(self) -> bytes | None:
        """See ServerRequest. ASGI does not expose what has arrived before it is awaited."""
        return None

    async def read(self) -> bytes:
        """See ServerRequest."""
        while not self._whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._leave()
                raise ClientDisconnected
            self.body_at = perf_counter()
            self._whole = not message.get("more_body", False)
            if body := message.get("body", b""):
                return bytes(body)
        self._listen()
        return b""

    # --- the response ----------------------------------------------------------------------------

    def respond(self, status: int, headers: Iterable[Header], body: bytes, lines: bytes = b"") -> None:
        """See ServerRequest."""
        framing = [] if status in NO_BODY else [(b"content-length", b"%d" % len(body))]
        self.start(status, [*headers, *framing], lines)
        self.finish(body)

    def start(self, status: int, headers: Iterable[Header], lines: bytes = b"") -> None:
        """See ServerRequest."""
        self._no_body = self.method == "HEAD" or status in NO_BODY
        head = harmless((name.lower(), value) for name, value in (*headers, *split_lines(lines)))
        # Some servers reject statuses that HTTP does not define; a status below 200 would never end the
        # request.
        known = status if 200 <= status <= 599 else 500
        self._put({"type": "http.response.start", "status": known, "headers": head}, 0)

    def write(self, data: bytes) -> bool:
        """See ServerRequest."""
        if data and not self._no_body:
            self._put({"type": "http.response.body", "body": data, "more_body": True}, len(data))
        return self.congested_since is None

    def finish(self, data: bytes = b"") -> None:
        """See ServerRequest."""
        self._done = True
        data = b"" if self._no_body else data
        self._put({"type": "http.response.body", "body": data, "more_body": False}, len(data))

    @property
    def congested(self) -> bool:
        """See ServerRequest."""
        return self.congested_since is not None

    async def drain(self) -> None:
        """See ServerRequest."""
        while self.congested_since is not None and not self.disconnected:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained
        if self.disconnected:
            raise ClientDisconnected

    def abort(self) -> None:
        """See ServerRequest. An incomplete response makes the server close the connection."""
        self._aborted = True
        self._outgoing.clear()
        if self._pump is not None:
            self._pump.cancel()
        self._leave()

    def _put(self, message: Message, size: int) -> None:
        if self.disconnected:
            return
        self._outgoing.append(message)
        self._waiting += size
        if self._waiting > CONGESTED and self.congested_since is None:
            self.congested_since = perf_counter()
        if self._pump is None:
            self._pump = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._outgoing:
                message = self._outgoing.popleft()
                await self._send(message)
                self._waiting -= len(message.get("body", b""))
                if self._waiting <= CONGESTED:
                    self._resume()
        except OSError:  # raised by ASGI servers when the client is gone
            self._leave()
        finally:
            self._pump = None

    def _resume(self) -> None:
        self.congested_since = None
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # --- disconnection ---------------------------------------------------------------------------

    @property
    def on_disconnect(self) -> Callable[[], None] | None:
        """See ServerRequest. Disconnects are detected once this is set and the body has been read."""
        return self._on_disconnect

    @on_disconnect.setter
    def on_disconnect(self, call: Callable[[], None] | None) -> None:
        self._on_disconnect = call
        self._listen()

    def _listen(self) -> None:
        if self._whole and self._on_disconnect is not None and self._listener is None:
            self._listener = asyncio.create_task(self._await_disconnect())

    async def _await_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._done:
            self._leave()

    def _leave(self) -> None:
        if self.disconnected:
            return
        self.disconnected = True
        self._outgoing.clear()
        self._resume()
        call, self._on_disconnect = self._on_disconnect, None
        if call is not None:
            call()

    async def close(self) -> None:
        """Wait until the server has accepted everything."""
        pump, listener = self._pump, self._listener
        self._listener = None
        if listener is not None:
            listener.cancel()
        if pump is not None and not self._aborted:
            await pump
