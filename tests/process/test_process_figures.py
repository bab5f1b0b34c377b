"""Figures of several workers are those of one gateway: exact, also when workers are killed."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from process.serving import Served, children, eventually, one
from processes import signal_each
from simulator import Simulator

REQUESTS = 'tidegate_requests_total{provider="sim",model="gpt-4o",status_class="2xx"}'
TOKENS = 'tidegate_tokens_total{provider="sim",model="gpt-4o",class="input"}'


@pytest.fixture
async def gateway(tmp_path: Path, unused_tcp_port: int, provider: Simulator) -> AsyncIterator[Served]:
    async with Served(tmp_path, one(provider, server="workers = 4"), port=unused_tcp_port) as served:
        await eventually(lambda: len(children(served.pid)) == 4, "four workers")
        yield served


async def load(gateway: Served, count: int) -> None:
    replies = await asyncio.gather(*(gateway.chat("sim/gpt-4o") for _ in range(count)))
    assert {reply.status for reply in replies} == {200}


async def scrape(gateway: Served) -> dict[str, float]:
    text = (await gateway.get("/metrics")).body.decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def counted(gateway: Served, requests: int) -> dict[str, float]:
    """The figures once the workers have counted the last requests, which they do after they have answered."""
    for _ in range(200):
        found = await scrape(gateway)
        if found.get(REQUESTS, 0) >= requests:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{found.get(REQUESTS)} of {requests}")


async def test_the_workers_add_up_exactly_also_when_some_are_killed(gateway: Served) -> None:
    await load(gateway, 60)
    first = await counted(gateway, 60)
    assert (first[REQUESTS], first[TOKENS]) == (60, 660)
    before = children(gateway.pid)
    signal_each(before[:2], signal.SIGKILL)
    await eventually(
        lambda: len(set(children(gateway.pid)) - set(before)) == 2 and len(children(gateway.pid)) == 4,
        "new workers",
    )
    await gateway.logged("has taken the place of worker", times=2)
    second = await scrape(gateway)
    assert (second[REQUESTS], second[TOKENS]) == (60, 660)
    await load(gateway, 40)
    third = await counted(gateway, 100)
    assert (third[REQUESTS], third[TOKENS]) == (100, 1100)
    assert len([name for name in third if name.startswith("process_cpu_seconds_total")]) == 4


async def test_open_requests_of_all_workers_are_known_to_each_a_second_later(gateway: Served) -> None:
    await load(gateway, 8)
    for _ in range(200):
        if (await scrape(gateway))["tidegate_open_requests"] == 0:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await scrape(gateway))


async def test_models_of_all_workers_are_known_to_each_without_a_store(gateway: Served) -> None:
    await load(gateway, 40)
    for _ in range(200):
        seen = {(await gateway.get("/metrics/models")).json["totals"]["requests"] for _ in range(8)}
        if seen == {40}:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(seen)
