#!/usr/bin/env python3
"""What figures cost: the rollups of a million requests, an overview of them, and a scrape.

    uv run python benchmarks/figures.py [--url sqlite:////tmp/figures.db] [--requests 1000000] [--models 50]

It writes the samples of requests that are spread over 30 days, in batches as the journal's are, and then
reads overviews as the paths do. Times are those of the processor and on the wall: the least of several
runs.
"""

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from sqlalchemy import func, select

from tidegate.figures import Part, Query, Row, Sample
from tidegate.figures.asked import overview_asked
from tidegate.figures.history import DAY_S, Entry, roll_up
from tidegate.figures.live import Live
from tidegate.figures.text import render_text
from tidegate.store.database import Database
from tidegate.store.rollups import add_rollups, read_rollups
from tidegate.store.schema import migrate
from tidegate.store.tables import rollups

NOW = 1_796_000_000_000
DAYS = 30
RUNS = 5
QUERIES = (
    "hours=24", "hours=24&by=user", "hours=24&by=provider", "hours=168", "hours=720", "hours=720&by=user",
    "hours=720&by=key", "hours=24&by=model&model=model-3", "hours=720&by=user&user=user-7",
)  # fmt: skip


class Reader:
    """The history that the paths read, without a store around it."""

    source = "store"
    since: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, queries: list[Query]) -> list[list[Row]]:
        with self._database.read() as connection:
            return [read_rollups(connection, query) for query in queries]


def entries(requests: int, models: int, users: int, size: int) -> Iterator[list[Entry]]:
    """Batches of requests in the order of time."""
    chance = random.Random(1)
    step = DAYS * DAY_S * 1000 / requests
    for start in range(0, requests, size):
        batch = []
        for number in range(start, min(requests, start + size)):
            model = min(int(chance.expovariate(8 / models)), models - 1)
            user = min(int(chance.expovariate(6 / users)), users - 1)
            ms = chance.lognormvariate(7, 0.8)
            error = "server_error" if chance.random() < 0.01 else None
            part = Part(
                f"provider-{model % 7}", f"model-{model}", error, input=900, cache_read=400, output=300,
                cost=4_000_000, generated=300, generated_ms=ms,
            )  # fmt: skip
            sample = Sample(200, ms, ms / 5, error=error is not None, parts=(part,))
            at = NOW - DAYS * DAY_S * 1000 + int(number * step)
            batch.append(Entry(sample, at, f"user-{user}", f"key-{user}-{number % 2}"))
        yield batch


def write(database: Database, requests: int, models: int, users: int, size: int) -> None:
    cpu = 0.0
    for batch in entries(requests, models, users, size):
        begun = process_time()
        with database.write() as connection:
            add_rollups(connection, roll_up(batch))
        cpu += process_time() - begun
    print(f"written: {cpu / requests * 1e6:.1f} µs of processor a request")
    with database.read() as connection:
        for span, count in connection.execute(
            select(rollups.c.span, func.count()).group_by(rollups.c.span).order_by(rollups.c.span)
        ):
            print(f"  buckets of {span} s: {count} rows")


async def least(ask: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Milliseconds of processor, and on the wall."""
    runs = []
    for _ in range(RUNS):
        cpu, wall = process_time(), perf_counter()
        await ask()
        runs.append((process_time() - cpu, perf_counter() - wall))
    return min(cpu for cpu, _ in runs) * 1e3, min(wall for _, wall in runs) * 1e3


async def read(database: Database) -> None:
    history = Reader(database)
    for text in QUERIES:
        query = dict(part.split("=") for part in text.split("&"))
        cpu, wall = await least(lambda query=query: overview_asked(history, query, NOW))  # type: ignore[misc]
        found = await overview_asked(history, query, NOW)
        print(
            f"overview {text:34} {cpu:6.1f} ms of processor, {wall:6.1f} ms on the wall "
            f"({len(found.series)} points, {len(found.by)} rows, {found.totals.requests} requests)"
        )


async def scrape(models: int, workers: int = 4) -> None:
    memory = memoryview(bytearray(Live.size_for(workers)))
    lives = [Live(memory, place, workers) for place in range(workers)]
    for live in lives:
        for number in range(models):
            live.add(Sample(200, 900.0, 90.0, parts=(Part("p", f"model-{number}", input=9, output=9),)))

    async def once() -> None:
        render_text(lives[0].merge(), [])

    cpu, wall = await least(once)
    print(f"scrape, {models} models, {workers} workers: {cpu:.1f} ms of processor, {wall:.1f} ms on the wall")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", help="an empty database; by default an SQLite file that is deleted")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--batch", type=int, default=5000, help="requests of a transaction")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        database = Database(options.url or f"sqlite:///{Path(folder)}/figures.db")
        migrate(database)
        write(database, options.requests, options.models, options.users, options.batch)
        asyncio.run(read(database))
        database.close()
    for models in (1, 200):
        asyncio.run(scrape(models))


if __name__ == "__main__":
    main()
