"""Requests that were refused before they were accounted for: how many, why, and whose."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import Connection, func, or_, select

from .tables import refusals
from .upsert import add_up

__all__ = ["GROUPED", "SPAN_MS", "Counted", "Reason", "Refused", "add_refusals", "list_refusals"]

SPAN_MS = 5 * 60_000
"""How long refusals are counted together, in milliseconds."""
GROUPED = ("door", "status", "code", "user", "key", "presented")


class Reason(NamedTuple):
    """What refusals are counted by. Texts are empty where nothing is known."""

    at: int
    """When the five minutes begin, in milliseconds since 1970."""
    door: str
    status: int
    code: str
    user: str
    key: str
    """The id of the key that was sent, or the name of a configured one."""
    presented: str
    """The beginning of a key that nobody has."""


class Counted(Struct):
    """How many refusals there were for a reason, and what is known of the last one."""

    requests: int
    last: int
    """When it was, in milliseconds since 1970."""
    request: str
    """Its id."""
    model: str
    address: str
    """Where it came from."""
    message: str
    """What it was told."""


LATEST = Counted.__struct_fields__[1:]


class Refused(NamedTuple):
    """Refusals for one reason, of one caller. What is not counted is that of the last one."""

    door: str
    status: int
    code: str
    user: str
    key: str
    presented: str
    requests: int
    last: int
    request: str
    model: str
    address: str
    message: str


def add_refusals(connection: Connection, counted: Mapping[Reason, Counted]) -> None:
    """Add refusals to those that were counted for the same reasons."""
    rows = [(*reason, *astuple(one)) for reason, one in sorted(counted.items(), key=lambda item: item[0])]
    columns = (*Reason._fields, *Counted.__struct_fields__)
    add_up(connection, refusals, columns, rows, ("requests",), LATEST)


def list_refusals(
    connection: Connection,
    *,
    since: int,
    until: int,
    filters: Mapping[str, str | int],
    text: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Sequence[Refused]:
    """Refusals from `since` to before `until` (milliseconds since 1970, by the five minutes that they were
    in), the most frequent first. `filters` are values of the columns GROUPED; `text`
    is the beginning of a request's id, or a part of a code or message.
    """
    columns = refusals.c
    by = [columns[name] for name in GROUPED]
    spans = select(
        *by,
        func.sum(columns.requests).over(partition_by=by).label("requests"),
        *(columns[name] for name in LATEST),
        func.row_number().over(partition_by=by, order_by=columns.at.desc()).label("place"),
    ).where(columns.at >= since, columns.at < until)
    for name, value in filters.items():
        spans = spans.where(columns[name] == value)
    if text is not None:
        parts = [columns[name].icontains(text, autoescape=True) for name in ("code", "message")]
        spans = spans.where(or_(columns.request.startswith(text, autoescape=True), *parts))
    found = spans.subquery()
    query = (
        select(*(found.c[name] for name in Refused._fields))
        .where(found.c.place == 1)
        .order_by(found.c.requests.desc(), *(found.c[name] for name in GROUPED))
        .limit(limit)
        .offset(offset)
    )
    return [Refused(*row)._replace(requests=int(row.requests)) for row in connection.execute(query)]
