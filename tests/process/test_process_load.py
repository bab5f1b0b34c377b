"""Many at once, and what is left of them: `benchmarks/load.py` at small scale."""

import asyncio
import gc
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from process.serving import CHAT, Served, one
from running import Gateway
from sdk.dialects import OPENAI, TEXT
from simulator import Simulator
from tidegate.exchange.watchdog import LOOK_S, Watch

STREAMS = 200


@pytest.fixture(autouse=True)
def _many_sockets() -> Iterator[None]:
    """Client and provider are in this process: two sockets for each stream."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_many_streams_are_open_at_once_and_none_fails(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    gate = asyncio.Event()
    provider.stream([*list(OPENAI.stream.pieces)[:2], gate, *list(OPENAI.stream.pieces)[2:]])
    async with Served(tmp_path, one(provider), port=unused_tcp_port) as gateway:

        async def read() -> bytes:
            async with gateway.open(CHAT, model="sim/m") as response:
                return await response.content.read()

        reading = [asyncio.create_task(read()) for _ in range(STREAMS)]
        await provider.seen(STREAMS)
        assert (await gateway.get("/health")).json["open_requests"] == STREAMS
        gate.set()
        answers = await asyncio.gather(*reading)
        assert all(answer.endswith(b"data: [DONE]\n\n") for answer in answers)
        await gateway.record(STREAMS)
        assert {record["ended"] for record in gateway.records} == {"complete"}


async def test_nothing_is_left_of_two_thousand_requests(provider: Simulator) -> None:
    async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway:

        async def ask(count: int) -> None:
            for number in range(count):
                reply = await gateway.chat("sim/m", stream=number % 2 == 1)
                assert reply.status == 200

        provider.answer(lambda seen: OPENAI.stream if seen.json.get("stream") else OPENAI.text)
        await asyncio.gather(*(ask(5) for _ in range(8)))
        tasks, connections = len(asyncio.all_tasks()), provider.connections
        await asyncio.gather(*(ask(250) for _ in range(8)))
        assert len(asyncio.all_tasks()) <= tasks
        assert provider.connections == connections
        assert (await gateway.get("/health")).json["open_requests"] == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_nothing_is_left_of_clients_that_left(provider: Simulator, stream: bool) -> None:
    async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway:
        before = len(asyncio.all_tasks())
        provider.stream([*list(OPENAI.stream.pieces)[:2], asyncio.Event()])

        async def leave() -> None:
            async with gateway.open("sim/m", stream=stream) as response:
                await response.content.readany()

        asking = [asyncio.create_task(leave()) for _ in range(50)]
        await provider.seen(50)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for seen in provider.requests:
            await seen.closed.wait()
        await gateway.record(50)
        assert {record["ended"] for record in gateway.records} == {"client_left"}
        assert (await gateway.get("/health")).json["open_requests"] == 0
        provider.answer(OPENAI.text)
        assert (await gateway.chat("sim/m")).json["choices"][0]["message"]["content"] == TEXT
        while len(asyncio.all_tasks()) > before + 3:  # what the client and the provider keep open
            await asyncio.sleep(0.05)


async def test_no_exchange_waits_for_the_collector_to_go(provider: Simulator) -> None:
    pieces = list(OPENAI.stream.pieces)
    provider.stream([*pieces[:2], 2 * LOOK_S, *pieces[2:]])  # long enough to be listened to
    async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway:
        await gateway.chat("sim/m")
        gc.collect()
        gc.disable()
        try:
            await asyncio.gather(*(gateway.chat("sim/m", stream=True) for _ in range(5)))
            while any(isinstance(left, Watch) for left in gc.get_objects()):
                await asyncio.sleep(0.05)  # as long as the server holds the last request
        finally:
            gc.enable()
