"""Payments that a payment provider has reported, each booked once, and what was given back of them: refunds
that have not failed, and what disputes have taken and brought back.

Events arrive in any order and more than once. So what is kept are totals that only grow, and what is booked
is the difference between what they say and what the books say.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, select, update

from tidegate.money.ledger import reinstatement, reversal, wallet_of

from .books import Booking, balance_of, book, open_accounts
from .keys import add_user
from .tables import disputes, payments, refunds, transactions
from .upsert import insert_new
from .wallets import add_credit, book_credit, expire_grants, spend_grants

__all__ = ["Settled", "book_dispute", "book_payment", "book_refund", "book_single_refund"]

PREFIX = "stripe:"
"""What the references of these transactions begin with."""


class Settled(NamedTuple):
    """What an event has changed. All amounts are in nano."""

    user: str | None
    """Whose payment it is about; None if it is not known, or not yet."""
    debited: int = 0
    """Taken out of the wallet."""
    written_off: int = 0
    """What the wallet did not have any more."""
    credited: int = 0
    """Brought back into the wallet."""
    recovered: int = 0
    """What came back of what was written off before."""


class _Booked(NamedTuple):
    """What the books say was given back of a payment."""

    given_back: int
    """What came back since is deducted."""
    written_off: int
    """The part of it that no wallet has paid."""
    transactions: int


def book_payment(
    connection: Connection, payment: str, user: str, amount: int, now: int, overdraft: int
) -> Settled | None:
    """Credit a payment to a user's wallet, which it opens, and debit what was given back of it before.
    Returns None if the payment is booked already.
    """
    row = _row_of(connection, payment, now)
    if row["user"] is not None:
        return None
    add_user(connection, user, now)
    open_accounts(connection, [wallet_of(user)], overdraft)
    reference = f"{PREFIX}{payment}"
    add_credit(connection, user, amount, now, reference=reference, note="payment by Stripe")
    paid = {"user": user, "amount": amount}
    _change(connection, payment, paid)
    return _settle(connection, {**row, **paid}, now)


def book_refund(connection: Connection, payment: str, total: int, now: int) -> Settled:
    """Debit what was refunded of a payment since it was last reported; `total` is all that was, in nano. Of
    a payment that is not known (yet), the total is kept.
    """
    row = _row_of(connection, payment, now)
    if total > row["reversed"]:
        _change(connection, payment, {"reversed": total})
        row["reversed"] = total
    return _settle(connection, row, now)


def book_single_refund(
    connection: Connection, payment: str, refund: str, amount: int, failed: bool, now: int
) -> Settled:
    """Debit a refund, unless `book_refund` has done so; of one that has `failed`, credit what was debited.
    Of a payment that is not known (yet), it is kept.
    """
    row = _row_of(connection, payment, now)
    columns = ("id", "payment", "amount", "failed", "at")
    insert_new(connection, refunds, columns, [(refund, payment, amount, int(failed), now)])
    if failed:  # which does not change any more
        connection.execute(update(refunds).where(refunds.c.id == refund).values(failed=1))
    return _settle(connection, row, now)


def book_dispute(
    connection: Connection, payment: str, dispute: str, withdrawn: int, reinstated: int, now: int
) -> Settled:
    """Debit what was withdrawn because of a dispute since it was last reported, and credit what was
    reinstated; both are all that was, in nano. Of a payment that is not known (yet), they are kept.
    """
    row = _row_of(connection, payment, now)
    columns = ("id", "payment", "withdrawn", "reinstated", "at")
    insert_new(connection, disputes, columns, [(dispute, payment, 0, 0, now)])
    mine = disputes.c.id == dispute
    before = connection.execute(select(disputes).where(mine)).mappings().one()
    totals = {
        "withdrawn": max(withdrawn, before["withdrawn"]),
        "reinstated": max(reinstated, before["reinstated"]),
    }
    connection.execute(update(disputes).where(mine).values(**totals))
    return _settle(connection, row, now)


def _settle(connection: Connection, row: dict[str, Any], now: int) -> Settled:
    """Book what was given back of a payment, or has come back of that, and is not in the books yet."""
    user, payment = row["user"], row["id"]
    if user is None:
        return Settled(None)
    booked = _booked_of(connection, user, payment)
    refunded = _refunded(connection, payment, row["reversed"])
    due = min(row["amount"], refunded + _taken_by_disputes(connection, payment))
    reference = f"{PREFIX}{payment}:{booked.transactions + 1}"
    if due > booked.given_back:
        return _take_back(connection, user, due - booked.given_back, reference, now)
    if due < booked.given_back:
        recovered = min(booked.given_back - due, booked.written_off)
        return _bring_back(connection, user, booked.given_back - due, recovered, reference, now)
    return Settled(user)


def _take_back(connection: Connection, user: str, amount: int, reference: str, now: int) -> Settled:
    expire_grants(connection, now, user)
    balance = balance_of(connection, wallet_of(user), lock=True)
    covered = max(0, min(amount, balance.available + balance.overdraft))
    transaction = reversal(user, amount, covered, reference=reference, note="payment given back by Stripe")
    book(connection, [Booking(transaction, now)])
    if covered:
        spend_grants(connection, {user: covered})
    return Settled(user, debited=covered, written_off=amount - covered)


def _bring_back(
    connection: Connection, user: str, amount: int, recovered: int, reference: str, now: int
) -> Settled:
    note = "payment reinstated by Stripe"
    transaction = reinstatement(user, amount, recovered, reference=reference, note=note)
    credited = amount - recovered
    if credited:
        book_credit(connection, Booking(transaction, now), credited)
    else:
        book(connection, [Booking(transaction, now)])
    return Settled(user, credited=credited, recovered=recovered)


def _refunded(connection: Connection, payment: str, total: int) -> int:
    """What refunds have given back that have not failed, as far as that is known: of those that are known one
    by one, or of the highest `total` that was reported. Whether later totals still contain what has failed,
    Stripe does not say; neither of the two is ever too much.
    """
    lasting = case((refunds.c.failed == 0, refunds.c.amount), else_=0)
    query = select(func.sum(lasting), func.sum(refunds.c.amount)).where(refunds.c.payment == payment)
    given, made = (int(one or 0) for one in connection.execute(query).one())
    return max(given, total - (made - given))


def _taken_by_disputes(connection: Connection, payment: str) -> int:
    taken = disputes.c.withdrawn - disputes.c.reinstated
    query = select(func.sum(case((taken > 0, taken), else_=0))).where(disputes.c.payment == payment)
    return int(connection.execute(query).scalar() or 0)


def _booked_of(connection: Connection, user: str, payment: str) -> _Booked:
    """What the reversals and reinstatements of a payment come to."""
    prefix = f"{user}\n{PREFIX}{payment}:"
    columns = transactions.c
    query = select(func.sum(columns.amount), func.sum(columns.written_off), func.count()).where(
        columns.user == user,
        columns.kind.in_(("reversal", "reinstatement")),
        func.substr(columns.reference, 1, len(prefix)) == prefix,
    )
    added, written_off, count = connection.execute(query).one()
    return _Booked(-int(added or 0) - int(written_off or 0), -int(written_off or 0), count)


def _row_of(connection: Connection, payment: str, now: int) -> dict[str, Any]:
    """The row of a payment, locked until the transaction ends; a new one if there is none."""
    insert_new(connection, payments, ("id", "user", "amount", "reversed", "at"), [(payment, None, 0, 0, now)])
    query = select(payments).where(payments.c.id == payment).with_for_update()
    return dict(connection.execute(query).mappings().one())


def _change(connection: Connection, payment: str, values: dict[str, Any]) -> None:
    connection.execute(update(payments).where(payments.c.id == payment).values(**values))
