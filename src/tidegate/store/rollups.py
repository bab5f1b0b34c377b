"""Figures over time in the store: sums by five minutes, hour and day, written with the records.

A bucket is read, added to and written under one lock of the database: writers of other processes wait for it,
so that none of their requests is lost. As that costs the same for one request and for a thousand, what
requests add is gathered first, one row for each batch of the journal, and added some seconds later. At every
commit, each booked request is once in the rollups or once in `gathered`, and not in both: it is gathered in
the transaction that books it, and added in the transaction that deletes the row.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.json import encode
from sqlalchemy import Connection, delete, func, select, union_all

from tidegate.figures import Answered, Gathered, Query, Row, Sample, Sums
from tidegate.figures.history import (
    ALL,
    FIVE_MINUTES_S,
    KEPT_S,
    SPANS,
    Common,
    Series,
    gather,
    roll_up_gathered,
    widen,
)

from .database import Database
from .driver import execute, is_sqlite
from .fitting import fit_gathered
from .tables import gathered, rollups
from .upsert import insert, replace

__all__ = ["add_gathered", "add_rollups", "keep_gathered", "read_rollups"]

LOCK = 0x7469_6466
"""The advisory lock under which PostgreSQL adds to rollups, until the transaction ends."""
ROW = ("by", "span", "at", "provider", "name", "requests", "sums")
FIND_IN_SQLITE = """
    SELECT r."by", r.span, r.at, r.provider, r.name, r.sums FROM json_each(?) AS k CROSS JOIN rollups AS r
    WHERE r."by" = k.value ->> 0 AND r.span = k.value ->> 1 AND r.at = k.value ->> 2
    AND r.provider = k.value ->> 3 AND r.name = k.value ->> 4"""
FIND_IN_POSTGRESQL = """
    SELECT r."by", r.span, r.at, r.provider, r.name, r.sums FROM rollups AS r JOIN ROWS FROM (
        json_array_elements_text(%s::json), json_array_elements_text(%s::json),
        json_array_elements_text(%s::json), json_array_elements_text(%s::json),
        json_array_elements_text(%s::json)
    ) AS k("by", span, at, provider, name)
    ON r."by" = k."by" AND r.span = k.span::int AND r.at = k.at::bigint AND r.provider = k.provider
    AND r.name = k.name"""
DIMENSIONS = ("all", "key", "model", "user")

GATHERED = ("journal", "position", "content")
MOST_TOGETHER = 64
"""Rows of what is gathered that are added in one transaction."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sums).decode
_decode_gathered = msgspec.msgpack.Decoder(Gathered).decode

Key = tuple[str, int, int, str, str]
"""The primary key of a row: dimension, length of the bucket, its beginning, provider, name."""


def keep_gathered(
    connection: Connection, journal: str, position: int, found: Mapping[Common, Sequence[Answered | Sample]]
) -> None:
    """Keep what the requests of a batch add, until `add_gathered` adds it."""
    if found:
        content = _encode(fit_gathered(gather(found)))
        insert(connection, gathered, GATHERED, [(journal, position, content)])


def add_gathered(database: Database) -> None:
    """Add all that was kept to the rollups, by other workers as well. Raises DatabaseError."""
    number = MOST_TOGETHER
    while number == MOST_TOGETHER:
        with database.write() as connection:
            number = _add_some(connection)


def _add_some(connection: Connection) -> int:
    """Add some rows, and delete them. Returns how many."""
    journal, position = gathered.c.journal, gathered.c.position
    _lock(connection)  # before others read these rows
    rows = connection.execute(select(gathered).order_by(journal, position).limit(MOST_TOGETHER)).all()
    for row in rows:
        connection.execute(delete(gathered).where(journal == row.journal, position == row.position))
    add_rollups(connection, roll_up_gathered([_decode_gathered(row.content) for row in rows]))
    return len(rows)


