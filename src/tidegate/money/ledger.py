"""The books: what every movement of money writes, as entries that sum to zero.

A wallet's balance is what we owe its user. Money that comes in moves from `outside` to the wallet; what a
request costs moves from the wallet to `revenue`. So the balance of a wallet, and of `revenue`, is positive,
and that of `outside` is the negative of all that was ever paid in.

Nothing here knows a database: `tidegate.store` writes what these functions return.
"""

from typing import Literal

from msgspec import Struct

__all__ = [
    "EXPIRED",
    "OUTSIDE",
    "REVENUE",
    "WRITE_OFF",
    "Entry",
    "Kind",
    "Transaction",
    "charges",
    "credit",
    "debit",
    "expiry",
    "kind_of_account",
    "owner_of",
    "refund",
    "reinstatement",
    "reversal",
    "wallet_of",
]

REVENUE, OUTSIDE, WRITE_OFF, EXPIRED = "revenue", "outside", "write_off", "expired"
"""The accounts beside the wallets: what was earned, where money comes from, what nobody pays, and credits
that nobody used in time."""

WALLET = "wallet:"

Kind = Literal[
    "credit", "debit", "charge", "overrun", "write_off", "refund", "reversal", "reinstatement", "expiry"
]
"""What a transaction is:

- `credit`: money or a gift is paid in
- `debit`: an operator takes money out
- `charge`: a request's cost, up to what was held for it
- `overrun`: the part of a cost beyond its hold, from the wallet
- `write_off`: the part that the wallet's overdraft does not cover
- `refund`: a request's cost is given back
- `reversal`: a payment is given back by the service that took it, or taken from it in a dispute
- `reinstatement`: what was taken in a dispute comes back
- `expiry`: a credit that was not used in time
"""


class Entry(Struct, frozen=True, gc=False):
    """What a transaction adds to an account, in nano."""

    account: str
    amount: int


class Transaction(Struct, frozen=True, kw_only=True, gc=False):
    """A movement of money. Its entries sum to zero."""

    kind: Kind
    user: str
    entries: tuple[Entry, ...]
    request: str | None = None
    attempt: int = 0
    reference: str | None = None
    """The caller's own id, unique: a second transaction with it is not booked."""
    note: str = ""

    @property
    def amount(self) -> int:
        """What moves, in nano: the positive half of the entries."""
        amount = 0
        for entry in self.entries:
            if entry.amount > 0:
                amount += entry.amount
        return amount


def wallet_of(user: str) -> str:
    """The account of a user's wallet."""
    return WALLET + user


def owner_of(account: str) -> str | None:
    """The user whose wallet this account is; None for the others."""
    return account.removeprefix(WALLET) if account.startswith(WALLET) else None


def kind_of_account(account: str) -> str:
    """`wallet`, or the account's own name."""
    return "wallet" if account.startswith(WALLET) else account


def credit(user: str, amount: int, *, reference: str | None = None, note: str = "") -> Transaction:
    """Money is paid in."""
    return Transaction(
        kind="credit", user=user, entries=_move(OUTSIDE, wallet_of(user), amount), reference=reference,
        note=note,
    )  # fmt: skip


def debit(user: str, amount: int, *, reference: str | None = None, note: str = "") -> Transaction:
    """Money is taken out."""
    return Transaction(
        kind="debit", user=user, entries=_move(wallet_of(user), OUTSIDE, amount), reference=reference,
        note=note,
    )  # fmt: skip


def refund(user: str, amount: int, request: str, *, note: str = "") -> Transaction:
    """A request's cost is given back, once."""
    return Transaction(
        kind="refund", user=user, entries=_move(REVENUE, wallet_of(user), amount), request=request, note=note
    )


def reversal(user: str, amount: int, covered: int, *, reference: str, note: str = "") -> Transaction:
    """A payment is given back to its payer: `covered` of it leaves the wallet, and the rest, which is spent
    already, is written off.
    """
    parts = [(wallet_of(user), -covered), (WRITE_OFF, covered - amount), (OUTSIDE, amount)]
    entries = tuple(Entry(account, part) for account, part in parts if part)
    return Transaction(kind="reversal", user=user, entries=entries, reference=reference, note=note)


def reinstatement(user: str, amount: int, recovered: int, *, reference: str, note: str = "") -> Transaction:
    """A payment that was given back returns: `recovered` of it was written off then, the rest left the
    wallet.
    """
    parts = [(OUTSIDE, -amount), (WRITE_OFF, recovered), (wallet_of(user), amount - recovered)]
    entries = tuple(Entry(account, part) for account, part in parts if part)
    return Transaction(kind="reinstatement", user=user, entries=entries, reference=reference, note=note)


def expiry(user: str, amount: int, grant: str) -> Transaction:
    """What is left of a credit expires, once."""
    return Transaction(
        kind="expiry", user=user, entries=_move(wallet_of(user), EXPIRED, amount), reference=f"expiry:{grant}"
    )


def charges(user: str, request: str, attempt: int, cost: int, held: int, room: int) -> list[Transaction]:
    """What a request's cost writes: nothing beyond the hold is a `charge`. The rest is an `overrun` as far as
    `room` (what is available, and the overdraft) goes, then a `write_off`, which the wallet does
    not pay.
    """
    wallet = wallet_of(user)
    if 0 < cost <= held:  # all but a few
        return [_charge("charge", user, request, attempt, wallet, cost)]
    charged = min(cost, held)
    overrun = min(cost - charged, max(0, room))
    parts: list[tuple[Kind, str, int]] = [
        ("charge", wallet, charged),
        ("overrun", wallet, overrun),
        ("write_off", WRITE_OFF, cost - charged - overrun),
    ]
    return [_charge(kind, user, request, attempt, payer, amount) for kind, payer, amount in parts if amount]


def _charge(kind: Kind, user: str, request: str, attempt: int, payer: str, amount: int) -> Transaction:
    return Transaction(
        kind=kind, user=user, entries=_move(payer, REVENUE, amount), request=request, attempt=attempt
    )


def _move(source: str, destination: str, amount: int) -> tuple[Entry, Entry]:
    assert amount > 0, "an amount moves in its own direction"
    return Entry(source, -amount), Entry(destination, amount)
