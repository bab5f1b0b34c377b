"""A changed configuration takes effect as one atomic swap, and a wrong one not at all."""

import asyncio
import signal
from pathlib import Path

import pytest

from process.serving import CHAT, Served, halting, one
from simulator import Simulator

READ_AGAIN = "the configuration was read again"


@pytest.mark.parametrize("hint", ["a changed file", "a signal"])
async def test_a_stream_finishes_on_the_configuration_that_it_began_with(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, other: Simulator, hint: str
) -> None:
    gate = asyncio.Event()
    provider.answer(halting(gate))
    folder, file = tmp_path / "watched", tmp_path / "tidegate.toml"
    folder.mkdir()
    file.write_text(one(provider))
    if hint == "a signal":  # what a link leads to is not watched
        (folder / "tidegate.toml").symlink_to(file)
        changed = file
    else:
        (folder / "tidegate.toml").write_text(file.read_text())
        changed = folder / "tidegate.toml"
    async with (
        Served(folder, None, port=unused_tcp_port) as gateway,
        gateway.open(CHAT, model="sim/m") as old,
    ):
        assert b"The tide is " in await old.content.readuntil(b"The tide is ")
        changed.write_text(one(other))
        if hint == "a signal":
            gateway.signal(signal.SIGHUP)
        await gateway.logged(READ_AGAIN)
        assert (await gateway.chat("sim/m")).status == 200
        assert (len(provider.requests), len(other.requests)) == (1, 1)
        gate.set()
        assert (await old.content.read()).endswith(b"data: [DONE]\n\n")


async def test_a_wrong_file_is_refused_with_line_and_key_and_the_old_one_stays(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, other: Simulator
) -> None:
    async with Served(tmp_path, one(provider), port=unused_tcp_port) as gateway:
        wrong = one(other) + "colour = 1\n"
        gateway.file.write_text(wrong)
        await gateway.logged("the old one stays in force")
        assert f"tidegate.toml:{wrong.count(chr(10))}: providers.sim.colour" in gateway.log
        assert (await gateway.chat("sim/m")).status == 200
        assert (len(provider.requests), len(other.requests)) == (1, 0)
        gateway.file.write_text(one(other))
        await gateway.logged(READ_AGAIN)
        assert (await gateway.chat("sim/m")).status == 200
        assert (len(provider.requests), len(other.requests)) == (1, 1)


async def test_a_reload_under_load_fails_no_request(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, other: Simulator
) -> None:
    async with Served(tmp_path, one(provider), port=unused_tcp_port) as gateway:
        stopped = asyncio.Event()

        async def ask() -> list[int]:
            statuses = []
            while not stopped.is_set():
                statuses.append((await gateway.chat("sim/m")).status)
            return statuses

        asking = [asyncio.create_task(ask()) for _ in range(4)]
        for number, target in enumerate((other, provider, other), 1):
            gateway.file.write_text(one(target))
            await gateway.logged(READ_AGAIN, number)
        stopped.set()
        statuses = [status for answers in await asyncio.gather(*asking) for status in answers]
    assert set(statuses) == {200}
    assert len(provider.requests) + len(other.requests) == len(statuses)
    assert other.requests
