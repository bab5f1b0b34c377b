"""What was booked, page by page, the latest first."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, and_, or_, select

from tidegate.money.ledger import wallet_of

from .books import of_request
from .statements import Movement, movements_of, sum_of
from .tables import accounts, transactions

__all__ = ["Booked", "Position", "booked_amount", "list_booked", "list_movements"]


class Position(NamedTuple):
    """A place in the order of transactions: when one happened, and its id."""

    at: int
    id: str


class Booked(Struct, frozen=True):
    """A transaction, as an operator sees it."""

    id: str
    kind: str
    at: int
    """In milliseconds since 1970."""
    user: str | None
    amount: int
    """What it adds to the user's wallet, in nano; where it adds nothing, what it writes off."""
    request: str | None
    reference: str | None
    note: str


def list_movements(
    connection: Connection,
    user: str,
    *,
    before: Position | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 100,
) -> Sequence[Movement]:
    """The movements of a user's wallet, the latest first, each with the balance after it: those before a
    position, from `since` to before `until`, in milliseconds.
    """
    account = wallet_of(user)
    query = movements_of(user)
    later = []
    if before is not None:
        query = query.where(_is_before(before))
        later.append(~_is_before(before))
    if until is not None:
        query = query.where(transactions.c.at < until)
        later.append(transactions.c.at >= until)
    if since is not None:
        query = query.where(transactions.c.at >= since)
    balance = connection.execute(select(accounts.c.posted).where(accounts.c.id == account)).scalar() or 0
    if later:
        balance -= sum_of(connection, user, or_(*later))
    found = []
    order = (transactions.c.at.desc(), transactions.c.id.desc())
    for row in connection.execute(query.order_by(*order).limit(limit)):
        reference = _reference(row.reference)
        about = (row.request, reference, row.note, row.expires_at)
        found.append(Movement(row.id, row.kind, row.at, row.amount, balance, *about))
        balance -= row.amount
    return found


def list_booked(
    connection: Connection,
    *,
    filters: Mapping[str, str],
    before: Position | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 100,
) -> Sequence[Booked]:
    """Transactions, the latest first. `filters` are values of the columns `user`, `kind`, `request` and
    `reference`.
    """
    query = select(transactions).order_by(transactions.c.at.desc(), transactions.c.id.desc()).limit(limit)
    for name, value in filters.items():
        chosen = of_request(connection, value) if name == "request" else transactions.c[name] == value
        query = query.where(chosen)
    if before is not None:
        query = query.where(_is_before(before))
    if since is not None:
        query = query.where(transactions.c.at >= since)
    if until is not None:
        query = query.where(transactions.c.at < until)
    return [
        Booked(
            row.id, row.kind, row.at, row.user, row.amount or row.written_off, row.request,
            _reference(row.reference), row.note,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def booked_amount(connection: Connection, user: str, reference: str) -> int | None:
    """What the transaction with a caller's reference added to the wallet, in nano; None if there is none."""
    query = select(transactions.c.amount).where(transactions.c.reference == f"{user}\n{reference}")
    return connection.execute(query).scalar()


def _is_before(position: Position) -> Any:
    at, name = transactions.c.at, transactions.c.id
    return or_(at < position.at, and_(at == position.at, name < position.id))


def _reference(stored: str | None) -> str | None:
    """The caller's own reference, which is stored behind its user."""
    return stored.partition("\n")[2] if stored is not None else None
