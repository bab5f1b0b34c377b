"""What keys, users, teams and models have spent, by day and month."""

from sqlalchemy import Connection, literal, select

from .tables import spending

__all__ = ["carry_over", "spent_in"]


def spent_in(connection: Connection, subject: str, period: str) -> int:
    """What a subject has spent in a period (`2026-11-29`, `2026-11`), in nano."""
    query = select(spending.c.amount).where(spending.c.subject == subject, spending.c.period == period)
    return connection.execute(query).scalar() or 0


def carry_over(connection: Connection, old: str, new: str) -> None:
    """Count what a subject has spent for another one, which has spent nothing yet."""
    columns = [spending.c.period, spending.c.amount, spending.c.requests, spending.c.tokens]
    spent = select(literal(new).label("subject"), *columns).where(spending.c.subject == old)
    connection.execute(
        spending.insert().from_select(["subject", "period", "amount", "requests", "tokens"], spent)
    )
