"""The workers of a server that is not ours find each other: a limit is that of all of them together."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from process.serving import CHAT, environ, eventually, one
from running import HELLO
from simulator import Simulator

pytestmark = pytest.mark.timeout(600)


async def test_the_workers_of_gunicorn_count_limits_together(
    tmp_path: Path, provider: Simulator, unused_tcp_port: int
) -> None:
    more = "[limits]\nrequests_per_minute = 60\n"
    (tmp_path / "tidegate.toml").write_text(one(provider, more=more))
    log = tmp_path / "log"
    command = ["gunicorn", "tidegate.asgi:app", "-b", f"127.0.0.1:{unused_tcp_port}", "-w", "3"]
    process = start(tmp_path, log, [*command, "-k", "uvicorn_worker.UvicornWorker"])
    try:
        await eventually(lambda: log.read_text().count("Application startup complete") == 3, "three workers")
        statuses = await ask(f"http://127.0.0.1:{unused_tcp_port}{CHAT}", 300)
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)
    allowed, lasted = statuses
    assert 60 <= allowed <= 60 + lasted


def start(folder: Path, log: Path, command: list[str]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder, env=environ(TMPDIR="/tmp"), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
        )  # fmt: skip


async def ask(url: str, count: int) -> tuple[int, float]:
    """How many of so many requests get an answer, and how many seconds they take, in which as many units of
    the limit come back.
    """
    clock = asyncio.get_running_loop().time
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

        async def post() -> int:
            async with session.post(url, json={"model": "sim/m", **HELLO}) as response:
                return response.status

        begun = clock()
        statuses = await asyncio.gather(*(post() for _ in range(count)))
    assert set(statuses) == {200, 429}
    return statuses.count(200), clock() - begun
