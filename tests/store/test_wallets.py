"""Wallets on both databases: credits, leases, what requests cost, and the audit."""

from pathlib import Path

import pytest
from sqlalchemy import select

from tidegate.money.ledger import charges, wallet_of
from tidegate.store import moving
from tidegate.store.books import Booking, Charged, balance_of, book, book_charges
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.journal import Begun, Charge, Ended, Journal, Place, Released
from tidegate.store.leases import take_lease
from tidegate.store.moving import bury, move
from tidegate.store.tables import accounts, transactions
from tidegate.store.wallets import (
    InsufficientBalance,
    add_credit,
    expire_grants,
    give_back,
    open_wallet,
    take_out,
    wallet_balances,
)

USD = 1_000_000_000


def credit(database: Database, amount: int, reference: str, **more: int) -> bool:
    with database.write() as connection:
        return add_credit(connection, "alice", amount, 1000, reference=reference, **more)


def available(database: Database) -> int:
    with database.read() as connection:
        return balance_of(connection, wallet_of("alice")).available


def posted(database: Database) -> int:
    with database.read() as connection:
        return balance_of(connection, wallet_of("alice")).posted


def assert_sound(database: Database) -> None:
    with database.read() as connection:
        assert list(check_books(connection)) == []


def lease(database: Database, journal: Journal, needed: int, most: int = 0) -> str:
    with database.write() as connection:
        return take_lease(connection, "alice", needed, most, 0, journal.id, 1000).id


def move_all(database: Database, journal: Journal) -> None:
    moving.move_all(database, journal.id, journal.path, 2000)


def test_a_credit_is_booked_once_by_its_reference(database: Database) -> None:
    assert credit(database, 5 * USD, "invoice-1")
    assert not credit(database, 5 * USD, "invoice-1")
    assert posted(database) == 5 * USD
    assert_sound(database)


def test_no_more_is_taken_out_than_is_there(database: Database) -> None:
    credit(database, 5 * USD, "a")
    with database.write() as connection:
        assert take_out(connection, "alice", 2 * USD, 1000, reference="b")
        assert not take_out(connection, "alice", 2 * USD, 1000, reference="b")
    with pytest.raises(InsufficientBalance), database.write() as connection:
        take_out(connection, "alice", 4 * USD, 1000, reference="c")
    assert posted(database) == 3 * USD
    assert_sound(database)


def test_a_request_is_paid_from_its_lease(database: Database, tmp_path: Path) -> None:
    credit(database, 10 * USD, "a")
    journal = Journal(Place(tmp_path), "one")
    held = lease(database, journal, USD, 2 * USD)
    assert available(database) == 9 * USD
    journal.append(Begun(id="r1", at=1, user="alice", lease=held, held=USD))
    journal.append(
        Ended(id="r1", at=2, ended="complete", status=200, user="alice", lease=held, held=USD,
              charges=(Charge(0, 400_000_000),), cost=400_000_000)
    )  # fmt: skip
    move_all(database, journal)
    assert posted(database) == 10 * USD - 400_000_000
    assert available(database) == 9 * USD
    assert_sound(database)
    journal.append(Released(held))
    move_all(database, journal)
    assert available(database) == posted(database) == 10 * USD - 400_000_000
    assert_sound(database)


def test_what_is_moved_twice_is_booked_once(database: Database, tmp_path: Path) -> None:
    credit(database, 10 * USD, "a")
    journal = Journal(Place(tmp_path), "one")
    held = lease(database, journal, USD)
    journal.append(
        Ended(id="r1", at=2, ended="complete", status=200, user="alice", lease=held, held=USD,
              charges=(Charge(0, USD),), cost=USD)
    )  # fmt: skip
    move(database, journal.id, journal.path, 0, 1)
    move(database, journal.id, journal.path, 0, 1)
    assert posted(database) == 9 * USD
    assert_sound(database)


