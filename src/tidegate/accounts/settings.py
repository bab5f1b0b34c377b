"""What may be set for a key, a user or a team: limits, budgets and permissions.

These structs are the JSON in the store, and what the admin API and the command line take. None sets nothing.
The limits of a key, its user and its team all apply, each by itself.
"""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tidegate.config import Config
from tidegate.money import nano_of

__all__ = [
    "UNLIMITED",
    "Budget",
    "KeySettings",
    "Limits",
    "TeamSettings",
    "UserSettings",
    "limits_of",
    "overdraft_of",
]

Count = Annotated[int, Meta(ge=1, le=10**12)]
Nano = Annotated[int, Meta(ge=0, le=2**53)]
Names = Annotated[tuple[Annotated[str, Meta(max_length=255)], ...], Meta(max_length=100)]


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much may be used at a time."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    """Tokens of prompts and completions."""
    concurrent: Count | None = None
    """Requests at the same time."""


UNLIMITED = Limits()


def limits_of(config: Config) -> Limits:
    """The limits of keys that set none."""
    given = config.limits
    return Limits(
        requests_per_minute=given.requests_per_minute,
        tokens_per_minute=given.tokens_per_minute,
        concurrent=given.concurrent,
    )


def overdraft_of(config: Config) -> int:
    """How far requests may overdraw a new wallet, in nano."""
    return nano_of(Decimal(str(config.billing.overdraft_usd)))


class Budget(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much may be spent in a period; it begins at 00:00 UTC, on the first of a month."""

    amount: Nano
    """In nano (10⁻⁹ USD)."""
    period: Literal["day", "month"] = "month"
    extra: Nano = 0
    """Added until `extra_until`: a temporary override."""
    extra_until: int | None = None
    """In milliseconds since 1970."""


class _Settings(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    limits: Limits = UNLIMITED
    budgets: tuple[Budget, ...] = ()
    models: Names = ()
    """Patterns of the models that may be called (`gpt-*`); none: all."""
    providers: Names = ()
    """Names of the providers that may be used; none: all."""


class KeySettings(_Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of a key."""

    addresses: Names = ()
    """Networks that it may be used from (`10.0.0.0/8`); none: all."""
    tags: Names = ()
    """Words of the operator's, for records."""
    bodies: Literal["full", "redacted", "none"] | None = None
    """What is kept of the bodies of its requests; None: as `[logs] bodies` says."""


class UserSettings(_Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of a user."""

    wallet: bool = True
    """Whether requests are paid from the user's wallet, where billing is enabled."""
    low_balance: Nano | None = None
    """Below how much the wallet is reported to the operator, in nano; None: `billing.low_balance_usd`, 0:
    never."""


class TeamSettings(_Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of a team, for all its users together."""

    margin: str = "0"
    """Added to the cost of its requests: `0.2` is a fifth more, `-0.1` a discount of a tenth."""
