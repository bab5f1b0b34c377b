"""The store of a worker: what is appended arrives in the database, whatever happens in between."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from msgspec.msgpack import decode
from msgspec.structs import replace
from sqlalchemy import Connection, event, func, select

from tidegate.figures import Answered, Gathered, history
from tidegate.figures.history import DAY_S
from tidegate.money.ledger import wallet_of
from tidegate.store import backlog, moving, schema
from tidegate.store import journal as journal_module
from tidegate.store import store as store_module
from tidegate.store.books import balance_of
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.errors import JournalFailed, StoreUnavailable
from tidegate.store.journal import (
    Batch,
    Begun,
    Charge,
    Ended,
    Journal,
    Place,
    Released,
    abandoned,
    read,
    read_all,
)
from tidegate.store.leases import take_lease
from tidegate.store.moving import move_batch
from tidegate.store.schema import SchemaTooNew, migrate, newest_revision
from tidegate.store.store import Store
from tidegate.store.tables import gathered, holds, leases, records, rollups
from tidegate.store.wallets import add_credit

USD = 1_000_000_000


def ended(name: str, lease: str | None = None, cost: int = 1000) -> Ended:
    return Ended(id=name, at=2, ended="complete", status=200, user="alice", lease=lease, held=cost,
                 charges=(Charge(0, cost),), cost=cost)  # fmt: skip


def count_records(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(records)).scalar_one()


def fill(connection: Connection) -> None:
    add_credit(connection, "alice", 10 * USD, 1, reference="a")


async def test_lines_arrive_and_the_end_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    store = Store(url, Place(tmp_path / "journals"))
    await store.open()
    await store.change(fill)
    lease = await store.change(take_lease, "alice", 5000, USD, 0, store.id, 1)
    store.append(Begun(id="r1", at=1, user="alice", lease=lease.id, held=1000))
    store.append(ended("r1", lease.id))
    store.append(Begun(id="r2", at=1, user="alice", lease=lease.id, held=1000))
    await store.flush()
    assert await store.ask(count_records) == 1
    await store.close()
    assert list((tmp_path / "journals").iterdir()) == []
    database = Database(url)
    with database.read() as connection:
        assert count_records(connection) == 2  # r2 had no end: it is recorded as lost
        assert connection.execute(select(func.count()).select_from(leases)).scalar_one() == 0
        assert balance_of(connection, wallet_of("alice")).available == 10 * USD - 1000
        assert list(check_books(connection)) == []
    database.close()


@pytest.mark.parametrize("text", ["m" * 3000, "m\0", "\0" * 300], ids=["long", "NUL", "long NUL"])
@pytest.mark.parametrize("field", ["model", "provider", "provider_model", "session", "error"])
async def test_a_line_that_the_database_refuses_is_cut_and_in_nobody_s_way(
    url: str, tmp_path: Path, field: str, text: str
) -> None:
    store = Store(url, Place(tmp_path / "journals"))
    await store.open()
    store.append(ended("r1"))
    store.append(replace(ended("r2"), **{field: text}))
    store.append(Begun(id="r3", at=1, user="alice", model=text))  # lost when the store is closed
    store.append(ended("r4"))
    await store.flush()
    assert store.failing_since is None
    await store.close()
    database = Database(url)
    with database.read() as connection:
        stored = {row.id: row for row in connection.execute(select(records))}
        assert set(stored) == {"r1", "r2", "r3", "r4"}
        assert getattr(stored["r2"], field).startswith(text[0] if text[0] == "m" else "")
        assert list(check_books(connection)) == []
    database.close()


async def test_a_flush_ends_although_more_is_appended_all_the_time(url: str, tmp_path: Path) -> None:
    """As under traffic, where a batch takes as long as the next request."""
    store = Store(url, Place(tmp_path / "journals"))
    await store.open()
    later = [ended(f"later-{number}") for number in range(50)]

    def append_one(_: Connection) -> None:
        if later:
            store.append(later.pop())

    event.listen(store.database.engine, "commit", append_one)
    store.append(ended("r1"))
    await store.flush()
    assert len(later) > 40
    assert await store.ask(count_records) >= 1
    await store.close()
    database = Database(url)
    with database.read() as connection:
        assert count_records(connection) == 51, "the end moves all of it"
    database.close()


WORKER = """
import asyncio, sys
from pathlib import Path
from tidegate.store.journal import Batch, Begun, Charge, Ended, Place
from tidegate.store.leases import take_lease
from tidegate.store import store as module
from tidegate.store.store import Store

module.EVERY_S, module.ROLL_UP_S = 0.01, 0.05

