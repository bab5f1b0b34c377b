"""Wallets that have little left: each is reported once when it falls below its threshold, and may be again
once it has risen well above.

Only wallets that have changed since the last look are looked at; all of them are by whoever begins to look,
and when the general threshold has changed.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Numeric, cast, func, select, update

from .tables import accounts, users
from .upsert import among

__all__ = ["TOGETHER", "Crossing", "count_touched", "note_all", "note_crossings"]

TOGETHER = 500
"""Wallets that are looked at in one transaction."""

TOUCHED = accounts.c.touched.is_not(None)


class Crossing(NamedTuple):
    """A wallet that has crossed its threshold."""

    kind: Literal["fell", "rose"]
    user: str
    balance: int
    """In nano, as `threshold` is."""
    threshold: int


def count_touched(connection: Connection) -> int:
    """How many wallets there are to look at."""
    return int(connection.execute(select(func.count()).where(TOUCHED)).scalar() or 0)


def note_crossings(connection: Connection, default: int, now: int) -> list[Crossing]:
    """The wallets that have fallen below their threshold, and those that have risen to 1.2 times as much
    since, of the next that have changed: each is returned to one caller, however many ask at the same time.
    `default` is the threshold in nano of users whose settings have none; 0 is none. `now` is in milliseconds.
    """
    touched = select(accounts.c.id).where(TOUCHED).order_by(accounts.c.id).limit(TOGETHER)
    # Locked in the order in which all lock them; whoever changes one of them waits, and touches it again.
    names = connection.execute(touched.with_for_update()).scalars().all()
    if not names:
        return []
    these = among(connection, accounts.c.id, names)
    connection.execute(update(accounts).where(these).values(touched=None))
    return _note_among(connection, these, default, now)


def note_all(connection: Connection, default: int, now: int) -> list[Crossing]:
    """The same of all wallets, changed or not: of those that have crossed their thresholds, `TOGETHER` at
    most.
    """
    return _note_among(connection, accounts.c.kind == "wallet", default, now)


def _note_among(connection: Connection, these: ColumnElement[bool], default: int, now: int) -> list[Crossing]:
    own = users.c.settings["low_balance"].as_numeric(20, 0, asdecimal=False)
    threshold = func.coalesce(own, default)
    low = accounts.c.low_since.is_(None) & (threshold > 0) & (accounts.c.posted < threshold)
    balance = cast(accounts.c.posted, Numeric(20, 0))
    high = accounts.c.low_since.is_not(None) & (balance * 5 >= threshold * 6)
    fell = list(_note(connection, "fell", these & low, threshold, now))
    return [*fell, *_note(connection, "rose", these & high, threshold, None)]


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
        .where(which)
        .order_by(accounts.c.id)
        .limit(TOGETHER)
    )
    for row in connection.execute(query).all():
        before = accounts.c.low_since.is_(None) if kind == "fell" else accounts.c.low_since.is_not(None)
        change = update(accounts).where(accounts.c.id == row.id, before).values(low_since=since)
        if connection.execute(change).rowcount:  # nobody else was faster
            yield Crossing(kind, row.user, row.posted, int(row.threshold))
