"""Wallets with little left are reported once, on both databases."""

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from tidegate.accounts.upkeep import Upkeep
from tidegate.bus import ALONE, Alone
from tidegate.store.books import add_to_accounts
from tidegate.store.checking import check_books
from tidegate.store.database import Connection, Database
from tidegate.store.journal import Place
from tidegate.store.keys import put_user
from tidegate.store.leases import take_lease
from tidegate.store.low_balances import Crossing, count_touched, note_all, note_crossings
from tidegate.store.schema import migrate
from tidegate.store.store import Store
from tidegate.store.tables import accounts
from tidegate.store.wallets import (
    InsufficientBalance,
    add_credit,
    expire_grants,
    take_out,
    users_with_expired,
    wallet_balances,
)

USD = 1_000_000_000


class Books:
    """The wallets of a database, and what is reported of them."""

    def __init__(self, database: Database, threshold: int = 5 * USD) -> None:
        self._database = database
        self._threshold = threshold
        self._moved = 0

    def move(self, amount: int, user: str = "alice") -> None:
        self._moved += 1
        with self._database.write() as connection:
            change = add_credit if amount > 0 else take_out
            change(connection, user, abs(amount), 1000, reference=f"m{self._moved}")

    def reported(self) -> list[Crossing]:
        with self._database.write() as connection:
            return note_crossings(connection, self._threshold, 2000)

    def set(self, user: str, threshold: int) -> None:
        with self._database.write() as connection:
            put_user(connection, user, 1, {"settings": {"low_balance": threshold}})


def test_a_wallet_is_reported_when_it_falls_and_again_only_after_it_has_risen(database: Database) -> None:
    books = Books(database)
    books.move(5 * USD)
    assert books.reported() == [], "at the threshold is not below it"
    books.move(-1)
    assert books.reported() == [Crossing("fell", "alice", 5 * USD - 1, 5 * USD)]
    assert books.reported() == []
    books.move(USD)
    assert books.reported() == [], "1.2 times the threshold is not reached"
    books.move(-USD)
    assert books.reported() == [], "it has been reported"
    books.move(USD + 1)
    assert books.reported() == [Crossing("rose", "alice", 6 * USD, 5 * USD)]
    books.move(-2 * USD)
    assert [one.kind for one in books.reported()] == ["fell"]


@pytest.mark.parametrize(
    ("own", "kinds"), [(0, []), (USD, []), (3 * USD, ["fell"]), (3_000_000 * USD, ["fell"])]
)
def test_a_users_own_threshold_is_in_place_of_the_general_one(
    database: Database, own: int, kinds: list[str]
) -> None:
    books = Books(database)
    books.set("alice", own)
    books.move(2 * USD)
    assert [one.kind for one in books.reported()] == kinds


def test_without_thresholds_nothing_is_reported(database: Database) -> None:
    books = Books(database, 0)
    books.move(1)
    assert books.reported() == []
    books.set("alice", 2)
    assert [one.threshold for one in books.reported()] == [2]


def test_only_wallets_that_have_changed_are_looked_at(database: Database) -> None:
    books = Books(database)
    for user in ("alice", "bob"):
        books.move(2 * USD, user)
    assert len(books.reported()) == 2
    with database.write() as connection:
        assert count_touched(connection) == 0
        connection.execute(update(accounts).values(posted=USD, low_since=None))  # behind its back
    assert books.reported() == []
    books.move(-1, "bob")
    assert [one.user for one in books.reported()] == ["bob"]
    with database.write() as connection:
        assert [one.user for one in note_all(connection, 5 * USD, 2000)] == ["alice"]


def test_a_hold_alone_lets_no_wallet_be_looked_at(database: Database) -> None:
    books = Books(database)
    books.move(2 * USD)
    books.reported()
    with database.write() as connection:
        assert take_lease(connection, "alice", 5, USD, 0, "j", 1).amount
        assert count_touched(connection) == 0
        add_to_accounts(connection, posted={"wallet:alice": -1})
        add_to_accounts(connection, held={"wallet:alice": 1})
        assert count_touched(connection) == 1, "what is held leaves the mark"


def test_the_wallets_that_have_changed_are_found_by_their_index(database: Database) -> None:
    statement = "SELECT id FROM accounts WHERE touched IS NOT NULL ORDER BY id LIMIT 500"
    with database.write() as connection:
        if database.is_sqlite:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # the table is small here
            plan = connection.execute(text(f"EXPLAIN {statement}")).all()
    assert "accounts_touched" in str(plan)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["move", "look", "set"]),
        st.sampled_from(["alice", "bob", "carol"]),
        st.integers(-3, 4),
    ),
    max_size=30,
)


