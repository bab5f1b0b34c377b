"""What all exchanges of a worker share, built from one Config."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

from tidegate.accounts import Accountant
from tidegate.config import Config
from tidegate.figures.keeper import Keeper
from tidegate.observe import Recorder, RequestLog
from tidegate.protocols.contract import Protocol
from tidegate.providers import ModelRegistry
from tidegate.routing import Router
from tidegate.traces import Tracer
from tidegate.upstream import Fetcher, Pool

from .admin_access import AdminAccess
from .browser_sessions import BrowserSessions
from .identity import Keyring
from .metrics_access import MetricsAccess
from .model_lists import ModelLists
from .model_names import ModelNames
from .plain_answers import PlainAnswers
from .price_cards import PriceCards
from .prompt_sizes import PromptSizes
from .tariff import Tariff
from .watchdog import Watchdog

if TYPE_CHECKING:
    from tidegate.accounts.refusals import Refusals  # needs a database

__all__ = ["Door", "Gateway"]


@dataclass(frozen=True)
class Gateway:
    """The dependencies of an exchange. A reload builds a new one; exchanges in progress keep theirs."""

    config: Config
    registry: ModelRegistry
    router: Router
    """Survives reloads: what it knows of providers stays."""
    keyring: Keyring
    sessions: BrowserSessions
    admins: AdminAccess
    tariff: Tariff
    prompt_sizes: PromptSizes
    """Survives reloads, too."""
    accountant: Accountant | None
    """None where no accounts are kept."""
    pool: Pool
    fetcher: Fetcher
    watchdog: Watchdog
    request_log: RequestLog
    recorder: Recorder | None
    """Keeps bodies and interactions; None where nobody wants them."""
    model_lists: ModelLists
    figures: Keeper
    """Survives reloads, too."""
    model_names: ModelNames
    price_cards: PriceCards
    plain_answers: PlainAnswers
    metrics_access: MetricsAccess
    refusals: "Refusals | None" = None
    """Counts what is refused before it is accounted for; None without a store."""
    tracer: Tracer | None = None
    """None where requests are not traced."""
    on_internal_error: Callable[[str], None] = lambda _: None
    """Told the id of a request that failed because of a defect of the gateway."""
    drain: Callable[[Any], bool] = lambda _: False
    """Reads the stream of an `Exchange` on without its client, and settles it then, if it is to be; returns
    whether (see draining.py)."""
    transcript_bytes: int = 0
    """Bytes of each delivered answer that are kept until it ends (see `transcript.Transcript`)."""

    @cached_property
    def shows_cost(self) -> bool:
        """Whether answers may say what they cost."""
        return self.config.billing.show_cost and bool(self.config.store.url)

    @cached_property
    def max_body(self) -> int:
        """The maximum size of a request body, in bytes."""
        return self.config.server.max_body_mb * 1024 * 1024


class Door(Interface):
    """What an exchange needs to know about a door."""

    @property
    def name(self) -> str:
        """The name used in records."""
        ...

    @property
    def protocol(self) -> Protocol:
        """The dialect of its clients."""
        ...
