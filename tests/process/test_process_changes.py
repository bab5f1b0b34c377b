"""What an operator changes through the admin API is in force on every worker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from process.serving import CHAT, PATIENCE_S, Served
from process.test_process_accounts import Books, answer
from running import HELLO, Reply
from simulator import Simulator
from tidegate.accounts import price_book, provider_keys

WORKERS = 3
ADMIN = {"authorization": "Bearer sk-admin-0123456789abcdef"}
FIRST, SECOND = "sk-first-0123456789abcd", "sk-second-0123456789wxyz"
SECRET = "a-secret-of-the-operator-0123456789"
CHEAP, DEAR = 5 * 1000 + 500 * 2000, 5 * 3000 + 500 * 7000
"""Of a request by the prices below, in nano."""


@pytest.fixture
async def gateway(tmp_path: Path, unused_tcp_port: int, provider: Simulator) -> AsyncIterator[Served]:
    provider.answer(answer())
    config = "\n".join(
        [
            f'[server]\nworkers = {WORKERS}\n[logs]\nformat = "json"',
            '[auth]\nadmin_keys = ["sk-admin-0123456789abcdef"]',
            f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"\nsecret_keys = ["{SECRET}"]',
            f'[providers.sim]\nkind = "openai_compatible"\nbase_url = "{provider.url}/v1"',
        ]
    )
    secrets = (FIRST, SECOND, SECRET, *ADMIN.values())
    async with Served(tmp_path, config, port=unused_tcp_port, secrets=secrets) as served:
        yield served


async def put(gateway: Served, path: str, body: dict[str, Any]) -> None:
    async with gateway._connect().put(f"{gateway.url}/admin{path}", json=body, headers=ADMIN) as response:
        assert response.status == 200, await response.text()


ROUNDS = 5
"""Rounds of requests that have to be answered alike by all who answer them."""


async def everywhere(gateway: Served, headers: dict[str, str], seen: Callable[[Reply], bool]) -> None:
    """Wait until all workers answer like this, and check that they go on to."""

    async def all_do() -> bool:
        """Each request has a connection of its own, which any of the workers may take."""
        body = {**HELLO, "model": "sim/m"}
        replies = await asyncio.gather(*(gateway.post(CHAT, body, headers) for _ in range(8 * WORKERS)))
        return all(map(seen, replies))

    rounds = 0
    async with asyncio.timeout(PATIENCE_S):
        while rounds < ROUNDS:  # a worker that has no time took none of the first ones, perhaps
            rounds = rounds + 1 if await all_do() else 0
            await asyncio.sleep(0.1)
    assert await all_do()


async def test_prices_and_keys_of_providers_change_on_every_worker(
    gateway: Served, provider: Simulator, tmp_path: Path
) -> None:
    assert max(price_book.EVERY_S, provider_keys.EVERY_S) <= 0.5, "all look at least twice a second"
    books = Books(tmp_path)
    _, headers = books.key("alice")
    books.database.close()

    def costs(nano: int) -> Callable[[Reply], bool]:
        return lambda reply: reply.headers.get("x-tidegate-cost-usd") == f"{nano / 1e9:.9f}"

    await put(gateway, "/prices/sim/m", {"input": 1, "output": 2})
    await everywhere(gateway, headers, costs(CHEAP))
    await put(gateway, "/prices/sim/m", {"input": 3, "output": 7})
    await everywhere(gateway, headers, costs(DEAR))

    for key in (FIRST, SECOND):
        await put(gateway, "/providers/sim/key", {"key": key})

        async with asyncio.timeout(PATIENCE_S):
            while True:
                before = len(provider.requests)
                await everywhere(gateway, headers, lambda reply: reply.status == 200)
                used = {one.headers.get("authorization") for one in provider.requests[before:]}
                if used == {f"Bearer {key}"}:
                    break
