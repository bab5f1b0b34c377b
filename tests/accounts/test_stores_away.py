"""Requests while the database or Valkey is away, and after: as `on_failure` says, and nothing is lost."""

import asyncio
import signal
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.test_accounted_requests import Books, answer, events
from postgreses import Postgres
from running import HELLO, Gateway, Reply
from simulator import Simulator, stream
from tidegate.store import store as store_module
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.tables import holds, leases, records
from valkeys import ValkeyProcess

PATIENCE_S = 120.0
CHAT = "/v1/chat/completions"
AWAY = 503


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def gateway_of(provider: Simulator, more: str) -> Gateway:
    return Gateway({"one": ("openai_compatible", provider.url)}, more=more)


def books_of(gateway: Gateway) -> Books:
    store = gateway.app._store
    assert store is not None
    return Books(gateway, store)


@pytest.mark.parametrize("on_failure", ["serve", "refuse"])
async def test_a_locked_database_refuses_requests_only_if_that_was_chosen(
    provider: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_failure: str
) -> None:
    monkeypatch.setattr("tidegate.store.database.BUSY_S", 0.05)
    monkeypatch.setattr(store_module, "PAUSE_S", 0.05)
    provider.answer(answer())
    file = tmp_path / "tidegate.db"
    async with gateway_of(
        provider, f'[store]\nurl = "sqlite:///{file}"\non_failure = "{on_failure}"'
    ) as gateway:
        books = books_of(gateway)
        headers = await books.key()

        async def ask() -> Reply:
            return await gateway.post(CHAT, {**HELLO, "model": "one/m"}, headers)

        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert (await ask()).status == 200, "nobody has noticed yet"
        await until(lambda: books.store.failing_since is not None)
        called = len(provider.requests)
        reply = await ask()
        if on_failure == "refuse":
            assert (reply.status, reply.headers["retry-after"]) == (AWAY, "5")
            assert "the accounts are not available at the moment" in reply.error["message"]
            assert len(provider.requests) == called
        else:
            assert reply.status == 200
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: books.store.failing_since is None)
        assert (await ask()).status == 200
        await books.assert_sound()
        rows = await books.store.ask(lambda c: c.execute(records.select()).mappings().all())
        assert [row["status"] for row in rows].count(200) == len(provider.requests)


class Load:
    """Clients that ask without a pause."""

    def __init__(self, gateway: Gateway, clients: int = 4) -> None:
        self._gateway = gateway
        self._begun, self._ended = 0, False
        self._under_way: set[int] = set()
        self._seen: list[tuple[int, Reply]] = []
        self._clients = [asyncio.create_task(self._ask()) for _ in range(clients)]

    async def _ask(self) -> None:
        while not self._ended:
            self._begun = number = self._begun + 1
            self._under_way.add(number)
            self._seen.append((number, await self._gateway.chat("one/m")))
            self._under_way.remove(number)

    async def fresh(self) -> list[Reply]:
        """The answers to some requests that begin from now on, once those from before have ended."""
        last = self._begun
        await until(lambda: self._begun >= last + 4 and min(self._under_way, default=last + 5) > last + 4)
        return [reply for number, reply in self._seen if number > last]

    async def end(self) -> None:
        self._ended = True
        await asyncio.gather(*self._clients)

    @property
    def statuses(self) -> set[int]:
        return {reply.status for _, reply in self._seen}


@pytest.mark.parametrize("on_failure", ["per_host", "refuse"])
async def test_valkey_killed_while_requests_come_refuses_those_with_limits_only_if_that_was_chosen(
    provider: Simulator, on_failure: str
) -> None:
    provider.answer(answer())
    with ValkeyProcess() as valkey:
        more = (
            f'[store]\nvalkey = "{valkey.url}"\n'
            f'[limits]\nrequests_per_minute = 100000\non_failure = "{on_failure}"'
        )
        async with gateway_of(provider, more) as gateway:
            load = Load(gateway)

            async def fresh() -> set[int]:
                return {one.status for one in await load.fresh()}

            assert await fresh() == {200}
            valkey.kill()
            hosts = gateway.app._hosts
            assert hosts is not None
            await until(lambda: hosts.failure is not None)
            if on_failure == "refuse":
                while await fresh() != {AWAY}:
                    pass  # what was leased before is used first
                (refused, *_) = await load.fresh()
                assert (refused.status, refused.headers["retry-after"]) == (AWAY, "5")
                assert "the limits are not available at the moment" in refused.error["message"]
                called = len(provider.requests)
                assert await fresh() == {AWAY}
                assert len(provider.requests) == called
            else:
                assert await fresh() == {200}
            valkey.start()
            await until(lambda: hosts.failure is None)
            assert await fresh() == {200}
            await load.end()
    assert load.statuses == ({200} if on_failure == "per_host" else {200, AWAY})


async def test_a_database_killed_under_load_loses_nothing(
    provider: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAUSE_S", 0.05)
    provider.answer(stream(events("Hel", "lo"), gap_s=0.005))
    server = Postgres(Path(tempfile.mkdtemp(prefix="tidegate-postgres-")))  # short: its socket lies there
    try:
        begun = await begin_under_load(provider, server, tmp_path)
        database = Database(server.url)
        with database.read() as connection:
            rows = [name for (name,) in connection.execute(records.select().with_only_columns(records.c.id))]
            assert connection.execute(holds.select()).all() == []
            assert list(check_books(connection)) == []
            assert connection.execute(leases.select()).all() == []
        database.close()
    finally:
        server.end()
    assert begun <= set(rows)
    assert len(rows) == len(set(rows))


async def begin_under_load(provider: Simulator, server: Postgres, folder: Path) -> set[str]:
    """Kill the database twice while streams are read; the requests whose answer had begun."""
    more = (
        f'[store]\nurl = "{server.url}"\njournal = "{folder}"\n[billing]\nenabled = true\n'
        'output_tokens = 1000\n[prices."one/m"]\ninput = 1\noutput = 2'
    )
    begun: set[str] = set()
    ended = asyncio.Event()
    async with gateway_of(provider, more) as gateway:
        books = books_of(gateway)
        headers = await books.key(usd=1000)

        async def keep_asking() -> None:
            while not ended.is_set():
                reply = await gateway.post(CHAT, {**HELLO, "model": "one/m", "stream": True}, headers)
                assert reply.status in (200, AWAY), reply.body
                if reply.status == 200:
                    begun.add(reply.headers["x-request-id"])

        clients = [asyncio.create_task(keep_asking()) for _ in range(6)]
        for _ in range(2):
            known = len(begun)
            await until(lambda known=known: len(begun) > known + 20)
            server.signal_all(signal.SIGKILL)
            await until(lambda: books.store.failing_since is not None)
            await asyncio.to_thread(server.start)
            await until(lambda: books.store.failing_since is None)
        known = len(begun)
        await until(lambda: len(begun) > known + 20)
        ended.set()
        await asyncio.gather(*clients)
    return begun
