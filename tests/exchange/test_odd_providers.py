"""What odd providers send: the client gets an answer that HTTP allows, and there is a record of it."""

import asyncio
import gc
import itertools
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from byte_server import Peer, Script, plain, serving
from certificates import server_side, write_certificate
from running import Gateway
from simulator import Script as Answer
from simulator import Seen, Simulator, drop, html, refusal, stream
from simulator import json as answer

from .answers import ANSWER, FIRST, SECOND


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def in_front_of(url: str, **settings: str) -> Gateway:
    return Gateway({"sim": ("openai_compatible", f"{url}/v1")}, **settings)


# --- heads -----------------------------------------------------------------------------------------

BODY = json.dumps(ANSWER).encode()
ODD_HEADS = {
    "redirect": (b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\n", 502, "302"),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\n", 502, "304"),
    "999": (b"HTTP/1.1 999 Odd\r\n", 502, "999"),
    "600": (b"HTTP/1.1 600 Odd\r\n", 502, "600"),
    "099": (b"HTTP/1.1 099 Odd\r\n", 502, "not a valid HTTP answer"),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n", 502, "protocols"),
    "a control character": (b"HTTP/1.1 200 OK\r\nretry-after: 1\x01\r\n", 502, "not a valid HTTP answer"),
    "NUL": (b"HTTP/1.1 200 OK\r\nretry-after: 1\x00\r\n", 502, "not a valid HTTP answer"),
    "a bare carriage return": (
        b"HTTP/1.1 200 OK\r\nretry-after: 1\rx: y\r\n",
        502,
        "not a valid HTTP answer",
    ),
    "no name": (b"HTTP/1.1 200 OK\r\n: x\r\n", 502, "not a valid HTTP answer"),
    "a folded line": (b"HTTP/1.1 200 OK\r\nretry-after: 1\r\n x: y\r\n", 502, "not a valid HTTP answer"),
}


@pytest.mark.parametrize("head", ODD_HEADS)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_odd_head_is_a_bad_gateway_with_a_record(head: str, streamed: bool) -> None:
    data, status, words = ODD_HEADS[head]
    whole = data + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
    async with (
        serving(plain(whole)) as server,
        in_front_of(f"http://127.0.0.1:{server.port}") as gateway,
    ):
        reply = await gateway.chat("sim/m", stream=streamed)
        record = await gateway.record()
    assert reply.status == status
    assert reply.error["message"].startswith("sim: ")
    assert words in reply.error["message"]
    assert (record["status"], record["ended"], len(record["attempts"])) == (502, "failed", 1)
    assert server.requests == 1


@pytest.mark.parametrize("value", [b"\xff", "Zürich".encode(), b"\t7\t", b"7\x80"])
async def test_a_value_beyond_ascii_is_passed_on_in_ascii(value: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nx-ratelimit-limit: %b\r\ncontent-length: %d\r\n\r\n" % (value, len(BODY))
    async with (
        serving(plain(head + BODY)) as server,
        in_front_of(f"http://127.0.0.1:{server.port}") as gateway,
    ):
        reply = await gateway.chat("sim/m")
        record = await gateway.record()
    expected = bytes(byte if 32 <= byte < 127 else ord("?") for byte in value.strip())
    assert (reply.status, reply.headers["x-ratelimit-limit"]) == (200, expected.decode())
    assert record["ended"].startswith("complete")


# --- bodies ----------------------------------------------------------------------------------------


async def test_an_error_whose_body_drips_is_answered_by_its_status(provider: Simulator) -> None:
    def drip(seen: Seen) -> Answer:
        status = int(seen.json["model"])
        return Answer(status, pieces=itertools.repeat(b" "), framing="chunked", gap_s=0.05)

    provider.answer(drip)
    statuses = [400, 429, 500]
    async with in_front_of(provider.url) as gateway:
        replies = await asyncio.gather(*(gateway.chat(f"sim/{status}") for status in statuses))
        assert [reply.status for reply in replies] == statuses
        await gateway.record(3)
        assert {(record["status"], record["ended"]) for record in gateway.records} == {
            (status, "failed") for status in statuses
        }
        for seen in provider.requests:
            await seen.closed.wait()


def until_the_end(content_type: bytes, body: bytes, *, orderly: bool) -> Script:
    """A body without a length, whose connection ends with TLS's own last word, or without it."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n\r\n" % content_type

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head + body)
        if not orderly:
            raw = peer.writer.get_extra_info("socket")
            raw.shutdown(1)  # below TLS

    return play


@pytest.mark.parametrize("orderly", [True, False], ids=["close_notify", "no close_notify"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_body_until_the_end_that_is_cut_under_tls_is_no_complete_answer(
    tmp_path: Path, streamed: bool, orderly: bool
) -> None:
    kind, body = (b"text/event-stream", FIRST + SECOND) if streamed else (b"application/json", BODY[:-9])
    tls = server_side(write_certificate(tmp_path))
    more = '[providers.sim]\nkind = "openai_compatible"\nverify = false\nbase_url = "https://127.0.0.1:{}/v1"'
    async with (
        serving(until_the_end(kind, body, orderly=orderly), tls=tls) as server,
        Gateway(more=more.format(server.port)) as gateway,
    ):
        reply = await gateway.chat("sim/m", stream=streamed)
        record = await gateway.record()
    assert record["ended"] == ("provider_broke" if streamed else "failed")
    if streamed:
        assert "error" in reply.chunks[-1]
        assert "[DONE]" not in reply.events
    else:
        assert reply.status == 502


# --- what is left of large requests ----------------------------------------------------------------

LARGE = 20_000_000
FAILURES = [
    refusal(400, "no"),
    refusal(429, "slow down"),
    refusal(500, "it burns"),
    html(502),
    drop(),
    drop(reset=True),
    answer(b"{", 200),
    stream([b"data: {"], cut_at=3),
]


def exchange(port: int, *data: bytes) -> bytes:
    """Send a request and read its response, with nothing of asyncio, whose buffers would be counted."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        for piece in data:
            client.sendall(piece)
        return client.recv(65536)


async def test_nothing_is_left_of_forty_large_requests_that_failed(provider: Simulator) -> None:
    async with in_front_of(provider.url, server="max_body_mb = 32") as gateway:
        text = "a" * LARGE
        body = json.dumps({"model": "sim/m", "messages": [{"role": "user", "content": text}]}).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)

        async def fail(script: Answer) -> None:
            provider.answer(script)
            answered = await asyncio.to_thread(exchange, gateway.port, head, body)
            assert answered[9:10] in (b"4", b"5")
            provider.requests.clear()  # they hold the bodies too

        await fail(FAILURES[0])
        gc.collect()
        gc.disable()  # what only the collector would find is left, too
        tracemalloc.start()
        try:
            for script in FAILURES * 5:
                await fail(script)
            while (await gateway.get("/health")).json["open_requests"]:
                await asyncio.sleep(0.01)
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()
    assert left < LARGE, "at least one body of forty is still there"
