"""Limits are counted exactly: in one process, and over the processes of one host."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tidegate.accounts import LocalCounters, SharedCounters, shared_counters
from tidegate.accounts.counters import Counters, Want
from tidegate.accounts.gcra import Rate
from tidegate.bus import Memory
from tidegate.bus.claims import new_unnamed_file
from tidegate.protocols.errors import Unavailable

NOW = 1_800_000_000.0
HUNDRED = Want("key:a:requests", Rate(100, 60.0), 1)

TAKE = """
import asyncio, sys
from tidegate.accounts import SharedCounters
from tidegate.accounts.counters import Want
from tidegate.accounts.gcra import Rate
from tidegate.bus import Memory

async def main():
    counters = SharedCounters(Memory(int(sys.argv[1]), int(sys.argv[2]), 4))
    wants = [Want("key:a:requests", Rate(1000, 60.0), 1), Want("user:b:requests", Rate(5000, 60.0), 2)]
    print("ready", flush=True)
    sys.stdin.readline()
    taken = [await counters.take(wants, 1.8e9) for _ in range(600)]
    print(sum(one.refused is None for one in taken))
asyncio.run(main())
"""

HOLD = """
import asyncio, sys
from tidegate.accounts import SharedCounters
from tidegate.bus import Memory

async def main():
    memory = Memory(int(sys.argv[1]), 1, 2)
    counters = SharedCounters(memory)
    print(await counters.begin("key:a", 3), await counters.begin("key:a", 3), memory.lock(), flush=True)
    sys.stdin.readline()
