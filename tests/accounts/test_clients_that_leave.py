"""What a stream costs whose client leaves: what was delivered, or what its provider reports at the end."""

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from administration import Admin, administered
from running import HELLO
from simulator import Simulator, stream

DRAIN = 'when_client_leaves = "drain"'
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = 2_000_000


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def events(*deltas: dict[str, Any], usage: bool = True) -> list[bytes]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [{**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        chunks.append({**head, "choices": [], "usage": USAGE})
    return [b"data: " + jsonlib.dumps(one).encode() + b"\n\n" for one in chunks] + [b"data: [DONE]\n\n"]


async def leave(admin: Admin, headers: dict[str, str], model: str = "one/m") -> None:
    """Ask for a stream, and leave after its first word."""
    body = jsonlib.dumps({**HELLO, "model": model, "stream": True}).encode()
    url = admin.gateway.url + "/v1/chat/completions"
    async with admin.gateway.session.post(url, data=body, headers=headers) as got:
        await got.content.readuntil(b"first")


async def left(admin: Admin) -> Any:
    """The record of a client that has left, once it is booked."""
    store = admin.gateway.app._store
    assert store is not None
    while True:
        await store.flush()
        page = await admin.ask("GET", "/usage?by=user")
        if page["data"]:
            return await admin.booked()
        await asyncio.sleep(0.02)


async def draining(admin: Admin) -> None:
    """Wait until the gateway reads a stream on."""
    while not admin.gateway.app._drains._tasks:
        await asyncio.sleep(0.01)


FIRST = {"role": "assistant", "content": "first"}


async def test_a_drained_stream_costs_what_the_provider_reports(provider: Simulator, tmp_path: Path) -> None:
    async with administered(provider, tmp_path, billing=DRAIN) as admin:
        headers, gate = await admin.paying(), asyncio.Event()
        first, *rest = events(FIRST, {"content": "rest"})
        provider.answer(stream([first, gate, *rest]))
        await leave(admin, headers)
        await draining(admin)
        assert (await admin.ask("GET", "/usage?by=user"))["data"] == []
        gate.set()
        record = await left(admin)
        assert (record["ended"], record["drained"], record["estimated"]) == ("client_left", True, False)
        assert record["cost"] == COST
        assert (await admin.ask("GET", "/wallets/alice"))["balance_usd"] == 10 - 0.002


async def test_by_default_what_was_delivered_is_charged(provider: Simulator, tmp_path: Path) -> None:
    async with administered(provider, tmp_path) as admin:
        headers, gate = await admin.paying(), asyncio.Event()
        first, *rest = events(FIRST)
        provider.answer(stream([first, gate, *rest]))
        await leave(admin, headers)
        record = await left(admin)
        gate.set()
        assert (record["ended"], record["estimated"], "drained" in record) == ("client_left", True, False)
        assert 0 < record["cost"] < 100_000


async def test_where_cancelling_stops_the_provider_nothing_is_drained(
    provider: Simulator, tmp_path: Path
) -> None:
    async with administered(provider, tmp_path, billing=DRAIN, openai="openai") as admin:
        headers, gate = await admin.paying(), asyncio.Event()
        first, *rest = events(FIRST)
        provider.answer(stream([first, gate, *rest]))
        await leave(admin, headers, "openai/gpt-4o")
        record = await left(admin)
        gate.set()
        assert (record["estimated"], "drained" in record) == (True, False)


@pytest.mark.parametrize("ending", ["reset", "close"])
async def test_a_stream_that_breaks_while_it_is_drained_costs_what_was_read(
    provider: Simulator, tmp_path: Path, ending: str
) -> None:
    async with administered(provider, tmp_path, billing=DRAIN) as admin:
        headers, gate = await admin.paying(), asyncio.Event()
        first, second, *_ = events(FIRST, {"content": "rest"})
        provider.answer(stream([first, gate, second], ending=ending))
        await leave(admin, headers)
        gate.set()
        record = await left(admin)
        assert (record["ended"], record["estimated"], "drained" in record) == ("client_left", True, False)
        assert 0 < record["cost"] < COST


async def test_a_gateway_that_stops_settles_what_it_drains(provider: Simulator, tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with administered(provider, tmp_path, billing=DRAIN) as admin:
        headers = await admin.paying()
        first, *rest = events(FIRST)
        provider.answer(stream([first, gate, *rest]))
        await leave(admin, headers)
        await draining(admin)
        await admin.gateway.app._drains.close()
        record = await left(admin)
        assert (record["ended"], record["estimated"]) == ("client_left", True)
        gate.set()
