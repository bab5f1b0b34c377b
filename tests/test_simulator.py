"""The simulator does on the wire what its scripts say."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from itertools import repeat

import aiohttp
import pytest

from simulator import Script, Simulator, drop, html, json, never, nowhere, refusal, stream


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def fetch(client: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with client.get(url) as answer:
        return answer.status, await answer.read()


async def raw(provider: Simulator, request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> bytes:
    """All bytes of an answer up to the provider's close."""
    host, port = provider.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        return await reader.read(-1)
    finally:
        writer.transport.abort()


async def test_a_request_is_recorded_and_answered_with_json(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(json({"id": "1"}, headers={"x-request-id": "r1"}))
    async with client.post(provider.url + "/v1/x?y=1", json={"model": "m"}, headers={"X-A": "b"}) as answer:
        assert answer.headers["x-request-id"] == "r1"
        assert await answer.json() == {"id": "1"}
    [seen] = provider.requests
    assert (seen.method, seen.path, seen.json, seen.headers["x-a"]) == (
        "POST",
        "/v1/x?y=1",
        {"model": "m"},
        "b",
    )
    await seen.complete.wait()


async def test_scripts_are_played_in_order_and_the_last_one_stays(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(refusal(429), html(502, "<p>down</p>"), json([]))
    answers = [await fetch(client, provider.url) for _ in range(4)]
    assert [status for status, _ in answers] == [429, 502, 200, 200]
    assert [body for _, body in answers[1:]] == [b"<p>down</p>", b"[]", b"[]"]


async def test_a_refusal_may_report_when_to_come_back(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(refusal(429, "slow down", retry_after="7"))
    async with client.get(provider.url) as answer:
        assert answer.headers["retry-after"] == "7"
        assert (await answer.json())["error"]["message"] == "slow down"


async def test_a_script_may_be_made_of_the_request(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(lambda seen: json(seen.path))
    assert [await fetch(client, provider.url + path) for path in ("/a", "/b")] == [
        (200, b'"/a"'),
        (200, b'"/b"'),
    ]


async def test_a_kept_connection_serves_the_next_request(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(json({}))
    for _ in range(3):
        await fetch(client, provider.url)
    assert provider.connections == 1
    assert [seen.connection for seen in provider.requests] == [0, 0, 0]


async def test_a_stream_waits_for_its_gate(provider: Simulator, client: aiohttp.ClientSession) -> None:
    gate = asyncio.Event()
    provider.stream([b"one", gate, b"two"], gap_s=0.001)
    async with client.get(provider.url) as answer:
        assert await answer.content.readany() == b"one"
        assert not provider.requests[0].complete.is_set()
        gate.set()
        assert await answer.content.read() == b"two"


async def test_a_slow_head_waits_for_its_gate(provider: Simulator, client: aiohttp.ClientSession) -> None:
    gate = asyncio.Event()
    provider.answer(json({}, head_after=gate))
    asking = asyncio.ensure_future(fetch(client, provider.url))
    seen = await provider.seen()
    assert seen.sent == 0
    gate.set()
    assert await asking == (200, b"{}")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_every_framing_carries_the_body(
    provider: Simulator, client: aiohttp.ClientSession, framing: str
) -> None:
    provider.stream([b"a", b"bc"], framing=framing)
    assert await fetch(client, provider.url) == (200, b"abc")


async def test_a_cut_stream_ends_after_exactly_so_many_bytes(provider: Simulator) -> None:
    provider.stream([b"abc", b"def", b"ghi"], cut_at=5)
    assert (await raw(provider)).endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n")


async def test_a_cut_head_ends_in_its_midst(provider: Simulator) -> None:
    provider.answer(Script(cut_head_at=9))
    assert await raw(provider) == b"HTTP/1.1 "


async def test_a_reset_reaches_the_client_as_one(provider: Simulator) -> None:
    provider.answer(drop(reset=True))
    with pytest.raises(ConnectionResetError):
        await raw(provider)


async def test_a_dropped_request_gets_no_byte(provider: Simulator) -> None:
    provider.answer(drop())
    assert await raw(provider) == b""


async def test_a_kept_connection_may_close_after_its_answer(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(json({"a": 1}, ending="close"))
    assert await fetch(client, provider.url) == (200, b'{"a": 1}')
    await provider.requests[0].closed.wait()
    assert await fetch(client, provider.url) == (200, b'{"a": 1}')
    assert provider.connections == 2


async def test_a_promise_of_more_bytes_is_not_kept(
    provider: Simulator, client: aiohttp.ClientSession
) -> None:
    provider.answer(json({}, declares=100))
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(client, provider.url)


async def test_a_compressed_body_is_gzip(provider: Simulator) -> None:
    provider.answer(json(b"text", compressed=True, framing="close"))
    head, _, body = (await raw(provider)).partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert gzip.decompress(body) == b"text"


async def test_a_client_that_leaves_is_seen(provider: Simulator, client: aiohttp.ClientSession) -> None:
    provider.answer(never())
    asking = asyncio.ensure_future(fetch(client, provider.url))
    seen = await provider.seen()
    left = asyncio.get_running_loop().time()
    asking.cancel()
    async with asyncio.timeout(5):
        assert await seen.closed_after(left) >= 0


async def test_a_client_that_stops_reading_stops_the_sending(provider: Simulator) -> None:
    provider.answer(stream(repeat(b"x" * 65536)))
    host, port = provider.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=65536)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    seen = await provider.seen()
    sent = await provider.settled(seen)
    assert 0 < sent < 32 * 1024 * 1024
    await reader.readexactly(sent)
    assert await provider.settled(seen) > sent
    writer.transport.abort()
    await seen.closed.wait()
    assert not seen.complete.is_set()


async def test_an_early_answer_does_not_wait_for_the_body(provider: Simulator) -> None:
    provider.answer(refusal(413, before_body=True, ending="close"))
    answer = await raw(provider, b"POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_request_body_is_put_together(provider: Simulator) -> None:
    provider.answer(json({}, ending="close"))
    await raw(
        provider, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    assert provider.requests[0].body == b"abc"


async def test_a_fault_of_a_script_fails_the_test_that_wrote_it() -> None:
    provider = Simulator()
    await provider.__aenter__()
    provider.answer(lambda seen: json(seen.headers["x-missing"]))
    await raw(provider)
    with pytest.raises(KeyError):
        await provider.__aexit__(None, None, None)


async def test_nobody_listens_at_nowhere(client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get(nowhere())
