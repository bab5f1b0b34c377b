"""Accounts with several workers: exact over all of them, and right after any of them, or all, were killed."""

import asyncio
import json as jsonlib
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import case, func, literal, select

from process.serving import CHAT, PATIENCE_S, READY, Served, children, eventually, one
from processes import signal_each
from running import HELLO
from simulator import Script, Simulator, json, stream
from tidegate.accounts.api_keys import new_key
from tidegate.figures import Query, Sums
from tidegate.figures.history import ALL, SPANS, Range
from tidegate.money.ledger import wallet_of
from tidegate.store.books import balance_of
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.keys import add_key, add_user, revoke_key
from tidegate.store.rollups import read_rollups
from tidegate.store.schema import migrate
from tidegate.store.tables import holds, leases, records
from tidegate.store.wallets import add_credit

USAGE = {"prompt_tokens": 5, "completion_tokens": 500, "total_tokens": 505}
COST = 5 * 1000 + 500 * 2000
"""Of such a request, in nano; what is held for it is little more."""
WORKERS = 3
SEED = 20261129


def answer() -> Script:
    message = {"role": "assistant", "content": "Hello!"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                 "usage": USAGE})  # fmt: skip


def streamed() -> Script:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices: list[dict[str, object]] = [
        {"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None},
        {"index": 0, "delta": {"content": "!"}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    chunks = [{**head, "choices": [choice]} for choice in choices]
    chunks.append({**head, "choices": [], "usage": USAGE})
    events = [b"data: " + jsonlib.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return stream([*events, b"data: [DONE]\n\n"], gap_s=0.02)


class Books:
    """The store, as the test looks into it beside the gateway."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/tidegate.db")
        migrate(self.database)

    def key(self, user: str, funds: int = 0, **settings: object) -> tuple[str, dict[str, str]]:
        """The id of a new key, and the headers with it. `funds` is in nano."""
        made = new_key()
        with self.database.write() as connection:
            add_user(connection, user, 1)
            if funds:
                add_credit(connection, user, funds, 1, reference=made.id)
            add_key(connection, {"id": made.id, "digest": made.digest, "prefix": made.prefix, "name": user,
                                 "user": user, "settings": settings, "created_at": 1})  # fmt: skip
        return made.id, {"Authorization": f"Bearer {made.secret}"}

    def recorded(self) -> set[str]:
        with self.database.read() as connection:
            return {name for (name,) in connection.execute(select(records.c.id))}

    def posted(self, user: str) -> int:
        with self.database.read() as connection:
            return balance_of(connection, wallet_of(user)).posted

    def assert_figures_add_up(self) -> None:
        """The figures of every length of bucket, of all and of each user and key, are those of records."""
        failed = func.sum(case((records.c.error.is_not(None), 1), else_=0))
        sums = (func.count(), func.coalesce(func.sum(records.c.cost), 0), failed)
        with self.database.read() as connection:
            for by, column in (("all", None), ("user", records.c.user), ("key", records.c.key)):
                name = literal(ALL) if column is None else column
                query = select(name, *sums).group_by(name)
                expected = {row[0]: tuple(row[1:]) for row in connection.execute(query) if row[0] is not None}
                for span in SPANS:
                    found: dict[str, Sums] = {}
                    whole = Query(by, [Range(span, 0, 2**53)])  # type: ignore[arg-type]
                    for one in read_rollups(connection, whole):
                        found.setdefault(one.name, Sums()).add(one.sums)
                    assert {
                        name: (one.requests, one.cost, one.errors) for name, one in found.items()
                    } == expected, (by, span)

    def assert_sound(self) -> None:
        """Once the gateway has ended: all adds up, and nothing is held any more."""
        with self.database.read() as connection:
            assert list(check_books(connection)) == []
            assert connection.execute(select(holds)).all() == []
            assert connection.execute(select(leases)).all() == []


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    yield books
    books.database.close()


@pytest.fixture
async def gateway(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator, books: Books
) -> AsyncIterator[Served]:
    more = (
        f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"\n[billing]\nenabled = true\noutput_tokens = 500\n'
        '[prices."sim/m"]\ninput = 1\noutput = 2\n'
    )
    provider.answer(answer())
    config = one(provider, server=f"workers = {WORKERS}", more=more)
    async with Served(tmp_path, config, port=unused_tcp_port) as served:
        yield served


async def statuses(gateway: Served, headers: dict[str, str], count: int) -> list[int]:
    body = {**HELLO, "model": "sim/m"}
    replies = await asyncio.gather(*(gateway.post(CHAT, body, headers) for _ in range(count)))
    return [reply.status for reply in replies]


async def works(gateway: Served, headers: dict[str, str]) -> None:
    """Wait until all workers know the key: they look twice a second, and any of them may answer."""
    async with asyncio.timeout(PATIENCE_S):
        while {200} != set(await statuses(gateway, headers, 6 * WORKERS)):
            await asyncio.sleep(0.1)


async def test_what_several_workers_give_is_what_there_is(gateway: Served, books: Books) -> None:
    _, limited = books.key("alice", 10 * COST * 1000, limits={"requests_per_minute": 100})
    _, paid = books.key("bob", 50 * COST)
    _, open_key = books.key("carol", 10 * COST * 1000)
    await works(gateway, open_key)  # so the others are known, too
    begun = asyncio.get_running_loop().time()
    allowed = (await statuses(gateway, limited, 300)).count(200)
    lasted = asyncio.get_running_loop().time() - begun
    assert 100 <= allowed <= 100 + lasted / 60 * 100  # what came back meanwhile
    got = await statuses(gateway, paid, 200)
    assert set(got) == {200, 402}
    while (await statuses(gateway, paid, 1)) == [200]:
        got.append(200)
    assert got.count(200) <= 50
    gateway.signal(signal.SIGTERM)
    assert await gateway.ended() == 0
    assert books.posted("bob") == (50 - got.count(200)) * COST >= 0
    books.assert_sound()


async def test_a_revoked_key_stops_at_every_worker(gateway: Served, books: Books) -> None:
    name, headers = books.key("alice", 1000 * COST)
    await works(gateway, headers)
    with books.database.write() as connection:
        revoke_key(connection, name, 1)
    refused = 0  # rounds in a row: some reach only one of the workers
    async with asyncio.timeout(PATIENCE_S):
        while refused < 5:
            refused = refused + 1 if set(await statuses(gateway, headers, 20)) == {401} else 0
            await asyncio.sleep(0.05)


class Client:
    """Sends requests without an end, and notes those whose answer has begun."""

    def __init__(self, gateway: Served, headers: dict[str, str]) -> None:
        self._gateway, self._headers = gateway, headers
        self.begun: set[str] = set()
        self.broken = 0

    async def run(self) -> None:
        while True:
            try:
                async with self._gateway._connect().post(
                    self._gateway.url + CHAT,
                    json={**HELLO, "model": "sim/m", "stream": True},
                    headers=self._headers,
                ) as response:
                    async for data in response.content.iter_any():
                        if data and response.status == 200:
                            self.begun.add(response.headers["x-request-id"])
            except (aiohttp.ClientError, OSError):
                self.broken += 1
                await asyncio.sleep(0.02)


async def kill_a_worker(gateway: Served, chance: random.Random) -> None:
    before = children(gateway.pid)
    os.kill(chance.choice(before), signal.SIGKILL)
    await eventually(lambda: len(set(children(gateway.pid)) - set(before)) == 1, "another worker")
    await gateway.logged(f"worker {(set(children(gateway.pid)) - set(before)).pop()} has taken the place")


async def kill_all(gateway: Served, chance: random.Random) -> None:
    starts = gateway.log.count(READY)
    signal_each([gateway.pid, *children(gateway.pid)], signal.SIGKILL)
    await gateway.ended()
    gateway.start()
    await gateway.logged(READY, times=starts + 1)


async def test_nothing_is_lost_when_processes_are_killed(
    gateway: Served, books: Books, provider: Simulator
) -> None:
    chance = random.Random(SEED)
    _, headers = books.key("alice", 10_000 * COST)
    await works(gateway, headers)
    provider.answer(streamed())
    clients = [Client(gateway, headers) for _ in range(12)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    for kill in (kill_a_worker, kill_all, kill_a_worker, kill_all):
        begun = sum(len(client.begun) for client in clients)
        await eventually(lambda n=begun: sum(len(one.begun) for one in clients) > n + 30, "requests")
        await asyncio.sleep(chance.uniform(0, 0.3))
        await kill(gateway, chance)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(client.broken for client in clients) > 0
    gateway.signal(signal.SIGTERM)
    assert await gateway.ended() == 0
    begun_ids = set().union(*(client.begun for client in clients))
    assert sorted(begun_ids - books.recorded()) == []
    books.assert_figures_add_up()
    books.assert_sound()