def _lock(connection: Connection) -> None:
    """Let nobody else add to rollups until the transaction ends. SQLite has one writer anyway."""
    if not is_sqlite(connection):
        execute(connection, f"SELECT pg_advisory_xact_lock({LOCK})")


def add_rollups(connection: Connection, fine: Mapping[int, Mapping[Series, Sums]]) -> None:
    """Add what `roll_up` makes of requests that have not been added before. Nothing is locked after it in the
    same transaction.
    """
    if not fine:
        return
    added: dict[Key, Sums] = {}
    for span in SPANS:
        for at, by_series in (fine if span == FIVE_MINUTES_S else widen(fine, span)).items():
            for series, sums in by_series.items():
                added[series.by, span, at, series.provider, series.name] = sums
    _lock(connection)
    known = _known(connection, list(added))
    rows = [_row(key, sums, known.get(key)) for key, sums in sorted(added.items(), key=itemgetter(0))]
    replace(connection, rollups, ROW, rows, ROW[5:])
    for at in fine:
        if ("all", FIVE_MINUTES_S, at, "", ALL) not in known:
            _forget_old(connection, at)


def _known(connection: Connection, keys: Sequence[Key]) -> dict[Key, bytes]:
    """What rows have now. All keys are one parameter, or one for each column."""
    if is_sqlite(connection):
        found = execute(connection, FIND_IN_SQLITE, (encode(keys).decode(),))
    else:
        columns = zip(*keys, strict=True)
        found = execute(connection, FIND_IN_POSTGRESQL, [encode(column).decode() for column in columns])
    return {(by, span, at, provider, name): sums for by, span, at, provider, name, sums in found}


def _row(key: Key, sums: Sums, known: bytes | None) -> tuple[Any, ...]:
    if known is not None:
        known_sums = _decode(known)
        known_sums.add(sums)  # what is added may be that of other buckets, too
        sums = known_sums
    return (*key, sums.requests, _encode(sums))


def _forget_old(connection: Connection, at: int) -> None:
    """Delete what is not kept any longer, when a bucket begins."""
    for span, kept_s in KEPT_S.items():
        old = [rollups.c.span == span, rollups.c.at < at - kept_s * 1000]
        for by in DIMENSIONS:
            connection.execute(delete(rollups).where(rollups.c.by == by, *old))


def read_rollups(connection: Connection, query: Query) -> list[Row]:
    """The rows that a query asks for, in the order of time within each length of buckets."""
    columns = (rollups.c.at, rollups.c.provider, rollups.c.name, rollups.c.sums)
    names = query.names
    if query.most is not None:
        names = _most_used(connection, query)
    found: list[Row] = []
    for conditions in _conditions(query._replace(names=names)):
        chosen = select(*columns).where(*conditions).order_by(rollups.c.at)
        found += [
            Row(at, provider, name, _decode(sums)) for at, provider, name, sums in connection.execute(chosen)
        ]
    return found


def _most_used(connection: Connection, query: Query) -> list[str]:
    """The names with the most requests."""
    parts = [
        select(rollups.c.name, rollups.c.requests).where(*conditions) for conditions in _conditions(query)
    ]
    rows = union_all(*parts).subquery()
    most = func.sum(rows.c.requests).desc()
    chosen = select(rows.c.name).group_by(rows.c.name).order_by(most, rows.c.name).limit(query.most)
    return [name for (name,) in connection.execute(chosen)]


def _conditions(query: Query) -> list[list[Any]]:
    """The conditions for each range of a query."""
    columns = rollups.c
    more: list[Any] = []
    if query.names is not None:
        more.append(columns.name.in_(query.names))
    if query.provider is not None:
        more.append(columns.provider == query.provider)
    return [
        [
            columns.by == query.by,
            columns.span == one.span,
            columns.at >= one.since,
            columns.at < one.until,
            *more,
        ]
        for one in query.ranges
    ]
