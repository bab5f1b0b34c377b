"""The store of a worker, and what works with it for as long as the worker runs."""

from collections.abc import Awaitable, Callable
from functools import partial

from tidegate.accounts import Counters
from tidegate.accounts.accountant import Accountant
from tidegate.accounts.model_limits import ModelLimits
from tidegate.accounts.opening import low_balance_of, make_accountant, make_store, minimum_of
from tidegate.accounts.price_book import PriceBook
from tidegate.accounts.provider_keys import StoredProviderKeys, with_stored_keys
from tidegate.accounts.refusals import Refusals
from tidegate.accounts.retention import Retention
from tidegate.accounts.upkeep import Upkeep, describe
from tidegate.alerts import Alerts
from tidegate.bus import Bus
from tidegate.config import Config, Logs
from tidegate.money import OperatorPrices
from tidegate.observe import Keep
from tidegate.store.bodies import keep_bodies
from tidegate.store.low_balances import Crossing
from tidegate.store.stored_history import StoredHistory

__all__ = ["Bookkeeping"]


class Bookkeeping:
    """One for all Configs of a worker: `configure` adapts it to each."""

    def __init__(
        self,
        config: Config,
        counters: Counters,
        bus: Bus,
        alerts: Alerts,
        prices: OperatorPrices,
        logs: Callable[[], Logs],
    ) -> None:
        """`prices` are kept as the store has them. `logs` gives the present settings of records."""
        self._alerts = alerts
        self.store = make_store(config)
        self.history = StoredHistory(self.store)
        self.accountant: Accountant = make_accountant(self.store, counters, config)
        """What it holds for open requests outlives reloads."""
        self._upkeep = Upkeep(self.store, bus, self._report)
        self._retention = Retention(self.store, bus, logs)
        self.refusals = Refusals(self.store)
        self._provider_keys = StoredProviderKeys(self.store)
        self._price_book = PriceBook(self.store, prices)

    async def open(self, reload: Callable[[], Awaitable[None]]) -> None:
        """Open the store, and begin what is done by itself. `reload` is called when keys of providers have
        changed. Raises ValueError, JournalFailed, StoreUnavailable, SchemaTooNew.
        """
        await self.store.open()
        await self._price_book.open()
        self._upkeep.start()
        self._retention.start()
        self.refusals.start()
        self._provider_keys.follow(reload)

    async def with_keys(self, config: Config) -> Config:
        """The configuration with the keys of providers that the store has. Raises StoreUnavailable."""
        return with_stored_keys(config, await self._provider_keys.read(config))

    def configure(self, config: Config) -> None:
        """Work by this configuration from now on."""
        self._upkeep.threshold = low_balance_of(config)
        refuse = config.store.on_failure == "refuse"
        self.accountant.configure(minimum_of(config), models=ModelLimits(config), refuse=refuse)

    @property
    def keep_bodies(self) -> Keep:
        """What stores the bodies of requests."""
        return partial(keep_bodies, self.store)

    async def stop(self) -> None:
        """Stop what is done by itself. Requests under way are still accounted for."""
        await self._provider_keys.close()
        await self._upkeep.close()
        await self._retention.close()
        await self._price_book.close()

    async def close(self) -> None:
        """Close the store, after what was journaled has been moved into it."""
        await self.refusals.close()
        self.accountant.close()
        await self.store.close()

    def _report(self, crossing: Crossing) -> None:
        self._alerts.on_low_balance(crossing.user, describe(crossing), ended=crossing.kind == "rose")
