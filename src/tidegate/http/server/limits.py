"""How much a client may send, and how long it may take."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """The limits of a server; times in seconds, sizes in bytes."""

    head_bytes: int = 64 * 1024
    """A request line and its headers. Beyond it the answer is 431."""
    framing_bytes: int = 64 * 1024
    """What may come of a chunked body without a byte of content: chunk extensions and trailers."""
    head_s: float = 30.0
    """From a new connection to its first whole head, and from the first byte of a later head to its last."""
    idle_s: float = 75.0
    """Between two requests: longer than the 60 s after which most load balancers close a connection."""
    unread_bytes: int = 256 * 1024
    """Of a body, before the application has read it; then no more is taken from the socket."""
    pipelined: int = 64
    """Requests that may wait behind the one that is being answered. The last of them ends the connection."""
    stall_s: float = 60.0
    """How long a client may take nothing of what is waiting for it."""
    linger_s: float = 30.0
    """How long a client may go on to send what nobody reads any more. Closing at once would reset the
    connection, and the client might never see its response."""
    linger_idle_s: float = 5.0
    """The same, while nothing comes."""
    fresh_s: float = 1.0
    """How long a new connection has to send its first request when the server is shutting down."""
    sweep_s: float = 1.0
    """Between two looks at all connections: how imprecise the times above are."""
