"""What clients do to a connection, on a real process."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from process.serving import READY, environ, halting
from running import HELLO, Gateway
from simulator import Simulator
from tidegate.http.server import Limits

CONFIG = '[server]\nmax_body_mb = 1\n[providers.demo]\nkind = "demo"\n'
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
BODY = json.dumps({"model": "demo/chat", **HELLO}).encode()
ASK = CHAT + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Any) -> Iterator[int]:
    """One process for all tests of this module: none of them may harm it."""
    folder: Path = tmp_path_factory.mktemp("wire")
    chosen: int = unused_tcp_port_factory()
    (folder / "tidegate.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "tidegate", "serve", "--port", str(chosen)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environ(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while READY not in (folder / "output").read_text():
            assert process.poll() is None
            sleep(0.05)
        yield chosen
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in (folder / "output").read_text()


@dataclass
class Wire:
    """A connection, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def head(self) -> tuple[int, dict[str, str]]:
        """The next response's status and headers."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers

    async def reply(self) -> tuple[int, Any]:
        """The next response's status and JSON."""
        status, headers = await self.head()
        return status, json.loads(await self.reader.readexactly(int(headers["content-length"])))

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, however it ends."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65536):
                data += piece
        return data


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Wire(reader, writer)
    writer.close()


async def test_one_connection_serves_many_requests(wire: Wire) -> None:
    for _ in range(3):
        wire.send(ASK)
        assert (await wire.reply())[0] == 200


async def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    wire.send(HEALTH, ASK, b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n", HEALTH)
    replies = [await wire.reply() for _ in range(4)]
    assert [status for status, _ in replies] == [200, 200, 404, 200]
    assert replies[1][1]["object"] == "chat.completion"


async def test_a_stream_and_a_request_that_waits_behind_it(wire: Wire) -> None:
    streaming = json.dumps({"model": "demo/chat", **HELLO, "stream": True}).encode()
    wire.send(CHAT, b"content-length: %d\r\n\r\n%b" % (len(streaming), streaming), HEALTH)
    status, headers = await wire.head()
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    assert b"data: [DONE]" in await wire.reader.readuntil(b"\r\n0\r\n\r\n")
    assert (await wire.reply())[0] == 200


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (CHAT + b"content-length: 2\r\n\r\n{]", 400),
        (b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        (b"PUT /v1/models HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nGET ", 405),
        (ASK.replace(b"demo/chat", b"demo/none"), 404),
        (CHAT + b"content-length: 0\r\n\r\n", 400),
    ],
)
async def test_a_connection_serves_on_after_an_error(wire: Wire, ask: bytes, status: int) -> None:
    wire.send(ask, ASK)
    assert (await wire.reply())[0] == status
    assert (await wire.reply())[0] == 200


async def test_a_body_that_was_refused_is_never_read_as_a_request(wire: Wire) -> None:
    wire.send(CHAT, b"content-length: 2000000\r\n\r\n")
    assert (await wire.reply())[0] == 413
    wire.send(HEALTH * 10_000)
    assert await wire.rest() == b""


async def test_a_client_that_sends_everything_before_it_reads_gets_its_refusal(wire: Wire) -> None:
    wire.send(CHAT, b"content-length: 20000000\r\n\r\n")
    for _ in range(20):
        wire.send(b" " * 1_000_000)
        await wire.writer.drain()
    assert (await wire.reply())[0] == 413


