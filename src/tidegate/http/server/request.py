"""A client's request, as the application sees it."""

from asyncio import AbstractEventLoop, Future, Transport
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any
from typing import Protocol as Interface

from tidegate.http.contract import Header
from tidegate.http.errors import ClientDisconnected
from tidegate.http.lines import render_lines

from .head import NO_BODY, STATUS_LINES

__all__ = ["Channel", "Request"]

CLOSE = b"connection: close\r\n\r\n"
KEEP_1_0 = b"connection: keep-alive\r\n\r\n"
END = b"\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
LARGE = 64 * 1024
"""The size in bytes from which a body is passed to the socket separately: copying it behind the head costs
more."""

UNANSWERED, STARTED, DONE = range(3)


class Surroundings(Interface):
    """What the head of a response depends on, apart from its request."""

    @property
    def stopping(self) -> bool:
        """Whether every response is the last of its connection."""
        ...

    @property
    def date(self) -> bytes:
        """The `date` header."""
        ...


class Channel(Interface):
    """The parts of its connection that a request needs."""

    peer: str
    loop: AbstractEventLoop
    transport: Transport
    congested_since: float | None

    @property
    def server(self) -> Surroundings:
        """The state of the server."""
        ...

    def write(self, data: bytes) -> None:
        """Send, unless the client has disconnected."""
        ...

    def update_reading(self) -> None:
        """Resume reading, if less of the body is unread now."""
        ...

    def drained(self) -> "Future[None]":
        """Return a future that resolves when the client has read enough, or has disconnected."""
        ...

    def complete(self, request: "Request") -> None:
        """Continue: the response to this request is complete."""
        ...

    def cut(self, request: "Request") -> None:
        """Close the connection of a request whose response will never be complete."""
        ...

    def abort(self) -> None:
        """Drop the connection at once."""
        ...


