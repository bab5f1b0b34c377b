"""Payments that a payment provider has reported, each booked once, and what was given back of them."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from tidegate.money.ledger import reversal, wallet_of

from .books import Booking, balance_of, book, open_accounts
from .keys import add_user
from .tables import payments
from .upsert import insert_new
from .wallets import add_credit, expire_grants, spend_grants

__all__ = ["Reversed", "book_payment", "book_reversal"]

PREFIX = "stripe:"
"""What the references of these transactions begin with."""


class Reversed(NamedTuple):
    """What giving a payment back has changed."""

    user: str | None
    """Whose payment it was; None if it is not known, or not yet."""
    debited: int = 0
    """Taken out of the wallet, in nano."""
    written_off: int = 0
    """What the wallet did not have any more, in nano."""


def book_payment(
    connection: Connection, payment: str, user: str, amount: int, now: int, overdraft: int
) -> Reversed | None:
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
    _change(connection, payment, {"user": user, "amount": amount})
    return _take_back(connection, payment, user, 0, min(row["reversed"], amount), now)


def book_reversal(connection: Connection, payment: str, total: int, now: int) -> Reversed:
    """Debit what was given back of a payment since it was last reported; `total` is all that was, in nano. Of
    a payment that is not known (yet), the total is kept: events may arrive in any order.
    """
    row = _row_of(connection, payment, now)
    before = row["reversed"]
    if total > before:
        _change(connection, payment, {"reversed": total})
    if row["user"] is None:
        return Reversed(None)
    upto = min(total, row["amount"])
    return _take_back(connection, payment, row["user"], before, upto, now)


def _take_back(
    connection: Connection, payment: str, user: str, before: int, total: int, now: int
) -> Reversed:
    amount = total - before
    if amount <= 0:
        return Reversed(user)
    expire_grants(connection, now, user)
    balance = balance_of(connection, wallet_of(user), lock=True)
    covered = max(0, min(amount, balance.available + balance.overdraft))
    reference = f"{PREFIX}{payment}:{total}"
    transaction = reversal(user, amount, covered, reference=reference, note="payment given back by Stripe")
    book(connection, [Booking(transaction, now)])
    if covered:
        spend_grants(connection, {user: covered})
    return Reversed(user, covered, amount - covered)


def _row_of(connection: Connection, payment: str, now: int) -> dict[str, Any]:
    """The row of a payment, locked until the transaction ends; a new one if there is none."""
    insert_new(connection, payments, ("id", "user", "amount", "reversed", "at"), [(payment, None, 0, 0, now)])
    query = select(payments).where(payments.c.id == payment).with_for_update()
    return dict(connection.execute(query).mappings().one())


def _change(connection: Connection, payment: str, values: dict[str, Any]) -> None:
    connection.execute(update(payments).where(payments.c.id == payment).values(**values))
