"""The admin API of a running gateway: who may use it, and what each of its paths does."""

import csv
import io
import json as jsonlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from sqlalchemy import update

from administration import ADMIN, AS_ADMIN, Admin, administered
from cases import each
from running import Gateway
from simulator import Simulator
from tidegate.accounts.settings import KeySettings
from tidegate.store.journal import milliseconds
from tidegate.store.tables import keys


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def admin(provider: Simulator, tmp_path: Path) -> AsyncIterator[Admin]:
    async with administered(provider, tmp_path) as admin:
        yield admin


# --- who may use it ------------------------------------------------------------------------------


async def test_only_admin_keys_are_accepted(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "ci", "user": "alice"}, status=201)
    await admin.known(made["secret"])
    for headers, said in (
        ({}, "no admin key"),
        ({"authorization": f"Bearer {made['secret']}"}, "is not valid"),
        ({"x-api-key": "wrong"}, "is not valid"),
        ({"x-api-key": ADMIN + "x"}, "is not valid"),
    ):
        reply = await admin.gateway.get("/admin/keys", headers)
        assert (reply.status, said in reply.error["message"]) == (401, True)
    for headers in ({"x-api-key": ADMIN}, {"authorization": "Bearer another-admin-key-0123456"}):
        assert (await admin.gateway.get("/admin/keys", headers)).status == 200
    assert (await admin.chat(ADMIN, 401)).error["message"] == "this API key is not valid for this gateway"


async def test_who_guesses_is_slowed_down() -> None:
    keys = f"[auth]\nadmin_keys = ['{ADMIN}']"
    proxies = "trusted_proxies = ['127.0.0.1']"
    async with Gateway({"demo": ("demo", "")}, more=keys, server=proxies) as gateway:

        async def status(key: str, address: str) -> int:
            headers = {"x-api-key": key, "x-forwarded-for": address}
            return (await gateway.get("/admin/keys", headers)).status

        found = [await status(f"guess-{number}", "203.0.113.7") for number in range(21)]
        assert (set(found[:20]), found[20]) == ({401}, 429)
        assert await status(ADMIN, "203.0.113.7") == 429
        assert await status(ADMIN, "203.0.113.8") == 404  # it has no store


