"""The books: what every movement of money writes, in double entry.

A wallet's balance is what we owe its user. Money that comes in moves from `outside` to the wallet; what a
request costs moves from the wallet to `revenue`. So the balance of a wallet, and of `revenue`, is positive,
and that of `outside` is the negative of all that was ever paid in.

A transaction is about one user's wallet. It says what it adds to that, what it adds to `write_off` where the
wallet has too little, and the account that gives or receives both: its entries sum to zero whatever it is.

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
    """A movement of money."""

    kind: Kind
    user: str
    amount: int = 0
    """What it adds to the wallet of its user, in nano."""
    written_off: int = 0
    """What it adds to WRITE_OFF."""
    counter: str
    """The account that both are taken from."""
    request: str | None = None
    attempt: int = 0
    reference: str | None = None
    """The caller's own id, unique: a second transaction with it is not booked."""
    note: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it adds to each account that it concerns. They sum to zero."""
        added = (
            Entry(wallet_of(self.user), self.amount),
            Entry(WRITE_OFF, self.written_off),
            Entry(self.counter, -self.amount - self.written_off),
        )
        return tuple([one for one in added if one.amount])


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
        kind="credit", user=user, amount=_above_zero(amount), counter=OUTSIDE, reference=reference, note=note
    )


def debit(user: str, amount: int, *, reference: str | None = None, note: str = "") -> Transaction:
    """Money is taken out."""
    return Transaction(
        kind="debit", user=user, amount=-_above_zero(amount), counter=OUTSIDE, reference=reference, note=note
    )


def refund(user: str, amount: int, request: str, *, note: str = "") -> Transaction:
    """A request's cost is given back, once."""
    return Transaction(
        kind="refund", user=user, amount=_above_zero(amount), counter=REVENUE, request=request, note=note
    )


def reversal(user: str, amount: int, covered: int, *, reference: str, note: str = "") -> Transaction:
    """A payment is given back to its payer: `covered` of it leaves the wallet, and the rest, which is spent
    already, is written off.
    """
    return Transaction(
        kind="reversal", user=user, amount=-covered, written_off=covered - amount, counter=OUTSIDE,
        reference=reference, note=note,
    )  # fmt: skip


def reinstatement(user: str, amount: int, recovered: int, *, reference: str, note: str = "") -> Transaction:
    """A payment that was given back returns: `recovered` of it was written off then, the rest left the
    wallet.
    """
    return Transaction(
        kind="reinstatement", user=user, amount=amount - recovered, written_off=recovered, counter=OUTSIDE,
        reference=reference, note=note,
    )  # fmt: skip


def expiry(user: str, amount: int, grant: str) -> Transaction:
    """What is left of a credit expires, once."""
    return Transaction(
        kind="expiry", user=user, amount=-_above_zero(amount), counter=EXPIRED, reference=f"expiry:{grant}"
    )


def charges(user: str, request: str, attempt: int, cost: int, held: int, room: int) -> list[Transaction]:
    """What a request's cost writes: nothing beyond the hold is a `charge`. The rest is an `overrun` as far as
    `room` (what is available, and the overdraft) goes, then a `write_off`, which the wallet does
    not pay.
    """
    charged = min(cost, held)
    overrun = min(cost - charged, max(0, room))
    parts: list[tuple[Kind, int, int]] = [
        ("charge", charged, 0),
        ("overrun", overrun, 0),
        ("write_off", 0, cost - charged - overrun),
    ]
    return [
        Transaction(
            kind=kind, user=user, amount=-paid, written_off=-unpaid, counter=REVENUE, request=request,
            attempt=attempt,
        )
        for kind, paid, unpaid in parts
        if paid or unpaid
    ]  # fmt: skip


def _above_zero(amount: int) -> int:
    assert amount > 0, "an amount moves in its own direction"
    return amount
