"""Many rows at once, and inserts that meet existing rows, which SQLite and PostgreSQL write alike."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from msgspec.json import encode
from sqlalchemy import ARRAY, JSON, Column, ColumnElement, Connection, Table, any_, func, literal, select

from .columns import write
from .driver import execute, is_sqlite, members

__all__ = [
    "add_spans", "add_up", "among", "change_rows", "insert", "insert_new", "known", "replace",
]  # fmt: skip

Rows = Sequence[Sequence[Any]]
"""Values, in the order of the columns that are given with them. Nothing is filled in."""

NEAR = 16
"""Characters that ids have in common that a worker has made one after another."""


def insert(connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    """Insert new rows."""
    _run(connection, table, columns, rows, "")


def insert_new(connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    """Insert the rows whose primary key is not there yet; the others stay as they are."""
    if any(isinstance(table.c[name].type, JSON) for name in columns):  # these values need SQLAlchemy
        values = [dict(zip(columns, row, strict=True)) for row in rows]
        connection.execute(_insert_of(connection)(table).on_conflict_do_nothing(), values)
        return
    _run(connection, table, columns, rows, " ON CONFLICT DO NOTHING")


def _insert_of(connection: Connection) -> Any:
    """SQLAlchemy's `insert` for a database. That of the other one is not loaded: PostgreSQL's takes 3 MB."""
    if is_sqlite(connection):
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert


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


def change_rows(connection: Connection, table: Table, changed: str, rows: Iterable[tuple[str, int]]) -> None:
    """Set one column of the rows with these primary keys, which are locked."""
    (key,) = table.primary_key.columns
    mark = "?" if is_sqlite(connection) else "%s"
    statement = f'UPDATE "{table.name}" SET "{changed}" = {mark} WHERE "{key.name}" = {mark}'  # noqa: S608
    for name, value in rows:
        execute(connection, statement, (value, name))


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
    return column == any_(literal(list(values), ARRAY(column.type)))


def known(connection: Connection, column: Column[str], ids: Collection[str]) -> Iterable[str]:
    """Those of some ids that a table has already. What one worker writes has ids next to each other, so that
    SQLite, which compares text by its bytes, looks once for all of them.
    """
    if not ids:
        return ()
    query = f'SELECT "{column.name}" FROM "{column.table.name}" WHERE "{column.name}" '  # noqa: S608 our own names
    least, greatest = min(ids), max(ids)
    if is_sqlite(connection) and least[:NEAR] == greatest[:NEAR]:
        found = execute(connection, f"{query} BETWEEN ? AND ?", (least, greatest))
        return [one for (one,) in found if one in ids]
    found = execute(connection, f"{query} IN {members(connection)}", [encode(list(ids)).decode()])
    return [one for (one,) in found]


def _run(connection: Connection, table: Table, columns: tuple[str, ...], rows: Rows, conflict: str) -> None:
    if rows:
        write(connection, table, dict(zip(columns, zip(*rows, strict=True), strict=True)), conflict)


def _on_conflict(table: Table, values: str) -> str:
    key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    return f" ON CONFLICT ({key}) DO UPDATE SET {values}"
