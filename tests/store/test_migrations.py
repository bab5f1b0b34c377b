"""Migrations of a database that has rows."""

from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from tidegate.money.ledger import credit
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
from tidegate.store.tables import entries, grants, holds, metadata, transactions
from tidegate.store.wallets import add_credit, give_back, open_wallet

MOVED = (transactions, entries, grants, holds)


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
    with database.read() as connection:
        return [sorted(map(tuple, connection.execute(select(table)))) for table in MOVED]


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


def test_entries_that_do_not_balance_are_never_written(full: Database) -> None:
    migrate(full)
    wrong = credit("alice", 5, reference="wrong")
    with full.write() as connection, pytest.raises(AssertionError):
        book(connection, [Booking(type(wrong)(**{**as_dict(wrong), "entries": wrong.entries[:1]}), 1)])


def as_dict(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
