"""Limits are exact over hosts that share a real Valkey, and go on as stated while it is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.accounts import LeasedCounters, LocalCounters
from tidegate.accounts.counters import Place, Taken, Want
from tidegate.accounts.gcra import Rate
from tidegate.protocols.errors import Unavailable
from tidegate.protocols.ids import new_id
from tidegate.store.valkey import Valkey
from tidegate.store.valkey_counters import ValkeyCounters
from valkeys import ValkeyProcess

HUNDRED = Want("key:a:requests", Rate(100, 3600.0), 1)
"""Of an hour: nothing comes back while a test lasts."""
PLACES = Place("key:a", 40)
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyProcess]:
    with ValkeyProcess() as process:
        yield process


@pytest.fixture
def valkey(server: ValkeyProcess) -> ValkeyProcess:
    server.flush()
    return server


class Worker:
    """A worker of some host."""

    def __init__(self, url: str, refuse: bool = False) -> None:
        self.valkey = Valkey(url)
        self.server = ValkeyCounters(self.valkey, new_id(""))
        self.counters = LeasedCounters(self.server, LocalCounters(), refuse=refuse)

    async def open(self) -> None:
        await self.valkey.open()
        self.counters.open()
        async with asyncio.timeout(PATIENCE_S):
            while not await self.server.beat():
                await asyncio.sleep(0)

    async def close(self) -> None:
        await self.counters.close()
        self.server.close()
        await self.valkey.close()

    async def die(self) -> None:
        """End as a killed process does: it gives nothing back."""
        assert self.counters._task is not None
        self.counters._task.cancel()
        await asyncio.wait([self.counters._task])
        await self.valkey.close()

    async def take(self, *wants: Want, places: Sequence[Place] = ()) -> bool:
        return granted(await self.counters.take(wants, time(), places))


def granted(taken: Taken) -> bool:
    return taken.refused is None and taken.full is None


@asynccontextmanager
async def hosts(valkey: ValkeyProcess, count: int, **options: bool) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        workers = [Worker(valkey.url, **options) for _ in range(count)]
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


async def test_hosts_together_let_exactly_a_limit_through_at_once(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 8) as workers:
        assert await spread(workers, 300, HUNDRED) == 100
        assert await spread(workers, 50, HUNDRED) == 0


async def test_hosts_together_let_exactly_a_limit_through_one_by_one(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 5) as workers:
        assert await one_by_one(workers, 150, HUNDRED) == 100


async def test_leases_that_others_do_not_use_are_called_back_before_a_refusal(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 3) as (one, two, three):
        used = await one_by_one([one, two], 6, HUNDRED)
        assert {name for worker in (one, two) for name in worker.counters._leases} == {HUNDRED.name}
        assert used + await one_by_one([three], 120, HUNDRED) == 100
        assert one.counters._leases == two.counters._leases == {}


async def test_most_requests_ask_nobody_while_there_is_much_room(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 1) as (worker,):
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


async def test_all_limits_of_a_request_are_taken_or_none(valkey: ValkeyProcess) -> None:
    ten = Want("user:b:requests", Rate(10, 3600.0), 1)
    async with hosts(valkey, 2) as workers:
        assert await spread(workers, 30, HUNDRED, ten) == 10
        taken = await workers[0].counters.take([HUNDRED, ten], time())
        assert taken.refused == 1
        assert taken.verdicts[0].remaining == 89
        assert 0 < taken.verdicts[1].retry_s <= 360
        assert await spread(workers, 120, HUNDRED) == 90


async def test_estimates_are_corrected_over_hosts(valkey: ValkeyProcess) -> None:
    tokens = Want("key:a:tokens", Rate(1000, 3600.0), 600)
    async with hosts(valkey, 2) as (one, two):
        assert await one.take(tokens)
        assert not await two.take(tokens)
        one.counters.correct(tokens, 100 - 600, time())
        await one.valkey.run("PING")
        assert await two.take(tokens)
        two.counters.correct(tokens, 900 - 600, time())
        await two.valkey.run("PING")
        assert not await one.take(tokens._replace(units=1))


async def test_a_corrected_estimate_is_used_again_within_a_lease(valkey: ValkeyProcess) -> None:
    tokens = Want("key:a:tokens", Rate(1_000_000, 3.6e8), 1000)
    async with hosts(valkey, 2) as (one, two):
        for _ in range(1500):  # more than 1,000 at once would not fit
            assert await one.take(tokens)
            one.counters.correct(tokens, 100 - 1000, time())
        await one.counters.close()
        await one.valkey.run("PING")
        assert (await two.counters.take([tokens], time())).verdicts[0].remaining == 849_000


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-4, 6)), min_size=5, max_size=60))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hosts_allow_what_a_dictionary_allows(
    server: ValkeyProcess, steps: Sequence[tuple[int, int]]
) -> None:
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
                await worker.valkey.run("PING")

    server.flush()
    asyncio.run(compare())


# --- open requests --------------------------------------------------------------------------------


async def test_open_requests_are_counted_over_hosts(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 4) as workers:
        assert await spread(workers, 100, places=[PLACES]) == 40
        for worker in workers:
            for _ in range(worker.counters._places["key:a"].open if worker.counters._places else 0):
                worker.counters.end("key:a")
        assert await spread(workers[:1], 100, places=[PLACES]) == 40


async def test_a_place_that_is_refused_costs_no_units(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 2) as workers:
        assert await spread(workers, 100, HUNDRED, places=[PLACES]) == 40
        assert await spread(workers, 100, HUNDRED) == 60
        assert await spread(workers, 10, places=[Place("key:b", 1)]) == 1
        assert await spread(workers, 10, HUNDRED, places=[Place("key:c", 1)]) == 0
        assert await spread(workers, 10, places=[Place("key:c", 1)]) == 1


async def test_the_places_of_a_dead_worker_are_free_once_it_is_taken_for_dead(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 1) as (alive,):
        dead = Worker(valkey.url)
        await dead.open()
        assert await spread([dead], 60, places=[PLACES]) == 40
        await dead.die()
        assert await spread([alive], 60, places=[PLACES]) == 0
        await alive.valkey.run("ZINCRBY", "tidegate:workers", -3600, dead.server.worker)
        assert await spread([alive], 60, places=[PLACES]) == 40


async def test_a_worker_that_was_taken_for_dead_says_what_it_has(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 2) as (one, two):
        assert await spread([one], 30, places=[PLACES]) == 30
        valkey.flush()
        await one.counters._beat(renew=False)
        assert await spread([two], 60, places=[PLACES]) == 10


async def test_what_a_client_that_leaves_has_asked_for_is_given_back(valkey: ValkeyProcess) -> None:
    async with hosts(valkey, 2) as (one, two):
        asked = asyncio.create_task(one.counters.take([HUNDRED], time(), [PLACES]))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        async with asyncio.timeout(PATIENCE_S):
            while one.counters._places.get("key:a") is None or one.counters._places["key:a"].had:
                await asyncio.sleep(0)
        await one.valkey.run("PING")
        assert await spread([two], 150, HUNDRED) == 100
        assert await spread([two], 60, places=[PLACES]) == 40


# --- without Valkey -------------------------------------------------------------------------------


async def until(condition: object, worker: Worker) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (worker.valkey.failure is None) is not condition:
            await asyncio.sleep(0.01)


async def test_each_host_counts_by_itself_while_valkey_is_away_and_together_afterwards() -> None:
    with ValkeyProcess() as valkey:
        async with hosts(valkey, 2) as (one, two):
            said: list[str | None] = []
            one.valkey.watch(said.append)
            assert await one.take(HUNDRED, places=[PLACES])
            valkey.kill()
            assert await spread([one], 150, HUNDRED) == 100
            assert await spread([two], 150, HUNDRED) == 100
            assert await spread([one], 60, places=[PLACES]) == 39, "one has been open since before"
            valkey.start()
            await until(True, one)
            await until(True, two)
            assert await spread([one, two], 150, HUNDRED) == 100
            assert [bool(one) for one in said] == [True, False]


async def test_a_valkey_that_hangs_is_given_up_at_once_by_all_who_wait() -> None:
    with ValkeyProcess() as valkey:
        url = valkey.url.replace("socket_timeout=20", "socket_timeout=0.5")
        worker = Worker(url)
        await worker.open()
        valkey.suspend()
        assert await spread([worker], 150, HUNDRED) == 100
        assert worker.valkey.failure is not None
        valkey.resume()
        await until(True, worker)
        assert await worker.take(HUNDRED)
        await worker.close()


async def test_requests_with_limits_are_refused_while_valkey_is_away_if_that_was_chosen() -> None:
    with ValkeyProcess() as valkey:
        async with hosts(valkey, 1, refuse=True) as (worker,):
            valkey.kill()
            with pytest.raises(Unavailable, match="the limits are not available"):
                await worker.take(HUNDRED)
            valkey.start()
            await until(True, worker)
            assert await worker.take(HUNDRED)


async def test_a_gateway_starts_without_valkey_and_uses_it_when_it_is_there() -> None:
    with ValkeyProcess() as valkey:
        valkey.kill()
        worker = Worker(valkey.url)
        await worker.valkey.open()
        worker.counters.open()
        assert await worker.take(HUNDRED)
        valkey.start()
        await until(True, worker)
        assert await spread([worker], 150, HUNDRED) == 100
        await worker.close()
