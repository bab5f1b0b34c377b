"""What the application sees of a client's request, whichever server has read it.

Two servers implement it: our own (`server/`), and any ASGI server by way of `asgi.py`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol as Interface

__all__ = ["Application", "Header", "ServerRequest"]

Header = tuple[bytes, bytes]
"""Name (lower case where it was received) and value."""


class ServerRequest(Interface):
    """One request of a client, and the way to answer it.

    Exactly one response is sent: by `respond`, or by `start`, any number of `write` and one `finish`.
    Writing never waits and never raises: where the client does not keep up `congested` is true, and
    `drain` waits; where it has left, what is written is dropped.
    """

    method: str
    path: str
    """Percent-decoded, as ASGI's `path`."""
    query: bytes
    """What stands behind the question mark, undecoded."""
    headers: list[Header]
    """Names are lower case; trailers are never among them."""
    peer: str
    """The client's address; empty where there is none (a unix socket)."""
    received_at: float
    """When the head was complete, by `time.perf_counter`."""
    body_at: float
    """When the last of the body so far arrived, by `time.perf_counter`."""
    disconnected: bool
    """Whether the client has closed its connection."""
    on_disconnect: Callable[[], None] | None
    """Called once when the client leaves before its response is complete."""

    def take_body(self) -> bytes | None:
        """The whole body if all of it has arrived and none of it was read; None otherwise."""
        ...

    async def read(self) -> bytes:
        """The next bytes of the body; b"" is its end. Raises ClientDisconnected."""
        ...

    def respond(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Send a whole response. `content-length` is added; to HEAD the body is not sent."""
        ...

    def start(self, status: int, headers: Iterable[Header]) -> None:
        """Begin a response whose body comes in pieces. The head leaves with the first of them.

        A `content-length` among the headers frames the body; without one it is sent in chunks.
        """
        ...

    def write(self, data: bytes) -> bool:
        """Send a piece of the body; whether the client keeps up (the opposite of `congested`)."""
        ...

    def finish(self, data: bytes = b"") -> None:
        """Send the last piece of the body, and end it."""
        ...

    @property
    def congested(self) -> bool:
        """Whether more is waiting for the client than should be."""
        ...

    @property
    def congested_since(self) -> float | None:
        """Since when, by `time.perf_counter`; None where the client keeps up."""
        ...

    async def drain(self) -> None:
        """Return when the client has read enough for more to be written. Raises ClientDisconnected."""
        ...

    def abort(self) -> None:
        """Drop the connection at once, whatever waits on it."""
        ...


Application = Callable[[ServerRequest], Awaitable[None]]
"""Serves one request; has sent the whole response when it returns."""
