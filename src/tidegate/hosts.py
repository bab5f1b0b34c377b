"""Connects a worker with those of other hosts: messages, leaders and limits by Valkey; limits by PostgreSQL
where there is no Valkey.

While the server is away, each host is by itself, as it would be without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from time import time
from typing import Any

from tidegate.accounts import Counters, LeasedCounters
from tidegate.bus import Bus, HostsBus
from tidegate.config import Config
from tidegate.protocols.ids import new_id
from tidegate.store.link import Link
from tidegate.store.postgres_counters import PostgresCounters
from tidegate.store.postgres_link import PostgresLink
from tidegate.store.valkey import Valkey
from tidegate.store.valkey_counters import ValkeyCounters
from tidegate.store.valkey_leads import ValkeyCarrier

__all__ = ["Hosts", "HostsByPostgres", "HostsByValkey"]


class Hosts(ABC):
    """One worker's connection with the others."""

    server = ""
    """What connects them, in words."""

    def __init__(self, connection: Link[Any], bus: Bus, counters: LeasedCounters) -> None:
        self._connection = connection
        self.bus = bus
        """Connects the workers of all hosts, if the server can do that."""
        self.counters = counters
        """Count over all hosts."""
        self.away_since: float | None = None
        """Since when the server has been away, in seconds since 1970; None while it is not."""

    @property
    def failure(self) -> str | None:
        """Why the server is not available; None while it is."""
        return self._connection.failure

    def watch(self, taker: Callable[[str | None], None]) -> None:
        """Call this when the server fails, with the reason, and with None when it works again."""

        def note(failure: str | None) -> None:
            self.away_since = None if failure is None else time()
            taker(failure)

        self._connection.watch(note)

    def counters_by(self, config: Config, here: Counters) -> Counters:
        """What counts limits by a configuration; `here` counts on this host alone."""
        return self.counters if config.limits.across_hosts else here

    def configure(self, config: Config) -> None:
        """Follow a configuration."""
        self.counters.refuse = config.limits.on_failure == "refuse"

    @abstractmethod
    async def open(self) -> None:
        """Connect, on the running loop. A server that is away is no reason not to start."""

    @abstractmethod
    async def close(self) -> None:
        """Give everything back, and disconnect."""


class HostsByValkey(Hosts):
    """See Hosts: by Valkey."""

    server = "Valkey"

    def __init__(self, url: str, here: Bus, counters: Counters) -> None:
        """`here` and `counters` are those of this host. Raises ValueError."""
        valkey, worker = Valkey(url), new_id("")
        self._carrier = ValkeyCarrier(valkey, worker)
        self._server = ValkeyCounters(valkey, worker)
        super().__init__(
            valkey, HostsBus(here, self._carrier, worker), LeasedCounters(self._server, counters)
        )

    async def open(self) -> None:
        """See Hosts."""
        await self._connection.open()
        self._carrier.open()
        self.counters.open()

    async def close(self) -> None:
        """See Hosts."""
        await self.counters.close()
        self._server.close()
        await self._carrier.close()
        await self._connection.close()


class HostsByPostgres(Hosts):
    """See Hosts: by the PostgreSQL that has the store. Messages and leaders remain those of each host."""

    server = "PostgreSQL"

    def __init__(self, url: str, here: Bus, counters: Counters) -> None:
        """As for HostsByValkey."""
        link = PostgresLink(url)
        self._server = PostgresCounters(link, new_id(""))
        super().__init__(link, here, LeasedCounters(self._server, counters))

    async def open(self) -> None:
        """See Hosts."""
        await self._connection.open()
        self.counters.open()

    async def close(self) -> None:
        """See Hosts."""
        await self.counters.close()
        self._server.close()
        await self._connection.close()
