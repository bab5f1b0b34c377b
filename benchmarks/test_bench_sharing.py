"""What it costs workers to know from each other: none of it is on a request's path.

Worth defending: the report of one second for thirty models is made in less than 1 ms and merged in less than
1 ms, and a conversation's cache is made known for a few microseconds in each worker.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from routing_world import World
from tidegate.bus import Links, SocketBus
from tidegate.routing.affinity import Home

MODELS = [(service, f"model-{number}") for service in "abc" for number in range(10)]


def measured(world: World) -> None:
    """Twenty requests for each model within the last second."""
    for service, model in MODELS:
        figures = world.router.endpoints.endpoint(service, model).figures
        for number in range(20):
            figures.first_token(0.1 + number / 50)
            figures.generated(200, 2.0)
            figures.succeeded()


def test_a_report_of_thirty_models(benchmark: BenchmarkFixture) -> None:
    world = World()

    def publish() -> list[bytes]:
        return list(world.router.publish(world.now))

    parts = benchmark.pedantic(publish, setup=lambda: measured(world), rounds=200)
    assert parts


def test_a_report_without_news(benchmark: BenchmarkFixture) -> None:
    world = World()
    measured(world)
    list(world.router.publish(world.now))
    assert benchmark(lambda: list(world.router.publish(world.now))) == []


def test_merging_a_report_of_thirty_models(benchmark: BenchmarkFixture) -> None:
    sender, receiver = World(), World()
    measured(sender)
    parts = list(sender.router.publish(sender.now))

    def merge() -> None:
        for part in parts:
            receiver.router.merge(part, receiver.now)

    benchmark(merge)


def test_the_homes_of_a_hundred_conversations(benchmark: BenchmarkFixture) -> None:
    sender, receiver = World(), World()
    homes = sender.router.homes
    homes.on_news = lambda: None

    def tell() -> None:
        for number in range(100):
            homes.settle(number.to_bytes(16), Home("a", "m", "abcdef12", 10_000, sender.now + 300, False))
        for part in sender.router.publish_homes(sender.now):
            receiver.router.merge_homes(part, receiver.now)

    benchmark(tell)
    assert len(receiver.router.homes) == 100


@pytest.fixture
def links() -> Iterator[Links]:
    links = Links(8)
    yield links
    links.close()


def test_queueing_a_message_for_seven_workers(benchmark: BenchmarkFixture, links: Links) -> None:
    bus = SocketBus(links.seat(0))
    benchmark(bus.publish, "news", bytes(200))


def test_a_claim(benchmark: BenchmarkFixture, links: Links) -> None:
    bus = SocketBus(links.seat(0))
    assert benchmark(bus.claim, "lead")


def test_a_message_from_one_worker_to_another(benchmark: BenchmarkFixture, links: Links) -> None:
    with asyncio.Runner() as runner:
        sender, receiver = SocketBus(links.seat(0)), SocketBus(links.seat(1))
        arrived = asyncio.Event()
        receiver.subscribe("news", lambda _: arrived.set())

        async def send() -> None:
            arrived.clear()
            sender.publish("news", bytes(200))
            await arrived.wait()

        async def start() -> None:
            sender.open()
            receiver.open()

        async def stop() -> None:
            sender.close()
            receiver.close()

        runner.run(start())
        benchmark(lambda: runner.run(send()))
        runner.run(stop())
