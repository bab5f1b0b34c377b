"""Whatever happens in whatever order, crashes included, the books are right after every step."""

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tidegate.money.ledger import wallet_of
from tidegate.store.books import balance_of
from tidegate.store.checking import check_books
from tidegate.store.database import Database
from tidegate.store.journal import Begun, Charge, Ended, Journal, Place, Released, abandoned
from tidegate.store.leases import take_lease
from tidegate.store.moving import bury, move, move_all, position_of
from tidegate.store.payments import book_dispute, book_payment, book_refund
from tidegate.store.schema import migrate
from tidegate.store.tables import holds, leases, records
from tidegate.store.wallets import (
    InsufficientBalance,
    add_credit,
    expire_grants,
    give_back,
    open_wallet,
    take_out,
)

USERS = ("alice", "bob")
OVERDRAFT = 5_000


class Worker:
    """One worker: its journal, and what it has leased and begun."""

    def __init__(self, place: Place, name: str) -> None:
        self.journal = Journal(place, name)
        self.left: dict[str, tuple[str, int]] = {}
        """Lease → user, what is left of it."""
        self.open: dict[str, tuple[str, str, int]] = {}
        """Request → user, lease, hold."""


class Ledger:
    """A ledger with one worker at a time, and what should be in it. Each step takes three numbers."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder / "journals")
        self.database = Database(f"sqlite:///{folder}/ledger.db")
        migrate(self.database)
        with self.database.write() as connection:
            for user in USERS:
                open_wallet(connection, user, OVERDRAFT)
        self.names = itertools.count()
        self.now = 1000
        self.worker = Worker(self.place, f"w{next(self.names)}")
        self.begun: set[str] = set()
        self.ended: dict[str, int] = {}
        """Request → cost, of those whose end was journaled."""

    def close(self) -> None:
        self.worker.journal.close()
        self.database.close()

    # --- money in and out ---------------------------------------------------------------------

    def credit(self, who: int, amount: int, life: int) -> None:
        expires_at = self.now + life if life % 3 == 0 else None
        with self.database.write() as connection:
            assert add_credit(
                connection, USERS[who % 2], 4 * amount, self.now, reference=f"c{next(self.names)}",
                expires_at=expires_at, priority=life % 2,
            )  # fmt: skip

    def debit(self, who: int, amount: int, _: int) -> None:
        with self.database.write() as connection:
            available = balance_of(connection, wallet_of(USERS[who % 2])).available
            try:
                take_out(connection, USERS[who % 2], amount, self.now, reference=f"d{next(self.names)}")
            except InsufficientBalance:
                assert amount > available
            else:
                assert amount <= available

    def time_passes(self, days: int, *_: int) -> None:
        self.now += days
        with self.database.write() as connection:
            expire_grants(connection, self.now)

    def refund(self, which: int, *_: int) -> None:
        if self.ended:
            request = sorted(self.ended)[which % len(self.ended)]
            with self.database.write() as connection:
                give_back(connection, request, self.now)
                assert give_back(connection, request, self.now) == 0

    # --- payments by somebody else ------------------------------------------------------------

    def pay(self, which: int, amount: int, _: int) -> None:
        with self.database.write() as connection:
            book_payment(connection, f"p{which % 4}", USERS[which % 2], amount, self.now, OVERDRAFT)

    def pay_back(self, which: int, total: int, _: int) -> None:
        with self.database.write() as connection:
            book_refund(connection, f"p{which % 4}", total, self.now)

    def dispute(self, which: int, withdrawn: int, reinstated: int) -> None:
        with self.database.write() as connection:
            for _ in range(2):
                settled = book_dispute(
                    connection, f"p{which % 4}", f"d{which % 8}", withdrawn, reinstated, self.now
                )
            assert not any(settled[1:]), "nothing is booked twice"

    # --- requests -----------------------------------------------------------------------------

    def lease(self, who: int, amount: int, most: int) -> None:
        user = USERS[who % 2]
        with self.database.write() as connection:
            before = balance_of(connection, wallet_of(user)).available
            lease = take_lease(connection, user, amount, 9 * most, 0, self.worker.journal.id, self.now)
            assert lease.amount == 0 or amount <= lease.amount <= before
            assert lease.amount or before < amount
        if lease.amount:
            self.worker.left[lease.id] = (user, lease.amount)

    def begin(self, which: int, share: int, _: int) -> None:
        usable = sorted(lease for lease, (_, left) in self.worker.left.items() if left)
        if not usable:
            return
        lease = usable[which % len(usable)]
        user, left = self.worker.left[lease]
        held = 1 + share % left
        request = f"r{next(self.names)}"
        self.worker.left[lease] = (user, left - held)
        self.worker.open[request] = (user, lease, held)
        self.begun.add(request)
        self.worker.journal.append(Begun(id=request, at=self.now, user=user, lease=lease, held=held))

    def end(self, which: int, first: int, second: int) -> None:
        if not self.worker.open:
            return
        request = sorted(self.worker.open)[which % len(self.worker.open)]
        costs = [cost for cost in (first, second % 500) if cost % 5]
        user, lease, held = self.worker.open.pop(request)
        cost = sum(costs)
        self.worker.journal.append(
            Ended(
                id=request, at=self.now, ended="complete", status=200, user=user, lease=lease, held=held,
                charges=tuple(Charge(number, one) for number, one in enumerate(costs)), cost=cost,
            )
        )  # fmt: skip
        self.ended[request] = cost
        owner, left = self.worker.left[lease]
        self.worker.left[lease] = (owner, left + held - min(cost, held))

    def release(self, which: int, *_: int) -> None:
        used = {lease for _, lease, _ in self.worker.open.values()}
        unused = sorted(self.worker.left.keys() - used)
        if unused:
            lease = unused[which % len(unused)]
            del self.worker.left[lease]
            self.worker.journal.append(Released(lease))

    # --- the journal --------------------------------------------------------------------------

    def move_lines(self, times: int, *_: int) -> None:
        """Move what is there; twice, as if the process had died before it knew of the commit."""
        journal = self.worker.journal
        position = position_of(self.database, journal.id)
        for _ in range(1 + times % 2):
            move(self.database, journal.id, journal.path, position, self.now)
        with self.database.read() as connection:
            found = dict(connection.execute(select(leases.c.id, leases.c.amount)).all())  # type: ignore[arg-type]
        expected = {lease: left for lease, (_, left) in self.worker.left.items()}
        for _, lease, held in self.worker.open.values():
            expected[lease] += held
        assert found == expected

    def crash(self, *_: int) -> None:
        """The worker is killed, and another one takes over."""
        self.worker.journal.close()
        for name, path, descriptor in list(abandoned(self.place)):
            move_all(self.database, name, path, self.now)
            bury(self.database, name, path, self.now)
            path.unlink()
            os.close(descriptor)
        self.worker = Worker(self.place, f"w{next(self.names)}")
        with self.database.read() as connection:
            found = dict(connection.execute(select(records.c.id, records.c.cost)).all())  # type: ignore[arg-type]
            assert set(found) == self.begun
            assert {name: cost for name, cost in found.items() if name in self.ended} == self.ended
            assert connection.execute(select(holds)).all() == []

    def check(self) -> None:
        with self.database.read() as connection:
            assert list(check_books(connection)) == []
            for user in USERS:
                balance = balance_of(connection, wallet_of(user))
                assert balance.posted >= -OVERDRAFT
                assert balance.held >= 0


STEPS: dict[str, Callable[..., None]] = {
    name: getattr(Ledger, name)
    for name in (
        "credit", "debit", "pay", "pay_back", "dispute", "time_passes", "refund", "lease", "begin", "begin",
        "end", "end", "release", "move_lines", "move_lines", "crash",
    )
}  # fmt: skip
NUMBERS = st.integers(1, 3000)
OFTEN = [
    "credit",
    "lease",
    "lease",
    "begin",
    "begin",
    "begin",
    "end",
    "end",
    "end",
    "move_lines",
    "move_lines",
]
STEP = st.tuples(st.sampled_from([*STEPS, *OFTEN]), NUMBERS, NUMBERS, NUMBERS)


@settings(max_examples=20)
@given(st.lists(STEP, min_size=30, max_size=60))
@example([("credit", 1, 1000, 1), ("lease", 1, 2000, 1), ("begin", 1, 1999, 1), ("end", 1, 2999, 499),
          ("move_lines", 2, 1, 1), ("credit", 1, 10, 1), ("crash", 1, 1, 1)])  # fmt: skip
@example([("credit", 1, 10, 1), *[("lease", 1, 5, 1), ("begin", 1, 4, 1)] * 3,
          *[("end", 1, 2999, 499)] * 3, ("move_lines", 2, 1, 1)])  # fmt: skip
def test_the_books_are_right_after_every_step(steps: list[tuple[str, int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        try:
            for name, *numbers in steps:
                STEPS[name](ledger, *numbers)
                ledger.check()
            ledger.crash()
            ledger.check()
        finally:
            ledger.close()
