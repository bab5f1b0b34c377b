"""Three gateways with eight workers, over one PostgreSQL with or without one Valkey, are one gateway."""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from postgreses import Postgres
from process import serving
from process.serving import CHAT, Served, one
from process.test_process_accounts import COST, Books, answer
from running import HELLO
from simulator import Simulator
from tidegate.accounts.api_keys import new_key
from tidegate.store.database import Database
from tidegate.store.journal import milliseconds
from tidegate.store.keys import list_keys, revoke_key, rotate_key
from tidegate.store.schema import migrate
from valkeys import ValkeyProcess

pytestmark = pytest.mark.timeout(900)

PATIENCE_S = 240.0


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres(Path(tempfile.mkdtemp(prefix="tidegate-postgres-")))  # short: its socket lies there
    yield server
    server.end()


@pytest.fixture(params=["valkey", "postgresql alone"])
def shared(request: pytest.FixtureRequest) -> Iterator[str]:
    """What the hosts share beside the database, as lines of `[store]`."""
    if request.param == "postgresql alone":
        yield ""
        return
    with ValkeyProcess() as process:
        yield f'valkey = "{process.url}"'


class SharedBooks(Books):
    """See Books: in PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        migrate(self.database)


class Hosts:
    """All gateways, of which any may be asked."""

    def __init__(self, gateways: Sequence[Served], workers: int, books: SharedBooks) -> None:
        self.gateways, self.workers, self.books = gateways, workers, books
        self.served: Counter[str] = Counter()
        """Requests that were answered, by key."""

    async def statuses(self, headers: dict[str, str], count: int) -> list[int]:
        """What so many requests at once get, each from the next gateway."""
        body = {**HELLO, "model": "sim/m"}
        replies = await asyncio.gather(
            *(self.gateways[number % len(self.gateways)].post(CHAT, body, headers) for number in range(count))
        )
        got = [reply.status for reply in replies]
        self.served[headers["Authorization"]] += got.count(200)
        return got

    async def all_say(self, status: int, headers: dict[str, str]) -> None:
        """Wait until all workers give this answer; any worker may answer a request."""
        async with asyncio.timeout(PATIENCE_S):
            while set(await self.statuses(headers, 8 * self.workers)) != {status}:
                await asyncio.sleep(0.1)

    async def assert_limited(self, headers: dict[str, str]) -> None:
        """A limit of 100 requests per minute lets exactly its number through."""
        begun = asyncio.get_running_loop().time()
        allowed = (await self.statuses(headers, 300)).count(200)
        lasted = asyncio.get_running_loop().time() - begun
        assert 100 <= allowed <= 100 + lasted / 60 * 100  # what came back meanwhile

    async def assert_paid_once(self, headers: dict[str, str], user: str) -> None:
        """A wallet with funds for 50 requests is not spent twice."""
        got = await self.statuses(headers, 500)
        assert set(got) <= {200, 402}
        while 200 in await self.statuses(headers, 3):
            pass
        assert self.served[headers["Authorization"]] <= 50, user

    async def end(self) -> None:
        for gateway in self.gateways:
            gateway.signal(signal.SIGTERM)
        for gateway in self.gateways:
            assert await gateway.ended() == 0


@asynccontextmanager
async def serve_hosts(
    folder: Path, provider: Simulator, url: str, shared: str, workers: Sequence[int], ports: Any
) -> AsyncIterator[Hosts]:
    """Gateways with so many workers each."""
    provider.answer(answer())
    more = (
        f'[store]\nurl = "{url}"\n{shared}\n'
        '[billing]\nenabled = true\noutput_tokens = 500\n[prices."sim/m"]\ninput = 1\noutput = 2\n'
    )
    books = SharedBooks(url)
    async with AsyncExitStack() as stack:
        stack.callback(books.database.close)
        gateways = []
        for place, count in enumerate(workers):
            own = folder / str(place)
            own.mkdir()
            config = one(provider, server=f"workers = {count}\nbody_s = 300", more=more)
            gateways.append(Served(own, config, port=ports()))
        await asyncio.gather(*(stack.enter_async_context(gateway) for gateway in gateways))
        yield Hosts(gateways, sum(workers), books)


async def test_several_hosts_are_one_gateway(
    tmp_path: Path,
    provider: Simulator,
    postgres: Postgres,
    shared: str,
    unused_tcp_port_factory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "PATIENCE_S", PATIENCE_S)  # eleven processes start at once
    async with serve_hosts(
        tmp_path, provider, postgres.url, shared, (3, 3, 2), unused_tcp_port_factory
    ) as hosts:
        books = hosts.books
        _, limited = books.key("alice", 1000 * COST, limits={"requests_per_minute": 100})
        _, few = books.key("bob", 1000 * COST, limits={"concurrent": 1_000})
        _, paid = books.key("carol", 50 * COST)
        await hosts.all_say(200, few)  # so the others are known, too
        await hosts.assert_limited(limited)
        await hosts.assert_paid_once(paid, "carol")

        # A key that is replaced or revoked stops everywhere.
        _, old = books.key("dave", 1000 * COST)
        await hosts.all_say(200, old)
        made = new_key()
        with books.database.write() as connection:
            (row,) = list_keys(connection, user="dave")
            parts = {"id": made.id, "digest": made.digest, "prefix": made.prefix}
            rotate_key(connection, row, parts, milliseconds(), milliseconds())
        new = {"Authorization": f"Bearer {made.secret}"}
        await hosts.all_say(401, old)
        await hosts.all_say(200, new)
        with books.database.write() as connection:
            revoke_key(connection, made.id, milliseconds())
        await hosts.all_say(401, new)
        assert set(await hosts.statuses(new, 24)) == {401}

        await hosts.end()
        assert books.posted("carol") == (50 - hosts.served[paid["Authorization"]]) * COST >= 0
        books.assert_sound()


async def test_hosts_outlive_the_database_that_counts_for_them(
    tmp_path: Path,
    provider: Simulator,
    postgres: Postgres,
    unused_tcp_port_factory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "PATIENCE_S", PATIENCE_S)
    async with serve_hosts(tmp_path, provider, postgres.url, "", (1, 1, 1), unused_tcp_port_factory) as hosts:
        books = hosts.books
        _, many = books.key("alice", 10_000 * COST, limits={"requests_per_minute": 100_000})
        await hosts.all_say(200, many)
        postgres.signal_all(signal.SIGKILL)
        # Limits are counted by each host; what is leased of the wallet is spent, and no more.
        async with asyncio.timeout(PATIENCE_S):
            while 503 not in (got := await hosts.statuses(many, 30)):
                assert set(got) == {200}
        postgres.start()
        for gateway in hosts.gateways:  # each counts by itself until it has found the database again
            await gateway.logged("PostgreSQL works again")
        await hosts.all_say(200, many)

        _, limited = books.key("bob", 1000 * COST, limits={"requests_per_minute": 100})
        revoked, other = books.key("carol", 1000 * COST)
        _, paid = books.key("dave", 50 * COST)
        await hosts.all_say(200, other)
        await hosts.assert_limited(limited)
        await hosts.assert_paid_once(paid, "dave")
        with books.database.write() as connection:
            revoke_key(connection, revoked, milliseconds())
        await hosts.all_say(401, other)

        await hosts.end()
        for user, headers, funds in (("alice", many, 10_000), ("bob", limited, 1000), ("dave", paid, 50)):
            assert books.posted(user) == (funds - hosts.served[headers["Authorization"]]) * COST
        books.assert_sound()
