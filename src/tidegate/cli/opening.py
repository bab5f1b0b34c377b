"""The store, as commands open it: beside a gateway that runs, or without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from .config import load_or_exit

if TYPE_CHECKING:
    from tidegate.config import Config
    from tidegate.store.database import Database

__all__ = ["Opened", "StoreOption", "fail", "open_store"]

StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store's URL, instead of the one in the configuration."),
]

MISSING = (
    "no store is configured: add it to the configuration, as\n"
    "\n"
    "[store]\n"
    'url = "sqlite:///tidegate.db"     # or postgresql://user:password@host/name\n'
    "\n"
    "or set TIDEGATE_STORE_URL, or use --store URL"
)


class Opened(NamedTuple):
    """A store, and the configuration that it belongs to."""

    database: "Database"
    config: "Config"


def fail(message: str, status: int = 1) -> typer.Exit:
    """Print why a command cannot do what it should, and return what ends it."""
    typer.echo(message, err=True)
    return typer.Exit(status)


@contextmanager
def open_store(path: Path | None, url: str | None, *, create: bool = False) -> Iterator[Opened]:
    """Open the store and bring its schema up to date. Exits with 2 where none is configured, and with 1 where
    it cannot be used; an SQLite file is created only if `create` is set.
    """
    from tidegate.store.database import Database, DatabaseError, describe
    from tidegate.store.schema import SchemaTooNew, migrate

    config = load_or_exit(path)
    if not url and config.store.url is not None:
        url = config.store.url.reveal()
    if not url:
        raise fail(MISSING, 2)
    try:
        database = Database(url, config.store.durability)
    except ValueError as error:
        raise fail(str(error), 2) from None
    try:
        if not create:
            _expect_file(database)
        migrate(database)
        yield Opened(database, config)
    except SchemaTooNew as error:
        raise fail(str(error)) from None
    except DatabaseError as error:
        raise fail(f"the store cannot be used: {describe(error)}") from None
    finally:
        database.close()


def _expect_file(database: "Database") -> None:
    """Exit where the file of an SQLite database does not exist."""
    name = database.engine.url.database
    if database.is_sqlite and name and not Path(name).exists():
        raise fail(f"there is no store at {name}: the first key, user or credit creates it")
