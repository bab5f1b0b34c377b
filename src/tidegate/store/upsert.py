"""Many rows at once, and inserts that meet existing rows, which SQLite and PostgreSQL write alike.

Statements are compiled once, and the rows go to the driver as they are: for each row, SQLAlchemy would take
ten times as long as the database.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import JSON, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["add_up", "insert", "insert_new", "replace"]

Row = Mapping[str, Any]
"""The values of a row by column. All rows of a call have the same columns, and nothing is filled in."""


class _Compiled(NamedTuple):
    sql: str
    order: Callable[[Row], Any] | None
    """What the driver takes for a row; None: the row itself."""


_COMPILED: dict[tuple[Any, ...], _Compiled] = {}


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert new rows."""
    _run(connection, table, rows, "insert", lambda statement: statement)


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose primary key is not there yet; the others stay as they are."""
    _run(connection, table, rows, "new", lambda statement: statement.on_conflict_do_nothing())


def replace(connection: Connection, table: Table, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Insert rows; where the primary key exists, set these columns."""

    def conflict(statement: Any) -> Any:
        values = {name: statement.excluded[name] for name in columns}
        return statement.on_conflict_do_update(index_elements=_key(table), set_=values)

    _run(connection, table, rows, ("replace", *columns), conflict)


def add_up(connection: Connection, table: Table, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Insert rows; where the primary key exists, add these columns to what is there."""

    def conflict(statement: Any) -> Any:
        sums = {name: table.c[name] + statement.excluded[name] for name in columns}
        return statement.on_conflict_do_update(index_elements=_key(table), set_=sums)

    _run(connection, table, rows, ("add", *columns), conflict)


def _run(
    connection: Connection, table: Table, rows: Sequence[Row], what: object, conflict: Callable[[Any], Any]
) -> None:
    if not rows:
        return
    columns = tuple(rows[0])
    if any(isinstance(table.c[name].type, JSON) for name in columns):  # these values need SQLAlchemy
        connection.execute(conflict(_insert(connection, table)), list(rows))
        return
    key = (connection.dialect.name, table.name, what, columns)
    compiled = _COMPILED.get(key)
    if compiled is None:
        compiled = _COMPILED[key] = _compile(connection, conflict(_insert(connection, table)), columns)
    order = compiled.order
    given = list(rows) if order is None else [order(row) for row in rows]
    connection.exec_driver_sql(compiled.sql, given)


def _compile(connection: Connection, statement: Any, columns: Sequence[str]) -> _Compiled:
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(columns))
    if not compiled.positional:
        return _Compiled(str(compiled), None)
    names = compiled.positiontup
    return _Compiled(str(compiled), itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],))


def _insert(connection: Connection, table: Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _key(table: Table) -> list[Any]:
    return list(table.primary_key.columns)
