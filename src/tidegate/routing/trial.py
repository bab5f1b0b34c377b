"""An attempt in progress, as the router sees it."""

from tidegate.providers import Candidate
from tidegate.providers.credentials import Credential

from .credentials import Slot
from .endpoint import Lane
from .facts import RequestFacts
from .outcome import Effect

__all__ = ["Trial"]


class Trial:
    """An attempt in progress, from `Router.begin` to `Router.ended`."""

    __slots__ = (
        "candidate", "credential", "effect", "facts", "first_token_at", "hedge", "lane", "probe", "retry",
        "slot", "started_at",
    )  # fmt: skip

    def __init__(self, lane: Lane, slot: Slot, facts: RequestFacts, started_at: float, probe: int) -> None:
        self.lane = lane
        self.slot = slot
        self.candidate: Candidate = lane.candidate
        """The candidate that is tried."""
        self.credential: Credential | None = slot.credential
        """The credential that is used; None where the service needs none."""
        self.facts = facts
        self.started_at = started_at
        """When the request was sent. Set it if the request is sent later, so that the figures are correct."""
        self.probe = probe
        """Its number if it is the probe of a half-open breaker, else 0."""
        self.retry = False
        self.hedge = False
        """Whether it was started beside a silent attempt."""
        self.first_token_at: float | None = None
        self.effect: Effect | None = None
        """The effect of its end; None while it is in progress."""
