"""What callers learn of their own accounts, and what estimates say of their funds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from administration import Admin, administered
from running import HELLO, Gateway
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
    await admin.ask("POST", "/wallets/alice/debits", {"amount_usd": "0.975"}, {"idempotency-key": "d"}, 201)
    more = {"max_tokens": 10_000}  # 0.02 USD, and 0.03 with the margin, of 0.025 in the wallet
    assert (await estimate(admin, other, **more))["allowed"] is False
    await admin.ask("PUT", "/teams/blue", {"settings": {}})
    plain_again = await key_of(admin)
    assert (await estimate(admin, plain_again, **more))["allowed"] is True
    asked = {"model": "two/m", **HELLO}
    assert (await admin.gateway.post("/v1/chat/estimate", asked, headers)).status == 404


# --- who calls, and what they have spent ---------------------------------------------------------


async def test_a_caller_sees_limits_budgets_and_wallet(admin: Admin) -> None:
    await admin.credit("alice", 10)
    await admin.ask("PUT", "/users/alice", {"team": "blue"})
    limits = {"requests_per_minute": 60}
    headers = await key_of(admin, limits=limits, budgets=[{"amount": 5_000_000_000, "period": "day"}])
    await admin.chat(headers["authorization"].removeprefix("Bearer "))
    me = (await admin.gateway.get("/v1/me", headers)).json
    assert (me["name"], me["user"], me["team"]) == ("ci", "alice", "blue")
    assert me["limits"] == [
        {"of": f"key:{me['key']}", **limits, "tokens_per_minute": None, "concurrent": None}
    ]
    (budget,) = me["budgets"]
    assert (budget["amount_usd"], budget["spent_usd"], budget["left_usd"]) == (5, 0.002, 4.998)
    assert me["wallet"]["balance_usd"] == 9.998


async def test_a_caller_sees_its_own_usage_only(admin: Admin) -> None:
    await admin.credit("alice", 10)
    headers = await key_of(admin)
    await admin.chat(headers["authorization"].removeprefix("Bearer "))
    usage = (await admin.gateway.get("/v1/me/usage", headers)).json
    (row,) = usage["data"]
    assert (row["model"], row["requests"], row["cost_usd"], usage["cost_usd"]) == ("one/m", 1, 0.002, 0.002)
    other = await key_of(admin, "bob")
    assert (await admin.gateway.get("/v1/me/usage", other)).json["data"] == []
    assert (await admin.gateway.get("/v1/me/usage?to=2020-01-01", headers)).json["data"] == []


async def test_a_caller_sees_its_own_transactions_page_by_page(admin: Admin) -> None:
    await admin.credit("alice", 10)
    await admin.credit("bob", 7)
    headers = await key_of(admin)
    await admin.chat(headers["authorization"].removeprefix("Bearer "))
    whole = (await admin.gateway.get("/v1/me/transactions", headers)).json
    assert [(one["kind"], one["balance_usd"]) for one in whole["data"]] == [("charge", 9.998), ("credit", 10)]
    first = (await admin.gateway.get("/v1/me/transactions?limit=1", headers)).json
    rest = (await admin.gateway.get(f"/v1/me/transactions?after={first['next']}", headers)).json
    assert [*first["data"], *rest["data"]] == whole["data"]
    as_csv = {**headers, "accept": "text/csv"}
    sheet = await admin.gateway.get("/v1/me/transactions?limit=1", as_csv)
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert b",charge,-0.002,9.998,req_" in sheet.body
    following = sheet.headers["link"].partition(">")[0].removeprefix("<")
    assert b",credit,10.00,10.00," in (await admin.gateway.get(following, as_csv)).body
    for query in ("limit=0", "limit=x", "after=x", "from=x"):
        assert (await admin.gateway.get(f"/v1/me/transactions?{query}", headers)).status == 400


async def test_own_accounts_need_a_key_and_a_store(admin: Admin) -> None:
    assert (await admin.gateway.get("/v1/me")).status == 401
    async with Gateway({"demo": ("demo", "")}) as gateway:
        for path in ("/v1/me", "/v1/me/usage", "/v1/me/transactions"):
            reply = await gateway.get(path)
            assert (reply.status, reply.error["code"]) == (404, "no_store")


@pytest.mark.parametrize("header", ["x-goog-api-key", "x-api-key", "api-key"])
async def test_a_key_in_any_header_shows_its_own_accounts(admin: Admin, header: str) -> None:
    secret = (await key_of(admin))["authorization"].removeprefix("Bearer ")
    reply = await admin.gateway.get("/v1/me", {header: secret})
    assert (reply.status, reply.json["user"]) == (200, "alice")
    assert (await admin.gateway.get("/v1/me", {header: secret[:-1]})).status == 401
