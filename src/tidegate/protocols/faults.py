"""Whose fault a failure is, and its consequences."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = ["RETRIES", "Fault", "Retry", "fault_of"]

Fault = Literal["request", "account", "rate", "provider", "gateway"]
"""`request`: it would be rejected everywhere. `account`: a key, its permissions, its funds, or the models
that it can use. `rate`: a temporary limit. `provider`: it is unavailable, broken, overloaded or too slow.
`gateway`: a failure of this gateway."""


class Retry(NamedTuple):
    """How a request may continue after a provider's failure."""

    elsewhere: bool
    """With another candidate."""
    at_once: bool
    """With the same candidate, immediately."""


RETRIES: Mapping[Fault, Retry] = MappingProxyType(
    {
        "request": Retry(elsewhere=False, at_once=False),
        "account": Retry(elsewhere=True, at_once=False),
        "rate": Retry(elsewhere=True, at_once=False),
        "provider": Retry(elsewhere=True, at_once=True),
        "gateway": Retry(elsewhere=False, at_once=False),
    }
)
"""The consequences of a provider's fault. An error class may rule out a retry, with a reason."""

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
"""Statuses of a provider. Other 4xx are `request`, everything else is `provider`. 404: the account does not
have the model. 498: Groq's capacity for the tier is exhausted (console.groq.com/docs/errors)."""

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
"""Codes and types that are more specific than their status: OpenAI's 429 for exhausted funds, Groq's 413 for
tokens per minute."""


def fault_of(status: int, *words: str | None) -> Fault:
    """The fault of a provider's error response: by its code or type, whichever is known first, else by its
    status.
    """
    for word in words:
        if word is not None and word in FAULTS_BY_WORD:
            return FAULTS_BY_WORD[word]
    return FAULTS_BY_STATUS.get(status, "request" if 400 <= status < 500 else "provider")