@given(MOVES)
@settings(max_examples=40, deadline=None)
def test_looking_at_changes_finds_what_looking_at_all_would(moves: Sequence[tuple[str, str, int]]) -> None:
    """Whatever happens to wallets and thresholds between two looks."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/tidegate.db")
        migrate(database)
        books = Books(database)
        for what, user, units in moves:
            if what == "set":
                books.set(user, abs(units) * USD)
            elif what == "move" and units:
                with contextlib.suppress(InsufficientBalance):
                    books.move(units * USD, user)
            elif what == "look":
                books.reported()
                with database.write() as connection:
                    assert note_all(connection, 5 * USD, 2000) == []
        database.close()


def test_many_who_look_at_the_same_time_report_a_wallet_once(database: Database) -> None:
    books = Books(database)
    for number in range(20):
        books.move(USD, f"u{number:02}")
    together = Barrier(4)

    def look() -> list[Crossing]:
        together.wait()
        return books.reported()

    with ThreadPoolExecutor(4) as pool:
        found = [one for looks in [pool.submit(look) for _ in range(4)] for one in looks.result()]
    assert sorted(one.user for one in found) == [f"u{number:02}" for number in range(20)]


def test_a_balance_far_above_any_threshold_is_compared_exactly(database: Database) -> None:
    books = Books(database, 2**53)
    books.move(2**53 - 1)
    assert [one.kind for one in books.reported()] == ["fell"]
    books.move(2**62)
    assert [one.kind for one in books.reported()] == ["rose"]


async def test_expired_credits_are_booked_out_by_themselves(url: str, tmp_path: Path) -> None:
    store = Store(url, Place(tmp_path))
    await store.open()
    for user, expires in (("alice", 500), ("bob", 5000), ("carol", 900)):
        await store.change(add_credit, user, USD, 100, reference="a", expires_at=expires)
    reported: list[Crossing] = []
    upkeep = Upkeep(store, ALONE, reported.append)
    upkeep.threshold = 1
    await upkeep.round(1000)
    balances = await store.ask(wallet_balances)
    assert {user: one.posted for user, one in balances.items()} == {"alice": 0, "bob": USD, "carol": 0}
    assert sorted(one.user for one in reported) == ["alice", "carol"]
    assert await store.ask(users_with_expired, 1000) == []
    assert await store.ask(lambda connection: list(check_books(connection))) == []
    await store.close()


async def test_wallets_that_change_all_the_time_do_not_keep_a_round_from_ending(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(connection: Connection, default: int, now: int) -> list[Crossing]:
        found = note_crossings(connection, default, now)
        add_credit(connection, "alice", 1, now, reference=f"b{next(numbers)}")
        return found

    numbers = count()
    monkeypatch.setattr("tidegate.accounts.upkeep.note_crossings", note)
    store = Store(url, Place(tmp_path))
    await store.open()
    await store.change(add_credit, "alice", USD, 100, reference="a")
    upkeep = Upkeep(store, ALONE, lambda _: None)
    await asyncio.wait_for(upkeep.round(1000), 60)
    assert await store.ask(count_touched) == 1, "it waits for the next round"
    await store.close()


class Host(Alone):
    """The bus of a host's only worker, which leads while the test says so."""

    def __init__(self) -> None:
        self.leads = False
        self.asked = asyncio.Event()

    def lead(self, name: str) -> bool:
        self.asked.set()
        return self.leads


async def test_only_the_leader_of_all_hosts_looks_through_the_wallets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.accounts.upkeep.EVERY_S", 0.01)
    store = Store(f"sqlite:///{tmp_path}/tidegate.db", Place(tmp_path))
    await store.open()
    await store.change(add_credit, "alice", USD, 100, reference="a", expires_at=500)
    bus, reported = Host(), asyncio.Queue[Crossing]()
    upkeep = Upkeep(store, bus, reported.put_nowait)
    upkeep.threshold = 1
    upkeep.start()
    for _ in range(3):
        bus.asked.clear()
        await asyncio.wait_for(bus.asked.wait(), 60)
    assert await store.ask(users_with_expired, 1000) == ["alice"]
    bus.leads = True
    assert (await asyncio.wait_for(reported.get(), 60)).user == "alice"
    assert await store.ask(users_with_expired, 1000) == []
    await upkeep.close()
    await store.close()


def test_credits_that_expire_while_others_book_are_never_booked_out_twice(database: Database) -> None:
    with database.write() as connection:
        for number in range(10):
            add_credit(connection, "alice", USD, 1, reference=f"c{number}", expires_at=10 + number)
    together = Barrier(4)

    def spend(place: int) -> None:
        together.wait()
        for number in range(5):
            with database.write() as connection:
                if place % 2:
                    expire_grants(connection, 12 + number, "alice")
                else:
                    take_out(connection, "alice", USD // 7, 9, reference=f"d{place}.{number}")

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(spend, place) for place in range(4)]:
            one.result()
    with database.read() as connection:
        assert list(check_books(connection)) == []
        assert wallet_balances(connection)["alice"].posted > 0


async def test_a_threshold_that_changes_concerns_all_wallets(url: str, tmp_path: Path) -> None:
    store = Store(url, Place(tmp_path))
    await store.open()
    for number in range(3):
        await store.change(add_credit, f"u{number}", (number + 1) * USD, 100, reference="a")
    reported: list[Crossing] = []
    upkeep = Upkeep(store, ALONE, reported.append)
    await upkeep.round(1000)
    assert reported == []
    upkeep.threshold = 2 * USD + 1
    await upkeep.round(1000)
    assert [one.user for one in reported] == ["u0", "u1"]
    upkeep.threshold = 0
    await upkeep.round(1000)
    assert [(one.kind, one.user) for one in reported[2:]] == [("rose", "u0"), ("rose", "u1")]
    await store.close()
