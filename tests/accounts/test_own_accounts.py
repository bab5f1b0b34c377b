"""What callers learn of their own accounts, and what estimates say of their funds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from administration import Admin, administered
from running import HELLO
from simulator import Simulator


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def admin(provider: Simulator, tmp_path: Path) -> AsyncIterator[Admin]:
    async with administered(provider, tmp_path) as admin:
        yield admin


async def key_of(admin: Admin, user: str = "alice", **settings: Any) -> dict[str, str]:
    """The headers of a new key."""
    body = {"name": "ci", "user": user, "settings": settings}
    made = await admin.ask("POST", "/keys", body, status=201)
    await admin.known(made["secret"])
    return {"authorization": f"Bearer {made['secret']}"}


# --- estimates -----------------------------------------------------------------------------------


async def estimate(admin: Admin, headers: dict[str, str], **more: Any) -> Any:
    asked = {"model": "one/m", "max_tokens": 100, **HELLO, **more}
    reply = await admin.gateway.post("/v1/chat/estimate", asked, headers)
    assert reply.status == 200, reply.body
    return reply.json


async def test_an_estimate_knows_whether_the_wallet_allows_the_request(admin: Admin) -> None:
    headers = await key_of(admin)
    refused = await estimate(admin, headers)
    assert (refused["allowed"], refused["providers"][0]["allowed"]) == (False, False)
    assert refused["refusal"]["status"] == 402
    assert "the wallet has 0.00 USD available" in refused["refusal"]["message"]
    await admin.credit("alice", 1)
    assert (await estimate(admin, headers))["refusal"] is None
    assert (await estimate(admin, headers, max_tokens=600_000))["allowed"] is False
    await admin.chat(headers["authorization"].removeprefix("Bearer "))
    assert (await estimate(admin, headers))["allowed"] is True  # by the lease of its worker
    assert (await admin.ask("GET", "/transactions?kind=charge"))["data"][0]["amount_usd"] == -0.002
    assert len(admin.provider.requests) == 1


async def test_an_estimate_knows_whether_a_budget_allows_the_request(admin: Admin) -> None:
    await admin.credit("alice", 1)
    headers = await key_of(admin, budgets=[{"amount": 500_000, "period": "day"}])
    assert (await estimate(admin, headers))["allowed"] is True
    refused = await estimate(admin, headers, max_tokens=300)
    assert (refused["allowed"], refused["refusal"]["code"]) == (False, "budget_exceeded")


async def test_an_estimate_of_an_unknown_price_says_so(admin: Admin) -> None:
    headers = await key_of(admin)
    answer = await estimate(admin, headers, model="two/m")
    assert (answer["likely_cost"], answer["providers"][0]["price_known"]) == (None, False)
    assert answer["refusal"]["code"] == "price_unknown"


async def test_an_estimate_has_the_margin_and_the_permissions_of_the_caller(admin: Admin) -> None:
    await admin.credit("alice", 1)
    headers = await key_of(admin, models=["one/*"])
    plain = await estimate(admin, headers, max_tokens=1000)
    tokens = plain["prompt_tokens"]
    assert plain["likely_cost"] == pytest.approx((tokens + 300 * 2) / 1e6)
    await admin.ask("PUT", "/teams/blue", {"settings": {"margin": "0.5"}})
    await admin.ask("PUT", "/users/alice", {"team": "blue"})
    other = await key_of(admin)
    assert (await estimate(admin, other, max_tokens=1000))["max_cost"] == pytest.approx(
        plain["max_cost"] * 1.5
    )
    asked = {"model": "two/m", **HELLO}
    assert (await admin.gateway.post("/v1/chat/estimate", asked, headers)).status == 404