asyncio.run(main())
"""


def start(script: str, file: int, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(file), *words],
        pass_fds=[file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def file() -> Iterator[int]:
    descriptor = new_unnamed_file("test")
    yield descriptor
    os.close(descriptor)


@pytest.fixture(params=["local", "shared"])
def counters(request: pytest.FixtureRequest, file: int) -> Counters:
    return LocalCounters() if request.param == "local" else SharedCounters(Memory(file, 0, 1))


async def allowed(counters: Counters, *wants: Want, now: float = NOW) -> bool:
    return (await counters.take(wants, now)).refused is None


# --- both ---------------------------------------------------------------------------------------


async def test_a_limit_lets_exactly_its_units_through(counters: Counters) -> None:
    assert sum([await allowed(counters, HUNDRED) for _ in range(300)]) == 100
    assert sum([await allowed(counters, HUNDRED, now=NOW + 6) for _ in range(300)]) == 10
    assert sum([await allowed(counters, HUNDRED, now=NOW + 1000) for _ in range(300)]) == 100


async def test_all_wants_are_taken_or_none(counters: Counters) -> None:
    ten = Want("user:b:requests", Rate(10, 60.0), 1)
    assert sum([await allowed(counters, HUNDRED, ten) for _ in range(50)]) == 10
    taken = await counters.take([HUNDRED, ten], NOW)
    assert (taken.refused, taken.verdicts[0].remaining, taken.verdicts[1].retry_s) == (1, 90 - 1, 6.0)
    assert sum([await allowed(counters, HUNDRED) for _ in range(300)]) == 90


async def test_of_many_local_counters_those_in_use_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.accounts.counters.MOST_COUNTERS", 10)
    counters, rate = LocalCounters(), Rate(1, 60.0)
    assert await allowed(counters, Want("old", rate, 1), now=NOW - 30)
    for place in range(9):
        assert await allowed(counters, Want(f"unused{place}", rate, 1), now=NOW - 90)
    assert await allowed(counters, Want("new", rate, 1))
    assert len(counters._arrivals) == 2
    assert not await allowed(counters, Want("old", rate, 1))
    assert not await allowed(counters, Want("new", rate, 1))


async def test_where_all_local_counters_are_in_use_half_of_them_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidegate.accounts.counters.MOST_COUNTERS", 10)
    counters, rate = LocalCounters(), Rate(1, 60.0)
    for place in range(11):
        assert await allowed(counters, Want(f"c{place}", rate, 1), now=NOW + place)
    for place in range(6, 11):
        assert not await allowed(counters, Want(f"c{place}", rate, 1), now=NOW + 11)
    assert await allowed(counters, Want("c0", rate, 1), now=NOW + 11)


async def test_an_estimate_is_corrected(counters: Counters) -> None:
    tokens = Want("key:a:tokens", Rate(1000, 60.0), 600)
    assert await allowed(counters, tokens)
    assert not await allowed(counters, tokens)
    counters.correct(tokens, 100 - 600, NOW)
    assert await allowed(counters, tokens)
    counters.correct(tokens, 900 - 600, NOW)
    assert not await allowed(counters, structs.replace(tokens, units=1))


async def test_open_requests_are_counted(counters: Counters) -> None:
    assert [await counters.begin("key:a", 2) for _ in range(3)] == [True, True, False]
    assert await counters.begin("key:b", 2)
    counters.end("key:a")
    assert [await counters.begin("key:a", 2) for _ in range(2)] == [True, False]
    assert await counters.begin("key:a", 3)  # the limit was raised


steps = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 4), st.floats(0, 20)), max_size=60)


@given(steps)
@settings(max_examples=60, deadline=None)
def test_the_shared_table_says_what_a_dictionary_says(steps: Sequence[tuple[int, int, float]]) -> None:
    file = new_unnamed_file("test")

    async def compare() -> None:
        shared, local = [SharedCounters(Memory(file, place, 2)) for place in (0, 1)], LocalCounters()
        now = NOW
        for number, (name, units, pause) in enumerate(steps):
            now += pause
            want = Want(f"key:{name}", Rate(5 + name, 60.0), abs(units))
            if units > 0:
                said = await shared[number % 2].take([want], now)
                expected = await local.take([want], now)
                assert said == expected
            else:
                shared[number % 2].correct(want, units, now)
                local.correct(want, units, now)

    try:
        asyncio.run(compare())
    finally:
        os.close(file)


# --- a full table -------------------------------------------------------------------------------


@pytest.fixture
def small(file: int, monkeypatch: pytest.MonkeyPatch) -> SharedCounters:
    monkeypatch.setattr(shared_counters, "RATES", 64)
    monkeypatch.setattr(shared_counters, "OPEN", 64)
    monkeypatch.setattr(shared_counters, "OVERFLOW", 16)
    return SharedCounters(Memory(file, 0, 1))


async def test_no_counter_in_use_is_forgotten_in_a_full_table(small: SharedCounters) -> None:
    wants = [Want(f"address:{number}:requests", Rate(1, 60.0), 1) for number in range(500)]
    begun = [want for want in wants if await allowed(small, want)]
    assert 64 <= len(begun) <= 64 + 16
    for now in (NOW, NOW + 30, NOW + 59):
        assert [want for want in begun if await allowed(small, want, now=now)] == []


async def test_slots_are_used_again_when_their_counters_are_unused(small: SharedCounters) -> None:
    for minute in range(20):
        wants = [Want(f"{minute}:{number}", Rate(1, 60.0), 1) for number in range(20)]
        now = NOW + 61 * minute
        assert sum([await allowed(small, want, now=now) for want in wants]) == 20
        assert sum([await allowed(small, want, now=now) for want in wants]) == 0


async def test_two_new_counters_of_a_request_have_slots_of_their_own(small: SharedCounters) -> None:
    for number in range(200):
        one, two = (Want(f"{number}:{which}", Rate(2, 60.0), 1) for which in "ab")
        now = NOW + 61 * number
        assert [await allowed(small, one, two, now=now) for _ in range(3)] == [True, True, False]


async def test_open_requests_beyond_the_table_are_counted(small: SharedCounters) -> None:
    names = [f"address:{number}" for number in range(500)]
    begun = [name for name in names if await small.begin(name, 1)]
    assert 64 <= len(begun) <= 64 + 16
    assert [name for name in begun if await small.begin(name, 1)] == []
    for name in begun:
        small.end(name)
    assert await small.begin(names[-1], 1)


# --- several processes --------------------------------------------------------------------------


def test_processes_together_take_exactly_a_limit(file: int) -> None:
    workers = [start(TAKE, file, str(place)) for place in range(4)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert sum(int(worker.communicate()[0]) for worker in workers) == 1000


async def test_a_killed_worker_keeps_neither_the_lock_nor_its_open_requests(
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(file, 0, 2)
    counters = SharedCounters(memory)
    assert await counters.begin("key:a", 3)
    with start(HOLD, file) as other:
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == "True True True\n"
        # It holds the lock, and does not run.
        counters.correct(HUNDRED, 100, NOW)
        monkeypatch.setattr(shared_counters, "PATIENCE_S", 0.01)
        with pytest.raises(Unavailable):
            await counters.take([HUNDRED], NOW)
        monkeypatch.undo()
        waiting = asyncio.ensure_future(counters.take([HUNDRED], NOW))
        await asyncio.sleep(0)
        other.send_signal(signal.SIGKILL)
        await asyncio.to_thread(other.wait)
    assert (await waiting).refused == 0  # after the correction, which had to wait
    assert not await counters.begin("key:a", 3)
    SharedCounters(Memory(file, 1, 2))  # the worker that replaces it
    assert [await counters.begin("key:a", 3) for _ in range(3)] == [True, True, False]
