"""Changes of state that others want to know at once: other workers, alerts, the log."""

from typing import Literal

from msgspec import Struct

__all__ = ["Transition", "TransitionKind"]

TransitionKind = Literal[
    "breaker_opened",
    "breaker_probing",
    "breaker_closed",
    "rate_limited",
    "credential_refused",
    "funds_exhausted",
    "model_missing",
    "slowed_down",
]
"""`breaker_probing`: a half-open breaker has let its one probe through. `rate_limited`, `credential_refused`,
`funds_exhausted`: a credential is closed. `model_missing`: the account has no such model. `slowed_down`: the
time to the first token has doubled."""


class Transition(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One change, without a secret and without anything of a request."""

    kind: TransitionKind
    service: str
    model: str = ""
    """The service's name for the model; empty where the whole credential is concerned."""
    credential: str = ""
    """The credential's fingerprint, where one is concerned."""
    wait_s: float = 0.0
    """For how long it holds, in seconds, unless something else happens."""
    level: int = 0
    """How many times in a row: the exponent of the wait."""
    detail: str = ""
    """For people: the failure's summary, or the figures."""
