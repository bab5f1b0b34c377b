"""What a router answers: the candidates of one request, in the order in which to try them."""

from typing import Literal, NamedTuple

from msgspec import Struct

from tidegate.config import Order
from tidegate.providers import Candidate
from tidegate.providers.credentials import Credential

from .credentials import Slot

__all__ = ["Choice", "ClosedBy", "Pick", "Plan", "Skip"]

ClosedBy = Literal["breaker", "rate", "account", "model"]
"""Why an endpoint cannot serve now. `breaker`: it failed too often, or a probe is under way. `rate`: its
limits are used up. `account`: its credentials were refused, or have no funds. `model`: the account has no
such model."""


class Choice(Struct, gc=False):
    """A candidate's place in a plan. Figures are None where nothing is known, or nobody needed them: for an
    explanation, ask for the plan `in_full`.
    """

    candidate: Candidate
    wait_s: float = 0.0
    """Seconds until it can serve again; 0: now."""
    closed_by: ClosedBy | None = None
    """Why it has to be waited for."""
    cost: float | None = None
    """The expected cost of this request, in USD, with what its prompt cache holds."""
    ttft_s: float | None = None
    """The expected time to the first token, in seconds."""
    tokens_per_s: float | None = None
    seconds: float | None = None
    """The time by which it is ranked: to the first token, and a part of the expected time of generation."""
    success: float | None = None
    """The rate of success by which it is ranked, 0 to 1."""
    cached_tokens: int = 0
    """Tokens of the conversation that its prompt cache is expected to hold."""
    slow: bool = False
    """Whether its first tokens come so late that it counts as half as successful."""
    weight: float | None = None
    """Its weight in the draw, for orders that draw."""


class Skip(NamedTuple):
    """A candidate that cannot serve the request."""

    candidate: Candidate
    reason: str
    """For people: `does not support vision`."""


class Plan(Struct, frozen=True, kw_only=True, gc=False):
    """The choices of one request, the best first. Empty only if all candidates are skipped."""

    choices: tuple[Choice, ...]
    skipped: tuple[Skip, ...] = ()
    order: Order = "priority"
    """The order that was applied."""
    stayed: bool = False
    """Whether the first choice is first because the conversation's prompt cache is warm there."""
    hedge: bool = False
    """Whether a second choice may be started beside a silent one: ask `Router.hedge_after`."""


class Pick(NamedTuple):
    """The next attempt of a plan: a choice, and the credential to use."""

    choice: Choice
    slot: Slot
    wait_s: float = 0.0
    """Seconds until it can serve; more than 0 only where no other choice can serve earlier."""
    closed_by: ClosedBy | None = None
    """Why it has to be waited for. A wait helps with `rate`; the others may be tried at once."""

    @property
    def candidate(self) -> Candidate:
        """The candidate to try."""
        return self.choice.candidate

    @property
    def credential(self) -> Credential | None:
        """The credential to use; None where the service needs none."""
        return self.slot.credential
