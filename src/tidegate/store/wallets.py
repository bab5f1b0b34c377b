"""Wallets: money in and out, and the credits that a wallet's balance consists of.

What a wallet holds came in as credits. Each is a row of `grants` until it is used up: the remainders of a
wallet's grants sum to its balance while that is positive.
"""

from collections.abc import Mapping, Sequence

from msgspec.json import encode
from sqlalchemy import Connection, func, select, update

from tidegate.money.ledger import credit, debit, expiry, refund, wallet_of

from .books import Balance, Booking, balance_of, book, lock_accounts, of_request, open_accounts
from .driver import execute, is_sqlite, members
from .tables import accounts, grants, transactions
from .upsert import change_rows

__all__ = [
    "InsufficientBalance",
    "add_credit", "book_credit", "expire_grants", "give_back", "open_wallet", "refundable", "spend_grants",
    "take_out", "users_with_expired", "wallet_balances",
]  # fmt: skip


class InsufficientBalance(Exception):
    """The wallet holds less than what is to be taken out."""


def open_wallet(connection: Connection, user: str, overdraft: int) -> None:
    """Open a user's wallet, or change how far it may be overdrawn, in nano."""
    account = wallet_of(user)
    open_accounts(connection, [account], overdraft)
    connection.execute(update(accounts).where(accounts.c.id == account).values(overdraft=overdraft))


def add_credit(
    connection: Connection,
    user: str,
    amount: int,
    now: int,
    *,
    reference: str,
    note: str = "",
    expires_at: int | None = None,
    priority: int = 0,
) -> bool:
    """Pay money into a wallet. Returns False where a credit with this reference is booked already.

    Credits with a lower `priority` are spent first, then those that expire earlier.
    """
    booking = Booking(credit(user, amount, reference=reference, note=note), now)
    return book_credit(connection, booking, amount, expires_at, priority)


def book_credit(
    connection: Connection, booking: Booking, amount: int, expires_at: int | None = None, priority: int = 0
) -> bool:
    """Book a transaction that adds to its user's wallet. Returns False where it is booked already."""
    if not book(connection, [booking]):
        return False
    _grant(connection, booking, amount, expires_at, priority)
    return True


def take_out(
    connection: Connection, user: str, amount: int, now: int, *, reference: str, note: str = ""
) -> bool:
    """Take money out of a wallet. Returns False where a debit with this reference is booked already. Raises
    InsufficientBalance where less than that is available.
    """
    expire_grants(connection, now, user)
    balance = balance_of(connection, wallet_of(user), lock=True)
    booking = Booking(debit(user, amount, reference=reference, note=note), now)
    if amount > balance.available:
        if _is_booked(connection, booking):
            return False
        raise InsufficientBalance
    if not book(connection, [booking]):
        return False
    spend_grants(connection, {user: amount})
    return True


def give_back(connection: Connection, request: str, now: int, note: str = "") -> int:
    """Refund what the wallet paid for a request, once. Returns the amount; 0 where there is nothing to give
    back.
    """
    found = refundable(connection, request)
    if found is None:
        return 0
    user, amount = found
    booking = Booking(refund(user, amount, request, note=note), now)
    return amount if book_credit(connection, booking, amount) else 0


def refundable(connection: Connection, request: str) -> tuple[str, int] | None:
    """Who has paid for a request, and how much in nano, whether it was refunded or not; None if no wallet
    has.
    """
    query = (
        select(transactions.c.user, func.sum(transactions.c.amount))
        .where(of_request(connection, request), transactions.c.kind.in_(("charge", "overrun")))
        .group_by(transactions.c.user)
    )
    row = connection.execute(query).first()
    return (row[0], -int(row[1])) if row is not None and row[1] < 0 else None


def spend_grants(connection: Connection, amounts: Mapping[str, int]) -> None:
    """Take what users have spent from their credits: the lowest priority first, then the earliest expiry,
    then the oldest.
    """
    if not amounts:
        return
    left, rows = dict(amounts), []
    for grant, user, remaining in execute(connection, _left(connection), [encode(list(amounts)).decode()]):
        taken = min(left[user], remaining)
        if taken:
            left[user] -= taken
            rows.append((grant, remaining - taken))
    change_rows(connection, grants, "remaining", rows)


def _left(connection: Connection) -> str:
    """The statement that reads the credits of some users in the order in which they are spent."""
    lock = "" if is_sqlite(connection) else " FOR UPDATE"
    return (
        f'SELECT id, "user", remaining FROM grants WHERE "user" IN {members(connection)} '  # noqa: S608 no values
        f'AND remaining > 0 ORDER BY "user", priority, expires_at IS NULL, expires_at, at, id{lock}'
    )


def users_with_expired(connection: Connection, now: int) -> Sequence[str]:
    """The users who have credits whose time is over, of which something is left that is not held for open
    requests.
    """
    query = (
        select(grants.c.user)
        .distinct()
        .join(accounts, accounts.c.id == "wallet:" + grants.c.user)
        .where(grants.c.expires_at <= now, grants.c.remaining > 0, accounts.c.posted > accounts.c.held)
    )
    return connection.execute(query).scalars().all()


def expire_grants(connection: Connection, now: int, user: str | None = None) -> int:
    """Book out what is left of credits whose time is over, of all users or of one, but not what is held for
    open requests. Returns how many expired.
    """
    owners = [user] if user is not None else users_with_expired(connection, now)
    lock_accounts(connection, map(wallet_of, owners))
    return sum(_expire(connection, now, owner) for owner in owners)


def _expire(connection: Connection, now: int, user: str) -> int:
    due = (
        select(grants.c.id, grants.c.remaining)
        .where(grants.c.user == user, grants.c.expires_at <= now, grants.c.remaining > 0)
        .order_by(grants.c.expires_at, grants.c.id)
        .with_for_update()
    )
    expired = 0
    for grant, remaining in connection.execute(due).all():
        amount = min(remaining, balance_of(connection, wallet_of(user), lock=True).available)
        if amount <= 0 or not book(connection, [Booking(expiry(user, amount, f"{grant}:{remaining}"), now)]):
            continue
        connection.execute(
            update(grants).where(grants.c.id == grant).values(remaining=grants.c.remaining - amount)
        )
        expired += 1
    return expired


def wallet_balances(
    connection: Connection,
    users: Sequence[str] | None = None,
    *,
    after: str = "",
    limit: int | None = None,
) -> dict[str, Balance]:
    """Balances by user, of all wallets or of these users', beginning behind `after`."""
    query = select(accounts.c.user, accounts.c.posted, accounts.c.held, accounts.c.overdraft).where(
        accounts.c.kind == "wallet"
    )
    if users is not None:
        query = query.where(accounts.c.user.in_(users))
    if after:
        query = query.where(accounts.c.user > after)
    if limit is not None:
        query = query.limit(limit)
    return {user: Balance(*rest) for user, *rest in connection.execute(query.order_by(accounts.c.user))}


def _grant(
    connection: Connection, booking: Booking, amount: int, expires_at: int | None, priority: int
) -> None:
    """Record a credit. What the wallet owed before is paid from it at once."""
    user = booking.transaction.user
    posted = balance_of(connection, wallet_of(user)).posted
    row = {
        "id": booking.id, "user": user, "amount": amount, "remaining": max(0, min(amount, posted)),
        "priority": priority, "expires_at": expires_at, "at": booking.at,
    }  # fmt: skip
    connection.execute(grants.insert(), [row])


def _is_booked(connection: Connection, booking: Booking) -> bool:
    query = select(transactions.c.id).where(transactions.c.id == booking.id)
    return connection.execute(query).first() is not None