def test_a_cost_beyond_its_hold_goes_into_the_overdraft_and_then_to_nobody(
    database: Database, tmp_path: Path
) -> None:
    credit(database, 2 * USD, "a")
    with database.write() as connection:
        open_wallet(connection, "alice", USD)
    journal = Journal(Place(tmp_path), "one")
    held = lease(database, journal, USD)
    journal.append(
        Ended(id="r1", at=2, ended="complete", status=200, user="alice", lease=held, held=USD,
              charges=(Charge(0, 7 * USD),), cost=7 * USD)
    )  # fmt: skip
    move_all(database, journal)
    assert posted(database) == -USD
    with database.read() as connection:
        assert balance_of(connection, "write_off").posted == -4 * USD
        assert balance_of(connection, "revenue").posted == 7 * USD
    assert_sound(database)
    credit(database, 3 * USD, "b")
    assert posted(database) == 2 * USD
    assert_sound(database)


def test_a_dead_worker_leaves_nothing_held(database: Database, tmp_path: Path) -> None:
    credit(database, 10 * USD, "a")
    journal = Journal(Place(tmp_path), "one")
    held = lease(database, journal, 3 * USD)
    for request in ("r1", "r2"):
        journal.append(Begun(id=request, at=1, user="alice", lease=held, held=USD))
    journal.append(
        Ended(id="r1", at=2, ended="complete", status=200, user="alice", lease=held, held=USD,
              charges=(Charge(0, USD // 2),), cost=USD // 2)
    )  # fmt: skip
    move_all(database, journal)
    assert bury(database, journal.id, journal.path, 3000) == 1
    assert available(database) == posted(database) == 10 * USD - USD // 2
    assert_sound(database)
    move_all(database, journal)
    assert bury(database, journal.id, journal.path, 3000) == 0
    assert posted(database) == 10 * USD - USD // 2
    assert_sound(database)


def test_credits_are_spent_by_priority_and_expiry_and_the_rest_expires(
    database: Database, tmp_path: Path
) -> None:
    credit(database, 3 * USD, "paid")
    credit(database, 3 * USD, "gift", expires_at=5000)
    credit(database, 3 * USD, "trial", expires_at=9000, priority=-1)
    with database.write() as connection:
        take_out(connection, "alice", 4 * USD, 1000, reference="x")
        assert expire_grants(connection, 5000) == 1
    assert posted(database) == 3 * USD  # the trial is used up, and of the gift 2 have expired
    assert_sound(database)


def test_credits_that_have_expired_pay_for_nothing(database: Database, tmp_path: Path) -> None:
    credit(database, 3 * USD, "gift", expires_at=5000)
    credit(database, USD, "paid")
    journal = Journal(Place(tmp_path), "one")
    with database.write() as connection:
        assert take_lease(connection, "alice", 2 * USD, 0, 0, journal.id, 5000).amount == 0
        assert take_lease(connection, "alice", USD, 0, 0, journal.id, 5000).amount == USD
    assert posted(database) == USD
    credit(database, 3 * USD, "gift again", expires_at=6000)
    with database.write() as connection, pytest.raises(InsufficientBalance):
        take_out(connection, "alice", 2 * USD, 6000, reference="x")
    assert_sound(database)


def test_held_money_does_not_expire(database: Database, tmp_path: Path) -> None:
    credit(database, 3 * USD, "gift", expires_at=5000)
    journal = Journal(Place(tmp_path), "one")
    held = lease(database, journal, 2 * USD)
    with database.write() as connection:
        expire_grants(connection, 6000)
    assert posted(database) == 2 * USD
    journal.append(Released(held))
    move_all(database, journal)
    with database.write() as connection:
        expire_grants(connection, 7000)
    assert posted(database) == 0
    assert_sound(database)


def test_a_refund_gives_back_what_the_wallet_paid_once(database: Database, tmp_path: Path) -> None:
    credit(database, 2 * USD, "a")
    journal = Journal(Place(tmp_path), "one")
    held = lease(database, journal, USD)
    journal.append(
        Ended(id="r1", at=2, ended="complete", status=200, user="alice", lease=held, held=USD,
              charges=(Charge(0, USD), Charge(1, USD // 2)), cost=USD + USD // 2)
    )  # fmt: skip
    move_all(database, journal)
    with database.write() as connection:
        assert give_back(connection, "r1", 3) == USD + USD // 2
        assert give_back(connection, "r1", 3) == 0
        assert give_back(connection, "unknown", 3) == 0
    assert posted(database) == 2 * USD
    assert_sound(database)


def test_a_lease_is_small_while_there_is_little_money(database: Database, tmp_path: Path) -> None:
    credit(database, 10 * USD, "a")
    with database.write() as connection:
        rich = take_lease(connection, "alice", 1000, 100 * USD, 0, "j", 1)
        assert rich.amount == 10 * USD // 16
        poor = take_lease(connection, "alice", 9 * USD, 100 * USD, 0, "j", 1)
        assert poor.amount == 9 * USD
        none = take_lease(connection, "alice", USD, 100 * USD, 0, "j", 1)
        assert none.amount == 0
        assert none.available == 10 * USD - rich.amount - poor.amount
        assert wallet_balances(connection)["alice"].held == rich.amount + poor.amount
    assert_sound(database)


def test_the_audit_finds_what_is_wrong(database: Database) -> None:
    credit(database, 2 * USD, "a")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE accounts SET posted = posted + 1 WHERE id = 'wallet:alice'")
        found = list(check_books(connection))
    assert [one for one in found if "account wallet:alice" in one and "2.000000001" in one]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM transactions", "account wallet:alice: it shows 2.00 USD, its transactions sum to 0.00"),
        ("DELETE FROM accounts WHERE id = 'wallet:alice'", "account wallet:alice: there is none, and"),
        ("UPDATE transactions SET \"user\" = 'bob'", "account wallet:bob: there is none, and"),
        ('UPDATE transactions SET "user" = NULL', "it belongs to nobody"),
        ("UPDATE transactions SET amount = 0", "it moves nothing"),
        ("UPDATE transactions SET written_off = 1", "account write_off: there is none, and its transactions"),
        (
            "UPDATE transactions SET counter = 'revenue'",
            "account outside: it shows -2.00 USD, its transactions",
        ),
        (
            "UPDATE transactions SET counter = 'wallet:bob'",
            "there is no account 'wallet:bob' to take it from",
        ),
    ],
)
def test_the_audit_finds_transactions_that_are_odd(database: Database, statement: str, said: str) -> None:
    credit(database, 2 * USD, "a")
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM grants")  # which refer to the transaction
        connection.exec_driver_sql(statement)
        found = list(check_books(connection))
    assert any(said in one for one in found)


def test_costs_within_their_holds_are_booked_as_any_others(database: Database) -> None:
    """`book_charges` writes the rows that `book` writes, and knows what either has written."""
    costs = [("r1", "alice", 5), ("r2", "bob", 7), ("r3", "alice", 1)]
    general = [
        Booking(one, place) for place, (request, user, cost) in enumerate(costs)
        for one in charges(user, request, 0, cost, cost, 0)
    ]  # fmt: skip
    requests, users, amounts = zip(*costs, strict=True)
    quick = Charged(requests, [0] * len(costs), users, amounts, [*range(len(costs))])
    written = []
    for write in (lambda each: book(each, general), lambda each: book_charges(each, quick)):
        with database.engine.connect() as connection, connection.begin() as transaction:
            written.append(write(connection))
            assert not book(connection, general)
            assert not book_charges(connection, quick)
            rows = [
                sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in (transactions, accounts)
            ]
            written.append(rows)
            transaction.rollback()
    assert written[1] == written[3]
    assert [one.id for one in written[0]] == [f"{request}.0.charge" for request in requests]
    assert written[2] == {"alice": 6, "bob": 7}
