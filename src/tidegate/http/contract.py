"""How the application sees a client's request, whichever server received it.

Two servers implement it: Tidegate's own (`server/`), and any ASGI server through `asgi.py`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from typing import Protocol as Interface

__all__ = ["Application", "Header", "ServerRequest"]

Header = tuple[bytes, bytes]
"""Name (in lower case if it was received) and value."""


class ServerRequest(Interface):
    """A client's request, and the methods to send its response.

    Exactly one response is sent: by `respond`, or by `start`, any number of `write` and one `finish`. Writing
    never blocks and never raises: if the client does not keep up, `congested` is true, and `drain` waits; if
    it has disconnected, written data is dropped.
    """

    method: str
    path: str
    """Percent-decoded, as ASGI's `path`."""
    query: bytes
    """The part after the question mark, not decoded."""
    headers: list[Header]
    """Names are in lower case; trailers are never included."""
    named: Mapping[bytes, bytes]
    """The headers by name; of several with one name, the first."""
    memory: dict[object, Any] | None
    """What the application remembers of requests with this head, as it likes: the same for all requests of a
    connection that differ by nothing but the length of their bodies. None if there may be no others."""
    peer: str
    """The client's address; empty if there is none (a unix socket)."""
    received_at: float
    """When the head was complete, by `time.perf_counter`."""
    body_at: float
    """When the last byte of the body so far arrived, by `time.perf_counter`."""
    disconnected: bool
    """Whether the client has closed its connection."""
    on_disconnect: Callable[[], None] | None
    """Called once if the client disconnects before its response is complete."""

    def take_body(self) -> bytes | None:
        """Return the whole body if all of it has arrived and none has been read; None otherwise."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes of the body; b"" is its end. Raises ClientDisconnected."""
        ...

    def respond(self, status: int, headers: Iterable[Header], body: bytes, lines: bytes = b"") -> None:
        """Send a complete response. `content-length` is added; for HEAD the body is not sent. `lines` are
        more of its headers, already rendered (see `lines.render_lines`).
        """
        ...

    def start(self, status: int, headers: Iterable[Header], lines: bytes = b"") -> None:
        """Start a response whose body is sent in pieces. The head is sent with the first piece.

        A `content-length` in the headers frames the body; without one it is chunked. `lines`: see `respond`.
        """
        ...

    def write(self, data: bytes) -> bool:
        """Send a piece of the body; returns whether the client keeps up (the opposite of `congested`)."""
        ...

    def finish(self, data: bytes = b"") -> None:
        """Send the last piece of the body, and end the response."""
        ...

    @property
    def congested(self) -> bool:
        """Whether too much data is waiting for the client."""
        ...

    @property
    def congested_since(self) -> float | None:
        """Since when it is congested, by `time.perf_counter`; None if the client keeps up."""
        ...

    async def drain(self) -> None:
        """Wait until the client has read enough for more to be written. Raises ClientDisconnected."""
        ...

    def abort(self) -> None:
        """Drop the connection at once, including unsent data."""
        ...


Application = Callable[[ServerRequest], Awaitable[None]]
"""Handles one request; the whole response has been sent when it returns."""
