"""What the process says: one whole line per request, no key, and no dependence on a listener."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from process.serving import CHAT, CLIENT_KEY, UPSTREAM_KEY, Served, environ, one
from sdk.dialects import OPENAI
from simulator import Simulator, html, nowhere, refusal

KEYS = f'[auth]\nkeys = ["{CLIENT_KEY}"]'
MINE = {"authorization": f"Bearer {CLIENT_KEY}"}
ASKED = {"model": "sim/m", "messages": [{"role": "user", "content": "My secret is sk-in-a-prompt-12345."}]}


async def test_a_request_is_one_line_of_json_with_its_outcome(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    async with Served(tmp_path, one(provider, more=KEYS), port=unused_tcp_port) as gateway:
        provider.answer(
            OPENAI.text, OPENAI.stream, refusal(429, f"key {UPSTREAM_KEY} is over its limit"), html(502)
        )
        for stream in (False, True, False, False):
            await gateway.post(CHAT, {**ASKED, "stream": stream}, MINE)
        await gateway.post(CHAT, ASKED, {"authorization": "Bearer sk-wrong-0123456789"})
        await gateway.post(CHAT, {**ASKED, "temperature": CLIENT_KEY}, MINE)
        await gateway.record(6)
        records = gateway.records
    assert [(record["status"], record["ended"]) for record in records] == [
        (200, "complete"),
        (200, "complete"),
        (429, "failed"),
        (502, "failed"),
        (401, "refused"),
        (400, "refused"),
    ]
    assert "sk-in-a-prompt" not in gateway.out.decode() + gateway.log
    assert "sk-wrong" not in gateway.out.decode() + gateway.log


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_no_key_is_logged_at_any_level_or_failure(
    tmp_path: Path, unused_tcp_port: int, level: str
) -> None:
    config = one(nowhere(), more=KEYS).replace('format = "json"', f'format = "text"\nlevel = "{level}"')
    async with Served(tmp_path, config, port=unused_tcp_port) as gateway:
        assert (await gateway.post(CHAT, ASKED, MINE)).status == 502
        gateway.file.write_text(config + f'api_keys = "{UPSTREAM_KEY}"\n')
        await gateway.logged("the old one stays in effect")


async def test_nobody_reads_and_it_serves_on(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    reading, writing = os.pipe()
    served = Served(tmp_path, one(provider), port=unused_tcp_port, stdout=writing)
    try:
        async with served as gateway:
            os.close(writing)
            for _ in range(50):  # 200 lines of more than 800 bytes: more than a pipe holds
                replies = await asyncio.gather(*(gateway.chat("sim/" + "m" * 230) for _ in range(4)))
                assert {reply.status for reply in replies} == {200}
            gateway.signal(signal.SIGTERM)
            assert await gateway.ended() == 0
    finally:
        os.close(reading)


async def test_the_reader_leaves_and_it_serves_on(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    reading, writing = os.pipe()
    async with Served(tmp_path, one(provider), port=unused_tcp_port, stdout=writing) as gateway:
        os.close(writing)
        os.close(reading)
        for _ in range(3):
            assert (await gateway.chat("sim/m")).status == 200
            await asyncio.sleep(0.15)  # longer than lines are collected
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0


@pytest.mark.parametrize("setting", ["environment", ".env"])
async def test_host_and_port_come_from_the_environment(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, setting: str
) -> None:
    result = {
        "HOST": "127.0.0.1",
        "PORT": str(unused_tcp_port),
        "LITELLM_BASE_URL": f"{provider.url}/v1",
        "LITELLM_API_KEY": UPSTREAM_KEY,
    }
    if setting == ".env":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in result.items()))
    env = environ(**result) if setting == "environment" else environ()
    async with Served(tmp_path, None, port=unused_tcp_port, args=(), env=env) as gateway:
        assert (await gateway.chat("litellm/m")).status == 200
    assert provider.requests[0].headers["authorization"] == f"Bearer {UPSTREAM_KEY}"


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_port_in_use_is_reported_in_one_line(
    tmp_path: Path, provider: Simulator, workers: int
) -> None:
    port = int(provider.url.rsplit(":", 1)[1])
    gateway = Served(tmp_path, one(nowhere(), server=f"workers = {workers}"), port=port)
    gateway.start()
    assert await gateway.ended() == 1
    assert gateway.log.splitlines()[-1] == f"cannot listen on 127.0.0.1:{port}: Address already in use"


async def test_a_wrong_file_is_reported_in_one_line(tmp_path: Path, unused_tcp_port: int) -> None:
    gateway = Served(tmp_path, "[server]\nprot = 1\n", port=unused_tcp_port)
    gateway.start()
    assert await gateway.ended() == 2
    [line] = gateway.log.splitlines()
    assert "tidegate.toml:2: server.prot" in line


async def test_what_was_found_is_reported_before_serving_and_no_key_is(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    text = one(provider, more=f'[auth]\nkeys = ["{CLIENT_KEY}"]')
    env = environ(TIDEGATE_PROT="1", CACHE_TTL_SECONDS="60")
    async with Served(tmp_path, text, port=unused_tcp_port, env=env) as gateway:
        lines = gateway.log.partition("serving on")[0]
    assert "1 provider: sim (key from tidegate.toml:" in lines
    assert "clients: 1 key, from tidegate.toml:" in lines
    assert "unknown variable TIDEGATE_PROT" in lines
    assert "without effect in this version: CACHE_TTL_SECONDS" in lines


async def test_a_gateway_without_a_provider_reports_it(tmp_path: Path, unused_tcp_port: int) -> None:
    async with Served(tmp_path, "", port=unused_tcp_port) as gateway:
        assert "no provider is configured: set a key such as OPENAI_API_KEY" in gateway.log


@pytest.mark.parametrize(
    ("workers", "closed"), [(1, ">&-"), (1, "2>&-"), (1, ">&- 2>&- <&-"), (2, ">&- 2>&- <&-")]
)
async def test_it_serves_with_closed_standard_streams_and_writes_into_no_connection(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, closed: str, workers: int
) -> None:
    (tmp_path / "tidegate.toml").write_text(one(provider, server=f"workers = {workers}"))
    command = f"exec {sys.executable} -m tidegate serve --port {unused_tcp_port} {closed}"
    process = start(command, tmp_path)
    url = f"http://127.0.0.1:{unused_tcp_port}"
    try:
        async with aiohttp.ClientSession() as session:
            await eventually_answers(session, f"{url}/health", process)
            for _ in range(5):
                async with session.post(url + CHAT, json=ASKED) as reply:
                    assert reply.status == 200
                    assert (await reply.json())["object"] == "chat.completion"
    finally:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0


def start(command: str, folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, env=environ())


async def eventually_answers(
    session: aiohttp.ClientSession, url: str, process: "subprocess.Popen[bytes]"
) -> None:
    """Await that somebody answers there, while the process runs."""
    for _ in range(1000):
        assert process.poll() is None
        try:
            async with session.get(url) as reply:
                await reply.read()
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.02)
    raise AssertionError("nobody answers")
