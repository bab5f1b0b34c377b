"""How long it takes to search a million records, to sum up their cost, and to delete a day of them.

    python benchmarks/records.py sqlite:////tmp/million.db [COUNT]
    python benchmarks/records.py postgresql://user@host/name

An empty database is filled first (see `million.py`). Each search runs ten times; the median, the slowest and
the processor time of this process are printed in milliseconds, and with `--plans` how the database goes about
it. Goal: each under 100 ms with a million records. Deleting is done in small transactions (see
`retention.BATCH`), while another process writes the ends of 50 requests 20 times a second, as a gateway does.
"""

import sys
from collections.abc import Callable
from itertools import islice
from multiprocessing import Event, Process, Queue
from statistics import median
from time import perf_counter, process_time, sleep, time
from typing import Any
from uuid import uuid4

from msgspec.structs import replace
from sqlalchemy import Connection, event, text

from million import COUNT, END, fill, lines
from tidegate.accounts.retention import PAUSE_S
from tidegate.store.costs import spent_by
from tidegate.store.database import Database
from tidegate.store.history import Position
from tidegate.store.moving import apply
from tidegate.store.requests import Search, find_request, list_requests
from tidegate.store.retention import delete_old_records
from tidegate.store.sessions import find_session, list_sessions

TIMES = 10
DAY_MS = 86_400_000
DAYS = {"since": END - END % DAY_MS - 30 * DAY_MS, "until": END - END % DAY_MS + DAY_MS}
"""Whole days: what `/admin/usage` is about by default."""
HOURS = {"since": END - 30 * DAY_MS, "until": END}

SEARCHES: dict[str, Callable[[Connection], Any]] = {
    "newest": lambda c: list_requests(c, Search()),
    "page in the middle": lambda c: list_requests(c, Search(), before=Position(END - 15 * DAY_MS, "req_")),
    "by user": lambda c: list_requests(c, Search({"user": "user-3"})),
    "by a rare user": lambda c: list_requests(c, Search({"user": "user-199"})),
    "by key": lambda c: list_requests(c, Search({"key": "key-3-1"})),
    "by session": lambda c: list_requests(c, Search({"session": "session-3-60"})),
    "by model": lambda c: list_requests(c, Search({"model": "model-23"})),
    "by provider": lambda c: list_requests(c, Search({"provider": "provider-7"})),
    "by provider and user": lambda c: list_requests(c, Search({"provider": "provider-7", "user": "user-3"})),
    "by door, none": lambda c: list_requests(c, Search({"door": "gemini"}, since=END - DAY_MS)),
    "errors": lambda c: list_requests(c, Search(errors=True)),
    "errors of a user": lambda c: list_requests(c, Search({"user": "user-3"}, errors=True)),
    "errors of a model": lambda c: list_requests(c, Search({"model": "model-3"}, errors=True)),
    "a day": lambda c: list_requests(c, Search(since=END - 9 * DAY_MS, until=END - 8 * DAY_MS)),
    "q: an id": lambda c: list_requests(c, Search(text=f"req_{777_777:020x}")),
    "q: the beginning of an id": lambda c: list_requests(c, Search(text=f"req_{777_777:020x}"[:-2])),
    "q: words of an error": lambda c: list_requests(c, Search(text="stream ended")),
    "q: words of no error": lambda c: list_requests(c, Search(text="no such words")),
    "q: words of a rare error": lambda c: list_requests(c, Search(text="500 tokens")),
    "q: of a user, no error": lambda c: list_requests(c, Search({"user": "user-0"}, text="no such words")),
    "one request": lambda c: find_request(c, f"req_{777_777:020x}"),
    "sessions": lambda c: list_sessions(c, filters={}),
    "sessions of a user": lambda c: list_sessions(c, filters={"user": "user-3"}),
    "one session": lambda c: find_session(c, "session-3-60", {}),
    "usage by day": lambda c: spent_by(c, ["day"], **DAYS, filters={}),
    "usage by user": lambda c: spent_by(c, ["user"], **DAYS, filters={}),
    "usage by day and user": lambda c: spent_by(c, ["day", "user"], **DAYS, filters={}, limit=9999),
    "usage by user, 30 x 24 hours": lambda c: spent_by(c, ["user"], **HOURS, filters={}),
    "usage by model, of a user": lambda c: spent_by(c, ["model"], **DAYS, filters={"user": "user-3"}),
    "usage by user and model": lambda c: spent_by(c, ["user", "model"], **DAYS, filters={}, limit=9999),
}


