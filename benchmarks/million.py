"""A million records, as a gateway would have moved them into its store.

    python benchmarks/million.py URL [COUNT]

`fill` goes through the journal's lines and the mover's own transactions, so that whatever is kept beside the
records (sessions, spending, rollups) is there too. The requests are spread over 30 days, 200 users with two
keys each, 24 models at 8 providers and sessions of 40 requests on average; 3 % fail. The same seed gives the
same records.
"""

import random
import sys
from collections.abc import Iterator
from time import perf_counter

from msgspec import Raw
from msgspec.json import encode

from tidegate.figures import Part, Sample
from tidegate.money import Line
from tidegate.observe.record import FailedAttempt, Record
from tidegate.protocols.usage import Usage
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.schema import migrate

__all__ = ["COUNT", "END", "fill", "lines"]

COUNT = 1_000_000
END = 1_796_000_000_000
"""When the last request ended, in milliseconds since 1970."""
SPAN_MS = 30 * 86_400_000
BATCH = 2000

PROVIDERS = [f"provider-{number}" for number in range(8)]
MODELS = [f"model-{number}" for number in range(24)]
ERRORS = (
    ("failed", 503, "503 overloaded_error"),
    ("provider_broke", 200, "the stream ended early"),
    ("failed", 429, "429 rate_limit_error"),
    ("refused", 400, "400 invalid_request_error"),
)


def lines(count: int = COUNT, seed: int = 1) -> Iterator[Ended]:
    """The ends of requests, in the order in which they ended."""
    chance = random.Random(seed)
    step = SPAN_MS / count
    for number in range(count):
        yield _line(number, int(END - SPAN_MS + number * step), chance)


def _line(number: int, at: int, chance: random.Random) -> Ended:
    user = int(200 * chance.random() ** 2)
    key, session = number % 2, None
    model = int(24 * chance.random() ** 2)
    if chance.random() < 0.8:  # a session has one key, a model, and a small one for its side tasks
        place = number // 8000
        session, key = f"session-{user}-{place}", (user + place) % 2
        model = (user + place) % 24 if chance.random() < 0.8 else 0
    provider = PROVIDERS[model % len(PROVIDERS)]
    failed = chance.random() < 0.03
    ended, status, error = chance.choice(ERRORS) if failed else ("complete", 200, None)
    total_ms = round(chance.lognormvariate(7.2, 0.9), 3)
    first_ms = round(total_ms * chance.uniform(0.05, 0.5), 3)
    usage = None
    cost: int | None = 0
    bill: list[Line] = []
    if not failed:
        usage = Usage(
            input=int(chance.lognormvariate(6, 1)),
            cache_read=int(chance.lognormvariate(8, 1)) if chance.random() < 0.5 else 0,
            output=int(chance.lognormvariate(5.5, 1)),
        )
        bill = [
            Line("input", usage.input or 0, "2.5", (usage.input or 0) * 2500),
            Line("cache_read", usage.cache_read or 0, "0.25", (usage.cache_read or 0) * 250),
            Line("output", usage.output or 0, "10", (usage.output or 0) * 10_000),
        ]
        cost = sum(one.amount for one in bill) if chance.random() > 0.01 else None
    record = Record(
        time="2026-11-29T12:00:00.000Z", id=f"req_{number:020x}", door="openai",
        path="/v1/chat/completions", status=status, ended=ended,  # type: ignore[arg-type]
        model=MODELS[model], provider=provider, provider_model=MODELS[model], session=session,
        client="benchmark/1.0", stream=chance.random() < 0.7, finish=None if failed else "stop",
        usage=usage,
        attempts=[FailedAttempt(provider, MODELS[model], status, error or "", 30.0)] if failed else [],
        user=f"user-{user}", cost=cost, bill=bill, error=error, total_ms=total_ms,
        first_byte_ms=None if failed else first_ms, began_ms=1.5, answered_ms=None if failed else first_ms,
        overhead_ms=1.1, response_bytes=4000,
    )  # fmt: skip
    tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0) if usage is not None else 0
    return Ended(
        id=record.id, at=at, begun_at=at - int(total_ms), ended=ended, status=status, user=record.user,
        team=f"team-{user % 10}", key=f"key-{user}-{key}", model=record.model, provider=provider,
        provider_model=record.provider_model, cost=cost, tokens=tokens, door=record.door, session=session,
        error=error, figures=_sample(record), detail=Raw(encode(record)),
    )  # fmt: skip


def _sample(record: Record) -> Sample:
    """What a request adds to the figures."""
    usage, refused = record.usage or Usage(), record.ended == "refused"
    kind = "server_error" if record.error is not None and not refused else None
    output = usage.output or 0
    part = Part(
        record.provider or "", record.provider_model or "", kind, rated=not refused, input=usage.input or 0,
        cache_read=usage.cache_read or 0, output=output, cost=record.cost,
        generated=output, generated_ms=record.total_ms - (record.first_byte_ms or 0.0),
    )  # fmt: skip
    ttft_ms = record.first_byte_ms if record.stream else None
    error = record.error is not None
    return Sample(record.status, record.total_ms, ttft_ms, error=error, rated=not refused, parts=(part,))


def fill(database: Database, count: int = COUNT) -> float:
    """Write the records into an empty database. Returns the seconds that took."""
    migrate(database)
    began = perf_counter()
    batch: list[Ended] = []
    for line in lines(count):
        batch.append(line)
        if len(batch) == BATCH:
            _apply(database, batch)
            batch = []
    _apply(database, batch)
    return perf_counter() - began


def _apply(database: Database, batch: list[Ended]) -> None:
    if batch:
        with database.write() as connection:
            apply(connection, batch)


if __name__ == "__main__":
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else COUNT
    print(f"{wanted:,} records in {fill(Database(sys.argv[1]), wanted):.1f} s")