async def main(url, directory):
    store = Store(url, Place(Path(directory)))
    await store.open()
    lease = await store.change(take_lease, "alice", 10_000_000, 10_000_000, 0, store.id, 1)
    number = 0
    while True:
        for _ in range(20):
            number += 1
            name = f"{store.id}.{number}"
            store.append(Begun(id=name, at=1, user="alice", lease=lease.id, held=1000))
            print(name, flush=True)
            store.append(Ended(id=name, at=2, ended="complete", status=200, user="alice", lease=lease.id,
                               held=1000, charges=(Charge(0, 1000),), cost=1000))
        await asyncio.sleep(0.001)

asyncio.run(main(*sys.argv[1:]))
"""


def killed_worker(url: str, directory: Path) -> list[str]:
    """Run a worker and kill it in the middle; the requests that it is known to have begun."""
    command = [sys.executable, "-c", WORKER, url, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        begun = [worker.stdout.readline().strip() for _ in range(100)]
        worker.kill()
        return begun + worker.stdout.read().splitlines()[:-1]  # the last may be cut


async def test_workers_that_are_killed_lose_nothing(url: str, tmp_path: Path) -> None:
    directory = tmp_path / "journals"
    store = Store(url, Place(directory))
    await store.open()
    await store.change(fill)
    begun: list[str] = []
    for _ in range(3):
        begun += await asyncio.to_thread(killed_worker, url, directory)
    await store.close()
    last = Store(url, Place(directory))
    await last.open()

    def look(connection: Connection) -> None:
        found = dict(connection.execute(select(records.c.id, records.c.ended)).all())  # type: ignore[arg-type]
        assert set(begun) <= set(found)
        assert list(check_books(connection)) == []
        complete = sum(1 for how in found.values() if how == "complete")
        assert balance_of(connection, wallet_of("alice")).available == 10 * USD - 1000 * complete
        assert connection.execute(select(holds)).all() == []
        assert counted_in(connection) == (len(found), 0)

    await last.ask(look)
    await last.close()


def counted_in(connection: Connection) -> tuple[int, int]:
    """The requests in the rollups, and those that are gathered for them."""
    of_all = (rollups.c.by == "all", rollups.c.span == DAY_S)
    rolled_up = connection.execute(select(func.sum(rollups.c.requests)).where(*of_all)).scalar()
    waiting = [decode(one, type=Gathered) for one in connection.scalars(select(gathered.c.content))]
    answered = [sums.requests for one in waiting for _, sums in one.answered]
    others = [len(samples) for one in waiting for _, samples in one.others]
    few = [len(samples) for one in waiting for _, samples in one.few]
    return int(rolled_up or 0), sum(answered) + sum(others) + sum(few)


async def test_each_request_is_in_the_figures_once_at_every_commit(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "EVERY_S", 0.005)
    monkeypatch.setattr(store_module, "ROLL_UP_S", 0.05)
    monkeypatch.setattr(history, "FEW", 3)  # so that some are added up in their batch, and some later
    store, database = Store(url, Place(tmp_path / "journals")), Database(url)
    await store.open()
    seen, number = {"moved": 0, "waiting": 0, "rolled up": 0}, 0
    while min(seen.values()) < 5:
        for _ in range(3):
            number += 1
            answered = Answered("p", "m", 10.0, input=1) if number % 3 else None
            store.append(replace(ended(f"r{number}"), answered=answered, key=f"k{number % 2}"))
        await asyncio.sleep(0.003)
        with database.read() as connection:
            booked, (rolled_up, waiting) = count_records(connection), counted_in(connection)
        assert booked == rolled_up + waiting
        seen["moved"] += 0 < booked < number
        seen["waiting"] += waiting > 0
        seen["rolled up"] += rolled_up > 0
    await store.flush(figures=True)
    with database.read() as connection:
        assert counted_in(connection) == (number, 0)
    await store.close()
    database.close()


async def test_what_another_worker_has_gathered_is_rolled_up_too(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "EVERY_S", 60.0)
    dead, living = (Store(url, Place(tmp_path / name)) for name in ("dead", "living"))
    await dead.open()
    for number, text in enumerate(["m", "m\0" * 300]):  # the second one is refused by some databases
        batch = Batch([replace(ended(f"r{number}"), answered=Answered(text, text, 10.0))])
        move_batch(dead.database, dead.id, batch, number, 1, keep=True)
    await living.open()
    with living.database.read() as connection:
        assert counted_in(connection) == (2, 0)
    await living.close()
    await dead.close()


async def test_a_store_that_fails_keeps_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PAUSE_S", 0.01)
    path = tmp_path / "tidegate.db"
    store = Store(f"sqlite:///{path}", Place(tmp_path / "journals"))
    await store.open()
    with store.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE records RENAME TO away")
    store.append(ended("r1"))
    while store.failing_since is None:
        await asyncio.sleep(0.01)
    with pytest.raises(StoreUnavailable, match="no such table"):
        await store.flush()
    with store.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO records")
    while store.failing_since is not None:
        await asyncio.sleep(0.01)
    assert await store.ask(count_records) == 1
    await store.close()


async def test_lines_in_memory_are_moved_without_their_file(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path / "journals"))
    await store.open()
    (file,) = (tmp_path / "journals").iterdir()
    file.rename(tmp_path / "elsewhere")
    for number in range(3):
        store.append(ended(f"r{number}"))
        await store.flush()
    assert await store.ask(count_records) == 3
    (tmp_path / "elsewhere").rename(file)
    await store.close()


@pytest.mark.parametrize("room", [0, 1000, 3000])
async def test_what_memory_has_no_room_for_is_read_from_the_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(backlog, "MOST", room)
    monkeypatch.setattr(store_module, "EVERY_S", 60.0)
    store = Store(url, Place(tmp_path / "journals"))
    await store.open()
    await store.change(fill)
    lease = await store.change(take_lease, "alice", USD, USD, 0, store.id, 1)
    for number in range(40):
        store.append(Begun(id=f"r{number}", at=1, user="alice", lease=lease.id, held=1000))
        if number == 20:
            await store.flush()
            assert len(await store.ask(lambda c: c.execute(select(holds)).all())) == 8
        if number % 3:
            store.append(ended(f"r{number}", lease.id))
    await store.flush()
    for number in range(0, 40, 3):
        store.append(ended(f"r{number}", lease.id))
    await store.flush()
    assert await store.ask(count_records) == 40
    assert await store.ask(lambda c: c.execute(select(holds)).all()) == []
    await store.close()
    database = Database(url)
    with database.read() as connection:
        assert balance_of(connection, wallet_of("alice")).available == 10 * USD - 40_000
        assert list(check_books(connection)) == []
    database.close()


async def test_lines_that_could_not_be_moved_come_before_the_next_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second end of a request is not the one that counts, wherever the lines are read from."""
    monkeypatch.setattr(store_module, "EVERY_S", 60.0)
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path / "journals"))
    await store.open()
    with store.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE records RENAME TO away")
    store.append(ended("r1", cost=1))
    with pytest.raises(StoreUnavailable, match="no such table"):
        await store.flush()
    with store.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO records")
    store.append(ended("r1", cost=2))
    store.append(ended("r2", cost=3))
    await store.flush()
    found = await store.ask(lambda c: c.execute(select(records.c.id, records.c.cost)).all())
    assert sorted(map(tuple, found)) == [("r1", 1), ("r2", 3)]
    await store.close()


