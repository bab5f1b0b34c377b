"""Every cell of the table of provider failures, on real sockets: see `cells.py`."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from cases import Failures

from .cells import PAIRS, Cell, Expected, cells, connecting_cells, expect, mixed_cells, resumed_cells
from .provider import Providers
from .world import CONNECT_S, Clock, Seen, World

BILLED = (PAIRS[0], ("anthropic", "anthropic"))
"""Where accounts are kept: they know nothing of dialects, but Anthropic's reports usage at the beginning."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    # The amount is patched and not the waiting: what has come of an error's body by then changes nothing.
    monkeypatch.setattr("tidegate.upstream.pool.ERROR_PATIENCE_S", 0.05)
    return Clock(monkeypatch)


@pytest.fixture
async def providers() -> AsyncIterator[Providers]:
    async with Providers() as running:
        yield running


def check(seen: Seen, expected: Expected) -> None:
    """Compare a client's answer and its record with what the table says."""
    headers, record = seen.headers, seen.record
    assert (seen.status, *seen.answer) == (expected.status, expected.text, expected.ended)
    assert headers.get("retry-after") == expected.retry_after
    assert headers["x-tidegate-attempts"] == str(expected.attempts)
    assert number_of(headers["x-tidegate-provider"]) == expected.provider
    assert (record["status"], record["ended"]) == (expected.status, expected.record)
    assert number_of(record["provider"]) == expected.provider + expected.continued
    assert record.get("continued", 0) == expected.continued
    assert expected.says in record.get("error", "")
    failed = [(number_of(one["provider"]), one["status"]) for one in record.get("attempts", ())]
    assert failed == [(number, status) for number, status, _ in expected.failed]
    for one, (_, _, says) in zip(record.get("attempts", ()), expected.failed, strict=True):
        assert says in one["error"]
    usage = record.get("usage")
    assert usage is None if expected.usage is None else expected.usage.items() <= (usage or {}).items()


def check_bill(seen: Seen, expected: Expected) -> None:
    """Compare what is billed with what the table says. Candidate n costs 1000 · n nano-dollars a token."""
    record = seen.record
    assert (record.get("cost", 0) > 0) == (expected.billed != "nothing")
    assert record.get("estimated", False) == (expected.billed == "estimated")
    assert sum(line["amount"] for line in record.get("bill", ())) == record.get("cost", 0)
    if expected.billed == "reported":
        assert expected.usage is not None
        assert record["cost"] == sum(expected.usage.values()) * 1000 * expected.provider


def number_of(provider: str) -> int:
    return int(provider.rpartition("-")[2])


async def run_all(world: World, chosen: Sequence[Cell]) -> None:
    failures = Failures()
    for cell in chosen:
        with failures.case(repr(cell)):
            seen, expected = await world.run(cell), expect(cell)
            check(seen, expected)
            if world.bills:
                check_bill(seen, expected)
    failures.report()


@pytest.mark.parametrize(("door", "speech"), PAIRS)
async def test_every_fault_at_every_place_ends_as_the_table_says(
    clock: Clock, providers: Providers, door: str, speech: str
) -> None:
    chosen = cells(door, speech)
    async with World(chosen, clock, providers, bills=(door, speech) in BILLED) as world:
        await run_all(world, chosen)


async def test_different_failures_in_one_chain_end_as_the_table_says(
    clock: Clock, providers: Providers
) -> None:
    chosen = mixed_cells()
    async with World(chosen, clock, providers) as world:
        await run_all(world, chosen)


async def test_broken_streams_are_continued_as_the_table_says(clock: Clock, providers: Providers) -> None:
    chosen = resumed_cells()
    async with World(chosen, clock, providers, "resume = true", bills=True) as world:
        await run_all(world, chosen)


async def test_a_connection_that_is_never_made_ends_as_the_table_says(
    clock: Clock, providers: Providers
) -> None:
    chosen = connecting_cells()
    async with World(chosen, clock, providers, f"connect_s = {CONNECT_S}") as world:
        await world.warm_up()
        await run_all(world, chosen)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
async def test_nothing_stays_open(clock: Clock) -> None:
    """Of a request of each fault: no connection, no task, no file."""
    chosen = [cell for cell in cells(*PAIRS[0]) if cell.place == "first"]
    await run_once(clock, chosen[:1])  # what is loaded on first use stays open
    tasks, files = asyncio.all_tasks(), open_files()
    await run_once(clock, chosen)
    assert asyncio.all_tasks() == tasks
    assert open_files() == files


async def run_once(clock: Clock, chosen: Sequence[Cell]) -> None:
    async with Providers() as providers, World(chosen, clock, providers) as world:
        for cell in chosen:
            await world.run(cell)
        assert (await world.gateway.get("/health")).json["open_requests"] == 0
        assert await world.in_flight() == 0
