"""Sessions: what the requests that a client has given one name come to."""

from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import Connection, and_, func, or_, select

from tidegate.protocols.usage import Usage

from .alike import Alike
from .journal import Ended
from .tables import sessions
from .upsert import add_spans

__all__ = ["Session", "SessionPosition", "TokenCounts", "count_sessions", "find_session", "list_sessions"]

COUNTS = (
    "requests", "errors", "cost", "unpriced", "input", "cache_read", "cache_write", "output", "reasoning",
)  # fmt: skip
COLUMNS = ("session", "user", "key", "model", "first", "last", *COUNTS)
CHUNK = 200
"""Rows that are read at once to find the sessions of a page."""
MOST_NAMES = 20
"""Users and models that are named of a session."""


class TokenCounts(Struct, frozen=True):
    """Tokens in the classes that lists show; audio and images count with the class that they are part of."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @classmethod
    def of(cls, usage: Usage) -> "TokenCounts":
        """The counts of a usage."""
        return cls(
            (usage.input or 0) + (usage.input_audio or 0) + (usage.input_image or 0),
            usage.cache_read or 0,
            usage.cache_write_total or 0,
            (usage.output or 0) + (usage.output_audio or 0) + (usage.output_image or 0),
            usage.reasoning or 0,
        )


class Session(Struct, frozen=True):
    """A session, as far as it belongs to those who ask."""

    session: str
    first: int
    """When the first of its requests began, in milliseconds since 1970."""
    last: int
    """When the last of its requests ended."""
    requests: int
    errors: int
    cost: int
    """In nano; requests whose cost is unknown add nothing."""
    unpriced: int
    """Requests whose cost is unknown."""
    tokens: TokenCounts
    users: Sequence[str]
    models: Sequence[str]


class SessionPosition(NamedTuple):
    """A place in the order of sessions: when one ended, and its name."""

    last: int
    session: str


class _Detail(Struct):
    usage: Usage | None = None


_decode = msgspec.json.Decoder(_Detail).decode


def count_sessions(connection: Connection, found: Iterable[Alike]) -> None:
    """Add requests to their sessions."""
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for one in found:
        if one.session is None:
            continue
        key = (one.session, one.user or "", one.key or "", one.model or "")
        added, known = _summed(one), sums.get(key)
        if known is not None:
            first, last = min(known[0], added[0]), max(known[1], added[1])
            added = [first, last, *map(add, known[2:], added[2:])]
        sums[key] = added
    rows = [(*key, *values) for key, values in sorted(sums.items())]
    add_spans(connection, sessions, COLUMNS, rows, COUNTS, least="first", greatest="last")


def _summed(one: Alike) -> list[int]:
    lines = one.ended
    first, last = min([line.begun_at or line.at for line in lines]), max([line.at for line in lines])
    errors = len(lines) - [line.error for line in lines].count(None)
    tokens = map(sum, zip(*map(_tokens, lines), strict=True))
    return [first, last, len(lines), errors, one.cost, one.unpriced, *tokens]


def _tokens(line: Ended) -> tuple[int, ...]:
    """The counts of a request, as `TokenCounts` has them. Its figures have the same as its record."""
    figures = line.figures
    if figures is not None and figures.parts:
        part = figures.parts[-1]
        return part.input, part.cache_read, part.cache_write, part.output, part.reasoning
    try:
        usage = _decode(line.detail).usage
    except msgspec.MsgspecError:  # a count that is none
        usage = None
    return astuple(TokenCounts.of(usage) if usage is not None else TokenCounts())


def list_sessions(
    connection: Connection,
    *,
    filters: Mapping[str, str],
    before: SessionPosition | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 100,
) -> Sequence[Session]:
    """Sessions, the one that ended last first: those that ended from `since` to before `until`, in
    milliseconds. `filters` are values of the columns `user`, `key` and `model`; a session has the sums of
    what they let through.
    """
    found: list[Session] = []
    place, seen = before, set[str]()
    while len(found) < limit:
        rows = connection.execute(_page(filters, place, since, until)).all()
        names = [row.session for row in rows if row.session not in seen]
        seen.update(names)
        # A session has several rows. It stands where the latest does, which may be on an earlier page.
        whole = [
            one
            for one in _sum_up(connection, list(dict.fromkeys(names)), filters)
            if before is None or (one.last, one.session) < before
        ]
        found += sorted(whole, key=lambda one: (one.last, one.session), reverse=True)
        if len(rows) < CHUNK:
            break
        place = SessionPosition(rows[-1].last, rows[-1].session)
    return found[:limit]


def find_session(connection: Connection, session: str, filters: Mapping[str, str]) -> Session | None:
    """A session by its name."""
    return next(iter(_sum_up(connection, [session], filters)), None)


def _page(
    filters: Mapping[str, str], before: SessionPosition | None, since: int | None, until: int | None
) -> Any:
    last, name = sessions.c.last, sessions.c.session
    query = select(name, last).order_by(last.desc(), name.desc()).limit(CHUNK)
    for column, value in filters.items():
        query = query.where(sessions.c[column] == value)
    if before is not None:
        place = and_(last <= before.last, or_(last < before.last, name < before.session))
        query = query.where(place)
    if since is not None:
        query = query.where(last >= since)
    return query.where(last < until) if until is not None else query


def _sum_up(connection: Connection, names: Sequence[str], filters: Mapping[str, str]) -> list[Session]:
    """The sessions with these names."""
    if not names:
        return []
    sums = [func.sum(sessions.c[name]).label(name) for name in COUNTS]
    query = select(
        sessions.c.session,
        sessions.c.user,
        sessions.c.model,
        func.min(sessions.c.first).label("first"),
        func.max(sessions.c.last).label("last"),
        *sums,
    ).where(sessions.c.session.in_(names))
    for column, value in filters.items():
        query = query.where(sessions.c[column] == value)
    query = query.group_by(sessions.c.session, sessions.c.user, sessions.c.model)
    parts: dict[str, list[Any]] = {}
    for row in connection.execute(query.order_by(sessions.c.session, sessions.c.user, sessions.c.model)):
        parts.setdefault(row.session, []).append(row)
    return [_session(name, rows) for name, rows in parts.items()]


def _session(name: str, rows: Sequence[Any]) -> Session:
    def total(column: str) -> int:
        return sum(int(getattr(row, column)) for row in rows)

    return Session(
        name,
        min(row.first for row in rows),
        max(row.last for row in rows),
        total("requests"),
        total("errors"),
        total("cost"),
        total("unpriced"),
        TokenCounts(*map(total, TokenCounts.__struct_fields__)),
        list(dict.fromkeys(row.user for row in rows if row.user))[:MOST_NAMES],
        list(dict.fromkeys(row.model for row in rows if row.model))[:MOST_NAMES],
    )
