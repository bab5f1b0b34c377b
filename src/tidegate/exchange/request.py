"""A client's request as an exchange sees it, and the one response to it.

The data plane talks to a client only through a `Request`. It wraps the server's `ServerRequest`, reads the
body within its limits, and makes sure that there is no second response.
"""

from collections.abc import Callable, Iterable
from time import perf_counter

from tidegate.accounts import ANONYMOUS
from tidegate.http.contract import Header, ServerRequest
from tidegate.http.errors import ClientDisconnected
from tidegate.http.lines import render_lines
from tidegate.http.values import LONGEST_HEADER, header_value, safe_value
from tidegate.protocols.errors import BodyTooLarge, InvalidRequest, TidegateError
from tidegate.protocols.ids import new_id

__all__ = ["JSON", "LONGEST_HEADER", "ClientLeft", "Header", "Request", "header_value", "safe_value"]

JSON: Header = (b"content-type", b"application/json")


class ClientLeft(Exception):
    """The client closed the connection or stopped reading: there is no one to answer."""


class Request:
    """A client's request and the response to it."""

    __slots__ = (
        "_base_lines", "_wire", "abort_stream", "caller", "correlation", "done", "first_byte_at", "headers",
        "id", "memory", "method", "named", "path", "peer", "query", "received_at", "responded", "status",
        "write",
    )  # fmt: skip

    def __init__(self, wire: ServerRequest, base_lines: bytes = b"") -> None:
        """`base_lines` are headers of every response, rendered."""
        self._wire = wire
        self.write = wire.write
        """Sends a piece of the body without waiting. Returns whether the client keeps up."""
        self._base_lines = base_lines
        # the request
        self.id = new_id("req_")
        self.peer = wire.peer
        """The client's address; empty if there is none (a unix socket)."""
        self.method = wire.method
        self.path = wire.path
        self.query = wire.query
        self.headers = wire.headers
        """Names are lower case."""
        self.named = wire.named
        """The headers by name; of several with one name, the first."""
        self.received_at = wire.received_at
        """When the request head was complete, by `perf_counter`."""
        self.caller = ANONYMOUS  # until it is known
        self.memory = wire.memory
        """What is remembered of requests with this head (see ServerRequest)."""
        self.correlation: str | None = None
        """The client's correlation id, if its dialect has one."""
        # the response
        self.responded = False
        """Whether the response has begun: after that there is no second one."""
        self.done = False
        """Whether the response is complete."""
        self.status = 0
        """The response's; 0 before it has begun."""
        self.first_byte_at: float | None = None
        """When the first byte of the response was handed to the server, by `perf_counter`."""
        self.abort_stream: Callable[[TidegateError], bytes] | None = None
        """How to end the open stream when it has to be cut short; None while no stream is open."""

    def add_header(self, name: bytes, value: bytes) -> None:
        """Add a header to the response, whatever the response turns out to be."""
        self._base_lines += render_lines([(name, value)])

    def imply(self, name: bytes, value: bytes) -> None:
        """Treat a header that the client has sent in another place as if it were among its headers."""
        self.memory = None
        self.headers = [*self.headers, (name, value)]
        self.named = dict(reversed(self.headers))

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (lower case)."""
        return self.named.get(name)

    # --- reading ------------------------------------------------------------------------------

    @property
    def body_at(self) -> float:
        """When the latest bytes of the body arrived, by `perf_counter`."""
        return self._wire.body_at

    def take_body(self, limit: int) -> bytes | None:
        """The whole body; None if it has not arrived yet. Raises BodyTooLarge beyond `limit` bytes."""
        encoding = self.named.get(b"content-encoding")
        if encoding is not None and encoding not in (b"", b"identity"):
            raise InvalidRequest(
                "a body with a content-encoding is not accepted: send it uncompressed", status=415
            )
        body = self._wire.take_body()
        if body is not None and len(body) > limit:
            raise BodyTooLarge(_too_large(limit))
        return body

    async def read_body(self, limit: int) -> bytes:
        """The whole body, once it has arrived. Raises BodyTooLarge beyond `limit` bytes, and ClientLeft."""
        body = self.take_body(limit)
        return await self._read_on(limit) if body is None else body

    async def _read_on(self, limit: int) -> bytes:
        """Read a body that is still arriving."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(_too_large(limit))
        pieces, size = [], 0
        try:
            while data := await self._wire.read():
                pieces.append(data)
                size += len(data)
                if size > limit:
                    raise BodyTooLarge(_too_large(limit))
        except ClientDisconnected:
            raise ClientLeft from None
        return b"".join(pieces)

    # --- responding ---------------------------------------------------------------------------

    def respond(self, status: int, headers: Iterable[Header], body: bytes, lines: bytes = b"") -> None:
        """Send a whole response. `lines` are more of its headers, rendered."""
        self._begin(status)
        self.done = True
        self._wire.respond(status, headers, body, self._with_own(lines))

    def begin_stream(
        self,
        status: int,
        headers: Iterable[Header],
        abort: Callable[[TidegateError], bytes],
        lines: bytes = b"",
    ) -> None:
        """Send the head of a response whose body is sent in pieces."""
        self._begin(status)
        self.abort_stream = abort
        self._wire.start(status, headers, self._with_own(lines))

    def finish(self, data: bytes = b"") -> None:
        """End the body."""
        self.done = True
        self._wire.finish(data)

    def _with_own(self, lines: bytes) -> bytes:
        return b"".join((lines, b"x-request-id: ", self.id.encode(), b"\r\n", self._base_lines))

    def _begin(self, status: int) -> None:
        assert not self.responded, "there is no second response"
        self.responded = True
        self.status = status
        self.first_byte_at = perf_counter()

    # --- a client that is slow, or gone ---------------------------------------------------------

    @property
    def congested(self) -> bool:
        """Whether the client is falling behind."""
        return self._wire.congested

    async def drain(self) -> None:
        """Wait until the client has read enough. Raises ClientLeft."""
        try:
            await self._wire.drain()
        except ClientDisconnected:
            raise ClientLeft from None

    def on_disconnect(self, callback: Callable[[], None] | None) -> None:
        """Set the callback for a client that leaves before its response is complete; None removes it."""
        self._wire.on_disconnect = callback

    @property
    def disconnected(self) -> bool:
        """Whether the client has closed its connection."""
        return self._wire.disconnected

    def abort(self) -> None:
        """Drop the client's connection at once."""
        self._wire.abort()


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit // (1024 * 1024)} MB"
