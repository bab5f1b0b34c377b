"""The client's side of the wire: bodies, paths, keys, browsers."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from running import HELLO, Gateway, Reply

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}, server="max_body_mb = 1\nbody_s = 0.4") as running:
        yield running


async def send(gateway: Gateway, *pieces: bytes) -> Reply:
    """Send bytes as they are; the reply, up to the end of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Reply(int(first.split()[1]), headers, body)
    finally:
        writer.close()


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(gateway: Gateway) -> None:
    reply = await send(gateway, CHAT, b"content-length: 40000000\r\n\r\n")
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_a_chunked_body_that_grows_too_large_is_refused(gateway: Gateway) -> None:
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    reply = await send(gateway, CHAT, b"transfer-encoding: chunked\r\n\r\n", *[piece] * 17)
    assert reply.status == 413


async def test_a_chunked_body_is_read(gateway: Gateway) -> None:
    body = json.dumps({"model": "demo/chat", **HELLO}).encode()
    pieces = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:])]
    reply = await send(gateway, CHAT, b"transfer-encoding: chunked\r\n\r\n", *pieces, b"0\r\n\r\n")
    assert reply.status == 200


async def test_a_body_that_never_ends_is_given_up(gateway: Gateway) -> None:
    reply = await send(gateway, CHAT, b"content-length: 100\r\n\r\n", b'{"model":')
    assert (reply.status, reply.error["code"]) == (408, "request_timeout")


async def test_a_head_that_is_too_large_is_refused(gateway: Gateway) -> None:
    bomb = b"".join(b"x-bomb-%d: %b\r\n" % (number, b"x" * 1000) for number in range(100))
    reply = await send(gateway, CHAT, bomb, b"\r\n")
    assert reply.status == 431


async def test_a_header_that_never_ends_is_refused(gateway: Gateway) -> None:
    reply = await send(gateway, CHAT, b"x-bomb: ", *[b"x" * 30_000] * 5)
    assert reply.status in (400, 431)


async def test_what_is_not_http_is_refused(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"model": "\xff"}', b"[" * 100_000]
)
async def test_a_body_that_is_no_json_object_is_refused(gateway: Gateway, body: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"):
        reply = await gateway.post(path, body)
        assert reply.status == 400, path
        assert reply.error["type"] == "invalid_request_error"


async def test_an_unknown_model_is_a_404_that_reports_it(gateway: Gateway) -> None:
    reply = await gateway.chat("no-such-provider/no-such-model")
    assert (reply.status, reply.error["code"], reply.error["param"]) == (404, "model_not_found", "model")
    assert "no-such-model" in reply.error["message"]


async def test_an_unknown_path_is_a_404_in_the_doors_dialect(gateway: Gateway) -> None:
    assert (await gateway.post("/v1/nothing", {})).error["code"] == "not_found"
    reply = await gateway.post("/v1/messages/nothing", {})
    assert (reply.status, reply.json["type"], reply.error["type"]) == (404, "error", "not_found_error")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE"])
async def test_a_wrong_method_is_a_405_that_says_which_is_right(gateway: Gateway, method: str) -> None:
    for path, accepted in (
        ("/v1/chat/completions", "POST"),
        ("/v1/messages", "POST"),
        ("/health", "GET, HEAD"),
    ):
        if method not in accepted:
            reply = await send(gateway, f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            assert (path, reply.status, reply.headers["allow"]) == (path, 405, accepted)


async def test_the_aliases_of_the_chat_path_answer(gateway: Gateway) -> None:
    for path in ("/api/v1/chat/completions", "/chat/completions", "/v1/chat/completions/"):
        assert (await gateway.post(path, {"model": "demo/chat", **HELLO})).status == 200, path


async def test_health_needs_no_key_and_reveals_no_names() -> None:
    more = '[auth]\nmode = "keys"\nkeys = ["sk-client-1"]'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        for path in ("/health", "/health/live", "/health/ready"):
            reply = await gateway.get(path)
            assert reply.status == 200, path
            assert b"demo" not in reply.body
            assert (await gateway.get(path, method="HEAD")).status == 200


async def test_a_gateway_without_providers_lives_but_is_not_ready() -> None:
    async with Gateway() as gateway:
        assert (await gateway.get("/health")).status == 200
        assert (await gateway.get("/health/ready")).status == 503


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-client-1"},
        {"authorization": "bearer  sk-client-1"},
        {"x-api-key": "sk-client-1"},
        {"x-api-key": "sk-client-1", "authorization": "Bearer placeholder"},
        {"api-key": "sk-client-1"},
    ],
)
async def test_a_key_opens_in_any_header_that_clients_use(headers: dict[str, str]) -> None:
    more = '[auth]\nmode = "keys"\nkeys = ["sk-client-1"]'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        reply = await gateway.post("/v1/chat/completions", {"model": "demo/chat", **HELLO}, headers)
        record = await gateway.record()
    assert reply.status == 200
    assert record["caller"].startswith("key-")
    assert "sk-client" not in str(record)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": "sk-client-12"}])
async def test_without_the_right_key_every_door_is_closed(headers: dict[str, str]) -> None:
    more = '[auth]\nmode = "keys"\nkeys = ["sk-client-1"]'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        openai = await gateway.post("/v1/chat/completions", {"model": "demo/chat", **HELLO}, headers)
        anthropic = await gateway.post("/v1/messages", {"model": "demo/chat", **HELLO}, headers)
        models = await gateway.get("/v1/models", headers)
    assert (openai.status, anthropic.status, models.status) == (401, 401, 401)
    assert openai.error["code"] == "invalid_api_key"
    assert anthropic.error["type"] == "authentication_error"