class Request:
    """A request; methods that are not in `ServerRequest` are for its connection."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_head",
        "_old",
        "_pieces",
        "_remaining",
        "_state",
        "_taken",
        "_waiter",
        "arrived",
        "begun",
        "body_at",
        "disconnected",
        "headers",
        "keep",
        "memory",
        "method",
        "named",
        "on_disconnect",
        "path",
        "peer",
        "query",
        "received_at",
        "unread",
    )

    def __init__(
        self,
        connection: Channel,
        method: str,
        target: tuple[str, bytes],
        headers: list[Header],
        named: Mapping[bytes, bytes],
        keep: bool,
        old: bool,
        body: bytes | None = None,
        memory: dict[object, Any] | None = None,
    ) -> None:
        """`body` is the whole one, if it has arrived with the head."""
        self.method = method
        self.path, self.query = target
        self.headers = headers
        self.named = named
        self.memory = memory
        self.peer = connection.peer
        self.received_at = self.body_at = perf_counter()
        self.disconnected = False
        self.on_disconnect: Callable[[], None] | None = None
        self.begun = False
        """Whether the application has received it."""
        self._connection = connection
        self.keep = keep
        """Whether the connection stays open after this response."""
        self._old = old
        """Whether it is HTTP/1.0, which does not support chunks."""
        self._pieces: list[bytes] = [body] if body else []
        """The unread pieces of the body."""
        self.unread = len(body) if body else 0
        """Bytes in `_pieces`."""
        self.arrived = body is not None
        """Whether the whole body has arrived."""
        self._taken = False
        """Whether some of the body has been read."""
        self._waiter: Future[None] | None = None
        """Resolved when more of the body has arrived, or the client has disconnected."""
        self._state = UNANSWERED
        self._head = b""
        """The head of a started response, sent with its first piece."""
        self._chunked = False
        self._remaining: int | None = None
        """The remaining length of a body whose length the application has declared."""

    # --- the body --------------------------------------------------------------------------------

    def take_body(self) -> bytes | None:
        """See ServerRequest."""
        if not self.arrived or self._taken:
            return None
        return self._take()

    async def read(self) -> bytes:
        """See ServerRequest."""
        while not self._pieces:
            if self.arrived:
                return b""
            if self.disconnected:
                raise ClientDisconnected
            await self._more()
        data = self._take()
        self._connection.update_reading()
        return data

    def _take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self.unread = 0
        self._taken = True
        return data

    async def _more(self) -> None:
        if not self._taken and not self._old and self._state == UNANSWERED and self._expects_continue():
            self._taken = True  # requested once
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waiter = self._connection.loop.create_future()
        await self._waiter

    def _expects_continue(self) -> bool:
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self.headers)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- the response ----------------------------------------------------------------------------

    def respond(self, status: int, headers: Iterable[Header], body: bytes, lines: bytes = b"") -> None:
        """See ServerRequest."""
        assert self._state == UNANSWERED, "there is no second response"
        self._state = DONE
        if self.disconnected:
            return
        connection = self._connection
        length = b"" if status in NO_BODY else b"content-length: %d\r\n" % len(body)
        head = self._render_head(status, headers, lines, length)
        if self.method == "HEAD" or status in NO_BODY:
            connection.write(head)
        elif len(body) < LARGE:
            connection.write(head + body)
        else:
            connection.write(head)
            connection.write(body)
        connection.complete(self)

    def start(self, status: int, headers: Iterable[Header], lines: bytes = b"") -> None:
        """See ServerRequest."""
        assert self._state == UNANSWERED, "there is no second response"
        self._state = STARTED
        headers = list(headers)
        declared = next((value for name, value in headers if name == b"content-length"), None)
        if declared is not None:
            self._remaining = int(declared)
        elif status not in NO_BODY:
            self._chunked = not self._old
            self.keep = self.keep and self._chunked
        self._head = self._render_head(status, headers, lines, CHUNKED if self._chunked else b"")
        if self.method == "HEAD" or status in NO_BODY:
            self._connection.write(self._head)
            self._head = b""
            self._chunked = False
            self._remaining = -1

    def write(self, data: bytes) -> bool:
        """See ServerRequest."""
        assert self._state == STARTED, "a piece belongs to a response that has started"
        connection = self._connection
        if self.disconnected:
            return True
        if self._chunked and data and not self._head:
            transport = connection.transport
            if not transport.is_closing():
                transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        elif self._remaining is None and data:
            connection.write(self._frame(data))
        elif data:
            self._write_declared(data)
        return connection.congested_since is None

    def finish(self, data: bytes = b"") -> None:
        """See ServerRequest."""
        assert self._state == STARTED, "only a response that has started can end"
        self._state = DONE
        if self.disconnected:
            return
        if self._remaining is not None:
            self._write_declared(data)
            if self._remaining > 0:
                self.keep = False  # only the end of the connection shows the client that there is no more
        else:
            out = self._frame(data) if data else self._take_head()
            self._connection.write(out + b"0\r\n\r\n" if self._chunked else out)
        self._connection.complete(self)

    @property
    def congested(self) -> bool:
        """See ServerRequest."""
        return self._connection.congested_since is not None

    @property
    def congested_since(self) -> float | None:
        """See ServerRequest."""
        return self._connection.congested_since

    async def drain(self) -> None:
        """See ServerRequest."""
        while self._connection.congested_since is not None and not self.disconnected:
            await self._connection.drained()
        if self.disconnected:
            raise ClientDisconnected

    def abort(self) -> None:
        """See ServerRequest."""
        self._connection.abort()

    def _render_head(self, status: int, headers: Iterable[Header], lines: bytes, framing: bytes) -> bytes:
        connection = self._connection
        if not self.arrived or connection.server.stopping:
            self.keep = False
        end = END if self.keep and not self._old else KEEP_1_0 if self.keep else CLOSE
        if headers:
            lines += render_lines(headers)
        return b"".join((STATUS_LINES[status], lines, framing, connection.server.date, end))

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _frame(self, data: bytes) -> bytes:
        """Return a piece with its framing, and with the head if it has not been sent."""
        head = self._head
        if head:
            self._head = b""
            return b"%b%x\r\n%b\r\n" % (head, len(data), data) if self._chunked else head + data
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _write_declared(self, data: bytes) -> None:
        """Write a piece of a body with a declared length, which it must not exceed; for
        HEAD nothing is sent.
        """
        if self._remaining is None or self._remaining < 0:
            return
        data = data[: self._remaining]
        self._remaining -= len(data)
        self._connection.write(self._take_head() + data)

    # --- disconnection ---------------------------------------------------------------------------

    def leave(self) -> None:
        """Record that the client disconnected before the response was complete."""
        self.disconnected = True
        self._wake()
        call, self.on_disconnect = self.on_disconnect, None
        if call is not None:
            call()

    def arrive(self) -> None:
        """Record that the body is complete."""
        self.arrived = True
        if self._waiter is not None:
            self._wake()

    def add(self, data: bytes) -> None:
        """Add a piece of the body."""
        self._pieces.append(data)
        self.unread += len(data)
        self.body_at = perf_counter()
        if self._waiter is not None:
            self._wake()

    def cut(self) -> None:
        """Close the connection: the response will never be complete."""
        self._connection.cut(self)

    @property
    def responded(self) -> bool:
        """Whether the response has begun."""
        return self._state != UNANSWERED

    @property
    def done(self) -> bool:
        """Whether the response is complete."""
        return self._state == DONE
