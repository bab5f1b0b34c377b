"""Inserts that meet existing rows, which SQLite and PostgreSQL write alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["add_up", "insert_new", "replace"]

Row = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose primary key is not there yet; the others stay as they are."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), list(rows))


def replace(connection: Connection, table: Table, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Insert rows; where the primary key exists, set these columns."""
    if rows:
        statement = _insert(connection, table)
        values = {name: statement.excluded[name] for name in columns}
        connection.execute(
            statement.on_conflict_do_update(index_elements=_key(table), set_=values), list(rows)
        )


def add_up(connection: Connection, table: Table, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Insert rows; where the primary key exists, add these columns to what is there."""
    if rows:
        statement = _insert(connection, table)
        sums = {name: table.c[name] + statement.excluded[name] for name in columns}
        connection.execute(statement.on_conflict_do_update(index_elements=_key(table), set_=sums), list(rows))


def _insert(connection: Connection, table: Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _key(table: Table) -> list[Any]:
    return list(table.primary_key.columns)
