"""Payments, refunds and disputes: whatever order their events come in, the books end up the same."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.store.checking import check_books
from tidegate.store.database import Connection, Database
from tidegate.store.payments import book_dispute, book_payment, book_refund
from tidegate.store.wallets import wallet_balances

PAID = 2500
OVERDRAFT = 10_000
"""So much that nothing is written off: then a balance depends only on what was reported."""

Event = Callable[[Connection, str], object]


def paid(connection: Connection, name: str) -> None:
    book_payment(connection, name, "alice", PAID, 1, OVERDRAFT)


def refunded(total: int) -> Event:
    return lambda connection, name: book_refund(connection, name, total, 2)


def disputed(which: str, withdrawn: int, reinstated: int) -> Event:
    return lambda connection, name: book_dispute(
        connection, name, f"{name}-{which}", withdrawn, reinstated, 3
    )


STORIES: dict[str, tuple[list[Event], int]] = {
    "refunded bit by bit": ([paid, refunded(700), refunded(900)], PAID - 900),
    "a dispute that was lost": ([paid, disputed("a", PAID, 0)], 0),
    "a dispute that was won": ([paid, disputed("a", PAID, 0), disputed("a", PAID, PAID)], PAID),
    "won in part": ([paid, disputed("a", PAID, 0), disputed("a", PAID, 600)], 600),
    "refunded and disputed": ([paid, refunded(1000), disputed("a", PAID, 0)], 0),
    "two disputes": ([paid, disputed("a", 1000, 0), disputed("b", 800, 0), disputed("b", 800, 800)], 1500),
    "more is refunded than was paid": ([paid, refunded(9999)], 0),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
def test_events_in_any_order_and_number_come_to_the_same(database: Database, data: st.DataObject) -> None:
    events, left = STORIES[data.draw(st.sampled_from(sorted(STORIES)))]
    again = data.draw(st.lists(st.sampled_from(range(len(events))), max_size=4))
    order = data.draw(st.permutations([*range(len(events)), *again]))
    with database.write() as connection:
        savepoint = connection.begin_nested()
        for number in order:
            events[number](connection, "pi_1")
            assert 0 <= balance(connection) <= PAID
        assert balance(connection) == left
        assert list(check_books(connection)) == []
        savepoint.rollback()


def balance(connection: Connection) -> int:
    found = wallet_balances(connection, ["alice"])
    return found["alice"].posted if found else 0
