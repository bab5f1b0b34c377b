"""`tidegate.asgi:app` under the servers that people run: the same exchanges under each of them."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from process.serving import CHAT, environ, eventually, one
from running import HELLO
from sdk.dialects import OPENAI, TEXT
from simulator import Simulator, refusal, stream
from tidegate.asgi import _Application

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),
]

SERVERS = {
    "uvicorn": ["uvicorn", "tidegate.asgi:app", "--port", "{port}"],
    "uvicorn on h11 and asyncio": [
        *("uvicorn", "tidegate.asgi:app", "--port", "{port}"),
        *("--http", "h11", "--loop", "asyncio"),
    ],
    "gunicorn": [
        *("gunicorn", "tidegate.asgi:app", "-b", "127.0.0.1:{port}", "-w", "2"),
        *("-k", "uvicorn_worker.UvicornWorker"),
    ],
    "hypercorn": ["hypercorn", "tidegate.asgi:app", "-b", "127.0.0.1:{port}"],
}
LARGE = "a" * 5_000_000


@dataclass
class Running:
    """The application under a server, in front of a provider."""

    port: int
    provider: Simulator
    folder: Path
    session: aiohttp.ClientSession

    def post(self, **fields: Any) -> Any:
        return self.session.post(
            f"http://127.0.0.1:{self.port}{CHAT}", json={"model": "sim/m", **HELLO, **fields}
        )

    async def record_of(self, reply: aiohttp.ClientResponse) -> Any:
        """Await the record of a reply."""
        wanted = reply.headers["x-request-id"]

        def find() -> Any:
            lines = (self.folder / "out").read_bytes().splitlines()
            records = [json.loads(line) for line in lines if line.startswith(b"{")]
            return next((record for record in records if record["id"] == wanted), None)

        return await eventually(find, "the record")


@pytest_asyncio.fixture(params=SERVERS, scope="module", loop_scope="module")
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("asgi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with Simulator() as provider, aiohttp.ClientSession() as session:
        (folder / "tidegate.toml").write_text(one(provider))
        process = await asyncio.to_thread(start, SERVERS[request.param], port, folder)
        try:
            await answers(port, process, folder)
            yield Running(port, provider, folder, session)
        finally:
            process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(process.wait, 30)
        # uvicorn ends in order, and then by the signal that it got.
        assert status in (0, -signal.SIGTERM), (folder / "log").read_text()
        assert "Traceback" not in (folder / "log").read_text()


def start(command: list[str], port: int, folder: Path) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", *(word.format(port=port) for word in command)]
    with (folder / "out").open("wb") as out, (folder / "log").open("wb") as log:
        return subprocess.Popen(
            words, cwd=folder, env=environ(), stdin=subprocess.DEVNULL, stdout=out, stderr=log
        )


async def answers(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(OSError):
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            return
        await asyncio.sleep(0.05)


async def test_a_plain_answer(running: Running) -> None:
    running.provider.answer(OPENAI.text)
    async with running.post() as reply:
        assert (await reply.json())["choices"][0]["message"]["content"] == TEXT
    record = await running.record_of(reply)
    assert (record["status"], record["ended"]) == (200, "complete")


async def test_a_stream_that_arrives_as_it_is_sent(running: Running) -> None:
    gate, pieces = asyncio.Event(), list(OPENAI.stream.pieces)
    running.provider.answer(stream([*pieces[:2], gate, *pieces[2:]]))
    async with running.post(stream=True) as reply:
        await reply.content.readuntil(b"The tide is ")
        gate.set()
        assert (await reply.content.read()).endswith(b"data: [DONE]\n\n")
    assert (await running.record_of(reply))["ended"] == "complete"


async def test_an_error_of_the_provider(running: Running) -> None:
    running.provider.answer(refusal(429, "slow down", retry_after="7"))
    async with running.post(model="sim/limited") as reply:  # the others need not wait
        assert (reply.status, reply.headers["retry-after"]) == (429, "7")
        assert "slow down" in (await reply.json())["error"]["message"]
    assert (await running.record_of(reply))["ended"] == "failed"


async def test_a_stream_that_breaks(running: Running) -> None:
    running.provider.answer(stream(list(OPENAI.stream.pieces)[:2], cut_at=400))
    async with running.post(stream=True) as reply:
        body = await reply.content.read()
    assert b'"error"' in body
    assert b"[DONE]" not in body
    assert (await running.record_of(reply))["ended"] == "provider_broke"


async def test_a_client_that_leaves(running: Running) -> None:
    running.provider.requests.clear()
    running.provider.answer(stream([*list(OPENAI.stream.pieces)[:2], asyncio.Event()]))
    async with running.post(stream=True) as reply:
        await reply.content.readuntil(b"The tide is ")
        reply.close()
    await (await running.provider.seen()).closed.wait()
    assert (await running.record_of(reply))["ended"] == "client_left"


async def test_a_large_body_both_ways(running: Running) -> None:
    running.provider.requests.clear()
    running.provider.answer(OPENAI.text)
    messages = [{"role": "user", "content": LARGE}]
    async with running.post(messages=messages) as reply:
        assert reply.status == 200
        await reply.read()
    assert (await running.provider.seen()).json["messages"] == messages


async def test_a_body_that_is_too_large(running: Running) -> None:
    url, padding = f"http://127.0.0.1:{running.port}{CHAT}", b" " * 33 * 1024 * 1024
    # A client that waits to be asked for its body: these servers close the connection of others while they
    # send it, and their answer may be lost.
    async with running.session.post(url, data=padding, expect100=True) as reply:
        assert reply.status == 413
        assert (await reply.json())["error"]["code"] == "request_too_large"


@pytest.mark.parametrize("keys", [True, False])
async def test_without_client_keys_it_warns_at_start(
    keys: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidegate.toml").write_text('[auth]\nkeys = ["sk-team-0123456789"]\n' if keys else "")
    received = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await _Application()({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert ("no client keys" in caplog.text) is not keys
