"""Browsers that have signed in to the dashboard."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from .tables import sign_ins

__all__ = ["MOST_OF_ONE", "add_sign_in", "find_sign_in", "remove_sign_in"]

MOST_OF_ONE = 50
"""Sign-ins with one key, or of one user; an older one ends when there are more."""


def add_sign_in(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add one, and remove those that have expired by then, and the oldest of too many with the same key."""
    connection.execute(delete(sign_ins).where(sign_ins.c.expires_at <= row["at"]))
    same = select(sign_ins.c.id).where(sign_ins.c.who == row["who"])
    old = same.order_by(sign_ins.c.at.desc(), sign_ins.c.id).offset(MOST_OF_ONE - 1)
    ids = connection.execute(old).scalars().all()
    connection.execute(delete(sign_ins).where(sign_ins.c.id.in_(ids)))
    connection.execute(sign_ins.insert().values(**row))


def find_sign_in(connection: Connection, sign_in: str, now: int) -> Mapping[str, Any] | None:
    """One by its id; None if there is none, or it has expired. `now` is in milliseconds since 1970."""
    query = select(sign_ins).where(sign_ins.c.id == sign_in, sign_ins.c.expires_at > now)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def remove_sign_in(connection: Connection, sign_in: str) -> None:
    """End one."""
    connection.execute(delete(sign_ins).where(sign_ins.c.id == sign_in))
