"""Prices that operators set while the gateway runs: when they count, what they never change, who says no."""

import asyncio
import json as jsonlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from administration import ANSWER, Admin, administered
from cases import each
from running import HELLO
from simulator import Script, Simulator, json


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def admin(provider: Simulator, tmp_path: Path) -> AsyncIterator[Admin]:
    async with administered(provider, tmp_path, openai="openai") as admin:
        yield admin


async def cost(admin: Admin, headers: dict[str, str], model: str = "one/m") -> Any:
    admin.provider.answer(json(ANSWER))
    reply = await admin.gateway.post("/v1/chat/completions", {**HELLO, "model": model}, headers)
    assert reply.status == 200, reply.body
    return (await admin.booked())["cost"]


async def until(admin: Admin, headers: dict[str, str], nano: int) -> int:
    """Ask until a request costs so much. Returns how many did not."""
    asked = 0
    while await cost(admin, headers) != nano:
        asked += 1
        await asyncio.sleep(0.05)
    return asked


async def test_a_price_counts_within_a_second_and_changes_nothing_that_is_booked(admin: Admin) -> None:
    headers = await admin.paying()
    assert await cost(admin, headers) == 2_000_000
    before = await admin.ask("GET", "/wallets/alice")
    shown = await admin.ask("PUT", "/prices/one/m", {"input": 2, "output": "4.5", "note": "new contract"})
    assert (shown["source"], shown["prices"]["per_million_tokens"]) == ("store", {"input": 2, "output": 4.5})
    assert (await admin.ask("GET", "/wallets/alice"))["balance_usd"] == before["balance_usd"]
    await until(admin, headers, 4_250_000)
    assert shown["history"][0]["note"] == "new contract"


async def test_what_is_set_for_later_counts_from_then_on(admin: Admin) -> None:
    headers = await admin.paying()
    starts_at = int(time() * 1000) + 2_000
    shown = await admin.ask("PUT", "/prices/one/m", {"input": 0, "output": 1, "from": starts_at})
    assert shown["source"] == "file"  # for now
    assert [one["from"] for one in shown["upcoming"]] == [starts_at]
    while time() * 1000 < starts_at + 1_000:
        began = int(time() * 1000)
        found = await cost(admin, headers)
        # what begins at the moment itself may be either: the gateway's clock is read a little later
        if began >= starts_at:
            assert found == 500_000
        elif time() * 1000 < starts_at:
            assert found == 2_000_000
    shown = await admin.ask("GET", "/prices/one/m")
    assert (shown["source"], shown["from"], shown["upcoming"]) == ("store", starts_at, [])


async def test_a_request_costs_what_it_cost_when_it_began(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying()
    gate = asyncio.Event()
    body_of_answer = jsonlib.dumps(ANSWER).encode()
    provider.answer(
        Script(
            headers=(("content-type", "application/json"),), pieces=(gate, body_of_answer), framing="chunked"
        )
    )
    body = {**HELLO, "model": "one/m"}
    asked = asyncio.create_task(admin.gateway.post("/v1/chat/completions", body, headers))
    while not provider.requests:
        await asyncio.sleep(0.01)
    await admin.ask("PUT", "/prices/one/m", {"input": 20, "output": 20})
    tariff = admin.gateway.app._plane.gateway.tariff  # type: ignore[union-attr]
    while tariff.find("one", "m").source != "store":
        await asyncio.sleep(0.02)
    gate.set()
    assert (await asked).status == 200
    assert (await admin.booked())["cost"] == 2_000_000
    assert await cost(admin, headers) == 30_000_000


async def test_what_was_set_is_removed_and_listed(admin: Admin) -> None:
    first = (await admin.ask("PUT", "/prices/one/m", {"input": 5, "output": 5}))["history"][0]["id"]
    later = {"input": 6, "output": 6, "from": "2100-01-01"}
    waits = (await admin.ask("PUT", "/prices/one/m", later))["upcoming"][0]["id"]
    again = (await admin.ask("PUT", "/prices/one/m", later))["upcoming"][1]["id"]
    removed = await admin.ask("DELETE", f"/prices/one/m?id={waits}")
    assert (removed["cancelled"], removed["price"]["source"]) == ([waits], "store")
    await admin.ask("DELETE", f"/prices/one/m?id={first}", status=404)  # it is in force
    removed = await admin.ask("DELETE", "/prices/one/m")
    assert (removed["cancelled"], removed["price"]["source"]) == ([again], "file")
    assert removed["price"]["prices"]["per_million_tokens"] == {"input": 1, "output": 2}
    listed = await admin.ask("GET", "/prices?limit=2")
    assert listed["data"][0]["prices"] is None
    rest = await admin.ask("GET", f"/prices?limit=100&after={listed['next']}")
    ids = [row["id"] for row in (*listed["data"], *rest["data"])]
    assert ids[1:] == [again, waits, first]
    assert [row["id"] for row in (await admin.ask("GET", "/prices?provider=two"))["data"]] == []


async def test_it_says_where_a_price_comes_from(admin: Admin) -> None:
    sources = {"openai/gpt-4o": "genai-prices", "openai/dall-e-3": "catalog", "one/m": "file", "one/x": None}
    for name, source in sources.items():
        assert (await admin.ask("GET", f"/prices/{name}"))["source"] == source, name
    images = {"images": [{"price": 0.05, "size": "1024x1024"}]}
    shown = await admin.ask("PUT", "/prices/openai/models/dall-e-3", images)
    assert (shown["model"], shown["prices"]["per_image"][0]["price"]) == ("models/dall-e-3", 0.05)


WRONG: dict[str, tuple[str, Any, str | None, int]] = {
    "no price": ("one/m", {}, "input", 400),
    "a negative price": ("one/m", {"input": -1}, "input", 400),
    "a price beyond all bounds": ("one/m", {"output": 1e9}, "output", 400),
    "a price with too many decimals": ("one/m", {"output": "0.0000000000001"}, "output", 400),
    "a price that is none": ("one/m", {"cache_read": "cheap"}, "cache_read", 400),
    "infinity": ("one/m", {"input": "Infinity"}, "input", 400),
    "a class that there is not": ("one/m", {"inputs": 1}, None, 400),
    "an image without a price": ("one/m", {"images": [{"size": "x"}]}, "images.0.price", 400),
    "an image that costs too little": ("one/m", {"images": [{"price": -1}]}, "images[0].price", 400),
    "a time that is past": ("one/m", {"input": 1, "from": "2020-01-01"}, "from", 400),
    "a time that is none": ("one/m", {"input": 1, "from": "soon"}, "from", 400),
    "a provider that there is not": ("nobody/m", {"input": 1}, "provider", 404),
    "a model with a blank": ("one/ m", {"input": 1}, "model", 400),
}


@each("case", list(WRONG))
async def test_a_wrong_price_is_refused_by_name(admin: Admin, case: str) -> None:
    place, body, param, status = WRONG[case]
    reply = await admin.reply("PUT", f"/prices/{place}", body)
    assert (reply.status, reply.error["param"]) == (status, param), reply.body
    assert (param or "inputs").split("[")[0].split(".")[0] in reply.error["message"]
    assert (await admin.ask("GET", "/prices"))["data"] == []


async def test_changes_are_logged(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tidegate"):
        await admin.ask("PUT", "/prices/one/m", {"input": 2, "output": 4})
        await admin.ask("DELETE", "/prices/one/m")
    said = [line for line in caplog.messages if "price" in line]
    assert any("one/m" in line and "input 2, output 4" in line and "ops" in line for line in said), said
