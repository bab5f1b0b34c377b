"""Many rows in few statements, given by columns, which SQLite and PostgreSQL write alike.

A column is a sequence with a value for each row. SQLite receives values one by one, some rows in each
statement: `executemany` of sqlite3 would give up the interpreter's lock for each row, so that the event loop
and the writer would take it from each other thousands of times a second. PostgreSQL receives each column as
one parameter in JSON.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from msgspec.json import encode
from sqlalchemy import Column, Connection, LargeBinary, String, Table
from sqlalchemy.dialects import postgresql

from .driver import execute, is_sqlite

__all__ = ["Columns", "write"]

Columns = Mapping[str, Sequence[Any]]
"""Values by the name of their column. Nothing is filled in where a column is missing."""

SIZES = (64, 8, 1)
"""Rows in one statement for SQLite: so few sizes that the driver keeps what it has prepared."""
POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


def write(connection: Connection, table: Table, columns: Columns, conflict: str = "") -> None:
    """Insert rows; `conflict` is what is done where a row exists, in SQL."""
    if is_sqlite(connection):
        _write_sqlite(connection, table, columns, conflict)
    else:
        _write_postgresql(connection, table, columns, conflict)


def _write_sqlite(connection: Connection, table: Table, columns: Columns, conflict: str) -> None:
    """sqlite3 looks for an adapter of each None, for as long as it takes to bind four values. So columns
    without any value are left out, and a value of another type stands for None elsewhere.
    """
    values: list[Sequence[Any]] = []
    shape: list[tuple[str, str]] = []
    for name, column in columns.items():
        nulls, absent = 0 if all(column) else column.count(None), ""
        if nulls == len(column) > 1:
            continue
        if nulls and len(column) > 1:
            stands, absent = (0, "0") if isinstance(table.c[name].type, String) else ("", "''")
            column = [stands if value is None else value for value in column]
        values.append(column)
        shape.append((name, absent))
    start, number = 0, len(values[0])
    for size in SIZES:
        while number - start >= size:
            statement = _statement(table.name, tuple(shape), size) + conflict
            flat = chain.from_iterable([column[start : start + size] for column in values])
            execute(connection, statement, tuple(flat))
            start += size


@lru_cache(maxsize=256)
def _statement(table: str, shape: tuple[tuple[str, str], ...], size: int) -> str:
    """The columns of a shape are a name, and what stands for NULL in it, if anything does."""
    names = ", ".join(f'"{name}"' for name, _ in shape)
    rows = (
        ", ".join(
            f"nullif(?{place * size + row}, {absent})" if absent else f"?{place * size + row}"
            for place, (_, absent) in enumerate(shape)
        )
        for row in range(1, size + 1)
    )
    values = ", ".join(f"({row})" for row in rows)
    return f'INSERT INTO "{table}" ({names}) VALUES {values}'  # noqa: S608 names of our own tables


def _write_postgresql(connection: Connection, table: Table, columns: Columns, conflict: str) -> None:
    statement = _from_json(table, tuple(columns)) + conflict
    execute(connection, statement, [encode(column).decode() for column in columns.values()])


@lru_cache(maxsize=64)
def _from_json(table: Table, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    lists = ", ".join(["json_array_elements_text(%s::json)"] * len(columns))
    values = ", ".join(_cast(table.c[name]) for name in columns)
    return (
        f'INSERT INTO "{table.name}" ({names}) '  # noqa: S608 names of our own tables
        f"SELECT {values} FROM ROWS FROM ({lists}) AS r({names})"
    )


def _cast(column: Column[Any]) -> str:
    """What makes a value of a column of its text. A text that is too long is refused, as a cast would not."""
    if isinstance(column.type, String):
        return f'r."{column.name}"'
    if isinstance(column.type, LargeBinary):
        return f"decode(r.\"{column.name}\", 'base64')"
    return f'r."{column.name}"::{column.type.compile(POSTGRESQL)}'
