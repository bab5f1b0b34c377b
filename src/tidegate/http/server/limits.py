"""Size limits and timeouts for clients."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """The limits of a server; times in seconds, sizes in bytes."""

    head_bytes: int = 64 * 1024
    """The request line and the headers. Larger heads are answered with 431."""
    framing_bytes: int = 64 * 1024
    """Chunk extensions and trailers of a body since its last byte of content."""
    head_s: float = 30.0
    """From a new connection to its first complete head, and from the first to the last byte of a later head.
   """
    idle_s: float = 75.0
    """Between two requests: longer than the 60 s after which most load balancers close a connection."""
    unread_bytes: int = 256 * 1024
    """The part of a body that the application has not read; beyond it, reading from the socket pauses."""
    pipelined: int = 64
    """Requests that may wait behind the current one. The last of them ends the connection."""
    stall_s: float = 60.0
    """How long a client may read nothing while data is waiting for it."""
    linger_s: float = 30.0
    """How long a client may keep sending data that is discarded. Closing at once would reset the connection,
    and the client might never receive its response."""
    linger_idle_s: float = 5.0
    """The same, while nothing arrives."""
    fresh_s: float = 1.0
    """How long a new connection has to send its first request during shutdown."""
    sweep_s: float = 1.0
    """The interval between checks of all connections: the precision of the times above."""
