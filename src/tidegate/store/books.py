"""Transactions written into the database, and balances read from it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, select, update

from tidegate.money.ledger import Transaction, kind_of_account, owner_of

from .tables import accounts, entries, transactions
from .upsert import insert, insert_new

__all__ = ["Balance", "Booking", "balance_of", "book", "lock_accounts", "open_accounts"]


class Booking(NamedTuple):
    """A transaction, and when it happened, in milliseconds."""

    transaction: Transaction
    at: int

    @property
    def id(self) -> str:
        """What identifies it: the same movement always has the same id, so that it is booked once."""
        one = self.transaction
        if one.request is not None:
            return f"{one.request}.{one.attempt}.{one.kind}"
        assert one.reference is not None, "a transaction belongs to a request, or has a reference"
        return "txn_" + hashlib.sha256(f"{one.user}\n{one.reference}".encode()).hexdigest()[:32]


class Balance(Struct, frozen=True):
    """The state of an account, in nano."""

    posted: int = 0
    """What is booked."""
    held: int = 0
    """What is promised to open requests."""
    overdraft: int = 0

    @property
    def available(self) -> int:
        """What new requests can use."""
        return self.posted - self.held


def book(connection: Connection, bookings: Sequence[Booking]) -> list[Booking]:
    """Write transactions that are not in the books yet, and update the balances. Returns those written."""
    unique = {booking.id: booking for booking in bookings}
    known = connection.execute(select(transactions.c.id).where(transactions.c.id.in_(unique)))
    for (found,) in known:
        del unique[found]
    if not unique:
        return []
    rows, lines, sums = [], [], Counter[str]()
    for name, (one, at) in unique.items():
        assert not sum(entry.amount for entry in one.entries), "the entries of a transaction sum to zero"
        rows.append(
            {
                "id": name, "kind": one.kind, "user": one.user, "request": one.request,
                "attempt": one.attempt, "reference": _reference(one), "note": one.note, "at": at,
            }
        )  # fmt: skip
        for entry in one.entries:
            lines.append({"transaction": name, "account": entry.account, "amount": entry.amount})
            sums[entry.account] += entry.amount
    open_accounts(connection, sums)
    insert(connection, transactions, rows)
    insert(connection, entries, lines)
    for account in sorted(sums):  # in one order everywhere: no two writers wait for each other
        posted = accounts.c.posted + sums[account]
        connection.execute(update(accounts).where(accounts.c.id == account).values(posted=posted))
    return list(unique.values())


def _reference(one: Transaction) -> str | None:
    return None if one.reference is None else f"{one.user}\n{one.reference}"


def open_accounts(connection: Connection, names: Iterable[str], overdraft: int = 0) -> None:
    """Open the accounts that do not exist yet."""
    rows = [
        {"id": name, "kind": kind_of_account(name), "user": owner_of(name), "overdraft": overdraft,
         "posted": 0, "held": 0}
        for name in names
    ]  # fmt: skip
    insert_new(connection, accounts, rows)


def balance_of(connection: Connection, account: str, *, lock: bool = False) -> Balance:
    """The balance of an account; with `lock`, nobody else changes it until the transaction ends."""
    query = select(accounts.c.posted, accounts.c.held, accounts.c.overdraft).where(accounts.c.id == account)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return Balance(*row) if row is not None else Balance()


def lock_accounts(connection: Connection, names: Iterable[str]) -> None:
    """Let nobody else change these accounts until the transaction ends. Whoever changes several things locks
    all the accounts first, so that no two writers wait for each other. SQLite has one writer anyway.
    """
    wanted = list(names)
    if wanted and connection.dialect.name != "sqlite":
        query = select(accounts.c.id).where(accounts.c.id.in_(wanted)).order_by(accounts.c.id)
        connection.execute(query.with_for_update())
