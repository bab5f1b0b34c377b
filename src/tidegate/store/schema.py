"""The schema: created and migrated when a store is opened."""

import logging
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from .database import Database

__all__ = ["SchemaTooNew", "migrate", "newest_revision"]


MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 0x7469_6465
"""The advisory lock under which PostgreSQL migrates: workers that start together do it one after another."""


class SchemaTooNew(Exception):
    """The database was migrated by a newer version of Tidegate."""


def migrate(database: Database) -> str | None:
    """Bring the schema up to date. Returns the revision that it had, if it was changed and not empty. Raises
    SchemaTooNew and DatabaseError.
    """
    if _revision_of(database) == newest_revision():
        return None  # without alembic, which takes 10 MB of memory
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it reports its own plugins when it is loaded
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        before = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory.from_config(settings)
        if before == scripts.get_current_head():
            return None
        if before is not None and before not in {one.revision for one in scripts.walk_revisions()}:
            raise SchemaTooNew(f"the store has schema {before}, which this version of Tidegate does not know")
        _upgrade(settings, connection)
    return before


def newest_revision() -> str:
    """The revision of the schema that this version of Tidegate needs: the number of the last migration."""
    return max(file.name[1:5] for file in (MIGRATIONS / "versions").glob("v*.py"))


def _revision_of(database: Database) -> str | None:
    """The revision of a schema; None where there is none yet. Raises DatabaseError."""
    try:
        with database.read() as connection:
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return found
    except (ProgrammingError, OperationalError) as error:  # the table is missing, by PostgreSQL and by SQLite
        if isinstance(error, ProgrammingError) or database.is_sqlite:
            return None
        raise


def _upgrade(settings: Any, connection: Connection) -> None:
    from alembic import command

    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