def main() -> None:
    """Fill, search, delete."""
    arguments = [one for one in sys.argv[1:] if not one.startswith("--")]
    database = Database(arguments[0])
    count = int(arguments[1]) if len(arguments) > 1 else COUNT
    try:
        with database.read() as connection:
            there = bool(connection.execute(text("SELECT 1 FROM records LIMIT 1")).first())
    except Exception:  # noqa: BLE001 an empty database has no tables
        there = False
    if not there:
        print(f"{count:,} records written in {fill(database, count):.0f} s")
    for name, search in SEARCHES.items():
        if "--plans" in sys.argv:
            explain(database, name, search)
        else:
            measure(database, name, search)
    if "--plans" not in sys.argv:
        delete_a_day(database, arguments[0])


def measure(database: Database, name: str, search: Callable[[Connection], Any]) -> None:
    """Print how long a search takes."""
    times, own = [], []
    for _ in range(TIMES):
        began, used = perf_counter(), process_time()
        with database.read() as connection:
            found = search(connection)
        times.append((perf_counter() - began) * 1000)
        own.append((process_time() - used) * 1000)
    rows = len(found) if isinstance(found, list) else 1
    print(
        f"{name:28} {median(times):8.1f} ms  slowest {max(times):8.1f}  own {median(own):8.1f}  {rows} rows"
    )


def explain(database: Database, name: str, search: Callable[[Connection], Any]) -> None:
    """Print the plan of each statement of a search."""
    statements: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.read() as connection:
        search(connection)
        event.remove(database.engine, "before_cursor_execute", note)
        print(f"--- {name}")
        for statement, parameters in statements:
            if statement.startswith("SELECT"):
                how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
                for row in connection.exec_driver_sql(f"{how} {statement}", parameters):
                    print("   ", row[-1])


def write_on(url: str, stop: Any, waits: Any) -> None:
    """Write requests until it is to stop, and send how long each batch took."""
    database, times = Database(url), []
    ended = lines(COUNT, seed=int(time()))
    while not stop.is_set():
        batch = [replace(one, id=f"req_{uuid4().hex[:20]}", at=END) for one in islice(ended, 50)]
        began = perf_counter()
        with database.write() as connection:
            apply(connection, batch)
        times.append((perf_counter() - began) * 1000)
        stop.wait(0.05)
    waits.put(times)


def delete_a_day(database: Database, url: str) -> None:
    """Print how long it takes to delete the oldest day, and how long others who write take meanwhile."""
    stop, waits = Event(), Queue()  # type: ignore[var-annotated]
    writer = Process(target=write_on, args=(url, stop, waits))
    writer.start()
    sleep(2)
    with database.read() as connection:
        oldest = connection.execute(text("SELECT min(at) FROM records")).scalar() or 0
    times, total = [], 0
    while True:
        began = perf_counter()
        with database.write() as connection:
            count = delete_old_records(connection, oldest + DAY_MS)
        times.append((perf_counter() - began) * 1000)
        total += count
        if not count:
            break
        sleep(PAUSE_S)
    stop.set()
    written = waits.get()
    writer.join()
    print(
        f"a day deleted: {total:,} rows in {len(times)} transactions, {sum(times) / 1000:.1f} s in all; "
        f"median {median(times):.1f} ms, longest {max(times):.1f} ms"
    )
    print(
        f"meanwhile {len(written)} batches of 50 requests were written; "
        f"median {median(written):.1f} ms, longest {max(written):.1f} ms"
    )


if __name__ == "__main__":
    main()
