"""Limits are exact over hosts that share a real Valkey or a real PostgreSQL, and go on as stated while it is
away.
"""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from time import time
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import text

from postgreses import Postgres
from tidegate.accounts import LeasedCounters, LocalCounters, leased_counters
from tidegate.accounts.counters import Place, Taken, Want
from tidegate.accounts.gcra import Rate
from tidegate.accounts.leased_counters import _Lease
from tidegate.protocols.errors import Unavailable
from tidegate.protocols.ids import new_id
from tidegate.store.database import Database, DatabaseError
from tidegate.store.postgres_counters import TABLE, PostgresCounters
from tidegate.store.postgres_link import PostgresLink
from tidegate.store.valkey import Valkey
from tidegate.store.valkey_counters import ValkeyCounters
from valkeys import ValkeyProcess

HUNDRED = Want("key:a:requests", Rate(100, 3600.0), 1)
"""Of an hour: nothing comes back while a test lasts."""
PLACES = Place("key:a", 40)
PATIENCE_S = 60.0


class ValkeyServer(ValkeyProcess):
    """Counts in Valkey."""

    def link(self, wait_s: float) -> Valkey:
        return Valkey(self.url.replace("socket_timeout=20", f"socket_timeout={wait_s:g}"))

    def counters(self, link: Any) -> Any:
        return ValkeyCounters(link, new_id(""))

    async def settle(self, link: Any) -> None:
        await link.run("PING")

    async def age(self, link: Any, worker: str) -> None:
        await link.run("ZINCRBY", "tidegate:workers", -3600, worker)


