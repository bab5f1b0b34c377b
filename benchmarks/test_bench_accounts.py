"""What accounts cost a request: limits, a hold, two lines of the journal, and their way into the store.

Processor time, on a busy machine: a take of two limits 4.6 µs in one process and 7.9 µs over the workers of a
host (two system calls are the lock), 5 µs for the two lines of the journal, and 20 µs for all of a request's
part in the event loop, with two limits and a wallet. Moving happens in a thread of its own, with some 500
requests at a time. (A step is 500 requests or lines.)
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw
from pytest_benchmark.fixture import BenchmarkFixture

from tidegate.accounts import Caller, LocalCounters, Quote, SharedCounters
from tidegate.accounts.accountant import Accountant
from tidegate.accounts.caller import Subject
from tidegate.accounts.counters import Counters, Want
from tidegate.accounts.gcra import Rate
from tidegate.accounts.settings import Limits
from tidegate.bus import Memory
from tidegate.bus.claims import new_unnamed_file
from tidegate.store.database import Database
from tidegate.store.journal import Begun, Charge, Ended, Journal, Place, milliseconds
from tidegate.store.keys import add_user
from tidegate.store.moving import move
from tidegate.store.schema import migrate
from tidegate.store.store import Store
from tidegate.store.tables import records
from tidegate.store.wallets import add_credit

STEP = 500
DETAIL = Raw(b'{"id":"' + b"x" * 600 + b'"}')
"""As long as a record."""


@pytest.fixture(params=["local", "shared"])
def counters(request: pytest.FixtureRequest) -> Iterator[Counters]:
    if request.param == "local":
        yield LocalCounters()
        return
    file = new_unnamed_file("benchmark")
    yield SharedCounters(Memory(file, 0, 4))
    os.close(file)


def test_two_limits_are_taken(benchmark: BenchmarkFixture, counters: Counters) -> None:
    wants = [Want(f"key:{kind}", Rate(10**9, 60.0), 1) for kind in ("requests", "tokens")]

    async def step() -> None:
        for _ in range(STEP):
            await counters.take(wants, 1.8e9)

    with asyncio.Runner() as runner:
        benchmark(lambda: runner.run(step()))


def ended(name: str, lease: str | None = None) -> Ended:
    return Ended(
        id=name, at=2, ended="complete", status=200, begun_at=1, user="alice", key="key_1", model="m",
        provider="up", provider_model="m", lease=lease, held=2000,
        charges=(Charge(0, 1000),) if lease else (), cost=1000, tokens=14, detail=DETAIL,
    )  # fmt: skip


def test_a_request_is_admitted_and_settled(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The whole part of the event loop, with two limits and a wallet; nothing is moved meanwhile."""
    database = Database(f"sqlite:///{tmp_path}/tidegate.db")
    migrate(database)
    with database.write() as connection:
        add_user(connection, "alice", 1)
        add_credit(connection, "alice", 10**15, 1, reference="a")
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path))
    accountant = Accountant(store, LocalCounters(), 0)
    limits = Limits(requests_per_minute=10**9, tokens_per_minute=10**12)
    caller = Caller(key="key_1", user="alice", wallet=True, subjects=(Subject("key:key_1", limits),))
    numbers = iter(range(10**9))

    async def step() -> None:
        for _ in range(STEP):
            name = f"req_{next(numbers)}"
            ticket = await accountant.admit(name, caller, Quote("m", 100, 2000))
            assert ticket.hold is not None
            accountant.settle(ticket, ended(name, ticket.hold.lease))

    with asyncio.Runner() as runner:
        benchmark(lambda: runner.run(step()))
        runner.run(store.close())
    database.close()


def lines(journal: Journal, first: int) -> None:
    for number in range(first, first + STEP // 2):
        journal.append(Begun(id=f"req_{number}", at=1, user="alice", key="key_1", model="m"))
        journal.append(ended(f"req_{number}"))


def test_lines_are_moved(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """A batch of 250 requests, of a key without a wallet."""
    database = Database(f"sqlite:///{tmp_path}/tidegate.db")
    migrate(database)
    journal = Journal(Place(tmp_path), "j")
    position, first = 0, 0

    def write() -> tuple[tuple[int], dict[str, object]]:
        nonlocal first
        lines(journal, first)
        first += STEP // 2
        return (position,), {}

    def batch(start: int) -> None:
        nonlocal position
        position, moved = move(database, "j", journal.path, start, milliseconds())
        assert moved == STEP

    benchmark.pedantic(batch, setup=write, rounds=20)
    with database.read() as connection:
        assert connection.execute(records.select().limit(1)).first() is not None
    journal.remove()
    database.close()


def test_a_journal_is_written(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The two lines of a request, 250 times."""
    journal = Journal(Place(tmp_path), "j")
    benchmark(lambda: lines(journal, 0))
    journal.remove()
