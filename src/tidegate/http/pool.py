"""Idle connections, kept per origin."""

from .address import Origin
from .client_protocol import Connection
from .proxy import Proxy

__all__ = ["KEEP_ALIVE_S", "Route"]

KEEP_ALIVE_S = 55.0
"""How long an idle connection is kept: shorter than the 60 s after which most load balancers close
theirs, so that a request is rarely sent into a closing connection."""


class Route:
    """The way to an origin, decided once, and the idle connections along it."""

    __slots__ = ("idle", "origin", "proxy")

    def __init__(self, origin: Origin, proxy: Proxy | None) -> None:
        self.origin = origin
        self.proxy = proxy
        self.idle: dict[Connection, None] = {}
        """In the order in which they became idle; an ordered set, so that each can leave at once."""

    def take(self) -> Connection | None:
        """The idle connection that was used last, if one can be used."""
        while self.idle:
            connection, _ = self.idle.popitem()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long."""
        for connection in list(self.idle):
            if connection.idle_since + KEEP_ALIVE_S > now:
                break
            connection.abort()

    def close(self) -> None:
        """Close all idle connections."""
        for connection in list(self.idle):
            connection.abort()
