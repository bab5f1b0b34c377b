"""Changes of state that others want to know at once: other workers, alerts, the log."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["Level", "Name", "Seconds", "Transition", "TransitionKind"]

TransitionKind = Literal[
    "breaker_opened",
    "breaker_probing",
    "breaker_probed",
    "breaker_closed",
    "rate_limited",
    "credential_refused",
    "funds_exhausted",
    "credential_restored",
    "model_missing",
    "model_found",
    "slowed_down",
]
"""`breaker_probing`: a half-open breaker has let its one probe through. `breaker_probed`: the probe has ended
and decided nothing yet, the next may begin. `rate_limited`, `credential_refused`, `funds_exhausted`: a
credential is closed. `credential_restored`: it works again before its time is over. `model_missing`: the
account has no such model. `model_found`: it has, after all. `slowed_down`: the time to the first token has
doubled."""

Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Level = Annotated[int, Meta(ge=0, le=64)]
Name = Annotated[str, Meta(max_length=1024)]
"""What workers take from each other."""


class Transition(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One change, without a secret and without anything of a request."""

    kind: TransitionKind
    service: Name
    model: Name = ""
    """The service's name for the model; empty where the whole credential is concerned."""
    credential: Name = ""
    """The credential's fingerprint, where one is concerned."""
    wait_s: Seconds = 0.0
    """For how long it holds, in seconds, unless something else happens."""
    level: Level = 0
    """How many times in a row: the exponent of the wait; for `breaker_probed`, the probes that succeeded."""
    detail: str = ""
    """For people: the failure's summary, or the figures."""
