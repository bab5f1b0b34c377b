"""Routers of two workers, over the sockets that connect them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import perf_counter

import pytest

from buses import OneOfSeveral, buses
from routing_world import DOWN, World, refused
from tidegate import sharing
from tidegate.bus import ALONE
from tidegate.protocols.usage import Usage
from tidegate.routing import Outcome, session_key
from tidegate.sharing import Sharing

Pair = tuple[World, World, list[OneOfSeveral]]


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr(sharing, "PUBLISH_S", 0.01)
    with buses(2) as pair:
        first, second = World(claims=pair[0]), World(claims=pair[1])
        first.now = second.now = perf_counter()
        connections = [Sharing(world.router, bus) for world, bus in zip((first, second), pair, strict=True)]
        for one in connections:
            one.start()
        yield first, second, pair
        for one in connections:
            one.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def attempts(world: World) -> int:
    return sum(one.attempts for one in world.router.health("a", perf_counter()).endpoints)


async def test_figures_arrive_and_are_counted_once(workers: Pair) -> None:
    first, second, _ = workers
    first.calls("a", 30, every=0)
    second.calls("a", 12, every=0)
    await until(lambda: attempts(first) == attempts(second) == 42)
    first.call("b")
    await until(lambda: second.router.health("b", perf_counter()).endpoints)
    assert attempts(first) == attempts(second) == 42


async def test_a_breaker_that_opens_in_one_opens_in_the_other_at_once(workers: Pair) -> None:
    first, second, _ = workers
    first.calls("a", 5, DOWN, every=0)
    first.call("b", refused(429, retry_after=30))
    await asyncio.sleep(0)
    await until(lambda: second.order() == "cab")


async def test_the_failures_of_both_open_it(workers: Pair) -> None:
    first, second, _ = workers
    first.calls("a", 3, DOWN, every=0)
    second.calls("a", 3, DOWN, every=0)
    await until(lambda: first.order() == second.order() == "bca")


async def test_a_conversation_is_known_to_the_other_worker(workers: Pair) -> None:
    first, second, _ = workers
    session = session_key("alice", session_id="s")
    assert session is not None
    first.call("b", Outcome(usage=Usage(input=10_000, output=10)), session=session, input_tokens=10_000)
    await until(lambda: second.router.homes.of(session, perf_counter()))


async def test_what_is_no_transition_and_no_report_changes_nothing(workers: Pair) -> None:
    first, second, pair = workers
    pair[0].publish(sharing.FIGURES, b"\x93")
    pair[0].publish(sharing.TRANSITIONS, b"\x81\xa4kind\xa8exploded")
    pair[0].publish(sharing.HOMES, b"\x81\x01\x90")
    pair[0].publish("unknown", b"\x80")
    await until(lambda: pair[1].malformed == 3)
    assert second.order() == first.order() == "abc"


async def test_a_worker_that_is_alone_reports_nothing() -> None:
    world = World()
    alone = Sharing(world.router, ALONE)
    alone.start()
    world.calls("a", 5, DOWN, every=0)
    assert alone._timer is None
    alone.stop()
    assert list(world.router.publish(world.now)) != [], "nobody has taken it"
