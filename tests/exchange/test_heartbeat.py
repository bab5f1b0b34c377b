"""Pings in the silent gaps of a stream: in the client's dialect, between events, never before the head."""

import asyncio
import json
from typing import Any

import pytest

from running import HELLO, Gateway
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI, Dialect
from simulator import Simulator
from simulator import stream as events
from tidegate.exchange import delivery

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
COMMENT = b": keep-alive\n\n"


@pytest.fixture(autouse=True)
def _short_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "QUIET_S", 0.0)


def with_gate(dialect: Dialect, at: int, gate: asyncio.Event, *, within: int = 0) -> Any:
    """The dialect's stream, held up behind so many pieces (and bytes of the next one)."""
    pieces = list(dialect.stream.pieces)
    piece = pieces[at]
    assert isinstance(piece, bytes)
    return events([*pieces[:at], piece[:within], gate, piece[within:], *pieces[at + 1 :]])


@pytest.mark.parametrize(
    ("path", "dialect", "ping"),
    [
        ("/v1/messages", OPENAI, PING),
        ("/v1/messages", ANTHROPIC, PING),
        ("/v1/chat/completions", ANTHROPIC, COMMENT),
        ("/v1/chat/completions", OPENAI, COMMENT),
        ("/v1/responses", GEMINI, COMMENT),
    ],
)
async def test_a_silent_stream_gets_pings_then_its_rest(path: str, dialect: Dialect, ping: bytes) -> None:
    gate = asyncio.Event()
    body = {**HELLO, "max_tokens": 9, "stream": True, "model": "sim/m"}
    if path == "/v1/responses":
        body = {"input": "Hello", "stream": True, "model": "sim/m"}
    async with Simulator() as provider:
        base = f"{provider.url}/v1" if dialect.kind == "openai" else provider.url
        provider.answer(with_gate(dialect, len(list(dialect.stream.pieces)) - 3, gate, within=9))
        async with Gateway({"sim": (dialect.kind, base)}) as gateway:
            data = json.dumps(body).encode()
            async with gateway.session.post(gateway.url + path, data=data) as response:
                got = b""
                while got.count(ping) < 3:
                    got += await response.content.readany()
                gate.set()
                got += await response.content.read()
    # Without the pings it is the stream, each event whole.
    blocks = got.replace(ping, b"").removesuffix(b"\n\n").split(b"\n\n")
    assert all(block.startswith((b"data: ", b"event: ")) for block in blocks)
    text = b"".join(blocks).decode()
    assert "harbour" in text
    assert got.endswith(b"\n\n")


async def test_nothing_is_written_before_a_head_is_decided() -> None:
    gate = asyncio.Event()
    async with Simulator() as provider:
        provider.answer(with_gate(OPENAI, 0, gate))
        async with Gateway({"sim": ("openai", f"{provider.url}/v1")}) as gateway:
            asking = asyncio.create_task(gateway.chat("sim/m", stream=True))
            await provider.seen(1)
            _, pending = await asyncio.wait([asking], timeout=0.6)
            assert pending
            gate.set()
            reply = await asking
    assert reply.status == 200
    assert reply.body.startswith(b"data: ")


async def test_googles_clients_get_none() -> None:
    gate = asyncio.Event()
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    async with Simulator() as provider:
        provider.answer(with_gate(OPENAI, 3, gate))
        async with Gateway({"sim": ("openai", f"{provider.url}/v1")}) as gateway:
            path = "/v1beta/models/sim/m:streamGenerateContent?alt=sse"
            asking = asyncio.create_task(gateway.post(path, contents))
            _, pending = await asyncio.wait([asking], timeout=0.6)
            assert pending
            gate.set()
            reply = await asking
    assert b"keep-alive" not in reply.body
    assert b"ping" not in reply.body
