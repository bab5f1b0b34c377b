"""What the admin API answers with. Times are in milliseconds since 1970, amounts in USD."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec
from fastapi import Response
from msgspec import Struct

from tidegate.accounts.checks import State
from tidegate.accounts.settings import KeySettings, TeamSettings, UserSettings
from tidegate.money import usd
from tidegate.store.books import Balance

__all__ = [
    "CreditView",
    "KeyView",
    "KeyWithSecret",
    "Moved",
    "Movement",
    "Page",
    "Refund",
    "TeamView",
    "Transaction",
    "Usage",
    "UserView",
    "WalletDetails",
    "WalletView",
    "respond",
    "wallet_view",
]  # fmt: skip

T = TypeVar("T")

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Page(Struct, Generic[T], frozen=True):
    """A page of a list."""

    data: Sequence[T]
    next: str | None = None
    """What to send as `after` for the next page; null after the last one."""


class KeyView(Struct, frozen=True, kw_only=True):
    """A key, without the key itself."""

    id: str
    name: str
    prefix: str
    """Its first characters."""
    user: str | None
    state: State
    settings: KeySettings
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    """When it stopped, or will stop, to work; that of a rotated key is at the end of its overlap."""
    replaces: str | None
    """The key that was rotated for this one."""


class KeyWithSecret(KeyView, frozen=True, kw_only=True):
    """A new key."""

    secret: str
    """The key. It is shown only now."""


class UserView(Struct, frozen=True, kw_only=True):
    """A user."""

    id: str
    name: str
    team: str | None
    settings: UserSettings
    created_at: int
    disabled_at: int | None


class TeamView(Struct, frozen=True, kw_only=True):
    """A team."""

    id: str
    name: str
    settings: TeamSettings
    created_at: int


class WalletView(Struct, frozen=True, kw_only=True):
    """A wallet."""

    user: str
    balance_usd: Decimal
    held_usd: Decimal
    """Held for open requests, and leased by workers for the next ones."""
    available_usd: Decimal
    overdraft_usd: Decimal
    """How far requests may overdraw it."""


class CreditView(Struct, frozen=True, kw_only=True):
    """A credit of which something is left."""

    id: str
    amount_usd: Decimal
    remaining_usd: Decimal
    priority: int
    expires_at: int | None
    at: int


class WalletDetails(WalletView, frozen=True, kw_only=True):
    """A wallet, and the credits that are left in the order in which they are spent."""

    credits: Sequence[CreditView]


class Moved(Struct, frozen=True, kw_only=True):
    """A credit or debit."""

    booked: bool
    """False where this idempotency key was booked before: nothing has changed."""
    amount_usd: Decimal
    reference: str
    wallet: WalletView


class Refund(Struct, frozen=True, kw_only=True):
    """A refund."""

    booked: bool
    """False where the request was refunded before."""
    request: str
    user: str
    amount_usd: Decimal


class Movement(Struct, frozen=True, kw_only=True):
    """A transaction of a wallet."""

    id: str
    kind: str
    at: int
    amount_usd: Decimal
    """What it adds to the wallet."""
    balance_usd: Decimal
    """What the wallet has after it."""
    request: str | None
    reference: str | None
    note: str
    expires_at: int | None
    """When what is left of a credit expires; null: never, or it is no credit."""


class Transaction(Struct, frozen=True, kw_only=True):
    """A transaction."""

    id: str
    kind: str
    at: int
    user: str | None
    amount_usd: Decimal
    """What it adds to the user's wallet; for a write-off, what nobody pays."""
    request: str | None
    reference: str | None
    note: str


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the requests of a group have cost."""

    day: str | None = None
    user: str | None = None
    team: str | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    requests: int
    unpriced: int
    """How many of them have no known cost."""
    cost_usd: Decimal


def wallet_view(user: str, balance: Balance) -> WalletView:
    """A wallet, as it is shown."""
    return WalletView(
        user=user,
        balance_usd=usd(balance.posted),
        held_usd=usd(balance.held),
        available_usd=usd(balance.available),
        overdraft_usd=usd(balance.overdraft),
    )


def respond(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON."""
    return Response(_encode(value), status, headers, "application/json")
