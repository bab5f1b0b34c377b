"""How an attempt ended, and what that means for whom."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.protocols.usage import Usage

__all__ = ["ACCOUNT_S", "FUNDS_S", "Effect", "Outcome", "effect_of"]

ACCOUNT_S = 300.0
"""How long a credential that was refused is left alone, in seconds."""
FUNDS_S = 3600.0
"""How long a credential without funds is left alone, in seconds."""

FUNDS_WORDS = frozenset(
    [
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",
        "insufficient_funds",
    ]
)
"""Codes and types of providers' errors that say that the account has no funds, whatever their status."""

MODEL_WORDS = frozenset(["model_not_found"])
"""Codes that say that this account has no such model."""

Header: TypeAlias = tuple[bytes, bytes]

Effect = Literal["success", "nothing", "overtaken", "failure", "rate", "account", "funds", "model"]
"""What an attempt's end does. `success` and `failure` count for the endpoint. `nothing` counts for nobody.
`overtaken` is no failure either, but the endpoint's figures learn how long nothing came.
`rate` closes the endpoint for this credential. `account` and `funds` close the credential. `model` closes the
endpoint."""


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of an attempt."""

    error: TidegateError | None = None
    """What went wrong at the provider; None for a complete answer."""
    abandoned: bool = False
    """Whether we ended it: the client left, or the gateway shut down."""
    overtaken: bool = False
    """Whether we ended it because the attempt beside it was the first to answer (see `hedging`)."""
    usage: Usage | None = None
    """What was used; None where it was not reported."""
    headers: Sequence[Header] = ()
    """The provider's headers, also of an error: its rate limits are read from them."""


def effect_of(outcome: Outcome) -> Effect:
    """What an attempt's end does: by the fault of its error."""
    error = outcome.error
    if outcome.overtaken:
        return "overtaken"
    if outcome.abandoned:
        return "nothing"
    if error is None:
        return "success"
    if not isinstance(error, ProviderError):
        return "nothing"
    fault = error.fault
    if fault == "account":
        return _effect_on_account(error)
    return "failure" if fault == "provider" else "rate" if fault == "rate" else "nothing"


def _effect_on_account(error: ProviderError) -> Effect:
    words = {error.code, error.type}
    if error.status == 402 or words & FUNDS_WORDS:
        return "funds"
    return "model" if error.status == 404 or words & MODEL_WORDS else "account"
