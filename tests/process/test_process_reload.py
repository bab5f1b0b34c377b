"""A changed configuration takes effect as one atomic swap, and a wrong one not at all."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from process.serving import CHAT, CLIENT_KEY, Served, children, halting, one
from processes import signal_each
from simulator import Simulator

READ_AGAIN = "configuration reloaded"


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
        await gateway.logged("the old one stays in effect")
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


def empty(file: Path) -> None:
    file.write_bytes(b"")


def half(file: Path) -> None:
    file.write_text(file.read_text().partition("[auth]")[0])


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


KEYS = f'[auth]\nkeys = ["{CLIENT_KEY}"]'
REPLACED = "has taken the place of worker"
KEY = {"x-api-key": CLIENT_KEY}
STAYS = "the old configuration stays in effect"
BODY = {"model": "sim/m", "messages": [{"role": "user", "content": "Hello"}]}


LOSSES: list[Callable[[Path], None]] = [empty, half, folder, Path.unlink]


@pytest.mark.parametrize("hint", ["the watcher", "a signal"])
async def test_a_file_that_is_lost_opens_nothing_also_beyond_loopback(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, hint: str
) -> None:
    text = one(provider, server='host = "0.0.0.0"', more=KEYS)
    async with Served(tmp_path, text, port=unused_tcp_port) as gateway:
        assert (await gateway.post(CHAT, BODY)).status == 401
        for number, become in enumerate(LOSSES):
            refused = gateway.log.count("stays in effect")
            become(gateway.file)
            if hint == "a signal":
                gateway.signal(signal.SIGHUP)  # the watcher may have noticed it too
            await gateway.logged("stays in effect", refused + 1)
            assert (await gateway.post(CHAT, BODY)).status == 401
            await served_by(gateway)
            shutil.rmtree(gateway.file) if gateway.file.is_dir() else gateway.file.unlink(missing_ok=True)
            gateway.file.write_text(text.replace("providers.sim]", f"providers.sim{number}]"))
            while (await served_by(gateway)) != f"sim{number}":
                await asyncio.sleep(0.02)
            assert (await gateway.post(CHAT, BODY)).status == 401


async def served_by(gateway: Served) -> str:
    """The provider that answers a client with a key."""
    reply = await gateway.post(CHAT, BODY, KEY)
    assert reply.status == 200
    return reply.headers["x-tidegate-provider"]


async def test_the_log_names_what_takes_a_restart_and_why(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    async with Served(tmp_path, one(provider, more=KEYS), port=unused_tcp_port) as gateway:
        gateway.file.write_text(one(provider))
        await gateway.logged(STAYS)
        assert "auth.keys: clients need a key and would no longer need one" in gateway.log
        assert "it would change: auth.mode, auth.keys" in gateway.log


async def test_a_worker_that_is_replaced_does_not_start_open(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    text = one(provider, server='workers = 2\nhost = "0.0.0.0"', more=KEYS)
    async with Served(tmp_path, text, port=unused_tcp_port) as gateway:
        gateway.file.write_bytes(b"")
        await gateway.logged(STAYS, times=2)
        signal_each(children(gateway.pid), signal.SIGKILL)
        await gateway.logged("this worker serves once the configuration is right", times=2)
        assert REPLACED not in gateway.log
        gateway.file.write_text(text)
        await gateway.logged(REPLACED, times=2)
        assert (await gateway.post(CHAT, BODY)).status == 401
        assert (await gateway.post(CHAT, BODY, KEY)).status == 200


async def test_workers_that_wait_for_a_configuration_stop_on_request(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    async with Served(tmp_path, one(provider, server="workers = 2"), port=unused_tcp_port) as gateway:
        gateway.file.write_text("no TOML")
        await gateway.logged("the old one stays in effect", times=2)
        os.kill(children(gateway.pid)[0], signal.SIGKILL)
        await gateway.logged("this worker serves once the configuration is right")
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
