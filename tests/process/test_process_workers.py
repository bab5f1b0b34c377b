"""Several workers behind one port are one gateway."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from process.serving import CHAT, Served, alive, children, eventually, one
from processes import signal_each
from sdk.dialects import OPENAI, TEXT
from simulator import Simulator, refusal


@pytest.fixture
async def gateway(tmp_path: Path, unused_tcp_port: int, provider: Simulator) -> AsyncIterator[Served]:
    async with Served(tmp_path, one(provider, server="workers = 2"), port=unused_tcp_port) as served:
        await eventually(lambda: len(children(served.pid)) == 2, "two workers")
        yield served


@asynccontextmanager
async def only(worker: int, gateway: Served) -> AsyncIterator[None]:
    """The other workers sleep meanwhile."""
    others = [pid for pid in children(gateway.pid) if pid != worker]
    signal_each(others, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_each(others, signal.SIGCONT)


async def test_each_worker_answers(gateway: Served) -> None:
    for worker in children(gateway.pid):
        async with only(worker, gateway):
            assert (await gateway.chat("sim/m")).json["choices"][0]["message"]["content"] == TEXT


async def test_a_reload_reaches_each_worker(gateway: Served, provider: Simulator, other: Simulator) -> None:
    gateway.signal(signal.SIGHUP)
    await gateway.logged("configuration reloaded", times=2)
    gateway.file.write_text(one(other, server="workers = 2"))
    await gateway.logged("configuration reloaded", times=4)
    for worker in children(gateway.pid):
        async with only(worker, gateway):
            assert (await gateway.chat("sim/m")).status == 200
    assert (len(provider.requests), len(other.requests)) == (0, 2)


async def test_a_worker_that_is_killed_is_replaced(gateway: Served) -> None:
    [killed, left] = children(gateway.pid)
    os.kill(killed, signal.SIGKILL)
    [new] = await eventually(lambda: set(children(gateway.pid)) - {killed, left}, "a new worker")
    await gateway.logged(f"worker {new} has taken the place of worker {killed}")
    async with only(new, gateway):
        assert (await gateway.chat("sim/m")).status == 200


async def test_the_workers_lines_are_whole(gateway: Served, provider: Simulator) -> None:
    provider.answer(OPENAI.stream)

    async def ask() -> None:
        for number in range(25):
            model = "sim/" + "m" * number * 9  # lines of many lengths
            async with gateway.open(CHAT, model=model, stream_options={"include_usage": True}) as response:
                assert (await response.content.read()).endswith(b"data: [DONE]\n\n")

    await asyncio.gather(*(ask() for _ in range(8)))
    await gateway.record(200)
    records = gateway.records
    assert Counter(record["ended"] for record in records) == {"complete": 200}
    assert max(map(len, gateway.out.splitlines())) < 4096  # more, and a pipe may mix two lines
    assert len({record["id"] for record in records}) == 200
    assert all(line.startswith("{") and line.endswith("}") for line in gateway.log.splitlines())


async def test_a_signal_stops_them_all(gateway: Served) -> None:
    workers = children(gateway.pid)
    gateway.signal(signal.SIGTERM)
    assert await gateway.ended() == 0
    assert [pid for pid in workers if alive(pid)] == []


async def learns(worker: int, gateway: Served) -> None:
    """Await that a worker knows that the breaker of the only model is not closed."""
    async with asyncio.timeout(30):
        breaker = "closed"
        while breaker == "closed":
            await asyncio.sleep(0.05)
            async with only(worker, gateway):
                [provider] = (await gateway.get("/v1/chat/health")).json["providers"]
                breaker = provider["models"][0]["breaker"] if provider["models"] else "closed"


async def test_what_one_worker_learns_all_know_and_so_does_a_new_one(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    provider.answer(refusal(500, "broken"))
    async with Served(tmp_path, one(provider, server="workers = 3"), port=unused_tcp_port) as gateway:
        first, *others = await eventually(
            lambda: pids if len(pids := children(gateway.pid)) == 3 else None, "three workers"
        )
        async with only(first, gateway):
            for _ in range(5):
                assert (await gateway.chat("sim/m")).status == 500
        for worker in others:
            await learns(worker, gateway)
        os.kill(first, signal.SIGKILL)
        [new] = await eventually(lambda: set(children(gateway.pid)) - {first, *others}, "a new worker")
        await gateway.logged(f"worker {new} has taken the place of worker {first}")
        await learns(new, gateway)
        provider.answer(OPENAI.text)
        assert (await gateway.chat("sim/m")).status == 200