async def test_an_unexpected_error_tells_the_log_and_not_the_client(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("tidegate.control.admin.keys.list_keys", fail)
    monkeypatch.setattr("tidegate.control.admin.keys.new_key", fail)
    for method, body in (("GET", None), ("POST", {"name": "ci"})):
        reply = await admin.reply(method, "/keys", body)
        assert (reply.status, reply.error["type"], reply.error["code"]) == (
            500,
            "api_error",
            "internal_error",
        )
        assert "secret" not in reply.text
        assert "a secret of ours" in caplog.text
        caplog.clear()
    await admin.ask("GET", "/users")


async def test_refused_attempts_are_recorded(admin: Admin) -> None:
    await admin.gateway.get("/admin/keys", {"x-api-key": "wrong"})
    record = await admin.gateway.record()
    assert (record["path"], record["status"]) == ("/admin/keys", 401)


async def test_web_pages_of_other_origins_are_refused(admin: Admin) -> None:
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        reply = await admin.reply("GET", "/keys", headers=headers)
        assert reply.status == 403
        assert "access-control-allow-origin" not in reply.headers
    assert (await admin.reply("GET", "/keys", headers={"origin": admin.gateway.url})).status == 200


async def test_without_an_admin_key_it_is_closed(tmp_path: Path) -> None:
    more = f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        reply = await gateway.get("/admin/keys", AS_ADMIN)
        assert (reply.status, reply.error["code"]) == (403, "no_admin_key")
        assert "TIDEGATE_ADMIN_KEYS" in reply.error["message"]
        assert (await gateway.get("/admin/openapi.json")).status == 200


async def test_without_a_store_it_says_so() -> None:
    async with Gateway({"demo": ("demo", "")}, more=f"[auth]\nadmin_keys = ['{ADMIN}']") as gateway:
        reply = await gateway.get("/admin/keys", AS_ADMIN)
        assert (reply.status, reply.error["code"]) == (404, "no_store")
        assert "TIDEGATE_STORE_URL" in reply.error["message"]


# --- keys ----------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_works(admin: Admin) -> None:
    await admin.credit("alice", 1)
    settings = {"limits": {"requests_per_minute": 60}, "models": ["one/*"]}
    made = await admin.ask("POST", "/keys", {"name": "ci", "user": "alice", "settings": settings}, status=201)
    assert made["secret"].startswith(made["prefix"])
    assert (made["state"], made["settings"]) == ("active", settings)
    await admin.known(made["secret"])
    await admin.chat(made["secret"])
    shown = await admin.ask("GET", f"/keys/{made['id']}")
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert await admin.ask("GET", "/keys/ci") == shown
    listed = await admin.reply("GET", "/keys")
    assert made["secret"].encode() not in listed.body
    assert b"digest" not in listed.body


async def test_a_key_changes_and_is_revoked(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "ci", "settings": {"models": ["a"]}}, status=201)
    path = f"/keys/{made['id']}"
    changed = await admin.ask("PATCH", path, {"name": "cd", "settings": {"tags": ["x"]}})
    assert (changed["name"], changed["settings"]) == ("cd", {"tags": ["x"]})
    assert (await admin.ask("PATCH", path, {}))["settings"] == {"tags": ["x"]}
    await admin.known(made["secret"])
    revoked = await admin.ask("DELETE", path)
    assert revoked["state"] == "revoked"
    await admin.known(made["secret"], works=False)
    assert await admin.ask("DELETE", path) == revoked


async def test_a_key_is_rotated_with_an_overlap(admin: Admin) -> None:
    old = await admin.ask("POST", "/keys", {"name": "ci", "user": "alice"}, status=201)
    new = await admin.ask("POST", "/keys/ci/rotate", {"overlap_s": 600}, status=201)
    assert (new["name"], new["user"], new["replaces"]) == ("ci", "alice", old["id"])
    await admin.known(new["secret"])
    await admin.known(old["secret"])
    shown = await admin.ask("GET", f"/keys/{old['id']}")
    assert (shown["state"], shown["revoked_at"] - new["created_at"]) == ("rotated", 600_000)
    again = await admin.reply("POST", f"/keys/{old['id']}/rotate", {})
    assert (again.status, again.error["code"]) == (409, "key_not_active")


async def test_an_expired_key_is_rotated_only_to_one_with_an_expiry_of_its_own(admin: Admin) -> None:
    old = await admin.ask("POST", "/keys", {"name": "ci"}, status=201)
    past = update(keys).where(keys.c.id == old["id"]).values(expires_at=milliseconds() - 1)
    store = admin.gateway.app._store
    assert store is not None
    await store.change(lambda connection: connection.execute(past).rowcount)
    assert (await admin.ask("GET", "/keys/ci"))["state"] == "expired"
    refused = await admin.reply("POST", "/keys/ci/rotate", {})
    assert (refused.status, refused.error["code"]) == (409, "key_not_active")
    assert f"{old['id']} expired at " in refused.error["message"]
    assert "expires_at" in refused.error["message"]
    new = await admin.ask("POST", "/keys/ci/rotate", {"expires_at": None}, status=201)
    assert (new["state"], new["expires_at"]) == ("active", None)
    await admin.known(new["secret"])
    assert (await admin.ask("GET", f"/keys/{old['id']}"))["state"] == "expired"


