"""The audit: everything that the database projects, recomputed from what was written once."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from tidegate.money import show_usd
from tidegate.money.ledger import wallet_of

from .tables import accounts, entries, grants, holds, leases, records, transactions

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
    yield from _unbalanced(connection)
    yield from _stray_entries(connection)
    yield from _wrong_balances(connection)
    yield from _wrong_holds(connection)
    yield from _wrong_credits(connection)
    yield from _wrong_costs(connection)


def _unbalanced(connection: Connection) -> Iterator[str]:
    total = func.sum(entries.c.amount)
    query = select(entries.c.transaction, total).group_by(entries.c.transaction).having(total != 0)
    for name, amount in connection.execute(query):
        yield f"transaction {name}: its entries sum to {show_usd(amount)} USD, not to zero"
    empty = select(transactions.c.id).where(
        ~select(entries.c.transaction).where(entries.c.transaction == transactions.c.id).exists()
    )
    for (name,) in connection.execute(empty):
        yield f"transaction {name}: it has no entries"


def _stray_entries(connection: Connection) -> Iterator[str]:
    """Nothing in the database itself refers from an entry to its transaction and its account."""
    of_user = func.coalesce(wallet_of("") + transactions.c.user, "")
    query = (
        select(entries.c.transaction, entries.c.account, transactions.c.id, accounts.c.id)
        .outerjoin(transactions, transactions.c.id == entries.c.transaction)
        .outerjoin(accounts, accounts.c.id == entries.c.account)
        .where(
            transactions.c.id.is_(None)
            | accounts.c.id.is_(None)
            | ((accounts.c.kind == "wallet") & (entries.c.account != of_user))
        )
        .order_by(entries.c.transaction, entries.c.account)
    )
    for name, account, transaction, opened in connection.execute(query):
        if transaction is None:
            yield f"transaction {name}: there is none, and it has an entry for account {account}"
        elif opened is None:
            yield f"account {account}: there is none, and transaction {name} has an entry for it"
        else:
            yield f"transaction {name}: it has an entry for account {account}, which is that of another user"


def _wrong_balances(connection: Connection) -> Iterator[str]:
    booked = _by_name(
        connection, select(entries.c.account, func.sum(entries.c.amount)).group_by(entries.c.account)
    )
    query = select(accounts.c.id, accounts.c.posted, accounts.c.kind, accounts.c.overdraft)
    for name, posted, kind, overdraft in connection.execute(query.order_by(accounts.c.id)):
        if posted != (right := booked.get(name, 0)):
            yield f"account {name}: it shows {show_usd(posted)} USD, its entries sum to {show_usd(right)} USD"
        if kind == "wallet" and posted < -overdraft:
            yield f"account {name}: it is overdrawn by {show_usd(-posted)} USD, beyond its overdraft"


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
            func.sum(entries.c.amount).label("amount"),
            func.max(transactions.c.at).label("at"),
        )
        .join(entries, entries.c.transaction == transactions.c.id)
        .where(entries.c.account == "revenue", transactions.c.kind.in_(("charge", "overrun", "write_off")))
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
