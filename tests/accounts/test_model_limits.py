"""Limits and budgets of models, which all their callers share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from accounts.test_accounted_requests import answer
from administration import administered
from running import Gateway
from simulator import Simulator
from tidegate.config import ConfigError

KEYS = '[auth]\nkeys = ["alice:sk-alice-0123456789", "bob:sk-bob-0123456789"]\n'
ALICE, BOB = ({"authorization": f"Bearer sk-{name}-0123456789"} for name in ("alice", "bob"))
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(answer())
        yield simulator


def limited(provider: Simulator, limits: str, keys: str = KEYS) -> Gateway:
    more = f'{keys}[models.smart]\ncandidates = ["one/m"]\n{limits}\n[models.other]\ncandidates = ["one/m"]'
    return Gateway({"one": ("openai_compatible", provider.url)}, more=more)


async def test_a_limit_of_a_model_is_shared_by_its_callers(provider: Simulator) -> None:
    async with limited(provider, "requests_per_minute = 2") as gateway:
        for headers in (ALICE, BOB):
            reply = await gateway.post(CHAT, {"model": "smart", "messages": MESSAGES}, headers)
            assert (reply.status, reply.headers["x-ratelimit-limit-requests"]) == (200, "2")
        reply = await gateway.post(CHAT, {"model": "smart", "messages": MESSAGES}, BOB)
        assert reply.status == 429
        assert reply.error["message"].startswith("the model smart is limited to 2 requests per minute; retry")
        for name in ("other", "one/m"):
            assert (await gateway.post(CHAT, {"model": name, "messages": MESSAGES}, BOB)).status == 200


async def test_it_applies_beside_those_of_the_caller(provider: Simulator) -> None:
    keys = f"{KEYS}[limits]\nrequests_per_minute = 2\n"
    async with limited(provider, "requests_per_minute = 3", keys) as gateway:

        async def ask(headers: dict[str, str]) -> str:
            reply = await gateway.post(CHAT, {"model": "smart", "messages": MESSAGES}, headers)
            return "" if reply.status == 200 else reply.error["message"].partition(" is limited")[0]

        assert [await ask(ALICE) for _ in range(2)] == ["", ""]
        assert (await ask(ALICE)).startswith("the key ")
        assert [await ask(BOB) for _ in range(2)] == ["", "the model smart"]


async def test_tokens_of_a_model_are_limited_and_corrected(provider: Simulator) -> None:
    provider.answer(answer({"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}))
    async with limited(provider, "tokens_per_minute = 1000") as gateway:
        asked = {"model": "smart", "messages": MESSAGES, "max_tokens": 900}
        assert (await gateway.post(CHAT, asked, ALICE)).status == 200
        assert (await gateway.post(CHAT, {**asked, "max_tokens": 10}, ALICE)).status == 200, "corrected"
        assert (await gateway.post(CHAT, {**asked, "max_tokens": 5000}, ALICE)).status == 429


async def test_a_budget_of_a_model_is_what_all_its_requests_may_cost(
    provider: Simulator, tmp_path: Path
) -> None:
    more = '[models.smart]\ncandidates = ["one/m"]\ndaily_budget_usd = 0.005\n[models.free]\n'
    more += 'candidates = ["one/m"]'
    async with administered(provider, tmp_path, more) as admin:
        provider.answer(answer())
        callers = [await admin.paying(user) for user in ("alice", "bob")]
        body = {"messages": MESSAGES, "max_tokens": 10}
        replies = [
            await admin.gateway.post(CHAT, {**body, "model": "smart"}, callers[number % 2])
            for number in range(8)
        ]
        refused = replies[-1]
        assert (replies[0].status, refused.status) == (200, 402)
        assert refused.error["code"] == "budget_exceeded"
        assert refused.error["message"].startswith("the daily budget of model smart is exhausted: ")
        assert (await admin.gateway.post(CHAT, {**body, "model": "free"}, callers[0])).status == 200


def test_a_budget_needs_a_store() -> None:
    with pytest.raises(ConfigError, match=r"daily_budget_usd: budgets need a store"):
        Gateway(
            {"one": ("openai_compatible", "http://127.0.0.1:1")},
            more='[models.smart]\ncandidates = ["one/m"]\ndaily_budget_usd = 1',
        )
