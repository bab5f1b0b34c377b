"""Migrations of a database that has rows."""

from typing import Any, get_args

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import column, inspect, select, table, text
from sqlalchemy.exc import IntegrityError

from tidegate.money.ledger import (
    Kind,
    Transaction,
    charges,
    credit,
    debit,
    expiry,
    refund,
    reinstatement,
    reversal,
)
from tidegate.store import schema
from tidegate.store.books import Booking, book, of_request
from tidegate.store.checking import check_books
from tidegate.store.database import Connection, Database
from tidegate.store.history import booked_amount, list_booked, list_movements
from tidegate.store.journal import Begun, Charge, Ended
from tidegate.store.leases import take_lease
from tidegate.store.moving import apply
from tidegate.store.schema import migrate
from tidegate.store.statements import statement_of
from tidegate.store.tables import grants, holds, metadata, transactions
from tidegate.store.wallets import add_credit, give_back, open_wallet

ENTRY = ("transaction", "account", "amount")
ONCE = ("id", "kind", "user", "request", "attempt", "reference", "note", "at")
"""What transactions have had always."""
ENTRIES = table("entries", *map(column, ENTRY))
"""What transactions add to accounts: until 0018 in rows of their own."""


def paid(request: str, lease: str, at: int) -> Ended:
    return Ended(id=request, at=at, ended="complete", status=200, user="alice", lease=lease, held=50,
                 charges=(Charge(0, 40),), cost=40)  # fmt: skip


def go(database: Database, revision: str) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(schema.MIGRATIONS))
    with database.write() as connection:
        settings.attributes["connection"] = connection
        if revision < newest(connection):
            command.downgrade(settings, revision)
        else:
            command.upgrade(settings, revision)


def newest(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def rows(database: Database) -> list[list[Any]]:
    """What was booked, and what it adds to accounts, whatever the revision."""
    booked = select(*[transactions.c[name] for name in ONCE])
    with database.read() as connection:
        found = [
            sorted(map(tuple, connection.execute(query))) for query in (booked, select(grants), select(holds))
        ]
        return [found[0], entries(connection), *found[1:]]


def entries(connection: Connection) -> list[Any]:
    if newest(connection) < "0019":
        return sorted(map(tuple, connection.execute(select(ENTRIES))))
    found = []
    for row in connection.execute(select(transactions)):
        one = Transaction(
            kind=row.kind, user=row.user, amount=row.amount, written_off=row.written_off, counter=row.counter
        )
        found += [(row.id, entry.account, entry.amount) for entry in one.entries]
    return sorted(found)


@pytest.fixture
def full(database: Database) -> Database:
    """A database with what wallets have paid and what was paid in, as the version before wrote it."""
    with database.write() as connection:
        for user in ("alice", "bob"):
            open_wallet(connection, user, 0)
            add_credit(connection, user, 1_000_000, 1, reference="first", note="a gift", expires_at=9_000)
            add_credit(connection, user, 500, 2, reference="second")
        lease = take_lease(connection, "alice", 50 * 300, 50 * 300, 0, "j", 3).id
        apply(connection, [paid(f"req_{place}", lease, 10 + place) for place in range(300)])
        apply(connection, [Begun(f"open_{place}", 400, "alice", None, lease, 50) for place in range(3)])
        give_back(connection, "req_7", 500)
    go(database, "0010")
    return database


def test_what_was_booked_is_the_same_after_it(full: Database) -> None:
    before = rows(full)
    assert [len(table) for table in before] == [305, 610, 5, 3]
    assert migrate(full) == "0010"
    assert rows(full) == before
    with full.read() as connection:
        assert not list(check_books(connection))


def test_it_can_be_undone(full: Database) -> None:
    before = rows(full)
    migrate(full)
    go(full, "0010")
    assert rows(full) == before
    with full.write() as connection, pytest.raises(IntegrityError):
        connection.execute(text("INSERT INTO entries VALUES ('nothing', 'nobody', 1)"))


def test_only_holds_of_open_requests_are_kept(full: Database) -> None:
    go(full, "0016")
    with full.write() as connection:
        connection.execute(
            text(
                "INSERT INTO holds (request, account, amount, state, at, resolved_at) "
                "SELECT id, 'wallet:alice', 50, 'posted', at, at FROM records"
            )
        )
    assert migrate(full) == "0016"
    assert [tuple(row) for row in rows(full)[3]] == [
        (f"open_{place}", "wallet:alice", 50, 400) for place in range(3)
    ]


def test_afterwards_the_schema_is_that_of_the_tables(full: Database) -> None:
    migrate(full)
    with full.read() as connection:
        context = MigrationContext.configure(connection)
        found = compare_metadata(context, metadata)
    if full.is_sqlite:  # it finds the transactions of a request by their ids
        found = [one for one in found if one[1].name != "transactions_by_request"]
    assert found == []


def test_nothing_is_booked_a_second_time_after_it(full: Database) -> None:
    migrate(full)
    before = rows(full)
    with full.write() as connection:
        assert not add_credit(connection, "alice", 1_000_000, 3, reference="first")
        assert apply(connection, [paid("req_8", "any", 18)]) == 0
        assert give_back(connection, "req_7", 600) == 0
    assert rows(full) == before


def test_a_reference_is_unique_whatever_the_id(full: Database) -> None:
    migrate(full)
    with full.write() as connection, pytest.raises(IntegrityError):
        connection.execute(
            text(
                "INSERT INTO transactions (id, kind, attempt, reference, note, at) "
                "SELECT 'another', kind, attempt, reference, note, at FROM transactions "
                "WHERE reference IS NOT NULL"
            )
        )


def test_wallets_show_the_same_movements_after_it(full: Database) -> None:
    migrate(full)
    with full.read() as connection:
        movements = list_movements(connection, "alice", limit=400)
        stated = list(statement_of(connection, "alice"))
        assert [one.id for one in movements] == [one.id for one in reversed(stated)]
        assert [one.balance for one in movements] == [one.balance for one in reversed(stated)]
        assert len(stated) == 303
        assert booked_amount(connection, "bob", "second") == 500
        assert [one.id for one in list_booked(connection, filters={"request": "req_7"})] == [
            "req_7.0.refund", "req_7.0.charge",
        ]  # fmt: skip


def test_searches_use_the_indexes_that_are_left(full: Database) -> None:
    migrate(full)
    if not full.is_sqlite:
        names = {one["name"] for one in inspect(full.engine).get_indexes("transactions")}
        assert names == {"transactions_by_request", "transactions_by_reference", "transactions_by_user"}
        return
    for name, value in (("reference", "alice\nfirst"), ("user", "alice")):
        with full.read() as connection:
            plan = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN SELECT * FROM transactions WHERE {name} = ?", (value,)
            ).all()
        assert f"USING INDEX transactions_by_{name}" in plan[0][3]
    with full.read() as connection:
        query = select(transactions).where(of_request(connection, "req_7"))
        written = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {written}").all()
        assert "USING PRIMARY KEY (id>? AND id<?)" in plan[0][3]
        assert [row.id for row in connection.execute(query)] == ["req_7.0.charge", "req_7.0.refund"]