async def test_overlapping_rotations_leave_each_key_until_its_own_end(admin: Admin) -> None:
    keys = [await admin.ask("POST", "/keys", {"name": "ci"}, status=201)]
    keys += [await admin.ask("POST", "/keys/ci/rotate", {"overlap_s": 600}, status=201) for _ in range(3)]
    for one in keys:
        await admin.known(one["secret"])

    async def states() -> list[str]:
        return [(await admin.ask("GET", f"/keys/{one['id']}"))["state"] for one in keys]

    await admin.ask("DELETE", f"/keys/{keys[1]['id']}")
    await admin.known(keys[1]["secret"], works=False)
    for place in (0, 2, 3):
        await admin.known(keys[place]["secret"])
    assert await states() == ["rotated", "revoked", "rotated", "active"]
    assert (await admin.ask("DELETE", "/keys/ci"))["id"] == keys[3]["id"]
    for one in keys:
        await admin.known(one["secret"], works=False)
    assert await states() == ["revoked"] * 4


async def test_keys_are_listed_page_by_page(admin: Admin) -> None:
    for number in range(5):
        user = "alice" if number % 2 else "bob"
        await admin.ask("POST", "/keys", {"name": f"k{number}", "user": user}, status=201)
    found: list[str] = []
    after = ""
    while True:
        page = await admin.ask("GET", f"/keys?limit=2&after={after}")
        found += [one["name"] for one in page["data"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert sorted(found) == ["k0", "k1", "k2", "k3", "k4"]
    assert len((await admin.ask("GET", "/keys?user=alice"))["data"]) == 2
    await admin.ask("DELETE", "/keys/k0")
    assert [one["name"] for one in (await admin.ask("GET", "/keys?state=revoked"))["data"]] == ["k0"]


WRONG = {
    "a key without a name": ("/keys", {}, "name"),
    "a name with blanks": ("/keys", {"name": " ci"}, "name"),
    "an unknown field": ("/keys", {"name": "ci", "limit": 1}, None),
    "a limit that is no number": (
        "/keys", {"name": "ci", "settings": {"limits": {"concurrent": "2"}}}, "settings.limits.concurrent",
    ),
    "a limit of zero": (
        "/keys", {"name": "ci", "settings": {"limits": {"tokens_per_minute": 0}}},
        "settings.limits.tokens_per_minute",
    ),
    "an address that is none": (
        "/keys", {"name": "ci", "settings": {"addresses": ["10.0.0.0/8", "x"]}}, "settings.addresses[1]",
    ),
    "a key that has expired": ("/keys", {"name": "ci", "expires_at": 1}, "expires_at"),
    "an overlap below zero": ("/keys/ci/rotate", {"overlap_s": -1}, "overlap_s"),
    "a period that is none": (
        "/users/a", {"settings": {"budgets": [{"amount": 1, "period": "week"}]}}, "settings.budgets.0.period",
    ),
    "a margin that is none": ("/teams/t", {"settings": {"margin": "much"}}, "settings.margin"),
    "an amount of zero": ("/wallets/a/credits", {"amount_usd": 0}, "amount_usd"),
    "an amount that is none": ("/wallets/a/credits", {"amount_usd": "much"}, "amount_usd"),
    "an amount with ten decimals": ("/wallets/a/credits", {"amount_usd": 0.0000000001}, "amount_usd"),
    "an amount beyond arithmetic": ("/wallets/a/credits", {"amount_usd": "1e999999"}, "amount_usd"),
    "a margin with an underscore": ("/teams/t", {"settings": {"margin": "1_0"}}, "settings.margin"),
    "a credit that has expired": ("/wallets/a/credits", {"amount_usd": 1, "expires_at": 1}, "expires_at"),
    "a long note": ("/wallets/a/debits", {"amount_usd": 1, "note": "x" * 1001}, "note"),
    "a list": ("/keys", [], None),
    "a refund of nothing": ("/refunds", {}, "request"),
}  # fmt: skip


@each("case", WRONG.items())
async def test_a_wrong_body_is_refused_by_name(admin: Admin, case: Any) -> None:
    _, (path, body, param) = case
    method = "PUT" if path.startswith(("/users", "/teams")) else "POST"
    reply = await admin.reply(method, path, body, {"idempotency-key": "x"})
    assert (reply.status, reply.error["param"]) == (400, param), reply.body


async def test_wrong_parameters_and_paths_are_refused(admin: Admin) -> None:
    for path, status, param in (
        ("/keys?limit=0", 400, "limit"), ("/keys?limit=x", 400, "limit"), ("/keys?state=x", 400, "state"),
        ("/transactions?after=x", 400, "after"), ("/transactions?from=x", 400, "from"),
        ("/usage?by=moon", 400, "by"), ("/usage?after=x", 400, "after"), ("/keys/none", 404, None),
        ("/users/none", 404, None), ("/teams/none", 404, None), ("/wallets/none", 404, None),
        ("/wallets/none/statement", 404, None), ("/nothing", 404, None),
    ):  # fmt: skip
        reply = await admin.reply("GET", path)
        assert (path, reply.status, reply.error["param"]) == (path, status, param)
    wrong = await admin.reply("DELETE", "/users/x")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, PUT")
    big = await admin.reply("POST", "/keys", {"name": "x" * 1_100_000})
    assert (big.status, big.error["type"]) == (413, "request_too_large")


# --- users and teams -----------------------------------------------------------------------------


async def test_users_and_teams_are_set_and_listed(admin: Admin) -> None:
    budget = {"budgets": [{"amount": 5_000_000_000, "period": "day"}]}
    user = await admin.ask("PUT", "/users/alice", {"team": "blue", "settings": budget, "name": "Alice"})
    assert (user["team"], user["settings"]["budgets"][0]["amount"]) == ("blue", 5_000_000_000)
    team = await admin.ask("PUT", "/teams/blue", {"settings": {"margin": "0.2"}})
    assert team["settings"] == {"margin": "0.2"}
    kept = await admin.ask("PUT", "/users/alice", {"disabled": True})
    assert (kept["name"], kept["team"], kept["settings"]) == ("Alice", "blue", user["settings"])
    assert kept["disabled_at"] is not None
    assert (await admin.ask("PUT", "/users/alice", {"disabled": False}))["disabled_at"] is None
    await admin.ask("PUT", "/users/bob", {})
    assert await admin.ask("GET", "/users/alice") == {**kept, "disabled_at": None}
    assert [one["id"] for one in (await admin.ask("GET", "/users"))["data"]] == ["alice", "bob"]
    assert [one["id"] for one in (await admin.ask("GET", "/users?team=blue"))["data"]] == ["alice"]
    page = await admin.ask("GET", "/users?limit=1")
    assert (page["data"][0]["id"], page["next"]) == ("alice", "alice")
    assert (await admin.ask("GET", "/users?limit=1&after=alice"))["data"][0]["id"] == "bob"
    assert await admin.ask("GET", "/teams/blue") == team
    assert (await admin.ask("GET", "/teams"))["data"] == [team]
    assert (await admin.ask("PUT", "/users/alice", {"team": None}))["team"] is None


async def test_ids_with_a_slash_are_reached(admin: Admin) -> None:
    for path in ("/users/org%2Fann", "/teams/org%2Fblue"):
        put = await admin.ask("PUT", path, {"name": "A name"})
        assert put["id"] == path.partition("s/")[2].replace("%2F", "/")
        assert await admin.ask("GET", path) == put


async def test_a_disabled_user_is_refused(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "ci", "user": "alice"}, status=201)
    await admin.known(made["secret"])
    await admin.ask("PUT", "/users/alice", {"disabled": True})
    await admin.known(made["secret"], works=False)


# --- wallets -------------------------------------------------------------------------------------


async def test_a_credit_is_booked_once_by_its_key(admin: Admin) -> None:
    first = await admin.credit("alice", "12.5", key="invoice-7", note="first")
    assert (first["booked"], first["amount_usd"], first["wallet"]["balance_usd"]) == (True, 12.5, 12.5)
    assert first["wallet"]["overdraft_usd"] == 0.5
    again = await admin.credit("alice", 12.5, 200, key="invoice-7")
    assert (again["booked"], again["wallet"]) == (False, first["wallet"])
    other = await admin.credit("alice", 13, 409, key="invoice-7")
    assert other["error"]["code"] == "idempotency_key_reused"
    missing = await admin.reply("POST", "/wallets/alice/credits", {"amount_usd": 1})
    assert (missing.status, missing.error["code"]) == (400, "idempotency_key_required")
    too_long = await admin.credit("alice", 1, 400, key="k" * 255)
    assert too_long["error"]["param"] == "Idempotency-Key"


async def test_money_is_taken_out_at_most_as_there_is(admin: Admin) -> None:
    await admin.credit("alice", 10, expires_at=4_000_000_000_000, priority=2)
    path, key = "/wallets/alice/debits", {"idempotency-key": "d1"}
    taken = await admin.ask("POST", path, {"amount_usd": 4}, key, 201)
    assert taken["wallet"]["available_usd"] == 6
    assert (await admin.ask("POST", path, {"amount_usd": 4}, key))["booked"] is False
    refused = await admin.reply("POST", path, {"amount_usd": 7}, {"idempotency-key": "d2"})
    assert (refused.status, refused.error["code"]) == (402, "insufficient_funds")
    assert (await admin.reply("POST", "/wallets/bob/debits", {"amount_usd": 1}, key)).status == 404
    shown = await admin.ask("GET", "/wallets/alice")
    (left,) = shown["credits"]
    assert (left["amount_usd"], left["remaining_usd"], left["priority"]) == (10, 6, 2)
    await admin.credit("bob", 1)
    page = await admin.ask("GET", "/wallets?limit=1")
    assert (page["data"][0]["user"], page["next"]) == ("alice", "alice")
    assert [one["user"] for one in (await admin.ask("GET", "/wallets?after=alice"))["data"]] == ["bob"]


async def paid(admin: Admin) -> str:
    """A request that a wallet has paid for; its id."""
    await admin.credit("alice", 10)
    made = await admin.ask("POST", "/keys", {"name": "ci", "user": "alice"}, status=201)
    await admin.known(made["secret"])
    return (await admin.chat(made["secret"])).headers["x-request-id"]


async def test_a_request_is_refunded_once(admin: Admin) -> None:
    request = await paid(admin)
    refund = await admin.ask("POST", "/refunds", {"request": request, "note": "sorry"}, status=201)
    assert refund == {"booked": True, "request": request, "user": "alice", "amount_usd": 0.002}
    again = await admin.ask("POST", "/refunds", {"request": request})
    assert again == {**refund, "booked": False}
    assert (await admin.ask("GET", "/wallets/alice"))["balance_usd"] == 10
    assert (await admin.reply("POST", "/refunds", {"request": "req_none"})).status == 404


async def test_a_statement_has_the_balance_after_each_movement(admin: Admin) -> None:
    request = await paid(admin)
    await admin.credit("alice", 1, note="=more", key="k2")
    page = await admin.ask("GET", "/wallets/alice/statement")
    assert [(one["kind"], one["amount_usd"], one["balance_usd"]) for one in page["data"]] == [
        ("credit", 1, 10.998), ("charge", -0.002, 9.998), ("credit", 10, 10),
    ]  # fmt: skip
    assert (page["data"][1]["request"], page["data"][0]["reference"], page["next"]) == (request, "k2", None)
    first = await admin.ask("GET", "/wallets/alice/statement?limit=2")
    rest = await admin.ask("GET", f"/wallets/alice/statement?after={first['next']}")
    assert [*first["data"], *rest["data"]] == page["data"]
    begin = page["data"][1]["at"]
    early = await admin.ask("GET", f"/wallets/alice/statement?to={begin}")
    late = await admin.ask("GET", f"/wallets/alice/statement?from={begin}")
    assert [*late["data"], *early["data"]] == page["data"]


async def test_a_statement_is_also_csv(admin: Admin) -> None:
    await paid(admin)
    await admin.credit("alice", 1, note="=more", key="k2")
    reply = await admin.reply("GET", "/wallets/alice/statement?limit=2", headers={"accept": "text/csv"})
    lines = reply.body.decode().split("\r\n")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines[0] == "time,id,kind,amount_usd,balance_usd,request,reference,note,expires"
    assert lines[1].endswith(",credit,1.00,10.998,,k2,'=more,")
    assert ",charge,-0.002,9.998,req_" in lines[2]
    path = reply.headers["link"].partition(">")[0].removeprefix("<").removeprefix("/admin")
    rest = await admin.reply("GET", path, headers={"accept": "text/csv"})
    assert ",credit,10.00,10.00," in rest.body.decode()
    assert "link" not in rest.headers


# --- transactions and usage ----------------------------------------------------------------------


async def test_transactions_of_all_users_are_listed_and_filtered(admin: Admin) -> None:
    request = await paid(admin)
    await admin.credit("bob", 3)
    page = await admin.ask("GET", "/transactions")
    assert [(one["user"], one["kind"], one["amount_usd"]) for one in page["data"]] == [
        ("bob", "credit", 3), ("alice", "charge", -0.002), ("alice", "credit", 10),
    ]  # fmt: skip
    for query, count in (("user=alice", 2), ("kind=credit", 2), (f"request={request}", 1), ("user=carol", 0)):
        assert (query, len((await admin.ask("GET", f"/transactions?{query}"))["data"])) == (query, count)
    first = await admin.ask("GET", "/transactions?limit=1")
    rest = await admin.ask("GET", f"/transactions?after={first['next']}")
    assert [*first["data"], *rest["data"]] == page["data"]
    sheet = await admin.reply("GET", "/transactions", headers={"accept": "text/csv"})
    assert sheet.body.startswith(b"time,id,kind,user,amount_usd,request,reference,note\r\n")


async def test_usage_is_summed_up_by_what_is_asked(admin: Admin) -> None:
    await paid(admin)
    made = await admin.ask("POST", "/keys", {"name": "cd", "user": "alice"}, status=201)
    await admin.known(made["secret"])
    await admin.chat(made["secret"])
    (day,) = (await admin.ask("GET", "/usage"))["data"]
    assert (day["requests"], day["cost_usd"], day["unpriced"], len(day["day"])) == (2, 0.004, 0, 10)
    by_key = (await admin.ask("GET", "/usage?by=day,key,model"))["data"]
    assert [(one["cost_usd"], one["model"]) for one in by_key] == [(0.002, "one/m"), (0.002, "one/m")]
    assert made["id"] in [one["key"] for one in by_key]
    (one,) = (await admin.ask("GET", f"/usage?by=user&key={made['id']}"))["data"]
    assert one == {"user": "alice", "requests": 1, "unpriced": 0, "cost_usd": 0.002}
    first = await admin.ask("GET", "/usage?by=key&limit=1")
    rest = await admin.ask("GET", f"/usage?by=key&limit=1&after={first['next']}")
    assert {*(one["key"] for one in [*first["data"], *rest["data"]])} == {one["key"] for one in by_key}
    assert (await admin.ask("GET", "/usage?to=2020-01-01"))["data"] == []
    (ever,) = (await admin.ask("GET", "/usage?by=user&from=2020-01-01"))["data"]
    assert (ever["user"], ever["requests"]) == ("alice", 2)
    for query in ("by=user,model", "by=user&model=m", "by=day&user=alice&model=m"):
        failure = await admin.ask("GET", f"/usage?{query}&from=2020-01-01", status=400)
        assert "92 days" in failure["error"]["message"]


# --- its description -----------------------------------------------------------------------------


async def test_it_describes_itself(admin: Admin) -> None:
    document = (await admin.gateway.get("/admin/openapi.json")).json
    assert OpenAPI.model_validate(document).openapi.startswith("3.1")
    text = jsonlib.dumps(document)
    names = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in text
    limits = document["components"]["schemas"]["Limits"]["properties"]
    assert limits.keys() == set(KeySettings().limits.__struct_fields__)
    for path in ("keys", "users", "teams", "wallets", "transactions", "usage", "prices"):
        assert f"/admin/{path}" in document["paths"]
    assert document == (await admin.gateway.get("/admin/openapi.json")).json
    for page in ("/admin/docs", "/admin/redoc"):
        reply = await admin.gateway.get(page)
        assert reply.status == 200
        assert b"/admin/openapi.json" in reply.body


async def test_the_table_of_its_paths_is_complete(admin: Admin) -> None:
    document = (await admin.gateway.get("/admin/openapi.json")).json
    paths = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    text = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text("utf-8")
    table = text.partition("## The admin API")[2].partition("\n## ")[0]
    written = set(re.findall(r"`([A-Z]+ /admin/[^`]+)`", table))
    pages = {f"GET /admin/{page}" for page in ("docs", "redoc", "openapi.json")}
    assert written - pages == paths


async def test_the_log_says_who_changed_what(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tidegate")
    await admin.ask("PUT", "/users/alice", {})
    await admin.reply("PUT", "/users/bob", {}, {"authorization": "Bearer another-admin-key-0123456"})
    await admin.ask("GET", "/users")
    lines = [line for line in caplog.messages if line.startswith("admin API:")]
    assert lines[0] == "admin API: PUT /admin/users/alice by the key ops: 200"
    assert re.fullmatch(r"admin API: PUT /admin/users/bob by the key admin-[0-9a-f]{8}: 200", lines[1])
    assert len(lines) == 2
    assert ADMIN not in caplog.text


async def test_hostile_notes_are_harmless_in_csv(admin: Admin) -> None:
    note = '=HYPERLINK("http://evil.example")\r\n\x1b[2J<script>alert(1)</script>\u202e\x9b\ttext'
    await admin.credit("alice", 1, note=note)
    for path in ("/wallets/alice/statement", "/transactions"):
        reply = await admin.reply("GET", path, headers={"accept": "text/csv"})
        (row,) = csv.DictReader(io.StringIO(reply.body.decode(), newline=""))
        assert row["note"].startswith("'=HYPERLINK(")
        assert "<script>" in row["note"]  # a cell is text: only a page has to escape it
        assert not set(row["note"]) & set("\r\n\t\x1b\x9b\u202e")
        assert reply.headers["content-type"].startswith("text/csv")


async def test_lone_surrogates_of_a_note_do_no_harm(admin: Admin) -> None:
    body = rb'{"amount_usd": 1, "note": "a\ud83d b"}'
    headers = {**AS_ADMIN, "idempotency-key": "k"}
    async with admin.gateway.session.post(
        f"{admin.gateway.url}/admin/wallets/bob/credits", data=body, headers=headers
    ) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("margin", ["0.2", "-1", "100", "1E+1"])
async def test_a_margin_is_a_share(admin: Admin, margin: str) -> None:
    await admin.ask("PUT", "/teams/t", {"settings": {"margin": margin}})


@pytest.mark.parametrize("margin", ["-1.01", "101", "nan", "inf", "a fifth", "", "0." + "0" * 40])
async def test_a_margin_that_is_none_is_refused_by_name(admin: Admin, margin: str) -> None:
    refused = await admin.ask("PUT", "/teams/t", {"settings": {"margin": margin}}, status=400)
    assert refused["error"]["param"] == "settings.margin"
