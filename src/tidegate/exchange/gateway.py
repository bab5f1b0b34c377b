"""What every exchange of a worker shares, made of one Config."""

from dataclasses import dataclass
from typing import Protocol as Interface

from tidegate.config import Config
from tidegate.observe import RequestLog
from tidegate.protocols.contract import Protocol
from tidegate.providers import ModelRegistry
from tidegate.upstream import Fetcher, Pool

from .identity import Keyring
from .model_lists import ModelLists
from .watchdog import Watchdog

__all__ = ["Door", "Gateway"]


@dataclass(frozen=True)
class Gateway:
    """All that an exchange needs. A reload makes a new one; exchanges that are under way keep theirs."""

    config: Config
    registry: ModelRegistry
    keyring: Keyring
    pool: Pool
    fetcher: Fetcher
    watchdog: Watchdog
    request_log: RequestLog
    model_lists: ModelLists
    transcript_bytes: int = 0
    """How much of each delivered answer is kept until its end (see `delivery.Transcript`)."""

    @property
    def max_body(self) -> int:
        """The largest body of a request, in bytes."""
        return self.config.server.max_body_mb * 1024 * 1024


class Door(Interface):
    """What an exchange needs to know of a door."""

    @property
    def name(self) -> str:
        """As it stands in records."""
        ...

    @property
    def protocol(self) -> Protocol:
        """The dialect of its clients."""
        ...
