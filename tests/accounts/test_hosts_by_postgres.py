"""Gateways that share a PostgreSQL store count limits together, also without Valkey."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from accounts.test_accounted_requests import answer
from accounts.test_stores_away import PATIENCE_S, until
from postgreses import Postgres
from running import HELLO, Gateway
from simulator import Simulator

CHAT = "/v1/chat/completions"
ADMIN = {"authorization": "Bearer sk-admin-0123456789"}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(answer())
        yield simulator


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres(Path(tempfile.mkdtemp(prefix="tidegate-postgres-")))  # short: its socket lies there
    yield server
    server.end()


@asynccontextmanager
async def two_hosts(
    provider: Simulator, postgres: Postgres, folder: Path, limits: str
) -> AsyncIterator[list[Gateway]]:
    gateways = []
    for number in range(2):
        sections = [
            '[auth]\nkeys = ["alice:sk-alice-0123456789"]\nadmin_keys = ["sk-admin-0123456789"]',
            f'[store]\nurl = "{postgres.url}"\njournal = "{folder / str(number)}"',
            f"[limits]\n{limits}",
        ]
        more = "\n".join(sections)
        gateways.append(Gateway({"one": ("openai_compatible", provider.url)}, more=more))
    async with gateways[0], gateways[1]:
        yield gateways


async def statuses(gateways: list[Gateway], count: int) -> list[int]:
    """What so many requests at once get, all from one client, each at the next gateway."""
    headers, body = {"authorization": "Bearer sk-alice-0123456789"}, {**HELLO, "model": "one/m"}
    asked = (gateways[number % len(gateways)].post(CHAT, body, headers) for number in range(count))
    return [reply.status for reply in await asyncio.gather(*asked)]


async def test_a_limit_is_one_limit_on_all_hosts(
    provider: Simulator, postgres: Postgres, tmp_path: Path
) -> None:
    async with two_hosts(provider, postgres, tmp_path, "requests_per_minute = 20") as hosts:
        clock = asyncio.get_running_loop().time
        begun = clock()
        got = await statuses(hosts, 60)
        assert set(got) == {200, 429}
        assert 20 <= got.count(200) <= 20 + (clock() - begun) / 3  # what came back meanwhile


@pytest.mark.parametrize(("on_failure", "status"), [("per_host", 200), ("refuse", 503)])
async def test_without_the_database_limits_are_what_was_chosen(
    provider: Simulator, postgres: Postgres, tmp_path: Path, on_failure: str, status: int
) -> None:
    limits = f'requests_per_minute = 1000\non_failure = "{on_failure}"'
    async with two_hosts(provider, postgres, tmp_path, limits) as hosts:
        assert await statuses(hosts, 2) == [200, 200]
        assert await alone(hosts) == [0, 0]
        postgres.signal_all(signal.SIGKILL)
        joined = [host.app._hosts for host in hosts]
        while set(await statuses(hosts, 4)) != {status} or not all(one and one.failure for one in joined):
            pass  # what was leased before is used first
        async with asyncio.timeout(PATIENCE_S):
            while not all(await alone(hosts)):
                await asyncio.sleep(0.1)
        postgres.start()
        await until(lambda: all(one is not None and one.failure is None for one in joined))
        assert await statuses(hosts, 2) == [200, 200]


async def alone(hosts: list[Gateway]) -> list[float]:
    """The seconds for which each host says that it counts by itself."""
    pages = [(await host.get("/metrics", ADMIN)).body.decode() for host in hosts]
    return [float(page.partition("\ntidegate_limits_alone_seconds ")[2].split()[0]) for page in pages]


async def test_a_single_host_may_count_by_itself(
    provider: Simulator, postgres: Postgres, tmp_path: Path
) -> None:
    limits = "requests_per_minute = 5\nacross_hosts = false"
    async with two_hosts(provider, postgres, tmp_path, limits) as hosts:
        assert [host.app._hosts for host in hosts] == [None, None]
        got = await statuses(hosts[:1], 8) + await statuses(hosts[1:], 8)
        assert got.count(200) >= 10, "each has its own five"
