"""Many rows at once, and inserts that meet existing rows, which SQLite and PostgreSQL write alike.

Rows go to the driver as they are, many in each statement. For each row, SQLAlchemy would take ten times as
long as the database; and `executemany` of sqlite3 gives up the interpreter's lock for each row, so that the
event loop and the writer would take it from each other thousands of times a second.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from msgspec.json import encode
from sqlalchemy import JSON, Column, ColumnElement, Connection, Table, any_, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["add_spans", "add_up", "among", "insert", "insert_new", "known", "replace"]

Rows = Sequence[Sequence[Any]]
"""Values, in the order of the columns that are given with them. Nothing is filled in."""

SIZES = (128, 32, 8, 1)
"""Rows in one statement: so few sizes that the drivers keep what they have prepared."""
NEAR = 16
"""Characters that ids have in common that a worker has made one after another."""


def insert(connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    """Insert new rows."""
    _run(connection, table, columns, rows, "")


def insert_new(connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    """Insert the rows whose primary key is not there yet; the others stay as they are."""
    if any(isinstance(table.c[name].type, JSON) for name in columns):  # these values need SQLAlchemy
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table).on_conflict_do_nothing()
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    _run(connection, table, columns, rows, " ON CONFLICT DO NOTHING")


def replace(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows, changed: Iterable[str]
) -> None:
    """Insert rows with different primary keys; where a key exists, set the columns that are `changed`."""
    values = ", ".join(f'"{name}" = excluded."{name}"' for name in changed)
    _run(connection, table, columns, rows, _on_conflict(table, values))


def add_up(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Rows,
    added: Iterable[str],
    changed: Iterable[str] = (),
    marked: Iterable[str] = (),
) -> None:
    """Insert rows with different primary keys; where a key exists, add the columns `added` to what is
    there, and set those that are `changed`, and those that are `marked` unless the new value is None.
    """
    values = [f'"{name}" = "{table.name}"."{name}" + excluded."{name}"' for name in added]
    values += [f'"{name}" = excluded."{name}"' for name in changed]
    values += [f'"{name}" = coalesce(excluded."{name}", "{table.name}"."{name}")' for name in marked]
    _run(connection, table, columns, rows, _on_conflict(table, ", ".join(values)))


def add_spans(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Rows,
    added: Iterable[str],
    *,
    least: str,
    greatest: str,
) -> None:
    """As `add_up`; one column becomes the lesser of both values, another the greater one."""
    on_sqlite = connection.dialect.name == "sqlite"
    functions = {least: "min" if on_sqlite else "least", greatest: "max" if on_sqlite else "greatest"}
    values = [f'"{name}" = "{table.name}"."{name}" + excluded."{name}"' for name in added]
    values += [
        f'"{name}" = {function}("{table.name}"."{name}", excluded."{name}")'
        for name, function in functions.items()
    ]
    _run(connection, table, columns, rows, _on_conflict(table, ", ".join(values)))


def among(connection: Connection, column: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    """Whether a column has one of many values, which are one parameter: a list of parameters would be
    written anew for each statement.
    """
    if connection.dialect.name == "sqlite":
        each = func.json_each(encode(list(values)).decode()).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(values), postgresql.ARRAY(column.type)))


def known(connection: Connection, column: Column[str], ids: Collection[str]) -> Iterable[str]:
    """Those of some ids that a table has already. What one worker writes has ids next to each other, so that
    SQLite, which compares text by its bytes, looks once for all of them.
    """
    if not ids:
        return ()
    least, greatest = min(ids), max(ids)
    if connection.dialect.name == "sqlite" and least[:NEAR] == greatest[:NEAR]:
        query = select(column).where(column.between(least, greatest))
        return [one for one in connection.execute(query).scalars() if one in ids]
    return connection.execute(select(column).where(among(connection, column, ids))).scalars().all()


def _run(connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows, conflict: str) -> None:
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    values = list(chain.from_iterable(rows))
    columns = _without_nulls(columns, values, len(rows))
    start, width, number = 0, len(columns), len(rows)
    for size in SIZES:
        while number - start >= size:
            statement = _statement(table.name, columns, size, mark) + conflict
            some = values[start * width : (start + size) * width]
            connection.exec_driver_sql(statement, tuple(some))
            start += size


def _without_nulls(columns: tuple[str, ...], values: list[Any], number: int) -> tuple[str, ...]:
    """Take the columns out of the values of so many rows in which all of them are None. These are NULL
    without being named, too, and sqlite3 looks for an adapter of each None.
    """
    if number < SIZES[1]:
        return columns
    used = list(columns)
    for place in reversed(range(len(columns))):
        width = len(used)
        if values[place] is None and values[place::width].count(None) == number:
            del values[place::width], used[place]
    return tuple(used)


@lru_cache(maxsize=256)
def _statement(table: str, columns: tuple[str, ...], size: int, mark: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    row = f"({', '.join([mark] * len(columns))})"
    values = ", ".join([row] * size)
    return f'INSERT INTO "{table}" ({names}) VALUES {values}'  # noqa: S608 names of our own tables


def _on_conflict(table: Table, values: str) -> str:
    key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    return f" ON CONFLICT ({key}) DO UPDATE SET {values}"