async def test_a_chunked_body_that_was_refused_is_never_read_as_a_request(wire: Wire) -> None:
    wire.send(CHAT, b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(17):
        wire.send(b"10000\r\n", (HEALTH * (0x10000 // len(HEALTH) + 1))[:0x10000], b"\r\n")
    answered = await wire.rest()
    assert answered.startswith(b"HTTP/1.1 413 ")
    assert answered.count(b"HTTP/1.1") == 1


async def test_the_rest_of_a_body_that_stopped_is_not_read_as_a_request() -> None:
    async with Gateway({"demo": ("demo", "")}, server="body_s = 0.3") as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        wire = Wire(reader, writer)
        wire.send(CHAT, b"content-length: 1000\r\n\r\n", b"{")
        assert (await wire.reply())[0] == 408
        wire.send(HEALTH * 100)
        assert await wire.rest() == b""
        writer.close()


async def test_a_100_continue_is_sent_where_the_client_waits_for_it(wire: Wire) -> None:
    wire.send(CHAT, b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
    assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(BODY)
    assert (await wire.reply())[0] == 200


async def test_a_body_that_is_too_large_gets_no_100_continue(wire: Wire) -> None:
    wire.send(CHAT, b"expect: 100-continue\r\ncontent-length: 40000000\r\n\r\n")
    assert (await wire.reply())[0] == 413


async def test_http_1_0_is_answered_and_closed(wire: Wire) -> None:
    wire.send(ASK.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await wire.reply())[0] == 200
    assert await wire.rest() == b""


async def test_a_client_that_asks_to_close_is_disconnected(wire: Wire) -> None:
    wire.send(HEALTH.replace(b"host: localhost", b"host: localhost\r\nconnection: close"))
    assert (await wire.reply())[0] == 200
    assert await wire.rest() == b""


async def test_head_gets_a_head(wire: Wire) -> None:
    wire.send(HEALTH.replace(b"GET", b"HEAD"), HEALTH)
    status, headers = await wire.head()
    assert status == 200
    assert int(headers["content-length"]) > 0
    assert (await wire.reply())[0] == 200  # at once: nothing stood between the two


async def test_head_of_what_is_not_there_gets_a_head(wire: Wire) -> None:
    wire.send(b"HEAD /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n", HEALTH)
    assert (await wire.head())[0] == 404
    assert (await wire.reply())[0] == 200


async def test_garbage_behind_a_stream_ends_it_without_a_second_answer(wire: Wire) -> None:
    streaming = json.dumps({"model": "demo/chat", **HELLO, "stream": True}).encode()
    wire.send(CHAT, b"content-length: %d\r\n\r\n%b" % (len(streaming), streaming))
    assert (await wire.head())[0] == 200
    wire.send(b"\x16\x03\x01 hello\r\n\r\n")
    assert b"HTTP/1.1" not in await wire.rest()


@pytest.mark.parametrize(
    "head",
    [
        CHAT + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
        CHAT + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        CHAT + b"content-length: -1\r\n\r\n",
        CHAT + b"content-length: five\r\n\r\n",
        CHAT + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /health\x00 HTTP/1.1\r\n\r\n",
    ],
)
async def test_an_ambiguous_request_is_refused_and_the_connection_closed(wire: Wire, head: bytes) -> None:
    wire.send(head, HEALTH)
    answered = await wire.rest()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert answered.count(b"HTTP/1.1") == 1


async def test_heads_that_never_end_keep_nobody_out(port: int) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
    for _, writer in slow:
        writer.write(CHAT + b"x-slow: ")
    for _ in range(3):
        for _, writer in slow:
            writer.write(b"z")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        wire = Wire(reader, writer)
        wire.send(ASK)
        assert (await wire.reply())[0] == 200
        writer.close()
    for _, writer in slow:
        writer.close()


HASTY = Limits(head_s=0.2, idle_s=0.2, fresh_s=0.1, sweep_s=0.05)


@pytest.mark.parametrize("before", [b"", HEALTH], ids=["first", "second"])
@pytest.mark.parametrize(
    "begun", [b"", b"\r\n", b"GET /health HTTP/1.1\r\nx-slow: "], ids=["silent", "blank", "slow"]
)
async def test_a_head_that_never_ends_is_given_up(before: bytes, begun: bytes) -> None:
    async with Gateway({"demo": ("demo", "")}, limits=HASTY) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        wire = Wire(reader, writer)
        if before:
            wire.send(before)
            assert (await wire.reply())[0] == 200
        wire.send(begun)
        assert await wire.rest() == b""
        writer.close()


async def test_a_client_that_leaves_with_a_request_in_the_queue_ends_the_one_before_it(
    provider: Simulator,
) -> None:
    provider.answer(halting(asyncio.Event()))
    async with Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = json.dumps({"model": "sim/m", **HELLO, "stream": True}).encode()
        wire = Wire(reader, writer)
        wire.send(CHAT, b"content-length: %d\r\n\r\n%b" % (len(body), body), HEALTH)
        await reader.readuntil(b"The tide is ")
        writer.close()
        await provider.requests[0].closed.wait()
        assert (await gateway.record())["ended"] == "client_left"
