"""Connects a worker with those of other hosts, by Valkey: messages, leaders and limits.

While Valkey is away, each host is by itself, as it would be without it.
"""

import logging
from collections.abc import Callable

from tidegate.accounts import Counters, LeasedCounters
from tidegate.bus import Bus, HostsBus
from tidegate.config import Config
from tidegate.protocols.ids import new_id
from tidegate.store.valkey import Valkey
from tidegate.store.valkey_counters import ValkeyCounters
from tidegate.store.valkey_leads import ValkeyCarrier

__all__ = ["Hosts"]

log = logging.getLogger("tidegate")


class Hosts:
    """One worker's connection with the others."""

    def __init__(self, url: str, here: Bus, counters: Counters) -> None:
        """`here` and `counters` are those of this host. Raises ValueError."""
        self._valkey = Valkey(url)
        worker = new_id("")
        self._carrier = ValkeyCarrier(self._valkey, worker)
        self._server = ValkeyCounters(self._valkey, worker)
        self.bus: Bus = HostsBus(here, self._carrier, worker)
        """Connects the workers of all hosts."""
        self.counters = LeasedCounters(self._server, counters)
        """Count over all hosts."""

    @property
    def failure(self) -> str | None:
        """Why Valkey is not available; None while it is."""
        return self._valkey.failure

    def watch(self, taker: Callable[[str | None], None]) -> None:
        """Call this when Valkey fails, with the reason, and with None when it works again."""
        self._valkey.watch(taker)

    def configure(self, config: Config) -> None:
        """Follow a configuration."""
        self.counters.refuse = config.limits.on_failure == "refuse"

    async def open(self) -> None:
        """Connect, on the running loop. A Valkey that is away is no reason not to start."""
        await self._valkey.open()
        self._carrier.open()
        self.counters.open()

    async def close(self) -> None:
        """Give everything back, and disconnect."""
        await self.counters.close()
        self._server.close()
        await self._carrier.close()
        await self._valkey.close()
