"""Providers that answer with nothing: an empty body, or heartbeats and no more."""

import asyncio
import json
from itertools import repeat
from typing import Any

import pytest

from running import HELLO, Gateway
from sdk.dialects import ANTHROPIC, OPENAI
from simulator import Script, Simulator
from tidegate.protocols.sse import only_heartbeats

HEADS = {
    204: b"HTTP/1.1 204 No Content\r\n\r\n",
    200: b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
    202: b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n\r\n",
}
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "/v1/chat/completions": ("m", HELLO),
    "/v1/messages": ("m", {**HELLO, "max_tokens": 9}),
    "/v1/responses": ("m", {"input": "Hello"}),
    "/v1/embeddings": ("text-embedding-3-small", {"input": "Hello"}),
    "/v1/moderations": ("omni-moderation-latest", {"input": "Hello"}),
    "/v1/images/generations": ("gpt-image-1", {"prompt": "Hello"}),
}
KINDS = ["openai", "anthropic", "gemini", "cohere"]


@pytest.mark.parametrize("status", HEADS)
async def test_an_answer_without_a_body_is_called_empty(status: int) -> None:
    async with Simulator() as provider:
        provider.answer(Script(head=HEADS[status], ending="close"))
        kinds = {kind: (kind, provider.url) for kind in KINDS}
        async with Gateway(kinds, routing="retries = 0") as gateway:
            for path, (model, body) in PATHS.items():
                chats = path in list(PATHS)[:3]
                for kind in KINDS if chats else KINDS[:1]:
                    for stream in (False, True) if chats and status != 202 else (False,):
                        asked = {**body, "model": f"{kind}/{model}", **({"stream": True} if stream else {})}
                        reply = await gateway.post(path, asked)
                        assert reply.status == 502
                        assert f"the provider's answer is empty (status {status})" in reply.body.decode()
            assert all(record["error"] == "provider_broke" for record in gateway.records)


BEATS = [
    b": ping\n\n",
    b":\r\n\r\n",
    b'event: ping\ndata: {"type": "ping"}\n\n: x\n\n',
    b'data: {"type":"ping","cost":"0"}\n\n',
    b"retry: 3\nid: 7\n\n",
]


@pytest.mark.parametrize("data", BEATS)
def test_heartbeats_are_told_from_answers(data: bytes) -> None:
    assert only_heartbeats(data)
    assert only_heartbeats(data * 3)
    for more in (b"data: {}\n\n", b'data: {"type":"pin"}\n\n', b"data: hi\n\n", b"event: error\n\n", b"x"):
        assert not only_heartbeats(data + more)
        assert not only_heartbeats(more + data)


def test_no_bytes_take_long_to_be_told_from_heartbeats() -> None:
    for piece in (b":", b"\n", b": id:", b'data: {"type":"ping"', b"event: ping"):
        assert not only_heartbeats(piece * 50_000 + b"\nx")


@pytest.mark.parametrize(
    ("dialect", "path", "beat"),
    [
        (OPENAI, "/v1/chat/completions", b": processing\n\n"),
        (OPENAI, "/v1/messages", b": processing\n\n"),
        (ANTHROPIC, "/v1/messages", b'event: ping\ndata: {"type": "ping"}\n\n'),
        (ANTHROPIC, "/v1/chat/completions", b'event: ping\ndata: {"type": "ping"}\n\n'),
        (ANTHROPIC, "/v1/messages", b": processing\n\n"),
    ],
)
async def test_a_stream_of_nothing_but_heartbeats_ends_at_the_deadline(
    dialect: Any, path: str, beat: bytes
) -> None:
    async with Simulator() as provider:
        provider.answer(Script(pieces=repeat(beat), gap_s=0.02, framing="chunked"))
        base = f"{provider.url}/v1" if dialect.kind == "openai" else provider.url
        routing = "retries = 0\ndeadline_s = 1\nfirst_byte_s = 1"
        async with Gateway({"sim": (dialect.kind, base)}, routing=routing) as gateway:
            body = {**HELLO, "max_tokens": 9, "stream": True, "model": "sim/m"}
            reply = await gateway.post(path, body)
            record = await gateway.record()
    assert b"no answer began before the request's deadline" in reply.body
    assert b"[DONE]" not in reply.body
    assert b"message_stop" not in reply.body
    assert "no answer began before the request's deadline" in record["error"]
    assert record["ended"] == ("failed" if reply.status == 504 else "provider_broke")


async def test_an_answer_after_heartbeats_may_last_longer_than_the_deadline() -> None:
    gate = asyncio.Event()
    first, *rest = (piece for piece in OPENAI.stream.pieces if isinstance(piece, bytes))
    async with Simulator() as provider:
        provider.answer(Script(pieces=[b": wait\n\n", first, gate, *rest], framing="chunked"))
        routing = "retries = 0\ndeadline_s = 1\nidle_s = 60"
        async with Gateway({"sim": ("openai", f"{provider.url}/v1")}, routing=routing) as gateway:
            body = json.dumps({**HELLO, "stream": True, "model": "sim/m"}).encode()
            async with gateway.session.post(f"{gateway.url}/v1/chat/completions", data=body) as response:
                got = b""
                while b"data:" not in got:
                    got += await response.content.readany()
                await asyncio.sleep(1.6)  # the deadline passes
                gate.set()
                got += await response.content.read()
    assert got.endswith(b"data: [DONE]\n\n")
