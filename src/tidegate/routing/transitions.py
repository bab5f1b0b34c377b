"""Changes of state that are reported immediately to other workers, alerts and the log."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["Count", "Level", "Name", "Seconds", "Transition", "TransitionKind"]

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
"""`breaker_probing`: a half-open breaker has let its probe pass. `breaker_probed`: the probe has ended, but
decided nothing yet, and the next one may begin. `rate_limited`, `credential_refused`, `funds_exhausted`: a
credential is blocked. `credential_restored`: it works again earlier than expected. `model_missing`: the
account does not have the model. `model_found`: it has the model after all. `slowed_down`: the time to first
token has doubled."""

Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Level = Annotated[int, Meta(ge=0, le=64)]
Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(max_length=1024)]
"""The transitions that workers adopt from each other."""


class Transition(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A change. Contains no secrets and nothing from requests."""

    kind: TransitionKind
    service: Name
    model: Name = ""
    """The service's name for the model; empty if the whole credential is concerned."""
    credential: Name = ""
    """The credential's fingerprint, if one is concerned."""
    wait_s: Seconds = 0.0
    """How long it lasts, in seconds, unless something else happens."""
    level: Level = 0
    """The number of consecutive times, the exponent of the wait; for `breaker_probed`, the successful
    probes."""
    detail: str = ""
    """Readable details: the failure's summary, or the figures."""
