"""Requests, sessions and what is open, at the admin API and for the callers themselves."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from administration import ANSWER, Admin, administered
from buses import buses
from running import HELLO, Reply
from simulator import Simulator, json, refusal
from tidegate.accounts.live import LiveRequest
from tidegate.live import LiveRequests

CHAT = "/v1/chat/completions"


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def admin(provider: Simulator, tmp_path: Path) -> AsyncIterator[Admin]:
    async with administered(provider, tmp_path) as admin:
        yield admin


async def key_of(admin: Admin, user: str = "alice") -> str:
    await admin.credit(user, 1)
    made = await admin.ask("POST", "/keys", {"name": "ci", "user": user}, status=201)
    await admin.known(made["secret"])
    return str(made["secret"])


async def ask(admin: Admin, secret: str, session: str | None = None, **more: Any) -> Reply:
    headers = {"authorization": f"Bearer {secret}", "user-agent": "tests/1.0 (x)"}
    if session is not None:
        headers["x-session-id"] = session
    return await admin.gateway.post(CHAT, {**HELLO, "model": "one/m", **more}, headers)


async def test_a_request_is_listed_with_its_cost_and_tokens(admin: Admin) -> None:
    secret = await key_of(admin)
    reply = await admin.chat(secret)
    [row] = (await admin.ask("GET", "/requests"))["data"]
    assert row["id"] == reply.headers["x-request-id"]
    known = ("door", "path", "model", "provider", "provider_model", "user", "status", "ended", "attempts")
    assert [row[name] for name in known] == [
        "openai", CHAT, "one/m", "one", "m", "alice", 200, "complete", 1,
    ]  # fmt: skip
    assert row["cost_usd"] == 0.002
    tokens = {"input": 1000, "cache_read": 0, "cache_write": 0, "output": 500, "reasoning": 0}
    assert row["tokens"] == tokens
    assert 0 < row["ttft_ms"] <= row["total_ms"] + 1


async def test_a_request_is_shown_with_its_whole_life(admin: Admin) -> None:
    secret = await key_of(admin)
    reply = await admin.chat(secret)
    found = await admin.ask("GET", f"/requests/{reply.headers['x-request-id']}")
    assert [one["what"] for one in found["timeline"]] == [
        "arrived", "attempt_started", "attempt_answered", "ended",
    ]  # fmt: skip
    [attempt] = found["attempts"]
    assert (attempt["provider"], attempt["status"], attempt["cost_usd"]) == ("one", 200, 0.002)
    assert attempt["started_ms"] <= attempt["first_byte_ms"] <= attempt["ended_ms"]
    assert sum(line["amount_usd"] for line in found["bill"]) == found["cost_usd"]
    assert (found["request"], found["response"]) == (None, None)
    missing = await admin.ask("GET", "/requests/req_0", status=404)
    assert missing["error"]["param"] == "request_id"


async def test_a_failed_attempt_is_shown_with_its_times(admin: Admin) -> None:
    secret = await key_of(admin)
    admin.provider.answer(refusal(503))
    reply = await ask(admin, secret)
    assert reply.status == 503
    found = await admin.ask("GET", f"/requests/{reply.headers['x-request-id']}")
    [attempt] = found["attempts"]
    assert (attempt["status"], attempt["first_byte_ms"]) == (503, None)
    assert "503" in attempt["error"]
    assert attempt["started_ms"] < attempt["ended_ms"]
    [row] = (await admin.ask("GET", "/requests?errors=true"))["data"]
    assert (row["id"], row["attempts"]) == (found["id"], 1)
    [again] = (await admin.ask("GET", "/requests?q=simulated"))["data"]
    assert again["id"] == found["id"]


async def test_pages_follow_one_another(admin: Admin) -> None:
    secret = await key_of(admin)
    made = [(await admin.chat(secret)).headers["x-request-id"] for _ in range(5)]
    first = await admin.ask("GET", "/requests?limit=3")
    second = await admin.ask("GET", f"/requests?limit=3&after={first['next']}")
    assert {one["id"] for one in [*first["data"], *second["data"]]} == set(made)
    assert second["next"] is None
    assert [row["time"] for row in first["data"]] == sorted(row["time"] for row in first["data"])[::-1]


FILTERED = {
    "user": "bob",
    "session": "s-2",
    "model": "two/m",
    "provider": "two",
    "key": "key_0",
    "door": "anthropic",
    "ended": "failed",
    "team": "blue",
    "q": "nothing of the kind",
    "to": "2001-01-01",
}


async def test_filters_restrict_a_list(admin: Admin) -> None:
    await admin.chat(await key_of(admin))
    assert len((await admin.ask("GET", "/requests?user=alice&model=one/m&door=openai"))["data"]) == 1
    for name, value in FILTERED.items():
        assert (await admin.ask("GET", f"/requests?{name}={value}"))["data"] == [], name


async def test_sessions_have_the_sums_of_their_requests(admin: Admin) -> None:
    secret, other = await key_of(admin), await key_of(admin, "bob")
    await admin.chat(secret)
    for session, who in (("s-1", secret), ("s-2", secret), ("s-1", other)):
        assert (await ask(admin, who, session)).status == 200
    found = (await admin.ask("GET", "/sessions"))["data"]
    assert [one["session"] for one in found] == ["s-1", "s-2"]
    one = found[0]
    assert (one["requests"], one["errors"]) == (2, 0)
    assert (one["users"], one["models"]) == (["alice", "bob"], ["one/m"])
    assert (one["cost_usd"], one["tokens"]["input"]) == (0.004, 2000)
    assert one["wall_ms"] == one["last"] - one["first"]
    page = await admin.ask("GET", "/sessions?limit=1")
    following = await admin.ask("GET", f"/sessions?limit=1&after={page['next']}")
    assert following["data"] == [found[1]]
    own = (await admin.ask("GET", "/sessions?user=bob"))["data"]
    assert [(one["session"], one["requests"]) for one in own] == [("s-1", 1)]
    details = await admin.ask("GET", "/sessions/s-1")
    assert [row["user"] for row in details["data"]] == ["bob", "alice"]
    assert (await admin.ask("GET", "/sessions/none", status=404))["error"]["param"] == "session"


async def test_a_name_that_may_be_any_text_is_not_kept(admin: Admin) -> None:
    secret = await key_of(admin)
    await admin.chat(secret)
    await ask(admin, secret, prompt_cache_key="What we discussed yesterday")
    row = (await admin.ask("GET", "/requests"))["data"][0]
    assert row["session"].startswith("~")
    assert "discussed" not in str(row)
    assert row["client"] == "tests/1.0"


async def test_csv_is_harmless(admin: Admin) -> None:
    secret = await key_of(admin)
    await admin.chat(secret)
    await ask(admin, secret, session="@SUM")
    reply = await admin.reply("GET", "/requests", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert [row["session"] for row in rows] == ["'@SUM", ""]
    assert (rows[1]["cost_usd"], rows[1]["tokens_input"]) == ("0.002", "1000")


async def test_hostile_contents_are_harmless_in_csv(admin: Admin) -> None:
    secret = await key_of(admin)
    hostile = '=1+1|<img src=x onerror="alert(1)">,";\u202e\x9b'
    prompt = [{"role": "user", "content": f"{hostile}\x1b[2J\r\n\t"}]
    body = {"model": "one/m", "messages": prompt, "user": f"{hostile}\x1b"}
    headers = {"authorization": f"Bearer {secret}", "x-session-id": hostile, "user-agent": hostile}
    admin.provider.answer(json(ANSWER))
    reply = await admin.gateway.post(CHAT, body, headers)
    assert reply.status == 200, reply.body
    sheet = await admin.reply("GET", "/requests", headers={"accept": "text/csv"})
    (row,) = csv.DictReader(io.StringIO(sheet.body.decode(), newline=""))
    assert row["session"].startswith("~")  # the digest of what is no id
    assert "img" not in sheet.body.decode()
    assert not set("".join(row.values())) & set("\r\n\t\x1b\x9b\u202e")


async def test_callers_see_their_own_requests_only(admin: Admin) -> None:
    secret, other = await key_of(admin), await key_of(admin, "bob")
    mine = (await admin.chat(secret)).headers["x-request-id"]
    theirs = (await ask(admin, other, "s-1")).headers["x-request-id"]
    headers = {"authorization": f"Bearer {secret}"}

    async def me(path: str) -> Reply:
        return await admin.gateway.get(f"/v1/me{path}", headers)

    assert [row["id"] for row in (await me("/requests")).json["data"]] == [mine]
    assert (await me(f"/requests/{mine}")).json["id"] == mine
    assert (await me(f"/requests/{theirs}")).status == 404
    assert (await me("/requests?user=bob")).json["data"][0]["id"] == mine
    assert (await me("/sessions")).json["data"] == []
    sheet = await admin.gateway.get("/v1/me/requests", {**headers, "accept": "text/csv"})
    assert sheet.body.decode().splitlines()[0].startswith("id,time,door,path,model,")


WRONG = {
    "limit": "limit=0",
    "after": "after=x",
    "errors": "errors=perhaps",
    "from": "from=yesterday",
    "q": "q=" + "x" * 256,
}


async def test_wrong_parameters_are_named(admin: Admin) -> None:
    for param, query in WRONG.items():
        refused = await admin.ask("GET", f"/requests?{query}", status=400)
        assert refused["error"]["param"] == param


async def test_an_open_request_is_shown_while_it_lasts(admin: Admin) -> None:
    secret = await key_of(admin)
    await admin.chat(secret)
    held = asyncio.Event()
    admin.provider.answer(json(ANSWER, head_after=held))
    running = asyncio.create_task(ask(admin, secret, "s-1"))
    await admin.provider.seen(2)
    [row] = (await admin.ask("GET", "/live"))["data"]
    assert (row["model"], row["provider"], row["user"], row["session"]) == ("one/m", "one", "alice", "s-1")
    assert (row["state"], row["stream"], row["door"]) == ("waiting", False, "openai")
    held.set()
    reply = await running
    assert row["id"] == reply.headers["x-request-id"]
    assert (await admin.ask("GET", "/live"))["data"] == []


def live(number: int) -> LiveRequest:
    return LiveRequest(
        id=f"req_{number}", time=number, door="openai", model="m" * 200, provider="p", user="u", key=None,
        session=None, stream=True, state="streaming", elapsed_ms=1.0, response_bytes=0,
    )  # fmt: skip


async def test_workers_collect_what_is_open_at_all_of_them() -> None:
    with buses(3) as workers:
        rows = {place: [live(100 * place + number) for number in range(place * 200)] for place in range(3)}
        asked = [LiveRequests(bus, lambda place=bus.place: rows[place]) for bus in workers]
        found = await asked[0]()
        assert {one.id for one in found} == {one.id for place in rows for one in rows[place]}
        assert [one.time for one in found] == sorted((one.time for one in found), reverse=True)
        assert {one.id for one in await asked[2]()} == {one.id for one in found}


async def test_a_worker_that_does_not_answer_is_left_out() -> None:
    with buses(3) as workers:
        asked = [LiveRequests(bus, lambda place=bus.place: [live(place)]) for bus in workers]
        workers[1].die()
        assert [one.id for one in await asked[0]()] == ["req_2", "req_0"]
