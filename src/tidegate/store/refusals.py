"""Requests that were refused before they were accounted for: how many, why, and whose."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from .tables import refusals
from .upsert import add_up

__all__ = ["GROUPED", "Reason", "Refused", "add_refusals", "list_refusals"]

GROUPED = ("door", "status", "code", "user", "key", "presented")
LATEST = ("last", "request", "model", "address", "message")


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


class Refused(NamedTuple):
    """Refusals for one reason, of one caller."""

    door: str
    status: int
    code: str
    user: str
    key: str
    presented: str
    requests: int
    last: int
    """When the last of them was, in milliseconds since 1970."""
    request: str
    """The id of one of them."""
    model: str
    address: str
    """Where one of them came from."""
    message: str


def add_refusals(connection: Connection, counted: Mapping[Reason, Sequence[object]]) -> None:
    """Add refusals: by reason, how many, and the columns LATEST of the last."""
    rows = [(*reason, *rest) for reason, rest in sorted(counted.items(), key=lambda one: one[0])]
    add_up(connection, refusals, ("at", *GROUPED, "requests", *LATEST), rows, ("requests",), LATEST)


def list_refusals(
    connection: Connection,
    *,
    since: int,
    until: int,
    filters: Mapping[str, str | int],
    limit: int = 100,
    offset: int = 0,
) -> Sequence[Refused]:
    """Refusals from `since` to before `until` (milliseconds since 1970, by the five minutes that they were
    in), the most frequent first. `filters` are values of the columns GROUPED.
    """
    columns = refusals.c
    by = [columns[name] for name in GROUPED]
    requests = func.sum(columns.requests)
    query = (
        select(*by, requests, *(func.max(columns[name]) for name in LATEST))
        .where(columns.at >= since, columns.at < until)
        .group_by(*by)
        .order_by(requests.desc(), *by)
        .limit(limit)
        .offset(offset)
    )
    for name, value in filters.items():
        query = query.where(columns[name] == value)
    before = len(GROUPED)
    return [
        Refused._make((*row[:before], int(row[before]), *row[before + 1 :]))
        for row in connection.execute(query)
    ]
