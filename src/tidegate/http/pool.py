"""Idle connections, kept per origin."""

from .address import Origin
from .client_protocol import Connection
from .proxy import Proxy

__all__ = ["KEEP_ALIVE_S", "Route"]

KEEP_ALIVE_S = 55.0
"""How long an idle connection is kept: shorter than the 60 s after which most load balancers close theirs, so
that a request is rarely sent into a closing connection."""


class Route:
    """The route to an origin, decided once, and its idle connections."""

    __slots__ = ("idle", "origin", "proxy")

    def __init__(self, origin: Origin, proxy: Proxy | None) -> None:
        self.origin = origin
        self.proxy = proxy
        self.idle: dict[Connection, None] = {}
        """In the order in which they became idle; an ordered set, for removal in constant time."""

    def take(self) -> Connection | None:
        """Return the most recently used idle connection, if one is usable."""
        while self.idle:
            connection, _ = self.idle.popitem()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    def sweep(self, now: float) -> None:
        """Close connections that have been idle for too long."""
        for connection in list(self.idle):
            if connection.idle_since + KEEP_ALIVE_S > now:
                break
            connection.abort()

    def close(self) -> None:
        """Close all idle connections."""
        for connection in list(self.idle):
            connection.abort()
