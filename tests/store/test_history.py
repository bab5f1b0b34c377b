"""What happened, page by page, in both databases."""

from typing import Any

from tidegate.store.database import Database
from tidegate.store.history import Position, booked_amount, list_booked, list_movements
from tidegate.store.wallets import add_credit, refundable, take_out, wallet_balances


def fill(database: Database) -> None:
    with database.write() as connection:
        for number in range(4):
            add_credit(connection, "alice", 10 + number, 100 + number // 2, reference=f"c{number}")
        take_out(connection, "alice", 5, 300, reference="d")
        add_credit(connection, "bob", 7, 200, reference="c0")


def test_pages_of_a_wallet_join_without_gap_or_overlap(database: Database) -> None:
    fill(database)
    with database.read() as connection:
        whole = list_movements(connection, "alice")
        assert whole[0].balance == 10 + 11 + 12 + 13 - 5
        assert [one.balance - one.amount for one in whole[:-1]] == [one.balance for one in whole[1:]]
        assert whole[-1].balance == whole[-1].amount
        for size in (1, 2, 3):
            found: list[Any] = []
            before = None
            while page := list_movements(connection, "alice", before=before, limit=size):
                found += page
                before = Position(page[-1].at, page[-1].id)
            assert found == whole
        assert list_movements(connection, "alice", until=300) == whole[1:]
        assert list_movements(connection, "alice", since=101) == whole[:3]
        before = Position(whole[0].at, whole[0].id)
        assert list_movements(connection, "alice", before=before, until=101) == whole[3:]
        assert list_movements(connection, "nobody") == []


def test_transactions_are_filtered(database: Database) -> None:
    fill(database)
    with database.read() as connection:
        whole = list_booked(connection, filters={})
        assert [(one.user, one.kind, one.amount) for one in whole[:2]] == [
            ("alice", "debit", -5),
            ("bob", "credit", 7),
        ]
        assert len(whole) == 6
        assert list_booked(connection, filters={"user": "bob"}) == [whole[1]]
        assert list_booked(connection, filters={"user": "bob", "kind": "debit"}) == []
        assert list_booked(connection, filters={}, before=Position(200, whole[1].id), limit=2) == whole[2:4]
        assert list_booked(connection, filters={}, since=200, until=300) == [whole[1]]
        assert (booked_amount(connection, "alice", "d"), booked_amount(connection, "bob", "d")) == (-5, None)
        assert list(wallet_balances(connection, after="alice")) == ["bob"]
        assert list(wallet_balances(connection, limit=1)) == ["alice"]
        assert refundable(connection, "req_1") is None
