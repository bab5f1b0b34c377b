"""The prices that operators have set: followed in the store, and changed there.

Each worker looks at the store more than twice a second, so a change is known everywhere within a second. One
with a later `from` is known before it comes into force, so that all workers apply it at the same moment.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from tidegate.money import OperatorPrices
from tidegate.money.operator_prices import operator_price, stored_images
from tidegate.money.pricing import PRICED
from tidegate.periodic import Periodic
from tidegate.protocols.ids import new_id
from tidegate.store.database import Connection
from tidegate.store.errors import StoreUnavailable
from tidegate.store.prices import add_price, cancel_price, prices_in_order, version_of_prices
from tidegate.store.store import Store

__all__ = [
    "PriceBook",
    "Removal",
    "put_price",
    "remove_prices",
]

EVERY_S = 0.4
"""Seconds between two looks at the store."""


class PriceBook:
    """Keeps a worker's prices as the store has them."""

    def __init__(self, store: Store, prices: OperatorPrices) -> None:
        self._store = store
        self._prices = prices
        self._version = -1
        self._following = Periodic(
            "prices",
            EVERY_S,
            self._refresh,
            problem="the prices in the store cannot be read, and are used as they were known",
            expected=StoreUnavailable,
        )

    async def open(self) -> None:
        """Read all prices, and begin to follow changes. Raises StoreUnavailable."""
        await self._refresh()
        self._following.start()

    async def close(self) -> None:
        """Stop following."""
        await self._following.close()

    async def _refresh(self) -> None:
        version = await self._store.ask(version_of_prices)
        if version != self._version:
            rows = await self._store.ask(prices_in_order)
            self._prices.replace(operator_price(row) for row in rows)
            self._version = version


def put_price(
    connection: Connection,
    provider: str,
    model: str,
    now: int,
    *,
    starts_at: int | None = None,
    rates: Mapping[str, Decimal] | None,
    images: Sequence[Any] = (),
    note: str = "",
) -> dict[str, Any]:
    """Set the prices of a model from a moment on: `rates` by class (None ends what was set before), and
    `images` (`catalog.ImagePrice`). Times are in milliseconds since 1970. Returns the row. Raises ValueError
    where the moment is past: what has been billed stays as it was.
    """
    if starts_at is not None and starts_at < now:
        raise ValueError("the time is past, and prices of the past do not change")
    assert rates is None or rates.keys() <= PRICED, "the caller knows the classes"
    return add_price(
        connection,
        {
            "id": new_id("price_"), "provider": provider, "model": model, "created_at": now, "note": note,
            "starts_at": now if starts_at is None else starts_at, "images": stored_images(images),
            "rates": None if rates is None else {name: f"{price:f}" for name, price in rates.items()},
        },
    )  # fmt: skip


class Removal(NamedTuple):
    """What a removal did."""

    cancelled: list[str]
    """The ids of changes that were not in force yet, and now never will be."""
    ended: bool
    """Whether prices were in force, which end now."""


def remove_prices(
    connection: Connection, provider: str, model: str, now: int, only: str | None = None
) -> Removal:
    """Cancel what was set for later and end what is in force; or cancel only one change that is not in force
    yet.
    """
    place = (provider, model)
    rows = [row for row in prices_in_order(connection) if (row["provider"], row["model"]) == place]
    waiting = [row["id"] for row in rows if row["starts_at"] > now and only in (None, row["id"])]
    for one in waiting:
        cancel_price(connection, one, now)
    in_force = OperatorPrices(map(operator_price, rows)).in_force(provider, model, now)
    ended = only is None and in_force is not None and not in_force.default
    if ended:
        put_price(connection, provider, model, now, rates=None)
    return Removal(waiting, ended)
