"""Requests that are paid for: what is held, what is booked, and how each way of ending is billed."""

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from running import HELLO, Gateway
from simulator import Script, Simulator, drop, json, refusal, stream
from tidegate.accounts.api_keys import new_key
from tidegate.money.ledger import wallet_of
from tidegate.store import tables
from tidegate.store.books import balance_of
from tidegate.store.checking import check_books
from tidegate.store.keys import add_key, add_user, change_key, revoke_key
from tidegate.store.store import Store
from tidegate.store.tables import holds, records
from tidegate.store.wallets import add_credit

USD = 1_000_000_000
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = 1000 * 1000 + 500 * 2000
"""In nano, by the prices below."""


def answer(usage: dict[str, int] | None = USAGE) -> Script:
    message = {"role": "assistant", "content": "Hello!"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                 **({"usage": usage} if usage else {})})  # fmt: skip


def events(*texts: str, usage: bool = True) -> list[bytes]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        *({"content": text} for text in texts),
    ]
    chunks = [{**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        chunks.append({**head, "choices": [], "usage": USAGE})
    return [b"data: " + jsonlib.dumps(one).encode() + b"\n\n" for one in chunks] + [b"data: [DONE]\n\n"]


class Books:
    """The store of the gateway, as a test looks into it."""

    def __init__(self, gateway: Gateway, store: Store) -> None:
        self.gateway = gateway
        self.store = store

    async def key(self, user: str = "alice", usd: float = 10, **settings: Any) -> dict[str, str]:
        """The headers of a new key, whose user has so much money."""
        made = new_key()

        def make(connection: Connection) -> None:
            add_user(connection, user, 1)
            if usd:
                add_credit(connection, user, round(usd * USD), 1, reference=made.id)
            add_key(connection, {"id": made.id, "digest": made.digest, "prefix": made.prefix, "name": user,
                                 "user": user, "settings": settings, "created_at": 1})  # fmt: skip

        await self.store.change(make)
        headers = {"Authorization": f"Bearer {made.secret}"}
        await self.until(headers, works=True)
        self.id = made.id
        return headers

    async def until(self, headers: dict[str, str], *, works: bool) -> None:
        """Wait until a key works, or does not."""
        assert self.gateway.app._accounts is not None
        directory = self.gateway.app._accounts.directory
        while (directory.find(headers["Authorization"].removeprefix("Bearer ")) is not None) is not works:
            await asyncio.sleep(0.02)

    async def record(self, number: int = -1) -> Any:
        """A record in the store, once it has arrived."""
        await self.store.flush()
        rows = await self.store.ask(lambda c: c.execute(select(records)).mappings().all())
        return rows[number]

    async def posted(self, user: str = "alice") -> int:
        await self.store.flush()
        return (await self.store.ask(balance_of, wallet_of(user))).posted

    async def assert_sound(self) -> None:
        await self.store.flush()
        assert await self.store.ask(lambda c: list(check_books(c))) == []
        assert await self.store.ask(lambda c: c.execute(select(holds)).all()) == []


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def config(tmp_path: Path, more: str = "") -> str:
    return f"""
        [store]
        url = "sqlite:///{tmp_path}/tidegate.db"
        [billing]
        enabled = true
        output_tokens = 1000
        [prices."one/m"]
        input = 1
        output = 2
        [prices."two/m"]
        input = 1
        output = 2
        [models.both]
        candidates = ["one/m", "two/m"]
        {more}
    """


@pytest.fixture
async def books(provider: Simulator, tmp_path: Path) -> AsyncIterator[Books]:
    places = {"one": ("openai_compatible", provider.url + "/one"), "two": ("openai_compatible", provider.url)}
    async with Gateway(places, more=config(tmp_path)) as gateway:
        store = gateway.app._store
        assert store is not None
        books = Books(gateway, store)
        yield books
        await books.assert_sound()


async def chat(books: Books, headers: dict[str, str], model: str = "one/m", **more: Any) -> Any:
    return await books.gateway.post("/v1/chat/completions", {**HELLO, "model": model, **more}, headers)


async def test_a_complete_answer_costs_what_its_usage_costs(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    provider.answer(answer())
    reply = await chat(books, headers)
    assert (reply.status, reply.headers["x-tidegate-cost-usd"]) == (200, "0.002000000")
    record = await books.record()
    assert (record["ended"], record["cost"], record["user"], record["provider"]) == (
        "complete", COST, "alice", "one",
    )  # fmt: skip
    detail = jsonlib.loads(record["detail"])
    assert sum(line["amount"] for line in detail["bill"]) == COST
    assert await books.posted() == 10 * USD - COST


async def test_a_stream_costs_what_its_usage_costs(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    provider.answer(stream(events("Hel", "lo!")))
    assert (await chat(books, headers, stream=True)).status == 200
    record = await books.record()
    assert (record["ended"], record["cost"]) == ("complete", COST)
    assert await books.posted() == 10 * USD - COST


async def test_an_answer_without_usage_is_counted(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    provider.answer(stream(events("word " * 400, usage=False)))
    assert (await chat(books, headers, stream=True)).status == 200
    record = await books.record()
    assert (record["ended"], record["estimated"]) == ("complete_without_usage", True)
    assert 300 * 2000 < record["cost"] < 1000 * 2000


async def test_a_stream_that_breaks_costs_what_was_delivered(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    provider.answer(stream([*events("word " * 400)[:2]], ending="reset"))
    await chat(books, headers, stream=True)
    record = await books.record()
    assert (record["ended"], record["estimated"]) == ("provider_broke", True)
    assert 300 * 2000 < record["cost"] < 1000 * 2000
    assert await books.posted() == 10 * USD - record["cost"]


async def test_a_client_that_leaves_pays_for_what_it_got(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    gate = asyncio.Event()
    provider.answer(stream([*events("word " * 400)[:2], gate]))
    body = jsonlib.dumps({**HELLO, "model": "one/m", "stream": True}).encode()
    url = books.gateway.url + "/v1/chat/completions"
    async with books.gateway.session.post(url, data=body, headers=headers) as got:
        await got.content.readuntil(b"word word")
    while not await books.store.ask(lambda c: c.execute(select(records)).all()):
        await books.store.flush()
        await asyncio.sleep(0.02)
    gate.set()
    record = await books.record()
    assert (record["ended"], record["estimated"]) == ("client_left", True)
    assert 300 * 2000 < record["cost"] < 1000 * 2000


@pytest.mark.parametrize(
    "script", [refusal(400), refusal(500), drop()], ids=["refused", "failed", "unreachable"]
)
async def test_what_gave_no_answer_costs_nothing(books: Books, provider: Simulator, script: Script) -> None:
    headers = await books.key()
    provider.answer(script)
    assert (await chat(books, headers)).status >= 400
    record = await books.record()
    assert record["cost"] == 0
    assert await books.posted() == 10 * USD


async def test_a_fallback_is_paid_once(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    provider.answer(refusal(500), answer())
    assert (await chat(books, headers, "both")).status == 200
    record = await books.record()
    assert (record["provider"], record["cost"]) == ("two", COST)
    assert await books.posted() == 10 * USD - COST


async def test_a_wallet_pays_for_no_more_than_it_has(books: Books, provider: Simulator) -> None:
    held = 1000 * 2000  # and the prompt
    headers = await books.key(usd=0.02)
    provider.answer(answer({"prompt_tokens": 0, "completion_tokens": 1000, "total_tokens": 1000}))
    replies = await asyncio.gather(*(chat(books, headers) for _ in range(50)))
    paid = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status == 402]
    assert len(paid) + len(refused) == 50
    assert 0 < len(paid) <= 0.02 * USD // held
    assert "this request needs" in refused[0].error["message"]
    assert refused[0].error["code"] == "insufficient_funds"
    assert await books.posted() == round(0.02 * USD) - len(paid) * held


async def test_a_poor_wallet_is_spent_to_the_end(books: Books, provider: Simulator) -> None:
    headers = await books.key(usd=0.02)
    provider.answer(answer({"prompt_tokens": 0, "completion_tokens": 500, "total_tokens": 500}))
    statuses = [(await chat(books, headers, max_tokens=500)).status for _ in range(30)]
    paid = statuses.count(200)
    assert statuses == [200] * paid + [402] * (30 - paid)
    assert await books.posted() == round(0.02 * USD) - paid * 500 * 2000
    assert await books.posted() < 0.011 * USD  # less than the minimum funds and a request


async def test_an_unknown_price_is_refused(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    reply = await chat(books, headers, "one/unheard-of")
    assert (reply.status, reply.error["code"]) == (403, "price_unknown")
    assert provider.requests == []


async def test_a_limit_refuses_what_is_too_much(books: Books, provider: Simulator) -> None:
    headers = await books.key(limits={"requests_per_minute": 3})
    provider.answer(answer())
    replies = [await chat(books, headers) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert "limited to 3 requests per minute" in replies[3].error["message"]
    assert 1 <= int(replies[3].headers["retry-after"]) <= 20


async def test_tokens_are_corrected_by_what_was_used(books: Books, provider: Simulator) -> None:
    headers = await books.key(limits={"tokens_per_minute": 4000})
    provider.answer(answer({"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}))
    assert [(await chat(books, headers)).status for _ in range(10)] == [
        200
    ] * 10  # each is estimated at 1,000
    provider.answer(answer({"prompt_tokens": 10, "completion_tokens": 5000, "total_tokens": 5010}))
    assert (await chat(books, headers)).status == 200
    assert (await chat(books, headers)).status == 429


async def test_requests_at_the_same_time_are_limited(books: Books, provider: Simulator) -> None:
    headers = await books.key(limits={"concurrent": 1})
    gate = asyncio.Event()
    provider.answer(replace(answer(), head_after=gate), answer())
    first = asyncio.create_task(chat(books, headers))
    while not provider.requests:
        await asyncio.sleep(0.01)
    second = await chat(books, headers)
    assert (second.status, "concurrent" in second.error["message"]) == (429, True)
    gate.set()
    await first
    assert (await chat(books, headers)).status == 200


async def test_a_budget_ends_what_may_be_spent(books: Books, provider: Simulator) -> None:
    headers = await books.key(budgets=[{"amount": 5_000_000, "period": "day"}])
    provider.answer(answer({"prompt_tokens": 0, "completion_tokens": 1000, "total_tokens": 1000}))
    statuses = [(await chat(books, headers)).status for _ in range(4)]
    assert statuses == [200, 200, 402, 402]
    reply = await chat(books, headers)
    assert reply.error["code"] == "budget_exceeded"
    assert "daily budget of key" in reply.error["message"]


async def test_models_and_providers_can_be_allowed(books: Books, provider: Simulator) -> None:
    headers = await books.key(models=["both"], providers=["two"])
    provider.answer(answer())
    assert (await chat(books, headers, "one/m")).status == 404
    assert (await chat(books, headers, "both")).status == 200
    assert (await books.record())["provider"] == "two"
    await books.store.change(change_key, books.id, {"settings": {"providers": ["three"]}})
    while (await chat(books, headers, "both")).status != 403:
        await asyncio.sleep(0.05)


async def test_a_revoked_key_stops(books: Books) -> None:
    headers = await books.key()
    assert await books.store.change(revoke_key, books.id, 5)
    await books.until(headers, works=False)
    assert (await chat(books, headers)).status == 401


async def test_a_request_that_cannot_be_written_down_is_not_served(
    books: Books, provider: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await books.key()

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tidegate.store.journal.os.write", full)
        reply = await chat(books, headers)
    assert (reply.status, "No space left" in reply.error["message"]) == (503, True)
    assert provider.requests == []
    provider.answer(answer())
    assert (await chat(books, headers)).status == 200


async def test_an_open_gateway_with_a_store_needs_no_key(provider: Simulator, tmp_path: Path) -> None:
    places = {"one": ("openai_compatible", provider.url), "two": ("openai_compatible", provider.url)}
    provider.answer(answer())
    async with Gateway(places, more=config(tmp_path, '[auth]\nmode = "open"')) as gateway:
        store = gateway.app._store
        assert store is not None
        books = Books(gateway, store)
        assert (await chat(books, {})).status == 200
        assert (await chat(books, {"Authorization": "Bearer anything"})).status == 200
        assert (await books.record())["user"] is None
        assert (await chat(books, await books.key())).status == 200
        assert (await books.record())["user"] == "alice"
        await books.assert_sound()


async def test_a_client_that_leaves_while_its_money_is_held_leaves_nothing_held(
    books: Books, provider: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await books.key(limits={"concurrent": 1})
    provider.answer(answer())
    asked, gate = asyncio.Event(), asyncio.Event()
    obtain = Store.obtain

    async def slow(store: Store, *args: Any) -> Any:
        asked.set()
        await gate.wait()
        return await obtain(store, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "obtain", slow)
        leaving = asyncio.create_task(chat(books, headers))
        await asked.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        while len(books.gateway.app._watchdog):
            await asyncio.sleep(0.01)
        gate.set()
    assert provider.requests == []
    assert (await chat(books, headers)).status == 200  # its place is free again
    assert (await chat(books, headers)).status == 200
    leases = await books.store.ask(lambda c: c.execute(select(tables.leases)).mappings().all())
    assert len(leases) == 1  # the one that was taken for it serves the next


async def test_a_reload_keeps_what_is_leased(books: Books, provider: Simulator) -> None:
    headers = await books.key()
    provider.answer(answer())
    assert (await chat(books, headers)).status == 200
    await books.gateway.app.reload(books.gateway.config)
    assert (await chat(books, headers)).status == 200
    leases = await books.store.ask(lambda c: c.execute(select(tables.leases)).mappings().all())
    assert len(leases) == 1


async def test_limits_need_no_store(provider: Simulator) -> None:
    places = {"one": ("openai_compatible", provider.url)}
    provider.answer(answer())
    async with Gateway(places, more="[limits]\nrequests_per_minute = 2") as gateway:
        body = {**HELLO, "model": "one/m"}
        replies = [await gateway.post("/v1/chat/completions", body) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert "the address 127.0.0.1 is limited to 2 requests per minute" in replies[2].error["message"]


@pytest.mark.parametrize("end", ["expires", "is revoked"])
async def test_a_stream_goes_on_when_its_key_ends_and_the_next_request_is_refused(
    books: Books, provider: Simulator, end: str
) -> None:
    headers, gate = await books.key(), asyncio.Event()
    pieces = events("Hel", "lo")
    provider.answer(stream([*pieces[:2], gate, *pieces[2:]]))
    url, body = books.gateway.url + "/v1/chat/completions", {**HELLO, "model": "one/m", "stream": True}
    async with books.gateway.session.post(url, json=body, headers=headers) as response:
        received = await response.content.readuntil(b"Hel")
        if end == "expires":
            await books.store.change(change_key, books.id, {"expires_at": 2})
        else:
            await books.store.change(revoke_key, books.id, 2)
        await books.until(headers, works=False)
        refused = await chat(books, headers)
        assert (refused.status, refused.error["code"]) == (401, "invalid_api_key")
        gate.set()
        received += await response.read()
    assert received.endswith(b"data: [DONE]\n\n")
    row = await books.record()
    assert (row["ended"], row["cost"]) == ("complete", COST)
    assert len(provider.requests) == 1
