"""The database: SQLite by default, PostgreSQL by URL. All of it blocks, and runs in the store's thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

__all__ = ["Connection", "Database", "DatabaseError", "Durability",
           "connection_arguments", "describe"]  # fmt: skip

BUSY_S = 10.0
"""How long a writer waits for another one to finish, in seconds."""

Durability = Literal["process", "disk"]
"""What committed data survives: the end of the process, or the loss of power as well."""

CONNECT: dict[str, Any] = {
    "prepare_threshold": None,  # prepared statements do not survive poolers such as Supabase's
    "connect_timeout": int(BUSY_S),
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""How PostgreSQL is connected."""

DatabaseError = SQLAlchemyError
"""What reading and writing may raise."""

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
"""Scheme of a URL → SQLAlchemy's name for it, with the driver."""


class Database:
    """Connections to one database, made when they are needed."""

    def __init__(self, url: str, durability: Durability = "process") -> None:
        """Raises ValueError for a URL that is not one of SQLite or PostgreSQL, or whose driver is not
        installed.
        """
        scheme, separator, rest = url.partition("://")
        driver = DRIVERS.get(scheme)
        if driver is None or not separator:
            raise ValueError(
                "the store is a URL such as sqlite:///tidegate.db or postgresql://user@host/name"
            )
        try:
            self.engine = _create(_parse(f"{driver}://{rest}"), durability)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise ValueError('PostgreSQL needs the extra "postgres": install tidegate[postgres]') from error
        self.is_sqlite = driver == "sqlite"
        self._driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.Error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; it is committed unless the block raises. Raises DatabaseError."""
        with self.engine.connect() as connection, self._wrapping(connection):
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view for reading, which waits for no writer. Raises DatabaseError."""
        with self.engine.connect() as connection, self._wrapping(connection):
            if not self.is_sqlite:  # where each statement would see what was written before it
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def _wrapping(self, connection: Connection) -> Iterator[None]:
        """Raise what the driver raises by itself (see driver.py) as SQLAlchemy does. A connection that may be
        broken is not used again.
        """
        try:
            yield
        except self._driver_error as error:
            connection.invalidate(error)
            raise DBAPIError.instance(
                None, None, error, self._driver_error, dialect=self.engine.dialect
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def connection_arguments(url: str) -> dict[str, Any]:
    """What connects psycopg with PostgreSQL, without SQLAlchemy. Raises ValueError (see Database)."""
    database = Database(url)
    assert not database.is_sqlite, "it is PostgreSQL"
    positional, arguments = database.engine.dialect.create_connect_args(database.engine.url)
    assert not positional
    database.close()
    return {**arguments, **CONNECT}


def describe(error: DatabaseError) -> str:
    """What a database said, in its first line and without the statement."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _parse(address: str) -> URL:
    """Raises ValueError, which quotes nothing of the address: it may contain a password."""
    try:
        return make_url(address)
    except (ValueError, ArgumentError):
        raise ValueError(
            "the store's URL cannot be read: expected postgresql://user@host:5432/name"
        ) from None


def _create(url: URL, durability: Durability) -> Engine:
    if url.get_backend_name() != "sqlite":
        engine = create_engine(
            url, connect_args=CONNECT, pool_pre_ping=True, pool_size=4, isolation_level="READ COMMITTED"
        )
        event.listen(engine, "connect", _let_go_of_the_dead)
        return engine
    engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})
    event.listen(engine, "connect", _configure_for(durability))
    event.listen(engine, "begin", _begin)
    return engine


LET_GO = (
    "idle_in_transaction_session_timeout = 30000",
    "client_connection_check_interval = 5000",
    "tcp_keepalives_idle = 10",
    "tcp_keepalives_interval = 5",
    "tcp_keepalives_count = 3",
)
"""For the server's side of a connection: it ends what belongs to a host that has lost its power or network,
whose locks others wait for. By default that takes hours."""


def _let_go_of_the_dead(connection: Any, _: Any) -> None:
    connection.autocommit = True  # what is set within a transaction ends with it
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {one}" for one in LET_GO))
    connection.autocommit = False


def _configure_for(durability: Durability) -> Any:
    synchronous = "FULL" if durability == "disk" else "NORMAL"

    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin in `_begin`, not in the driver
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "foreign_keys = ON",
            f"busy_timeout = {int(BUSY_S * 1000)}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    return configure


def _begin(connection: Connection) -> None:
    """A writer takes its lock at once: one that begins as a reader fails where another has written since."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