async def test_a_journal_that_ends_while_others_flush_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ROTATE", 500)
    monkeypatch.setattr(store_module, "EVERY_S", 0.0)
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path / "journals"))
    await store.open()
    seen, flushes, number = {store.id}, [], 0
    while len(seen) < 4:
        store.append(ended(f"r{number}"))
        flushes.append(asyncio.ensure_future(store.flush()))
        number += 1
        await asyncio.sleep(0.001)
        seen.add(store.id)
    await asyncio.gather(*flushes)
    await store.flush()
    assert await store.ask(count_records) == number
    await store.close()


async def test_a_journal_goes_on_in_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "ROTATE", 2000)
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path / "journals"))
    await store.open()
    await store.change(fill)
    first = store.id
    lease = await store.change(take_lease, "alice", USD, USD, 0, store.id, 1)
    store.append(Begun(id="long", at=1, user="alice", lease=lease.id, held=1000))
    for number in range(30):
        store.append(ended(f"r{number}", lease.id))
    while store.id == first or len(list((tmp_path / "journals").iterdir())) > 1:
        await asyncio.sleep(0.01)
    store.append(ended("long", lease.id))
    await store.flush()
    assert await store.ask(count_records) == 31
    await store.close()
    database = Database(f"sqlite:///{tmp_path}/tidegate.db")
    with database.read() as connection:
        assert list(check_books(connection)) == []
        assert balance_of(connection, wallet_of("alice")).available == 10 * USD - 31_000
    database.close()


async def test_durable_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = 0
    sync = Journal.sync

    def count(journal: Journal) -> None:
        nonlocal synced
        synced += 1
        sync(journal)

    monkeypatch.setattr(Journal, "sync", count)
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path / "journals"), "disk")
    await store.open()

    async def one(number: int) -> None:
        store.append(ended(f"r{number}"))
        await store.durable()

    await asyncio.gather(*map(one, range(100)))
    assert 1 <= synced < 20  # those that come together share a write to the disk
    await store.close()


