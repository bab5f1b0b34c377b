"""Leases: money of a wallet that a worker may spend without asking the database again.

A worker takes a lease before it serves a wallet's request, large while there is much money, exactly what the
request needs while there is little. So a wallet is never spent twice, however many workers there are, and a
rich one costs no round trip per request.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from tidegate.money.ledger import wallet_of
from tidegate.protocols.ids import new_id

from .books import balance_of
from .tables import accounts, leases
from .wallets import expire_grants

__all__ = ["SHARE", "Lease", "consume", "release", "release_all", "take_lease"]

SHARE = 16
"""A lease is at most this part of what is available, unless the request alone needs more."""


class Lease(NamedTuple):
    """What was granted."""

    id: str
    amount: int
    """In nano; 0 where the wallet does not have enough."""
    available: int
    """What the wallet had before, in nano."""


def take_lease(
    connection: Connection, user: str, needed: int, most: int, minimum: int, journal: str, now: int
) -> Lease:
    """Lease at least `needed` and at most `most` of a wallet's money, in nano. The wallet must have `minimum`
    available as well. Credits that have expired are booked out first.
    """
    account = wallet_of(user)
    expire_grants(connection, now, user)
    available = balance_of(connection, account, lock=True).available
    if available < max(needed, minimum):
        return Lease("", 0, available)
    amount = max(needed, min(most, available // SHARE))
    lease = Lease(new_id("lease_"), amount, available)
    connection.execute(update(accounts).where(accounts.c.id == account).values(held=accounts.c.held + amount))
    row = {"id": lease.id, "account": account, "journal": journal, "amount": amount, "at": now}
    connection.execute(leases.insert(), [row])
    return lease


def consume(connection: Connection, spent: Mapping[str, int]) -> None:
    """Reduce leases, by id, by what was charged on them: it is booked now, and held no longer."""
    for name in sorted(spent):
        row = connection.execute(
            select(leases.c.account, leases.c.amount).where(leases.c.id == name).with_for_update()
        ).first()
        if row is None:
            continue
        part = min(spent[name], row.amount)
        connection.execute(update(leases).where(leases.c.id == name).values(amount=leases.c.amount - part))
        _unhold(connection, row.account, part)


def release(connection: Connection, lease: str) -> None:
    """Give back what is left of a lease."""
    row = connection.execute(select(leases.c.account, leases.c.amount).where(leases.c.id == lease)).first()
    if row is not None:
        connection.execute(delete(leases).where(leases.c.id == lease))
        _unhold(connection, row.account, row.amount)


def release_all(connection: Connection, journal: str) -> None:
    """Give back the leases of a worker that has ended."""
    for (lease,) in connection.execute(select(leases.c.id).where(leases.c.journal == journal)).all():
        release(connection, lease)


def _unhold(connection: Connection, account: str, amount: int) -> None:
    if amount:
        held = accounts.c.held - amount
        connection.execute(update(accounts).where(accounts.c.id == account).values(held=held))