WRITTEN = {
    "credit": [("outside", -500), ("wallet:ann", 500)],
    "debit": [("outside", 20), ("wallet:ann", -20)],
    "charge": [("revenue", 50), ("wallet:ann", -50)],
    "overrun": [("revenue", 7), ("wallet:ann", -7)],
    "write_off": [("revenue", 3), ("write_off", -3)],
    "refund": [("revenue", -57), ("wallet:ann", 57)],
    "reversal": [("outside", 90), ("wallet:ann", -60), ("write_off", -30)],
    "reinstatement": [("outside", -40), ("wallet:ann", 10), ("write_off", 30)],
    "expiry": [("expired", 5), ("wallet:ann", -5)],
}
"""What each kind of transaction of a test below adds to accounts, as versions before 0019 wrote it."""


def of_every_kind() -> list[Transaction]:
    return [
        credit("ann", 500, reference="c"),
        debit("ann", 20, reference="d"),
        *charges("ann", "req_1", 0, 60, 50, 7),
        refund("ann", 57, "req_1"),
        reversal("ann", 90, 60, reference="r"),
        reinstatement("ann", 40, 30, reference="s"),
        expiry("ann", 5, "g"),
    ]


def test_a_transaction_of_any_kind_adds_the_same_to_accounts_before_and_after_0019(
    database: Database,
) -> None:
    bookings = {one.kind: Booking(one, 1) for one in of_every_kind()}
    assert set(bookings) == set(get_args(Kind)) == set(WRITTEN)
    with database.write() as connection:
        book(connection, list(bookings.values()))
    booked = rows(database)
    written = sorted((bookings[kind].id, *entry) for kind, found in WRITTEN.items() for entry in found)
    assert booked[1] == written

    go(database, "0018")
    assert rows(database) == booked
    with database.read() as connection:
        assert "counter" not in {one["name"] for one in inspect(connection).get_columns("transactions")}

    with database.write() as connection:  # as the version before wrote it, whatever the way back does
        connection.execute(ENTRIES.delete())
        connection.execute(ENTRIES.insert(), [dict(zip(ENTRY, one, strict=True)) for one in written])
    assert migrate(database) == "0018"
    assert rows(database) == booked


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(-(10**6), 10**6))
def test_what_a_transaction_adds_to_accounts_sums_to_zero(amount: int, part: int, room: int) -> None:
    part = min(part, amount)
    written = [
        *of_every_kind(), *charges("ann", "r", 0, amount, part, room),
        reversal("ann", amount, part, reference="r"), reinstatement("ann", amount, part, reference="s"),
    ]  # fmt: skip
    for one in written:
        assert sum(entry.amount for entry in one.entries) == 0
        assert len(one.entries) >= 2
