"""How the process ends: on request with what is open finished, and at once when it is killed."""

import asyncio
import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from process.serving import CHAT, Served, alive, children, eventually, halting, one
from processes import signal_each
from sdk.dialects import OPENAI, TEXT
from simulator import Simulator, stream


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("workers", [1, 2])
async def test_what_is_open_finishes_and_nothing_new_is_taken(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, number: signal.Signals, workers: int
) -> None:
    gate = asyncio.Event()
    provider.answer(halting(gate))
    config = one(provider, server=f"workers = {workers}")
    async with (
        Served(tmp_path, config, port=unused_tcp_port) as gateway,
        gateway.open(CHAT, model="sim/m") as response,
    ):
        await response.content.readuntil(b"The tide is ")
        gateway.signal(number)
        await gateway.refuses()
        assert gateway.process.poll() is None
        gate.set()
        assert (await response.content.read()).endswith(b"data: [DONE]\n\n")
        assert await gateway.ended() == 0
        [record] = gateway.records
    assert (record["ended"], record["usage"]["output"]) == ("complete", 7)


async def test_a_plain_answer_that_is_awaited_still_arrives(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    gate = asyncio.Event()
    provider.answer(replace(OPENAI.text, head_after=gate))
    async with Served(tmp_path, one(provider), port=unused_tcp_port) as gateway:
        asking = asyncio.create_task(gateway.chat("sim/m"))
        await provider.seen()
        gateway.signal(signal.SIGTERM)
        await gateway.refuses()
        gate.set()
        assert (await asking).json["choices"][0]["message"]["content"] == TEXT
        assert await gateway.ended() == 0


@pytest.mark.parametrize(
    ("path", "end"),
    [
        (CHAT, {"code": "unavailable", "type": "service_unavailable_error", "param": None}),
        ("/v1/messages", {"type": "overloaded_error"}),
    ],
)
async def test_a_stream_that_takes_longer_than_the_grace_ends_in_an_error_event(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, path: str, end: dict[str, str | None]
) -> None:
    provider.answer(halting(asyncio.Event()))
    config = one(provider, server="grace_s = 0.5")
    async with (
        Served(tmp_path, config, port=unused_tcp_port) as gateway,
        gateway.open(path, model="sim/m", max_tokens=9) as response,
    ):
        await response.content.readuntil(b"The tide is ")
        gateway.signal(signal.SIGTERM)
        last = (await response.content.read()).decode().split("data: ")[-1]
        assert json.loads(last)["error"] == {"message": "the gateway is shutting down", **end}
        assert await gateway.ended() == 0
        [record] = gateway.records
    assert record["ended"] == "shut_down"
    await provider.requests[0].closed.wait()


async def test_connections_that_only_wait_hold_nothing_up(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    async with Served(tmp_path, one(provider), port=unused_tcp_port) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await reader.readuntil(b"}")
        silent, other = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        gateway.signal(signal.SIGTERM)
        assert await reader.read() == b""
        assert await silent.read() == b""
        assert await gateway.ended() == 0
        writer.close()
        other.close()


async def test_a_second_interrupt_does_not_wait(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    provider.answer(halting(asyncio.Event()))
    async with (
        Served(tmp_path, one(provider, server="grace_s = 3600"), port=unused_tcp_port) as gateway,
        gateway.open(CHAT, model="sim/m") as response,
    ):
        await response.content.readuntil(b"The tide is ")
        gateway.signal(signal.SIGINT)
        await gateway.refuses()
        await gateway.logged("waiting up to 3600 seconds for 1 open request; a second signal ends it")
        gateway.signal(signal.SIGINT)
        await gateway.ended()


async def test_a_killed_gateway_leaves_no_provider_talking(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    provider.answer(stream([*list(OPENAI.stream.pieces)[:2], asyncio.Event()]))
    async with (
        Served(tmp_path, one(provider), port=unused_tcp_port) as gateway,
        gateway.open(CHAT, model="sim/m") as response,
    ):
        await response.content.readuntil(b"The tide is ")
        gateway.signal(signal.SIGKILL)
        await provider.requests[0].closed.wait()
        assert await gateway.ended() == -signal.SIGKILL


async def test_a_killed_supervisor_takes_its_workers_along(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    async with Served(tmp_path, one(provider, server="workers = 2"), port=unused_tcp_port) as gateway:
        workers = await eventually(lambda: children(gateway.pid), "workers")
        assert len(workers) == 2
        gateway.signal(signal.SIGKILL)
        await gateway.refuses()
        await eventually(lambda: not any(map(alive, workers)), "the end of the workers")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_streams_with_an_error_and_loses_no_record(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, number: signal.Signals, workers: int
) -> None:
    provider.answer(halting(asyncio.Event()))
    config = one(provider, server=f"grace_s = 3600\nworkers = {workers}")
    async with Served(tmp_path, config, port=unused_tcp_port) as gateway:

        async def read(ready: asyncio.Barrier) -> bytes:
            async with gateway.open(CHAT, model="sim/m") as response:
                await response.content.readuntil(b"The tide is ")
                await ready.wait()
                return await response.content.read()

        ready = asyncio.Barrier(6)
        reading = [asyncio.create_task(read(ready)) for _ in range(5)]
        await ready.wait()
        gateway.signal(number)
        await gateway.refuses()
        gateway.signal(number)
        ends = await asyncio.gather(*reading)
        assert await gateway.ended() == 0
    assert all(b"the gateway is shutting down" in end for end in ends)
    assert [record["ended"] for record in gateway.records] == ["shut_down"] * 5


@pytest.mark.parametrize("workers", [1, 2])
async def test_connections_that_wait_to_be_accepted_are_served_at_the_end(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, workers: int
) -> None:
    config = one(provider, server=f"workers = {workers}")
    async with Served(tmp_path, config, port=unused_tcp_port) as gateway:
        serving = await eventually(lambda: children(gateway.pid), "workers") if workers > 1 else [gateway.pid]
        signal_each(serving, signal.SIGSTOP)
        asking = [asyncio.create_task(gateway.chat("sim/m")) for _ in range(50)]
        # The kernel has accepted them; nobody else has.
        await eventually(lambda: waiting_connections(unused_tcp_port) >= 50, "50 connections in the queue")
        gateway.signal(signal.SIGTERM)
        # It waits as well. It must come once: a second signal would end what is open.
        await eventually(lambda: all(map(is_terminated, serving)), "the signal")
        signal_each(serving, signal.SIGCONT)
        assert [reply.status for reply in await asyncio.gather(*asking)] == [200] * 50
        assert await gateway.ended() == 0
    assert len(gateway.records) == 50


def is_terminated(pid: int) -> bool:
    """Whether SIGTERM waits for a process that is stopped."""
    status = Path(f"/proc/{pid}/status").read_text()
    pending = status.partition("ShdPnd:")[2].split()[0]
    return bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)


def waiting_connections(port: int) -> int:
    """Connections that wait in the queue of a listening socket."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = "0A"
    return sum(
        int(row[4].partition(":")[2], 16)
        for row in rows
        if row[1].endswith(f":{port:04X}") and row[3] == listening
    )
