"""Whose fault a failure is, and what follows from it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = ["RETRIES", "Fault", "Retry", "fault_of"]

Fault = Literal["request", "account", "rate", "provider", "gateway"]
"""`request`: it would be refused everywhere. `account`: a key, its rights, its funds, or what it may
reach. `rate`: a limit that time lifts. `provider`: it is away, broken, overloaded or too slow. `gateway`:
ours."""


class Retry(NamedTuple):
    """Where a request may go on after a provider's failure."""

    elsewhere: bool
    """To another candidate."""
    at_once: bool
    """To the same candidate, without a wait."""


RETRIES: Mapping[Fault, Retry] = MappingProxyType(
    {
        "request": Retry(elsewhere=False, at_once=False),
        "account": Retry(elsewhere=True, at_once=False),
        "rate": Retry(elsewhere=True, at_once=False),
        "provider": Retry(elsewhere=True, at_once=True),
        "gateway": Retry(elsewhere=False, at_once=False),
    }
)
"""What follows from a provider's fault. A class may take a retry back, with its reason."""

FAULTS_BY_STATUS: Mapping[int, Fault] = MappingProxyType(
    {
        401: "account",
        402: "account",
        403: "account",
        404: "account",
        408: "provider",
        409: "provider",
        425: "provider",
        429: "rate",
        498: "rate",
    }
)
"""Statuses of a provider. Of others, 4xx is `request` and the rest `provider`. 404: this account has no
such model. 498: Groq's capacity for the tier is used up (console.groq.com/docs/errors)."""

FAULTS_BY_WORD: Mapping[str, Fault] = MappingProxyType(
    {
        "insufficient_quota": "account",
        "billing_hard_limit_reached": "account",
        "billing_not_active": "account",
        "billing_error": "account",
        "insufficient_funds": "account",
        "model_not_found": "account",
        "rate_limit_exceeded": "rate",
        "rate_limit_error": "rate",
    }
)
"""Codes and types that say more than the status they come with: OpenAI's 429 for an empty account, Groq's
413 for tokens per minute."""


def fault_of(status: int, *words: str | None) -> Fault:
    """The fault behind a provider's error answer: by the first of its code and type that is known, else by
    its status.
    """
    for word in words:
        if word is not None and word in FAULTS_BY_WORD:
            return FAULTS_BY_WORD[word]
    return FAULTS_BY_STATUS.get(status, "request" if 400 <= status < 500 else "provider")
