"""One HTTP request of a client, whichever server has read it.

A `Request` is the only thing through which the data plane speaks to a client: it reads the
body within its limits, and it makes sure that there is one response and no second.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any

from tidegate.http.contract import Header, ServerRequest
from tidegate.http.errors import ClientDisconnected as ClientLeft
from tidegate.protocols.errors import BodyTooLarge, InvalidRequest, TidegateError
from tidegate.protocols.ids import new_id

__all__ = ["ClientLeft", "Header", "Request", "header_value"]

LONGEST_HEADER = 4000
"""Characters of a header's value: many clients and proxies take no line of more than 8 KB."""

KEPT_VALUE = 128
"""Characters of a header's value that is kept rendered: clients choose some of them."""

JSON: Header = (b"content-type", b"application/json")


class Request:
    """A client's request and the response to it."""

    __slots__ = (
        "_base_headers",
        "_server",
        "abort",
        "began",
        "body_at",
        "correlation",
        "done",
        "first_byte_at",
        "headers",
        "id",
        "method",
        "path",
        "query",
        "responded",
        "status",
    )

    def __init__(self, server: ServerRequest, base_headers: Sequence[Header]) -> None:
        self.began = server.received_at
        self.id = new_id("req_")
        self.method = server.method
        self.path = server.path
        self.query = server.query
        self.headers = server.headers
        """Names are lower case."""
        self.body_at = self.began
        """When the last of the body so far had arrived, by `perf_counter`."""
        self.responded = False
        """Whether the response has begun: after that there is no second one."""
        self.done = False
        """Whether the response is complete."""
        self.correlation: str | None = None
        """The client's own id of what it is doing, where its dialect has such a thing."""
        self.abort: Callable[[TidegateError], bytes] = _no_stream
        """How an open stream ends when it cannot go on."""
        self.status = 0
        """Of the response; 0 before it has begun."""
        self.first_byte_at: float | None = None
        """When the first byte of a body was handed to the server, by `perf_counter`."""
        self._server = server
        self._base_headers = base_headers

    def add_header(self, name: bytes, value: bytes) -> None:
        """Let the response carry one more header, whatever it will be."""
        self._base_headers = (*self._base_headers, (name, value))

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def read_body(self, limit: int) -> bytes:
        """The whole body. Raises BodyTooLarge beyond `limit` bytes, and ClientLeft.

        How long the client may be silent in between is the watchdog's business.
        """
        encoding = self.header(b"content-encoding")
        if encoding is not None and encoding.lower() not in (b"", b"identity"):
            raise InvalidRequest(
                "a body with a content-encoding is not read: send it uncompressed", status=415
            )
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(_too_large(limit))
        body = self._server.take_body()
        if body is None:
            body = await self._read_on(limit)
        if len(body) > limit:
            raise BodyTooLarge(_too_large(limit))
        self.body_at = self._server.body_at
        return body

    async def _read_on(self, limit: int) -> bytes:
        pieces, size = [], 0
        while size <= limit and (piece := await self._server.read()):
            pieces.append(piece)
            size += len(piece)
            self.body_at = perf_counter()
        return b"".join(pieces)

    async def receive(self) -> dict[str, Any]:
        """Await that the client leaves, as ASGI tells it."""
        if not self._server.disconnected:
            left = asyncio.get_running_loop().create_future()
            self._server.on_disconnect = lambda: None if left.done() else left.set_result(None)
            try:
                await left
            finally:
                self._server.on_disconnect = None
        return {"type": "http.disconnect"}

    async def respond(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Send a whole response."""
        self._begin(status)
        self.first_byte_at = perf_counter()
        self.done = True
        self._server.respond(status, self._all(headers), body)

    async def begin_stream(
        self, status: int, headers: Iterable[Header], abort: Callable[[TidegateError], bytes]
    ) -> None:
        """Send the head of a response whose body comes piece by piece."""
        self._begin(status)
        self.abort = abort
        self.first_byte_at = perf_counter()
        self._server.start(status, self._all(headers))

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the client does not keep up."""
        self._server.write(data)
        if self._server.congested:
            await self._server.drain()

    async def finish(self, data: bytes = b"") -> None:
        """End the body."""
        self.done = True
        self._server.finish(data)

    def _all(self, headers: Iterable[Header]) -> list[Header]:
        return [*headers, (b"x-request-id", self.id.encode()), *self._base_headers]

    def _begin(self, status: int) -> None:
        assert not self.responded, "there is no second response"
        self.responded = True
        self.status = status


def header_value(text: str) -> bytes:
    """A text as a header's value, cut where it is too long: what HTTP does not allow in one becomes a
    question mark.
    """
    return _known_value(text) if len(text) <= KEPT_VALUE else _render_value(text)


def _render_value(text: str) -> bytes:
    return bytes(
        byte if 32 <= byte < 127 else 63 for byte in text[:LONGEST_HEADER].encode("ascii", "replace")
    )


_known_value = lru_cache(maxsize=1024)(_render_value)


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit // (1024 * 1024)} MB"


def _no_stream(error: TidegateError) -> bytes:
    raise AssertionError("no stream is open")
