"""Requests that are refused before they are accounted for: an operator finds why, and no flood fills the
store.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from administration import Admin, administered
from running import HELLO
from simulator import Simulator
from tidegate.accounts import refusals as counting
from tidegate.accounts.api_keys import beginning_of
from tidegate.store.tables import records, refusals

WRONG = "sk-proj-somebody-else-0123456789"


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    async with Simulator() as provider, administered(provider, tmp_path) as admin:
        yield admin


async def written(admin: Admin, query: str = "") -> list[dict[str, Any]]:
    """The refusals, once they are in the store."""
    books = admin.gateway.app._books
    assert books is not None
    await books.refusals.write()
    rows: list[dict[str, Any]] = (await admin.ask("GET", f"/refusals{query}"))["data"]
    return rows


def reason(row: dict[str, Any]) -> tuple[int, str, str | None, str | None, int]:
    return row["status"], row["code"], row["user"], row["presented"], row["requests"]


async def ask(admin: Admin, body: Any, headers: dict[str, str]) -> int:
    return (await admin.gateway.post("/v1/chat/completions", body, headers)).status


async def test_why_requests_were_refused_is_found_by_caller(admin: Admin) -> None:
    hello = {**HELLO, "model": "one/m"}
    made = await admin.ask("POST", "/keys", {"name": "bob", "user": "bob"}, status=201)
    await admin.known(made["secret"])
    bob = {"authorization": f"Bearer {made['secret']}"}
    assert [await ask(admin, hello, {"x-api-key": WRONG}) for _ in range(3)] == [401] * 3
    assert await ask(admin, hello, {}) == 401
    assert await ask(admin, b"{nonsense", bob) == 400
    assert await ask(admin, hello, bob) == 402
    assert await ask(admin, {**HELLO, "model": "no such model"}, bob) == 404
    rows = await written(admin)
    assert sorted(map(reason, rows), key=str) == [
        (400, "invalid_request_error", "bob", None, 1),
        (401, "invalid_api_key", None, "sk-pro", 3),
        (401, "invalid_api_key", None, None, 1),
        (402, "insufficient_funds", "bob", None, 1),
        (404, "model_not_found", "bob", None, 1),
    ]
    assert reason(rows[0])[:2] == (401, "invalid_api_key")  # the most frequent
    assert {row["address"] for row in rows} == {"127.0.0.1"}
    assert {row["key"] for row in rows} == {None, made["id"]}
    messages = {row["status"]: row["message"] for row in rows}
    assert "wallet" in messages[402]
    assert "nonsense" not in messages[400]
    assert not any(WRONG[8:] in str(row) for row in rows)
    assert len(await written(admin, "?user=bob")) == 3
    assert [reason(row)[0] for row in await written(admin, "?status=402")] == [402]
    assert len(await written(admin, f"?key={made['id']}&limit=2")) == 2
    assert await written(admin, "?to=2020-01-01") == []
    assert await written(admin, "?from=2020-01-01") == rows
    funds = next(row for row in rows if row["status"] == 402)
    for text in (funds["request"], "insufficient", "WALLET"):
        assert [row["status"] for row in await written(admin, f"?q={text}")] == [402]
    assert funds in await written(admin, f"?q={funds['request'][:-2]}")
    for text in ("%25", funds["request"][4:], "nobody"):
        assert await written(admin, f"?q={text}") == []
    failure = await admin.ask("GET", f"/refusals?q={'x' * 256}", status=400)
    assert failure["error"]["param"] == "q"


async def test_no_name_that_a_client_sends_keeps_refusals_from_being_stored(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "bob", "user": "bob"}, status=201)
    await admin.known(made["secret"])
    bob = {"authorization": f"Bearer {made['secret']}"}
    for model in ("a\0b", "\0", "m" * 3000, "\x1b[2J"):
        assert await ask(admin, {**HELLO, "model": model}, bob) == 400
    rows = await written(admin)
    assert sum(row["requests"] for row in rows) == 4
    assert not any("\0" in str(row) for row in rows)


async def test_callers_see_what_was_refused_of_their_own(admin: Admin) -> None:
    headers = {}
    for name in ("bob", "carol"):
        made = await admin.ask("POST", "/keys", {"name": name, "user": name}, status=201)
        await admin.known(made["secret"])
        headers[name] = {"authorization": f"Bearer {made['secret']}"}
        assert await ask(admin, {**HELLO, "model": "one/m"}, headers[name]) == 402
    assert await ask(admin, {**HELLO, "model": "no such model"}, headers["bob"]) == 404
    await written(admin)

    async def own(name: str, query: str = "") -> list[dict[str, Any]]:
        reply = await admin.gateway.get(f"/v1/me/refusals{query}", headers[name])
        assert reply.status == 200, reply.body
        found: list[dict[str, Any]] = reply.json["data"]
        return found

    assert {reason(row)[:3] for row in await own("bob")} == {
        (402, "insufficient_funds", "bob"), (404, "model_not_found", "bob"),
    }  # fmt: skip
    assert [reason(row)[:3] for row in await own("carol")] == [(402, "insufficient_funds", "carol")]
    assert [row["status"] for row in await own("bob", "?status=404")] == [404]
    assert await own("carol", "?status=404") == await own("carol", "?q=model_not") == []
    assert len(await own("carol", "?user=bob&key=anything")) == 1, "these do not widen what is one's own"
    for query in ("status=x", "after=-1", "limit=0", "from=then"):
        reply = await admin.gateway.get(f"/v1/me/refusals?{query}", headers["bob"])
        assert (reply.status, reply.error["param"]) == (400, query.partition("=")[0])
    assert (await admin.gateway.get("/v1/me/refusals")).status == 401


async def test_what_is_accounted_for_is_no_refusal(admin: Admin) -> None:
    headers = await admin.paying()
    secret = headers["authorization"].partition(" ")[2]
    await admin.chat(secret)
    assert await written(admin) == []


async def test_a_flood_leaves_a_bounded_number_of_rows(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST", 10)
    hello = {**HELLO, "model": "one/m"}
    sent = 0
    for number in range(40):
        found = await asyncio.gather(
            *(ask(admin, hello, {"x-api-key": f"{number:03}{one:03}-{'x' * 20}"}) for one in range(5))
        )
        sent += len(found)
        assert set(found) <= {401, 429}
    rows = await written(admin)
    assert sum(row["requests"] for row in rows) == sent
    assert len(rows) <= 2 * (10 + 2)  # of two spans of five minutes at most
    assert {"others"} <= {row["presented"] for row in rows}
    books = admin.gateway.app._books
    assert books is not None
    store = books.store
    for table, most in ((refusals, 24), (records, 0)):
        counted = select(func.count()).select_from(table)
        assert await store.ask(lambda connection, counted=counted: connection.scalar(counted)) <= most


async def test_what_the_store_does_not_take_is_counted_later(admin: Admin) -> None:
    books = admin.gateway.app._books
    assert books is not None
    found = books.refusals
    await ask(admin, HELLO, {})
    counted, found._counted = found._counted, {}
    found._take_back(counted)
    await ask(admin, HELLO, {})
    assert [row["requests"] for row in await written(admin)] == [2]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (None, ""), ("short", ""), ("x" * 15, ""), ("sk-tide-abcdefghijkl", "sk-tide-abcd"),
        ("sk-ant-0123456789", "sk-ant"), ("geheim-äöü-0123456789", ""), ("with\nline-0123456789", ""),
    ],
)  # fmt: skip
def test_only_the_beginning_of_an_unknown_key_is_kept(key: str | None, shown: str) -> None:
    assert beginning_of(key) == shown
