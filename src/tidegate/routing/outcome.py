"""The outcome of an attempt, and its effect."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.protocols.usage import Usage

__all__ = ["ACCOUNT_S", "FUNDS_S", "Effect", "Outcome", "effect_of"]

ACCOUNT_S = 300.0
"""How long a rejected credential is blocked, in seconds."""
FUNDS_S = 3600.0
"""How long a credential without funds is blocked, in seconds."""

FUNDS_WORDS = frozenset(
    [
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",
        "insufficient_funds",
    ]
)
"""Codes and types of provider errors that mean that the account has no funds, whatever the status."""

MODEL_WORDS = frozenset(["model_not_found"])
"""Codes that mean that this account does not have the model."""

Header: TypeAlias = tuple[bytes, bytes]

Effect = Literal["success", "nothing", "overtaken", "failure", "rate", "account", "funds", "model"]
"""The effect of an attempt's end. `success` and `failure` count for the endpoint. `nothing` has no effect.
`overtaken` is not a failure either, but the silence counts for the endpoint's figures. `rate` blocks the
credential at the endpoint, `account` and `funds` block the credential, `model` blocks the endpoint."""


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of an attempt."""

    error: TidegateError | None = None
    """The provider's failure; None for a complete answer."""
    abandoned: bool = False
    """Whether the gateway ended it: the client disconnected, or the gateway shut down."""
    overtaken: bool = False
    """Whether the gateway ended it because a parallel attempt answered first (see `hedging`)."""
    usage: Usage | None = None
    """The usage; None if not reported."""
    headers: Sequence[Header] = ()
    """The provider's headers, including those of an error: rate limits are read from them."""


def effect_of(outcome: Outcome) -> Effect:
    """The effect of an outcome, by the fault of its error."""
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
