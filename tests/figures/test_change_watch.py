"""A model that moves away from its own past, from the figures in the store to an alert and the health of the
provider: in a running gateway, with traffic as requests would have left it.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator
from json import loads
from pathlib import Path
from time import time
from typing import Any

import pytest
from aiohttp import web

from running import Gateway
from simulator import Simulator, json
from tidegate.alerts import digest as digests
from tidegate.figures import Part, Sample, watching
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.schema import migrate

NAMES = ("one", "two")
PRICES = "".join(f'[prices."{name}/m"]\ninput = 1\noutput = 1\n' for name in NAMES)
MODELS = '[models.m]\ncandidates = ["one/m", "two/m"]\norder = "balanced"\n'
ANSWER = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
}  # fmt: skip
USUAL: dict[str, float] = {"ttft_ms": 400.0, "rate": 0.01, "output": 300.0, "price": 10.0}


@pytest.fixture
async def alerts() -> AsyncIterator[tuple[str, asyncio.Queue[str]]]:
    """The address of a server that alerts go to, and what it has received."""
    received: asyncio.Queue[str] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        received.put_nowait((await request.json())["message"])
        return web.json_response({})

    app = web.Application()
    app.router.add_route("POST", "/{tail:.*}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/alerts", received
    await runner.cleanup()


def traffic(provider: str, at: int, answers: int, rng: random.Random, **moved: float) -> list[Ended]:
    """Requests that ended at a time, as a gateway would have written them."""
    how = {**USUAL, **moved}
    lines = []
    for number in range(answers):
        failed = rng.random() < how["rate"]
        output = 0 if failed else max(1, round(how["output"] * math.exp(rng.gauss(0, 0.4))))
        part = Part(
            provider, "m", "server_error" if failed else None, input=100, output=output,
            cost=round(output * how["price"] * 1000),
        )  # fmt: skip
        ttft_ms = None if failed else how["ttft_ms"] * math.exp(rng.gauss(0, 0.4))
        sample = Sample(500 if failed else 200, 2000.0, ttft_ms, error=failed, parts=(part,))
        name = f"{provider}-{at}-{number}"
        lines.append(
            Ended(id=name, at=at, ended="complete", status=200, provider=provider, model="m", figures=sample)
        )
    return lines


def fill(url: str, **moved: float) -> None:
    """A day in which both providers are as usual, and a last half hour in which the first one is not."""
    database, rng, now = Database(url), random.Random(4), int(time() * 1000)
    migrate(database)
    with database.write() as connection:
        for provider in NAMES:
            for hour in range(2, 24):
                apply(connection, traffic(provider, now - hour * 3_600_000, 60, rng))
            changed = moved if provider == NAMES[0] else {}
            apply(connection, traffic(provider, now - 60_000, 80, rng, **changed))
    database.close()


@pytest.mark.parametrize(
    ("moved", "measure", "said"),
    [
        ({"ttft_ms": 1600.0}, "ttft", "one/m: the time to first token has changed"),
        ({"rate": 0.4}, "errors", "one/m: the share of failed attempts has changed"),
        ({"output": 1500.0}, "cost", "one/m: the cost of an answer has changed"),
        ({"price": 2.0}, "cost", "one/m: the cost of an answer has changed"),
    ],
)
async def test_a_change_is_reported_and_is_part_of_health(
    moved: dict[str, float], measure: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    alerts: tuple[str, asyncio.Queue[str]],
) -> None:  # fmt: skip
    monkeypatch.setattr(digests, "GROUP_S", 0.01)
    monkeypatch.setattr(watching, "EVERY_S", 0.2)
    url, received = alerts
    store = f"sqlite:///{tmp_path}/figures.db"
    fill(store, **moved)
    more = f'[store]\nurl = "{store}"\n[auth]\nmode = "open"\n[alerts]\nurls = ["{url}"]\n{PRICES}{MODELS}'
    async with Simulator() as provider:
        for _ in range(4):
            provider.answer(json(ANSWER))
        services = dict.fromkeys(NAMES, ("openai_compatible", f"{provider.url}/v1"))
        async with Gateway(services, more=more) as gateway:
            for name in NAMES:  # a worker knows the health of what it has called
                assert (await gateway.chat(f"{name}/m")).status == 200
            text = await asyncio.wait_for(received.get(), 30)
            assert text.startswith(said)
            states = await health(gateway, measure)
            worse = measure != "cost"
            assert states["one"]["changes"] == [measure]
            assert (states["one"]["status"], states["two"]["status"]) == (
                ("degraded", "healthy") if worse else ("healthy", "healthy")
            )
            assert states["two"]["changes"] == []
            explained = (await gateway.post(
                "/v1/chat/completions",
                {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
                {"x-tidegate-explain": "1"},
            )).headers["x-tidegate-explained"]  # fmt: skip
            successes = {one["provider"]: one.get("success") for one in loads(explained)["candidates"]}
            assert successes == {"one": 0.9 if worse else None, "two": None}
    assert received.empty()


async def health(gateway: Gateway, measure: str) -> dict[str, Any]:
    """The state of the model at each provider, once a look has found the change."""
    while True:
        found = (await gateway.get("/v1/chat/health")).json["providers"]
        states = {one["name"]: one["models"][0] for one in found if one["models"]}
        if states["one"]["changes"] == [measure]:
            return states
        await asyncio.sleep(0.05)


async def test_without_the_watch_health_knows_of_no_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EVERY_S", 0.05)
    store = f"sqlite:///{tmp_path}/figures.db"
    fill(store, ttft_ms=1600.0)
    more = f'[store]\nurl = "{store}"\n[auth]\nmode = "open"\n[alerts]\nchanges = false\n'
    async with Simulator() as provider:
        provider.answer(json(ANSWER))
        async with Gateway({"one": ("openai_compatible", f"{provider.url}/v1")}, more=more) as gateway:
            assert (await gateway.chat("one/m")).status == 200
            await asyncio.sleep(0.3)
            (model,) = (await gateway.get("/v1/chat/health")).json["providers"][0]["models"]
            assert (model["changes"], model["status"]) == ([], "healthy")