class PostgresServer(Postgres):
    """Counts in PostgreSQL."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="tidegate-postgres-")))  # short: its socket lies there

    def link(self, wait_s: float) -> PostgresLink:
        return PostgresLink(self.url, wait_s)

    def counters(self, link: Any) -> Any:
        return PostgresCounters(link, new_id(""))

    async def settle(self, link: Any) -> None:
        await asyncio.sleep(0)  # what is given back is collected first
        await link.settle()

    async def age(self, link: Any, worker: str) -> None:
        await link.execute(
            f"UPDATE limit_counters SET arrival = arrival - 3600 WHERE name = 'worker:{worker}'"
        )

    def flush(self) -> None:
        database = Database(self.url)
        with database.write() as connection:
            connection.execute(text("DROP TABLE IF EXISTS limit_counters"))
            connection.execute(text(TABLE))
        database.close()

    def kill(self) -> None:
        self.signal_all(signal.SIGKILL)

    def suspend(self) -> None:
        self.signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal_all(signal.SIGCONT)


Server: TypeAlias = ValkeyServer | PostgresServer


@pytest.fixture(scope="module", params=["valkey", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "valkey":
        with ValkeyServer() as process:
            yield process
        return
    postgres = PostgresServer()
    yield postgres
    postgres.end()


@pytest.fixture
def shared(server: Server) -> Server:
    server.flush()
    return server


@pytest.fixture
def mortal(server: Server) -> Iterator[Server]:
    """One that may be killed: it is there again afterwards."""
    server.flush()
    yield server
    try:
        server.flush()
    except (OSError, DatabaseError):
        server.start()


class Worker:
    """A worker of some host."""

    def __init__(self, server: Server, refuse: bool = False, wait_s: float = 20) -> None:
        self.link: Any = server.link(wait_s)
        self.server = server.counters(self.link)
        self.counters = LeasedCounters(self.server, LocalCounters(), refuse=refuse)
        self.settle = partial(server.settle, self.link)

    async def open(self) -> None:
        await self.link.open()
        self.counters.open()
        async with asyncio.timeout(PATIENCE_S):
            while not await self.server.beat():
                await asyncio.sleep(0)

    async def close(self) -> None:
        await self.counters.close()
        self.server.close()
        await self.link.close()

    async def die(self) -> None:
        """End as a killed process does: it gives nothing back."""
        assert self.counters._task is not None
        self.counters._task.cancel()
        await asyncio.wait([self.counters._task])
        await self.link.close()

    async def take(self, *wants: Want, places: Sequence[Place] = ()) -> bool:
        return granted(await self.counters.take(wants, time(), places))


def granted(taken: Taken) -> bool:
    return taken.refused is None and taken.full is None


@asynccontextmanager
async def hosts(server: Server, count: int, **options: bool) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        workers = [Worker(server, **options) for _ in range(count)]
        for one in workers:
            await one.open()
            stack.push_async_callback(one.close)
        yield workers


async def spread(workers: Sequence[Worker], count: int, *wants: Want, places: Sequence[Place] = ()) -> int:
    """How many of so many requests at once, spread over the workers, are allowed."""
    asked = (workers[number % len(workers)].take(*wants, places=places) for number in range(count))
    return sum(await asyncio.gather(*asked))


async def one_by_one(workers: Sequence[Worker], count: int, *wants: Want) -> int:
    return sum([await workers[number % len(workers)].take(*wants) for number in range(count)])


# --- rates ----------------------------------------------------------------------------------------


async def test_hosts_together_let_exactly_a_limit_through_at_once(shared: Server) -> None:
    async with hosts(shared, 8) as workers:
        assert await spread(workers, 300, HUNDRED) == 100
        assert await spread(workers, 50, HUNDRED) == 0


async def test_hosts_together_let_exactly_a_limit_through_one_by_one(shared: Server) -> None:
    async with hosts(shared, 5) as workers:
        assert await one_by_one(workers, 150, HUNDRED) == 100


async def test_leases_that_others_do_not_use_are_called_back_before_a_refusal(shared: Server) -> None:
    async with hosts(shared, 3) as (one, two, three):
        used = await one_by_one([one, two], 6, HUNDRED)
        assert {name for worker in (one, two) for name in worker.counters._leases} == {HUNDRED.name}
        assert used + await one_by_one([three], 120, HUNDRED) == 100
        assert one.counters._leases == two.counters._leases == {}


async def test_most_requests_ask_nobody_while_there_is_much_room(shared: Server) -> None:
    async with hosts(shared, 1) as (worker,):
        asked = 0
        take = worker.server.take

        async def count(what: object) -> object:
            nonlocal asked
            asked += 1
            return await take(what)  # type: ignore[arg-type]

        worker.server.take = count  # type: ignore[method-assign, assignment]
        plenty = Want("key:b:requests", Rate(100_000, 3.6e8), 1)
        taken = [await worker.counters.take([plenty], time()) for _ in range(1000)]
        assert all(map(granted, taken))
        assert asked == 2
        assert [one.verdicts[0].remaining for one in taken[::333]] == [99_999, 99_666, 99_333, 99_000]


async def test_all_limits_of_a_request_are_taken_or_none(shared: Server) -> None:
    ten = Want("user:b:requests", Rate(10, 3600.0), 1)
    async with hosts(shared, 2) as workers:
        assert await spread(workers, 30, HUNDRED, ten) == 10
        taken = await workers[0].counters.take([HUNDRED, ten], time())
        assert taken.refused == 1
        leased = sum(lease.left for worker in workers for lease in worker.counters._leases.values())
        assert taken.verdicts[0].remaining + leased == 89
        assert 0 < taken.verdicts[1].retry_s <= 360
        assert await spread(workers, 120, HUNDRED) == 90


async def test_estimates_are_corrected_over_hosts(shared: Server) -> None:
    tokens = Want("key:a:tokens", Rate(1000, 3600.0), 600)
    async with hosts(shared, 2) as (one, two):
        assert await one.take(tokens)
        assert not await two.take(tokens)
        one.counters.correct(tokens, 100 - 600, time())
        await one.settle()
        assert await two.take(tokens)
        two.counters.correct(tokens, 900 - 600, time())
        await two.settle()
        assert not await one.take(structs.replace(tokens, units=1))


async def test_a_corrected_estimate_is_used_again_within_a_lease(shared: Server) -> None:
    tokens = Want("key:a:tokens", Rate(1_000_000, 3.6e8), 1000)
    async with hosts(shared, 2) as (one, two):
        for _ in range(1500):  # more than 1,000 at once would not fit
            assert await one.take(tokens)
            one.counters.correct(tokens, 100 - 1000, time())
        await one.counters.close()
        await one.settle()
        assert (await two.counters.take([tokens], time())).verdicts[0].remaining == 849_000


@given(
    limit=st.integers(4, 1000),
    size=st.integers(1, 60),
    after=st.floats(0, 1),
    back=st.integers(0, 2000),
)
def test_a_lease_never_promises_more_than_the_limit(limit: int, size: int, after: float, back: int) -> None:
    """Whenever it is asked within its time, and whatever was given back to it."""
    rate = Rate(limit, 60.0)
    arrival = 1000.0 + size * rate.interval_s
    lease = _Lease(rate, size, now=1000.0, clock=5.0, arrival=arrival)
    lease.left += back
    assert 0 <= lease.verdict(5.0 + after * (lease.ends - 5.0)).remaining <= limit


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-4, 6)), min_size=5, max_size=60))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hosts_allow_what_a_dictionary_allows(server: Server, steps: Sequence[tuple[int, int]]) -> None:
    """Whatever workers take and give back in turn: as much as one counter would allow."""

    async def compare() -> None:
        local, rate = LocalCounters(), Rate(40, 36_000.0)
        async with hosts(server, 3) as workers:
            now = time()
            for place, units in steps:
                worker, want = workers[place], Want("key:c:requests", rate, abs(units))
                if units > 0:
                    assert await worker.take(want) == granted(await local.take([want], now))
                elif units < 0:
                    worker.counters.correct(want, units, now)
                    local.correct(want, units, now)
                await worker.settle()

    server.flush()
    asyncio.run(compare())


# --- open requests --------------------------------------------------------------------------------


async def test_open_requests_are_counted_over_hosts(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        leased_counters, "WAITS_S", (*leased_counters.WAITS_S, *[0.3] * 100)
    )  # a busy machine
    async with hosts(shared, 4) as workers:
        assert await spread(workers, 100, places=[PLACES]) == 40
        for worker in workers:
            for _ in range(worker.counters._places["key:a"].open if worker.counters._places else 0):
                worker.counters.end("key:a")
            await worker.settle()
        assert await spread(workers[:1], 100, places=[PLACES]) == 40


async def test_a_place_that_is_refused_costs_no_units(shared: Server) -> None:
    async with hosts(shared, 2) as workers:
        assert await spread(workers, 100, HUNDRED, places=[PLACES]) == 40
        assert await spread(workers, 100, HUNDRED) == 60
        assert await spread(workers, 10, places=[Place("key:b", 1)]) == 1
        assert await spread(workers, 10, HUNDRED, places=[Place("key:c", 1)]) == 0
        assert await spread(workers, 10, places=[Place("key:c", 1)]) == 1


async def test_the_places_of_a_dead_worker_are_free_once_it_is_taken_for_dead(shared: Server) -> None:
    async with hosts(shared, 1) as (alive,):
        dead = Worker(shared)
        await dead.open()
        assert await spread([dead], 60, places=[PLACES]) == 40
        await dead.die()
        assert await spread([alive], 60, places=[PLACES]) == 0
        await shared.age(alive.link, dead.server.worker)
        assert await spread([alive], 60, places=[PLACES]) == 40


async def test_a_worker_that_was_taken_for_dead_says_what_it_has(shared: Server) -> None:
    async with hosts(shared, 2) as (one, two):
        assert await spread([one], 30, places=[PLACES]) == 30
        shared.flush()
        await one.counters._beat(renew=False)
        assert await spread([two], 60, places=[PLACES]) == 10


async def test_what_a_client_that_leaves_has_asked_for_is_given_back(shared: Server) -> None:
    async with hosts(shared, 2) as (one, two):
        asked = asyncio.create_task(one.counters.take([HUNDRED], time(), [PLACES]))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        async with asyncio.timeout(PATIENCE_S):
            while one.counters._places.get("key:a") is None or one.counters._places["key:a"].had:
                await asyncio.sleep(0)
        await one.settle()
        assert await spread([two], 150, HUNDRED) == 100
        assert await spread([two], 60, places=[PLACES]) == 40


# --- without the server ---------------------------------------------------------------------------


async def until(condition: object, worker: Worker) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (worker.link.failure is None) is not condition:
            await asyncio.sleep(0.01)


async def test_each_host_counts_by_itself_while_the_server_is_away_and_together_afterwards(
    mortal: Server,
) -> None:
    async with hosts(mortal, 2) as (one, two):
        said: list[str | None] = []
        one.link.watch(said.append)
        assert await one.take(HUNDRED, places=[PLACES])
        mortal.kill()
        assert await spread([one], 150, HUNDRED) == 100
        assert await spread([two], 150, HUNDRED) == 100
        assert await spread([one], 60, places=[PLACES]) == 39, "one has been open since before"
        mortal.start()
        await until(True, one)
        await until(True, two)
        assert await spread([one, two], 150, HUNDRED) == 100
        assert [bool(one) for one in said] == [True, False]


async def test_a_server_that_hangs_is_given_up_at_once_by_all_who_wait(mortal: Server) -> None:
    worker = Worker(mortal, wait_s=0.5)
    await worker.open()
    mortal.suspend()
    assert await spread([worker], 150, HUNDRED) == 100
    assert worker.link.failure is not None
    mortal.resume()
    await until(True, worker)
    other = structs.replace(HUNDRED, name="key:b:requests")  # what was asked before may have been counted
    assert await worker.take(other)
    await worker.close()


async def test_requests_with_limits_are_refused_while_the_server_is_away_if_that_was_chosen(
    mortal: Server,
) -> None:
    async with hosts(mortal, 1, refuse=True) as (worker,):
        mortal.kill()
        with pytest.raises(Unavailable, match="the limits are not available"):
            await worker.take(HUNDRED)
        mortal.start()
        await until(True, worker)
        assert await worker.take(HUNDRED)


async def test_a_gateway_starts_without_the_server_and_uses_it_when_it_is_there(mortal: Server) -> None:
    mortal.kill()
    worker = Worker(mortal)
    await worker.link.open()
    worker.counters.open()
    assert await worker.take(HUNDRED)
    mortal.start()
    await until(True, worker)
    assert await spread([worker], 150, HUNDRED) == 100
    await worker.close()
