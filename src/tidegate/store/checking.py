"""The audit: everything that the database projects, recomputed from what was written once."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from tidegate.money import show_usd
from tidegate.money.ledger import EXPIRED, OUTSIDE, REVENUE, WRITE_OFF, wallet_of

from .tables import accounts, grants, holds, leases, records, transactions

__all__ = ["Extent", "check_books", "extent_of"]


class Extent(NamedTuple):
    """How much an audit has looked at."""

    transactions: int
    wallets: int
    requests: int


def extent_of(connection: Connection) -> Extent:
    """How much there is to check."""
    counted = (
        select(func.count()).select_from(transactions),
        select(func.count()).select_from(accounts).where(accounts.c.kind == "wallet"),
        select(func.count()).select_from(records),
    )
    return Extent(*(connection.execute(query).scalar() or 0 for query in counted))


def check_books(connection: Connection) -> Iterator[str]:
    """Each difference, in a sentence; nothing where the books are right."""
    yield from _odd_transactions(connection)
    yield from _wrong_balances(connection)
    yield from _wrong_holds(connection)
    yield from _wrong_credits(connection)
    yield from _wrong_costs(connection)


def _odd_transactions(connection: Connection) -> Iterator[str]:
    """Nothing in the database itself says which accounts there may be."""
    columns = transactions.c
    names = (columns.id, columns.user, columns.amount, columns.written_off, columns.counter)
    query = select(*names).where(
        columns.user.is_(None)
        | ((columns.amount == 0) & (columns.written_off == 0))
        | columns.counter.not_in((REVENUE, OUTSIDE, EXPIRED))
    )
    for name, user, amount, written_off, counter in connection.execute(query.order_by(columns.id)):
        if user is None:
            yield f"transaction {name}: it belongs to nobody"
        elif amount == written_off == 0:
            yield f"transaction {name}: it moves nothing"
        else:
            yield f"transaction {name}: there is no account {counter!r} to take it from"


def _wrong_balances(connection: Connection) -> Iterator[str]:
    booked = _booked(connection)
    query = select(accounts.c.id, accounts.c.posted, accounts.c.kind, accounts.c.overdraft)
    for name, posted, kind, overdraft in connection.execute(query.order_by(accounts.c.id)):
        if posted != (right := booked.pop(name, 0)):
            said = f"it shows {show_usd(posted)} USD, its transactions sum to {show_usd(right)} USD"
            yield f"account {name}: {said}"
        if kind == "wallet" and posted < -overdraft:
            yield f"account {name}: it is overdrawn by {show_usd(-posted)} USD, beyond its overdraft"
    for name, right in sorted(booked.items()):
        if right:
            yield f"account {name}: there is none, and its transactions sum to {show_usd(right)} USD"


def _booked(connection: Connection) -> dict[str, int]:
    """What transactions have added to each account."""
    columns = transactions.c
    both = columns.amount + columns.written_off
    wallets = select(columns.user, func.sum(columns.amount)).where(columns.user.is_not(None))
    booked = {
        wallet_of(user): int(total) for user, total in connection.execute(wallets.group_by(columns.user))
    }
    booked[WRITE_OFF] = int(connection.execute(select(func.sum(columns.written_off))).scalar() or 0)
    return booked | _by_name(connection, select(columns.counter, -func.sum(both)).group_by(columns.counter))


def _wrong_holds(connection: Connection) -> Iterator[str]:
    leased = _by_name(
        connection, select(leases.c.account, func.sum(leases.c.amount)).group_by(leases.c.account)
    )
    query = select(accounts.c.id, accounts.c.held).order_by(accounts.c.id)
    for name, held in connection.execute(query):
        if held != (right := leased.get(name, 0)):
            yield f"account {name}: {show_usd(held)} USD are held, its leases sum to {show_usd(right)} USD"
    endless = select(holds.c.request).where(
        select(records.c.id).where(records.c.id == holds.c.request).exists()
    )
    for (name,) in connection.execute(endless):
        yield f"request {name}: it has ended, and its hold is open"


def _wrong_credits(connection: Connection) -> Iterator[str]:
    left = func.sum(grants.c.remaining)
    remaining = _by_name(connection, select(grants.c.user, left).group_by(grants.c.user))
    query = select(accounts.c.user, accounts.c.posted).where(accounts.c.kind == "wallet")
    for user, posted in connection.execute(query.order_by(accounts.c.user)):
        if remaining.get(user, 0) != max(0, posted):
            found = show_usd(remaining.get(user, 0))
            yield f"account {wallet_of(user)}: it holds {show_usd(posted)} USD, its credits {found} USD"


def _wrong_costs(connection: Connection) -> Iterator[str]:
    """What requests were charged is what their records say."""
    charged = (
        select(
            transactions.c.request,
            (-func.sum(transactions.c.amount + transactions.c.written_off)).label("amount"),
            func.max(transactions.c.at).label("at"),
        )
        .where(transactions.c.kind.in_(("charge", "overrun", "write_off")))
        .group_by(transactions.c.request)
        .subquery()
    )
    # Records may be deleted after some days; the books stay.
    kept_since = select(func.min(records.c.at)).scalar_subquery()
    query = (
        select(charged.c.request, charged.c.amount, records.c.cost)
        .outerjoin(records, records.c.id == charged.c.request)
        .where((records.c.cost.is_(None)) | (records.c.cost != charged.c.amount))
        .where(records.c.id.is_not(None) | (charged.c.at >= kept_since))
    )
    for name, amount, cost in connection.execute(query):
        said = "has no known cost" if cost is None else f"cost {show_usd(cost)} USD"
        yield f"request {name}: {show_usd(amount)} USD were charged, and its record says that it {said}"


def _by_name(connection: Connection, query: Select[Any]) -> dict[str, int]:
    """The sums that a query returns by name."""
    return {name: int(total) for name, total in connection.execute(query)}
