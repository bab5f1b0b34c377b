"""A database that hangs, is locked or is killed, and a full disk: nobody waits long, nothing is lost."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from postgreses import Postgres
from tidegate.accounts.wallets import Wallets
from tidegate.protocols.errors import Unavailable
from tidegate.store import store as store_module
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.errors import StoreUnavailable
from tidegate.store.journal import Begun, Charge, Ended, Place, read_all
from tidegate.store.store import Store
from tidegate.store.tables import leases, records
from tidegate.store.wallets import add_credit

USD = 10**9
PATIENCE_S = 60.0


@pytest.fixture
def server() -> Iterator[Postgres]:
    server = Postgres(Path(tempfile.mkdtemp(prefix="tidegate-postgres-")))  # short: its socket lies there
    yield server
    server.end()


@pytest.fixture
async def store(server: Postgres, tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(server.url, Place(tmp_path))
    await opened.open()
    yield opened
    await opened.close()


def begun(number: int, lease: str | None = None) -> Begun:
    return Begun(id=f"req_{number}", at=number, user="alice", lease=lease, held=USD if lease else 0)


def ended(number: int, lease: str | None = None) -> Ended:
    charges = (Charge(0, USD // 2),) if lease else ()
    return Ended(
        id=f"req_{number}", at=number, ended="complete", status=200, user="alice", lease=lease,
        held=USD if lease else 0, charges=charges, cost=USD // 2,
    )  # fmt: skip


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def books(url: str) -> tuple[int, int, list[str]]:
    """How many records and leases there are, and what is wrong."""
    database = Database(url)
    with database.read() as connection:
        counted = connection.execute(select(func.count()).select_from(records)).scalar_one()
        leased = connection.execute(select(func.count()).select_from(leases)).scalar_one()
        wrong = list(check_books(connection))
    database.close()
    return counted, leased, wrong


async def test_nobody_waits_for_a_database_that_hangs_and_what_comes_late_is_given_back(
    server: Postgres, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.change(add_credit, "alice", 10 * USD, 1, reference="a")
    wallets = Wallets(store, 0)
    server.signal_all(signal.SIGSTOP)
    try:
        monkeypatch.setattr(Store._in, "__defaults__", (None, 0.2))
        with pytest.raises(Unavailable, match="the wallets are not available"):
            await wallets.hold("alice", USD)
        with pytest.raises(StoreUnavailable, match="has not answered"):
            await store.change(add_credit, "alice", USD, 1, reference="b")
        store.append(begun(1))
        store.append(ended(1))
        await until(lambda: store.failing_since is not None)
    finally:
        monkeypatch.undo()
        server.signal_all(signal.SIGCONT)
    await until(lambda: not store._late[store._writer])
    await until(lambda: store.failing_since is None)
    await store.flush()
    assert books(server.url) == (1, 0, [])


async def test_a_database_that_is_killed_is_used_again_and_nothing_is_lost(
    server: Postgres, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAUSE_S", 0.05)
    await store.change(add_credit, "alice", 100 * USD, 1, reference="a")
    wallets = Wallets(store, 0)
    for number in range(60):
        if number == 20:
            server.signal_all(signal.SIGKILL)
        try:
            hold = await wallets.hold("alice", USD)
        except Unavailable:
            assert 20 <= number < 40
            lease = None
        else:
            lease = hold.lease
        store.append(begun(number, lease))
        await asyncio.sleep(0.005)
        store.append(ended(number, lease))
        if lease is not None:
            wallets.settle(hold, USD // 2)
        if number == 39:
            await until(lambda: store.failing_since is not None)
            server.start()
            await until(lambda: store.failing_since is None)
    wallets.close()
    await store.flush()
    counted, _, wrong = books(server.url)
    assert (counted, wrong) == (60, [])


async def test_an_sqlite_file_that_is_locked_delays_only_what_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.store.database.BUSY_S", 0.05)
    monkeypatch.setattr(store_module, "PAUSE_S", 0.05)
    url = f"sqlite:///{tmp_path}/tidegate.db"
    store = Store(url, Place(tmp_path))
    await store.open()
    other = sqlite3.connect(tmp_path / "tidegate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(50):
        store.append(begun(number))
        store.append(ended(number))
    await until(lambda: store.failing_since is not None)
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.change(add_credit, "alice", USD, 1, reference="a")
    other.execute("ROLLBACK")
    other.close()
    await until(lambda: store.failing_since is None)
    await store.flush()
    await store.close()
    assert books(url) == (50, 0, [])


FILL = """
import resource, sys
from pathlib import Path
from tidegate.store.errors import JournalFailed
from tidegate.store.journal import Begun, Journal, Place

resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
journal = Journal(Place(Path(sys.argv[1])), "full")
written = 0
try:
    while True:
        journal.append(Begun(id=f"req_{written}", at=1, model="m" * 70))
        written += 1
except JournalFailed as error:
    print(written, error, sep="|")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(Begun(id="req_after", at=1))
"""


def test_a_disk_that_is_full_refuses_a_line_as_a_whole_and_takes_the_next_when_there_is_room(
    tmp_path: Path,
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    written, _, message = said.strip().partition("|")
    assert message.startswith("cannot write the journal: ")
    names = [line.id for line in read_all(tmp_path / "full.journal") if isinstance(line, Begun)]
    assert names == [*(f"req_{number}" for number in range(int(written))), "req_after"]
