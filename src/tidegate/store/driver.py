"""Statements that go to the driver as they are, without SQLAlchemy: for each, that would take fifty times as
long as the driver.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

__all__ = ["execute", "is_sqlite", "members"]

MEMBERS = {
    "sqlite": "(SELECT value FROM json_each(?))",
    "postgresql": "(SELECT json_array_elements_text(%s::json))",
}


def is_sqlite(connection: Connection) -> bool:
    """Whether a connection is one to SQLite: parameters are `?` there, and `%s` for PostgreSQL."""
    return connection.dialect.name == "sqlite"


def members(connection: Connection) -> str:
    """What stands behind `IN` for many texts, which are one parameter in JSON."""
    return MEMBERS[connection.dialect.name]


def execute(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> Any:
    """Execute a statement in a connection's transaction. Returns the driver's cursor. Raises the driver's
    errors, which `Database.write` and `Database.read` raise as DatabaseError.
    """
    driver: Any = connection.connection.driver_connection
    return driver.execute(statement, parameters)
