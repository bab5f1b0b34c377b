"""Leases: money of a wallet that a worker may spend without asking the database again.

A worker takes a lease before it serves a wallet's request, large while there is much money, exactly what the
request needs while there is little. So a wallet is never spent twice, however many workers there are, and a
rich one costs no round trip per request.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.json import encode
from sqlalchemy import Connection, delete, select

from tidegate.money.ledger import wallet_of
from tidegate.protocols.ids import new_id

from .books import add_to_accounts, balance_of
from .driver import execute, is_sqlite, members
from .tables import leases
from .upsert import add_up, change_rows
from .wallets import expire_grants

__all__ = ["SHARE", "Grown", "Lease", "consume", "release", "release_all", "take_lease"]

SHARE = 16
"""A lease is at most this part of what is available, unless the request alone needs more."""

LEASE = ("id", "account", "journal", "amount", "at")


class Lease(NamedTuple):
    """What was granted."""

    id: str
    amount: int
    """In nano; 0 where the wallet does not have enough."""
    available: int
    """What the wallet had before, in nano."""


class Grown(NamedTuple):
    """A lease that more is added to."""

    id: str
    left: int
    """What its worker can still use of it, in nano."""


def take_lease(
    connection: Connection,
    user: str,
    needed: int,
    most: int,
    minimum: int,
    journal: str,
    now: int,
    grown: Grown | None = None,
) -> Lease:
    """Lease at least `needed` and at most `most` of a wallet's money, in nano; `grown` is a lease that it is
    added to. The wallet must have `minimum` available as well. Credits that have expired are booked out
    first.
    """
    account = wallet_of(user)
    expire_grants(connection, now, user)
    available = balance_of(connection, account, lock=True).available
    if available < max(needed, minimum - (grown.left if grown is not None else 0)):
        return Lease("", 0, available)
    amount = max(needed, min(most, available // SHARE))
    name = grown.id if grown is not None else new_id("lease_")
    add_to_accounts(connection, held={account: amount})
    add_up(connection, leases, LEASE, [(name, account, journal, amount, now)], ("amount",))
    return Lease(name, amount, available)


def consume(connection: Connection, spent: Mapping[str, int]) -> None:
    """Reduce leases, by id, by what was charged on them: it is booked now, and held no longer."""
    if not spent:
        return
    found = execute(connection, _open(connection), [encode(list(spent)).decode()]).fetchall()
    held = Counter[str]()
    for name, account, amount in found:
        held[account] -= min(spent[name], amount)
    rows = [(name, amount - min(spent[name], amount)) for name, _, amount in found]
    change_rows(connection, leases, "amount", rows)
    add_to_accounts(connection, held=held)


def _open(connection: Connection) -> str:
    lock = "" if is_sqlite(connection) else " FOR UPDATE"
    return f"SELECT id, account, amount FROM leases WHERE id IN {members(connection)} ORDER BY id{lock}"  # noqa: S608 no values


def release(connection: Connection, lease: str) -> None:
    """Give back what is left of a lease."""
    row = connection.execute(select(leases.c.account, leases.c.amount).where(leases.c.id == lease)).first()
    if row is not None:
        connection.execute(delete(leases).where(leases.c.id == lease))
        add_to_accounts(connection, held={row.account: -row.amount})


def release_all(connection: Connection, journal: str) -> None:
    """Give back the leases of a worker that has ended."""
    for (lease,) in connection.execute(select(leases.c.id).where(leases.c.journal == journal)).all():
        release(connection, lease)
