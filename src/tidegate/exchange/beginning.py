"""Streams that begin with heartbeats: they keep the client connected, but are no answer yet."""

from collections.abc import Callable

from tidegate.protocols.sse import only_heartbeats

from .watchdog import NEVER, Watch

__all__ = ["Write", "until_begun"]

Write = Callable[[bytes], bool]
"""Sends bytes to the client. Returns whether the client keeps up."""


def until_begun(watch: Watch, first: bytes, write: Write) -> Write:
    """Return `write`; for a stream whose first bytes are heartbeats, as one that keeps the request's deadline
    in force until something else is written.
    """
    if not only_heartbeats(first):
        return write
    begun = False

    def write_and_look(piece: bytes) -> bool:
        nonlocal begun
        if not begun:
            begun = not only_heartbeats(piece)
            watch.ends_at = NEVER if begun else watch.deadline
        return write(piece)

    return write_and_look
