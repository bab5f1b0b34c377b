"""Who calls, with everything that applies to their requests, put together once."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct, structs

from tidegate.config.schema import Bodies

from .settings import UNLIMITED, Budget, KeySettings, Limits, TeamSettings, UserSettings

__all__ = ["ANONYMOUS", "Caller", "Subject", "put_together"]


class Subject(Struct, frozen=True):
    """One of those whose limits and budgets apply to a request."""

    name: str
    """As in the store's spending: `key:…`, `user:…`, `team:…`."""
    limits: Limits = UNLIMITED
    budgets: Sequence[Budget] = ()


class Caller(Struct, frozen=True, kw_only=True):
    """An authenticated caller."""

    label: str | None = None
    """What records say: a key's name, or a user's. Never the key."""
    key: str | None = None
    """The id of the key; None for tokens of an identity provider, and for keys of the file."""
    user: str | None = None
    team: str | None = None
    wallet: bool = False
    """Whether a wallet pays for the requests."""
    margin: Decimal = Decimal(0)
    subjects: Sequence[Subject] = ()
    """Whose limits and budgets apply: only those that have any."""
    models: Sequence[Sequence[str]] = ()
    """Lists of patterns; a model has to match one of each."""
    providers: Sequence[frozenset[str]] = ()
    """Sets of names; a provider has to be in each."""
    addresses: Sequence[str] = ()
    bodies: Bodies | None = None
    """What is kept of the bodies of its requests; None: as configured."""
    expires_at: float | None = None
    """In seconds since 1970."""
    admin: bool = False


ANONYMOUS = Caller()
"""Everybody, where the gateway is open."""


def put_together(
    *,
    key: str | None,
    label: str,
    settings: KeySettings,
    user: str | None,
    user_settings: UserSettings | None,
    team: str | None,
    team_settings: TeamSettings | None,
    expires_at: float | None,
    billing: bool,
    default: Limits = UNLIMITED,
) -> Caller:
    """The caller with a key: what is set for the key, its user and their team. `default` are the limits of a
    key that sets none; a caller without a key is limited as a user instead.
    """
    if key is None and user_settings is not None and user_settings.limits == UNLIMITED:
        user_settings = structs.replace(user_settings, limits=default)
    elif key is not None and settings.limits == UNLIMITED:
        settings = structs.replace(settings, limits=default)
    parts = [(f"key:{key}", settings), (f"user:{user}", user_settings), (f"team:{team}", team_settings)]
    present = [(name, one) for name, one in parts if one is not None]
    return Caller(
        label=label,
        key=key,
        user=user,
        team=team,
        wallet=billing and user_settings is not None and user_settings.wallet,
        margin=Decimal(team_settings.margin) if team_settings is not None else Decimal(0),
        subjects=tuple(
            Subject(name, one.limits, one.budgets)
            for name, one in present
            if one.limits != UNLIMITED or one.budgets
        ),
        models=tuple(one.models for _, one in present if one.models),
        providers=tuple(frozenset(one.providers) for _, one in present if one.providers),
        addresses=settings.addresses,
        bodies=settings.bodies,
        expires_at=expires_at,
    )
