"""What a wallet's owner may see: every movement of its money, and the credits that are left."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, select

from .tables import grants, transactions

__all__ = ["Credit", "Movement", "credits_of", "movements_of", "statement_of", "sum_of"]


class Movement(Struct, frozen=True):
    """A transaction, as one wallet sees it."""

    id: str
    kind: str
    at: int
    """In milliseconds since 1970."""
    amount: int
    """What it adds to the wallet, in nano."""
    balance: int
    """What the wallet has after it, in nano."""
    request: str | None
    reference: str | None
    note: str
    expires_at: int | None = None
    """When what is left of a credit expires, in milliseconds since 1970; None: never, or no credit."""


class Credit(Struct, frozen=True):
    """A credit of which something is left."""

    id: str
    amount: int
    """What was paid in, in nano."""
    remaining: int
    priority: int
    expires_at: int | None
    """In milliseconds since 1970; None: never."""
    at: int


def statement_of(
    connection: Connection, user: str, since: int | None = None, until: int | None = None
) -> Iterator[Movement]:
    """The movements of a user's wallet in the order in which they happened, from `since` to before `until`,
    in milliseconds.
    """
    query = movements_of(user).order_by(transactions.c.at, transactions.c.id)
    balance = 0
    if since is not None:
        balance = sum_of(connection, user, transactions.c.at < since)
        query = query.where(transactions.c.at >= since)
    if until is not None:
        query = query.where(transactions.c.at < until)
    for row in connection.execute(query):
        balance += row.amount
        reference = row.reference.partition("\n")[2] if row.reference is not None else None
        yield Movement(
            row.id, row.kind, row.at, row.amount, balance, row.request, reference, row.note, row.expires_at
        )


def movements_of(user: str) -> Select[Any]:
    """The query for the transactions that a user's wallet sees, with the expiry of credits."""
    return (
        select(transactions, grants.c.expires_at)
        .outerjoin(grants, grants.c.id == transactions.c.id)
        .where(transactions.c.user == user, transactions.c.amount != 0)
    )


def sum_of(connection: Connection, user: str, condition: ColumnElement[bool]) -> int:
    """What the transactions of a user's wallet that meet a condition add to it, in nano."""
    query = select(func.sum(transactions.c.amount)).where(transactions.c.user == user, condition)
    return int(connection.execute(query).scalar() or 0)


def credits_of(connection: Connection, user: str) -> Sequence[Credit]:
    """The credits of which something is left, in the order in which they are spent."""
    columns = [getattr(grants.c, name) for name in Credit.__struct_fields__]
    query = select(*columns).where(grants.c.user == user, grants.c.remaining > 0)
    query = query.order_by(
        grants.c.priority, grants.c.expires_at.is_(None), grants.c.expires_at, grants.c.at, grants.c.id
    )
    return [Credit(*row) for row in connection.execute(query)]