def test_an_incomplete_last_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "one.journal"
    path.write_bytes(b'{"t":"released","lease":"a"}\nnonsense\n{"t":"released","lease":"b"}\n{"t":"rel')
    lines, position = read(path, 0)
    assert lines == [Released("a"), Released("b")]
    assert path.read_bytes()[position:] == b'{"t":"rel'
    assert read(path, position) == ([], position)


@pytest.mark.parametrize("piece", [1, 7, 64, 10_000])
def test_all_lines_are_read_however_many_bytes_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(journal_module, "PIECE", piece)
    journal = Journal(Place(tmp_path), "one")
    written = [Begun(id=f"r{count}", at=count, model="m" * count) for count in range(50)]
    for line in written:
        journal.append(line)
    journal.close()
    assert list(read_all(journal.path)) == written


def test_a_journal_of_a_living_worker_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(Place(tmp_path), "one")
    assert list(abandoned(Place(tmp_path))) == []
    with pytest.raises(JournalFailed):
        Journal(Place(tmp_path), "one")
    journal.close()
    found = list(abandoned(Place(tmp_path)))
    assert [name for name, _, _ in found] == ["one"]
    os.close(found[0][2])


def bury_all(folder: Path, until: Event) -> list[str]:
    """What a worker does that starts, again and again; the names of the journals that it took over."""
    found: list[str] = []
    while True:
        last = until.is_set()
        for name, path, descriptor in abandoned(Place(folder)):
            found.append(name)
            path.unlink()
            os.close(descriptor)
        if last:
            return found


def test_workers_that_start_together_leave_each_others_journals_alone(tmp_path: Path) -> None:
    done = Event()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(bury_all, tmp_path, done)
        journals = [Journal(Place(tmp_path), f"j{number}") for number in range(500)]
        done.set()
        assert other.result() == []
    assert [one.id for one in journals if not one.path.exists()] == []
    for one in journals:
        one.remove()


def test_workers_that_start_together_take_over_each_journal_once(tmp_path: Path) -> None:
    names = [f"j{number:03}" for number in range(300)]
    for name in names:
        Journal(Place(tmp_path), name).close()
    done = Event()
    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(bury_all, tmp_path, done) for _ in range(3)]
        done.set()
        assert sorted(name for other in others for name in other.result()) == names


def test_the_newest_revision_is_the_head_of_the_migrations() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(schema.MIGRATIONS))
    assert newest_revision() == ScriptDirectory.from_config(settings).get_current_head()


def test_alembic_is_not_imported_where_nothing_is_to_be_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tidegate.db"
    migrate(Database(url))
    program = f"""
import sys
from tidegate.store.database import Database
from tidegate.store.schema import migrate
migrate(Database({url!r}))
print("alembic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_newer_schema_is_refused(database: Database) -> None:
    assert migrate(database) is None
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999"):
        migrate(database)


def test_a_current_schema_is_recognised_without_alembic(database: Database) -> None:
    address = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    script = (
        "import sys\nfrom tidegate.store.database import Database\n"
        "from tidegate.store.schema import migrate\n"
        f"print(migrate(Database({address!r})), 'alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "None False\n"


@pytest.mark.parametrize("url", ["mysql://x/y", "tidegate.db", "sqlite"])
def test_a_wrong_url_says_what_is_right(url: str) -> None:
    with pytest.raises(ValueError, match="such as sqlite:"):
        Database(url)


def test_workers_that_move_at_the_same_time_do_not_wait_for_each_other_in_a_circle(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PIECE", 1000)  # some eight lines at once
    users = ["alice", "bob", "carol"]
    with database.write() as connection:
        for user in users:
            add_credit(connection, user, 10 * USD, 1, reference="a")

    def work(number: int) -> None:
        name = f"w{number}"
        journal = Journal(Place(tmp_path), name)
        for user in users[number:] + users[:number]:
            with database.write() as connection:
                lease = take_lease(connection, user, USD // 2, USD // 2, 0, name, 1).id
            for count in range(20):
                request = f"{name}-{user}-{count}"
                journal.append(Begun(id=request, at=1, user=user, lease=lease, held=1000, model="m"))
                if count % 7:
                    journal.append(replace(ended(request, lease), user=user, model="m"))
            if number % 2:
                journal.append(Released(lease))
        moving.move_all(database, name, journal.path, 3)
        assert moving.bury(database, name, journal.path, 3) == 9
        journal.remove()

    with ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(work, number) for number in range(3)]:
            one.result()
    with database.read() as connection:
        assert list(check_books(connection)) == []
        assert count_records(connection) == 180
