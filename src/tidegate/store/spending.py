"""What keys, users, teams and models have spent, by day and month."""

from sqlalchemy import Connection, select

from .tables import spending

__all__ = ["spent_in"]


def spent_in(connection: Connection, subject: str, period: str) -> int:
    """What a subject has spent in a period (`2026-11-29`, `2026-11`), in nano."""
    query = select(spending.c.amount).where(spending.c.subject == subject, spending.c.period == period)
    return connection.execute(query).scalar() or 0
