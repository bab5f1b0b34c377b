"""Many rows in few statements, given by columns, which SQLite and PostgreSQL write alike.

A column is a sequence with a value for each row. SQLite receives values one by one, some rows in each
statement: `executemany` of sqlite3 would give up the interpreter's lock for each row, so that the event loop
and the writer would take it from each other thousands of times a second. PostgreSQL receives each column as
one parameter in JSON.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from msgspec.json import encode
from sqlalchemy import Column, Connection, Dialect, LargeBinary, String, Table

from .driver import execute, is_sqlite

__all__ = ["Columns", "write"]

Columns = Mapping[str, Sequence[Any]]
"""Values by the name of their column. Nothing is filled in where a column is missing."""

SIZES = (64, 16, 4, 1)
"""Rows in one statement for SQLite: so few sizes that the driver keeps what it has prepared."""


def write(connection: Connection, table: Table, columns: Columns, conflict: str = "") -> None:
    """Insert rows; `conflict` is what is done where a row exists, in SQL."""
    if is_sqlite(connection):
        _write_sqlite(connection, table, columns, conflict)
    else:
        _write_postgresql(connection, table, columns, conflict)


def _write_sqlite(connection: Connection, table: Table, columns: Columns, conflict: str) -> None:
    """To bind a value takes as long as to execute twenty instructions of SQLite. So columns without any value
    are left out, and a value that all rows have is bound once. sqlite3 also looks for an adapter of each
    None: a value of another type stands for it.
    """
    same: list[Any] = []
    values: list[Sequence[Any]] = []
    shape: list[tuple[str, str]] = []
    for name, column in columns.items():
        first, number = column[0], len(column)
        if first == column[-1] and number > 1 and column.count(first) == number:
            if first is not None:
                same.append(first)
                shape.insert(len(same) - 1, (name, f"?{len(same)}"))
            continue
        mark = "?"
        if number > 1 and not all(column) and None in column:
            stands: Any = 0 if isinstance(table.c[name].type, String) else ""
            mark = f"nullif(?, {stands or repr(stands)})"
            column = [stands if value is None else value for value in column]
        values.append(column)
        shape.append((name, mark))
    number = len(next(iter(columns.values())))
    rows, start = zip(*values, strict=True), 0
    for size in SIZES:
        while number - start >= size:
            statement = _statement(table.name, tuple(shape), size) + conflict
            execute(connection, statement, (*same, *chain.from_iterable(islice(rows, size))))
            start += size


@lru_cache(maxsize=256)
def _statement(table: str, shape: tuple[tuple[str, str], ...], size: int) -> str:
    """The columns of a shape are a name, and what stands for its value in each row. What all rows share comes
    first: its parameters are the first ones, and the others are counted on from them.
    """
    names = ", ".join(f'"{name}"' for name, _ in shape)
    row = ", ".join(mark for _, mark in shape)
    values = ", ".join([f"({row})"] * size)
    return f'INSERT INTO "{table}" ({names}) VALUES {values}'  # noqa: S608 names of our own tables


def _write_postgresql(connection: Connection, table: Table, columns: Columns, conflict: str) -> None:
    statement = _from_json(table, tuple(columns), connection.dialect) + conflict
    execute(connection, statement, [encode(column).decode() for column in columns.values()])


@lru_cache(maxsize=64)
def _from_json(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    lists = ", ".join(["json_array_elements_text(%s::json)"] * len(columns))
    values = ", ".join(_cast(table.c[name], dialect) for name in columns)
    return (
        f'INSERT INTO "{table.name}" ({names}) '  # noqa: S608 names of our own tables
        f"SELECT {values} FROM ROWS FROM ({lists}) AS r({names})"
    )


def _cast(column: Column[Any], dialect: Dialect) -> str:
    """What makes a value of a column of its text. A text that is too long is refused, as a cast would not."""
    if isinstance(column.type, String):
        return f'r."{column.name}"'
    if isinstance(column.type, LargeBinary):
        return f"decode(r.\"{column.name}\", 'base64')"
    return f'r."{column.name}"::{column.type.compile(dialect)}'
