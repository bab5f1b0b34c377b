"""Wallets that have little left: each is reported once when it falls below its threshold, and may be again
once it has risen well above.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Numeric, cast, func, select, update

from .tables import accounts, users

__all__ = ["Crossing", "note_crossings"]

TOGETHER = 500
"""Wallets that are noted in one transaction."""


class Crossing(NamedTuple):
    """A wallet that has crossed its threshold."""

    kind: Literal["fell", "rose"]
    user: str
    balance: int
    """In nano, as `threshold` is."""
    threshold: int


def note_crossings(connection: Connection, default: int, now: int) -> list[Crossing]:
    """The wallets that have fallen below their threshold, and those that have risen to 1.2 times as much
    since: each is returned to one caller, however many ask at the same time. `default` is the threshold in
    nano of users whose settings have none; 0 is none. `now` is in milliseconds.
    """
    own = users.c.settings["low_balance"].as_numeric(20, 0, asdecimal=False)
    threshold = func.coalesce(own, default)
    low = accounts.c.low_since.is_(None) & (threshold > 0) & (accounts.c.posted < threshold)
    balance = cast(accounts.c.posted, Numeric(20, 0))
    high = accounts.c.low_since.is_not(None) & (balance * 5 >= threshold * 6)
    return [
        *_note(connection, "fell", low, threshold, now),
        *_note(connection, "rose", high, threshold, None),
    ]


def _note(
    connection: Connection,
    kind: Literal["fell", "rose"],
    which: ColumnElement[bool],
    threshold: Any,
    since: int | None,
) -> Iterator[Crossing]:
    query = (
        select(accounts.c.id, accounts.c.user, accounts.c.posted, threshold.label("threshold"))
        .outerjoin(users, users.c.id == accounts.c.user)
        .where(accounts.c.kind == "wallet", which)
        .order_by(accounts.c.id)
        .limit(TOGETHER)
    )
    for row in connection.execute(query).all():
        before = accounts.c.low_since.is_(None) if kind == "fell" else accounts.c.low_since.is_not(None)
        change = update(accounts).where(accounts.c.id == row.id, before).values(low_since=since)
        if connection.execute(change).rowcount:  # nobody else was faster
            yield Crossing(kind, row.user, row.posted, int(row.threshold))
