"""Records of requests, found again by their id."""

from sqlalchemy import Connection, select

from .tables import records

__all__ = ["find_records"]

MOST = 100
"""The most records that one beginning may find."""


def find_records(connection: Connection, beginning: str) -> dict[str, bytes]:
    """Ids → records as JSON: the one with this id, else those whose id begins so."""
    wanted = select(records.c.id, records.c.detail)
    found = connection.execute(wanted.where(records.c.id == beginning)).all()
    if not found:
        begins = records.c.id.startswith(beginning, autoescape=True)
        found = connection.execute(wanted.where(begins).order_by(records.c.id).limit(MOST)).all()
    return {record: detail.encode() for record, detail in found}
