"""Requests that have ended: lists of them, and the whole of one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, and_, func, or_, select

from .history import Position
from .tables import records
from .upsert import among

__all__ = [
    "FILTERS",
    "MOST_SEARCHED",
    "Search",
    "StoredRequest",
    "find_request",
    "find_requests",
    "list_ids",
    "list_requests",
]

FILTERS = ("user", "team", "key", "session", "model", "provider", "door", "ended")
"""Columns that a list can be restricted by."""
COLUMNS = (
    "id", "at", "door", "model", "provider", "provider_model", "user", "team", "key", "session", "status",
    "ended", "cost", "estimated", "error", "detail",
)  # fmt: skip
LAST = "z"
"""Sorted behind every character of an id."""
MOST_SEARCHED = 50_000
"""The latest failed requests whose error a search for text reads."""
FEW = 5000
"""Requests of a session, key, user or model that are read one by one, where a search has such a filter."""
INDEXED = ("session", "key", "user", "model")
"""Filters with an index, the narrowest first."""


class StoredRequest(Struct, frozen=True):
    """A request, as the store has it."""

    id: str
    at: int
    """When it began, in milliseconds since 1970."""
    door: str | None
    model: str | None
    provider: str | None
    provider_model: str | None
    user: str | None
    team: str | None
    key: str | None
    session: str | None
    status: int
    ended: str
    cost: int | None
    """In nano; None where it is not known."""
    estimated: bool
    error: str | None
    detail: str
    """Its record, in JSON."""


class Search(NamedTuple):
    """What is looked for."""

    filters: Mapping[str, str] = {}
    """Values of the columns FILTERS."""
    errors: bool = False
    """Whether only requests that failed are looked for."""
    since: int | None = None
    until: int | None = None
    """From `since` to before `until`, by when they began, in milliseconds since 1970."""
    text: str | None = None
    """An id, a session, or a part of an error (see MOST_SEARCHED)."""


def list_requests(
    connection: Connection, search: Search, *, before: Position | None = None, limit: int = 100
) -> Sequence[StoredRequest]:
    """Requests, the latest first."""
    if search.text:
        return _search(connection, search, search.text, before, limit)
    query = _select(search, before).limit(limit)
    return [StoredRequest(*row) for row in connection.execute(query)]


def list_ids(connection: Connection, search: Search, *, limit: int) -> list[str]:
    """The ids of requests, the latest first; without looking for a text."""
    return list(connection.execute(_select(search, None, ("id",)).limit(limit)).scalars())


def find_requests(connection: Connection, ids: Sequence[str]) -> Sequence[StoredRequest]:
    """Requests by their ids, the latest first."""
    query = _select(Search(), None).where(among(connection, records.c.id, ids))
    return [StoredRequest(*row) for row in connection.execute(query)] if ids else []


def find_request(
    connection: Connection, request: str, filters: Mapping[str, str] | None = None
) -> StoredRequest | None:
    """A request by its id, if it passes the filters."""
    query = _select(Search(filters or {}), None).where(records.c.id == request)
    row = connection.execute(query).first()
    return StoredRequest(*row) if row is not None else None


def _search(
    connection: Connection, search: Search, text: str, before: Position | None, limit: int
) -> Sequence[StoredRequest]:
    """The request with this id, or those of the session with this name, or those whose error has the text."""
    for name in ("id", "session"):
        query = _select(search, before).where(records.c[name] == text).limit(limit)
        found = connection.execute(query).all()
        if found:
            return [StoredRequest(*row) for row in found]
    if before is None and text.startswith("req_"):
        query = _select(search, None).where(records.c.id.between(text, f"{text}{LAST}")).limit(limit)
        found = connection.execute(query).all()
        if found:
            return [StoredRequest(*row) for row in found]
    return _with_error(connection, search._replace(errors=True), text, before, limit)


def _with_error(
    connection: Connection, search: Search, text: str, before: Position | None, limit: int
) -> Sequence[StoredRequest]:
    """Requests whose error has a text. Where the filters let few requests through, all of them are read.
    Otherwise the index of those that failed is, from the latest on: it has their errors.
    """
    if _are_few(connection, search):
        query = _select(search, before, ("id", "at"))
        ids = query.where(records.c.error.icontains(text, autoescape=True))
    else:
        ids = _from_all_errors(connection, search, text, before)
    return find_requests(connection, [one.id for one in connection.execute(ids.limit(limit))])


def _from_all_errors(connection: Connection, search: Search, text: str, before: Position | None) -> Any:
    """The latest MOST_SEARCHED failed requests whose error has a text. Only those are looked at for the
    filters, whose indices are of no use.
    """
    failed = records.alias("failed")
    at, name = failed.c.at, failed.c.id
    everything = search._replace(filters={})
    ids = _select(everything, before, ("id", "at"), failed)
    ids = ids.where(failed.c.error.icontains(text, autoescape=True))
    oldest = _select(Search(errors=True), None, ("id", "at")).offset(MOST_SEARCHED - 1).limit(1)
    last = connection.execute(oldest).first()
    if last is not None:
        ids = ids.where(and_(at >= last.at, or_(at > last.at, name >= last.id)))
    if not search.filters:
        return ids
    source: Any = failed
    if connection.dialect.name == "postgresql":  # which would read the rows first, and then their errors
        source = ids.offset(0).subquery()
        ids = select(source.c.id, source.c.at).order_by(source.c.at.desc(), source.c.id.desc())
    ids = ids.join_from(source, records, records.c.id == source.c.id)
    for column, value in search.filters.items():
        of = records.c[column]
        ids = ids.where(func.coalesce(of, of) == value)
    return ids


def _are_few(connection: Connection, search: Search) -> bool:
    """Whether the narrowest filter lets at most FEW requests through."""
    column = next((one for one in INDEXED if one in search.filters), None)
    if column is None:
        return False
    of = select(records.c.at).where(records.c[column] == search.filters[column])
    return connection.execute(of.order_by(records.c.at).offset(FEW).limit(1)).first() is None


def _select(
    search: Search, before: Position | None, columns: Sequence[str] = COLUMNS, table: Any = records
) -> Any:
    at, name = table.c.at, table.c.id
    query = select(*(table.c[column] for column in columns)).order_by(at.desc(), name.desc())
    for column, value in search.filters.items():
        query = query.where(table.c[column] == value)
    if search.errors:
        query = query.where(table.c.error.is_not(None))
    if before is not None:
        query = query.where(and_(at <= before.at, or_(at < before.at, name < before.id)))
    if search.since is not None:
        query = query.where(at >= search.since)
    return query.where(at < search.until) if search.until is not None else query
