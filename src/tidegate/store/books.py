"""Transactions written into the database, and balances read from it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, select

from tidegate.money.ledger import REVENUE, Transaction, kind_of_account, owner_of, wallet_of

from .alike import added_by
from .columns import write
from .driver import is_sqlite
from .tables import accounts, transactions
from .upsert import add_up, insert, insert_new, known

__all__ = [
    "Balance", "Booking", "Charged", "add_to_accounts", "balance_of", "book", "book_charges",
    "lock_accounts", "of_request", "open_accounts",
]  # fmt: skip

TRANSACTION = (
    "id", "kind", "user", "request", "attempt", "reference", "note", "at", "amount", "written_off", "counter",
)  # fmt: skip
ACCOUNT = ("id", "kind", "user", "overdraft", "posted", "held")
TOUCHED = (*ACCOUNT, "touched")

NOTHING: Mapping[str, int] = MappingProxyType({})


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


def of_request(connection: Connection, request: str) -> ColumnElement[bool]:
    """Whether a transaction belongs to a request. SQLite, which compares text by its bytes, finds it by the
    beginning of its id; PostgreSQL has an index.
    """
    belongs, name = transactions.c.request == request, transactions.c.id
    return and_(belongs, name.between(f"{request}.", f"{request}/")) if is_sqlite(connection) else belongs


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


class Charged(NamedTuple):
    """What requests have cost within their holds, by columns: all but a few bookings."""

    requests: Sequence[str]
    attempts: Sequence[int]
    users: Sequence[str]
    costs: Sequence[int]
    ats: Sequence[int]


def book_charges(connection: Connection, charged: Charged) -> dict[str, int]:
    """Write what `ledger.charges` says of such costs, as `book` does, in a tenth of its time. Returns what
    each user has spent by those that were not in the books yet.
    """
    ids = [f"{name}.{number}.charge" for name, number in zip(charged.requests, charged.attempts, strict=True)]
    booked = set(known(connection, transactions.c.id, frozenset(ids)))
    if booked:
        new = [one for one in zip(ids, *charged, strict=True) if one[0] not in booked]
        if not new:
            return {}
        ids, *left = map(list, zip(*new, strict=True))
        charged = Charged(*left)
    requests, attempts, users, amounts, ats = charged
    spent = added_by(users, amounts)
    posted = {wallet_of(user): -amount for user, amount in spent.items()}
    add_to_accounts(connection, posted={REVENUE: sum(amounts), **posted})
    number = len(ids)
    columns = (
        ids, ["charge"] * number, users, requests, attempts, [None] * number, [""] * number, ats,
        [-one for one in amounts], [0] * number, [REVENUE] * number,
    )  # fmt: skip
    write(connection, transactions, dict(zip(TRANSACTION, columns, strict=True)))
    return spent


def book(connection: Connection, bookings: Sequence[Booking]) -> list[Booking]:
    """Write transactions that are not in the books yet, and update the balances. Returns those written."""
    unique = {booking.id: booking for booking in bookings}
    for found in known(connection, transactions.c.id, unique):
        del unique[found]
    if not unique:
        return []
    sums = defaultdict[str, int](int)
    for one, _ in unique.values():
        for entry in one.entries:
            sums[entry.account] += entry.amount
    add_to_accounts(connection, posted=sums)
    rows = [
        (
            name, one.kind, one.user, one.request, one.attempt, _reference(one), one.note, at, one.amount,
            one.written_off, one.counter,
        )
        for name, (one, at) in unique.items()
    ]  # fmt: skip
    insert(connection, transactions, TRANSACTION, rows)
    return list(unique.values())


def _reference(one: Transaction) -> str | None:
    return None if one.reference is None else f"{one.user}\n{one.reference}"


def open_accounts(connection: Connection, names: Iterable[str], overdraft: int = 0) -> None:
    """Open the accounts that do not exist yet."""
    rows = [(name, kind_of_account(name), owner_of(name), overdraft, 0, 0) for name in names]
    insert_new(connection, accounts, ACCOUNT, rows)


def add_to_accounts(
    connection: Connection, *, posted: Mapping[str, int] = NOTHING, held: Mapping[str, int] = NOTHING
) -> None:
    """Add to what is posted to accounts, and to what is held on them. Those that do not exist are opened."""
    rows = []
    for name in sorted({*posted, *held}):  # in one order everywhere: no two writers wait for each other
        kind = kind_of_account(name)
        touched = 1 if kind == "wallet" and name in posted else None
        rows.append((name, kind, owner_of(name), 0, posted.get(name, 0), held.get(name, 0), touched))
    add_up(connection, accounts, TOUCHED, rows, ("posted", "held"), marked=("touched",))


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
