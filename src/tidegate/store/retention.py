"""What is deleted after some days: bodies, and records if that is configured. In small batches, so that
whatever else is written waits a moment at the most.
"""

from typing import Any

from sqlalchemy import Connection, Table, delete, select

from .tables import bodies, records, refusals, sessions

__all__ = ["BATCH", "delete_old_bodies", "delete_old_records", "delete_old_refusals"]

BATCH = 200
"""Rows of a transaction."""


def delete_old_bodies(connection: Connection, before: int) -> int:
    """Delete some bodies that were written before a moment, in milliseconds since 1970. Returns how many:
    fewer than BATCH if none are left.
    """
    return _delete(connection, bodies, "at", before)


def delete_old_records(connection: Connection, before: int) -> int:
    """Delete some records of requests that began before a moment; without any left, some sessions that ended
    before it. Returns how many.
    """
    deleted = _delete(connection, records, "at", before)
    return deleted or _delete(connection, sessions, "last", before)


def delete_old_refusals(connection: Connection, before: int) -> int:
    """Delete some counts of refused requests from before a moment. Returns how many."""
    return _delete(connection, refusals, "at", before)


def _delete(connection: Connection, table: Table, column: str, before: int) -> int:
    at, keys = table.c[column], list(table.primary_key.columns)
    if len(keys) == 1:
        old: Any = select(keys[0]).where(at < before).order_by(at).limit(BATCH)
        if connection.dialect.name == "postgresql":
            old = old.with_for_update(skip_locked=True)
        return connection.execute(delete(table).where(keys[0].in_(old))).rowcount
    # Rows with several keys go by time: as many as have the times of the oldest ones.
    times = connection.execute(select(at).where(at < before).order_by(at).limit(BATCH)).scalars().all()
    if not times:
        return 0
    return connection.execute(delete(table).where(at <= times[-1], at < before)).rowcount
