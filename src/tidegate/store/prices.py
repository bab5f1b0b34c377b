"""Prices that operators have set, in the store. A row is written once; all that can change is whether a
price that is not in force yet ever will be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from .tables import prices

__all__ = ["add_price", "cancel_price", "list_prices", "prices_in_order", "version_of_prices"]

Row = dict[str, Any]
"""A row by its columns."""

LOCK = 0x7469_7072
"""PostgreSQL's advisory lock for changes of prices."""


def version_of_prices(connection: Connection) -> int:
    """A number that grows with every change."""
    return connection.execute(select(func.max(prices.c.version))).scalar() or 0


def _next_version(connection: Connection) -> int:
    """The next version. Changes happen one after another, so that none is overlooked."""
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    return version_of_prices(connection) + 1


def prices_in_order(connection: Connection) -> Sequence[Row]:
    """All prices that were not cancelled, in the order in which they were set."""
    query = select(prices).where(prices.c.cancelled_at.is_(None)).order_by(prices.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def list_prices(
    connection: Connection,
    *,
    provider: str | None = None,
    model: str | None = None,
    before: int | None = None,
    limit: int = 1000,
) -> Sequence[Row]:
    """Prices, the one that was set last first, beginning before the one with this number."""
    query = select(prices).order_by(prices.c.number.desc()).limit(limit)
    for column, wanted in ((prices.c.provider, provider), (prices.c.model, model)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(prices.c.number < before)
    return [dict(row) for row in connection.execute(query).mappings()]


def add_price(connection: Connection, row: Mapping[str, Any]) -> Row:
    """Set a price. Returns it as it is stored."""
    version = _next_version(connection)
    number = (connection.execute(select(func.max(prices.c.number))).scalar() or 0) + 1
    stored = {**row, "number": number, "version": version, "cancelled_at": None}
    connection.execute(prices.insert().values(stored))
    return stored


def cancel_price(connection: Connection, price: str, now: int) -> bool:
    """Cancel a price that is not in force yet. Returns False where there is none with this id."""
    waits = (prices.c.id == price) & (prices.c.starts_at > now) & prices.c.cancelled_at.is_(None)
    version = _next_version(connection)
    result = connection.execute(update(prices).where(waits).values(cancelled_at=now, version=version))
    return bool(result.rowcount)
