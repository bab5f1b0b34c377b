"""The router's result: the candidates of one request, in the order in which to try them."""

from typing import Any, Literal, NamedTuple

from msgspec import Struct

from tidegate.config import Order
from tidegate.providers import Candidate
from tidegate.providers.credentials import Credential

from .credentials import Slot

__all__ = ["BlockedBy", "Choice", "Pick", "Plan", "Skip"]

BlockedBy = Literal["breaker", "rate", "account", "model", "cap"]
"""Why an endpoint cannot serve now. `breaker`: it failed too often, or is being probed. `rate`: its limits
are exhausted. `account`: its credentials were rejected, or have no funds. `model`: the account does not have
the model. `cap`: more requests would probably exceed its limits; it can serve nevertheless."""


class Choice(Struct, gc=False):
    """A candidate in a plan. Figures are None if unknown or not needed; for an explanation, request the plan
    `in_full`.
    """

    candidate: Candidate
    wait_s: float = 0.0
    """Seconds until it can serve again; 0: now."""
    blocked_by: BlockedBy | None = None
    """The reason for the wait."""
    cost: float | None = None
    """The expected cost of this request in USD, taking its prompt cache into account."""
    ttft_s: float | None = None
    """The expected time to the first token, in seconds."""
    tokens_per_s: float | None = None
    seconds: float | None = None
    """The time by which it is ranked: to the first token, plus a part of the expected generation time."""
    success: float | None = None
    """The success rate by which it is ranked, 0 to 1."""
    cached_tokens: int = 0
    """Tokens of the conversation that its prompt cache is expected to contain."""
    slow: bool = False
    """Whether its first tokens are so late that its success rate is halved."""
    weight: float | None = None
    """Its weight in the draw, for orders that draw."""
    rendered: Any = None
    """What the caller has made of it for records: a choice may be part of many plans."""


class Skip(NamedTuple):
    """A candidate that cannot serve the request."""

    candidate: Candidate
    reason: str
    """A phrase such as `does not support vision`."""


class Plan(Struct, kw_only=True, gc=False):
    """The choices of one request, the best first. Empty only if all candidates are skipped."""

    choices: tuple[Choice, ...]
    skipped: tuple[Skip, ...] = ()
    order: Order = "priority"
    """The order that was applied."""
    stayed: bool = False
    """Whether the first choice was chosen because the conversation's prompt cache is warm there."""
    hedge: bool = False
    """Whether a second choice may be started beside a silent one (see `Router.hedge_after`)."""
    places: tuple[str, ...] = ()
    """`provider/model` of each choice, if nothing else is known of any: nothing is blocked, and the order
    needed no figures. Otherwise empty."""
    rendered: Any = None
    """What the caller has made of its choices for records: a plan may be that of many requests."""


class Pick(Struct, frozen=True, gc=False):
    """The next attempt of a plan: a choice, and the credential to use."""

    choice: Choice
    slot: Slot
    wait_s: float = 0.0
    """Seconds until it can serve; more than 0 only if no other choice can serve earlier."""
    blocked_by: BlockedBy | None = None
    """The reason for the wait. Waiting helps with `rate`; the others may be tried at once."""

    @property
    def candidate(self) -> Candidate:
        """The candidate to try."""
        return self.choice.candidate

    @property
    def credential(self) -> Credential | None:
        """The credential to use; None if the service needs none."""
        return self.slot.credential
