"""What a router answers: the candidates of one request in the order in which to try them."""

from typing import Literal

from msgspec import Struct

from tidegate.config import Order
from tidegate.providers import Candidate
from tidegate.providers.credentials import Credential

__all__ = ["Choice", "ClosedBy", "Plan", "Skip"]

ClosedBy = Literal["breaker", "rate", "account", "model"]
"""Why an endpoint cannot serve now. `breaker`: it failed too often, or a probe is under way. `rate`: its
limits are used up. `account`: its credentials were refused, or have no funds. `model`: the account has no
such model."""


class Choice(Struct, frozen=True, kw_only=True):
    """A candidate's place in a plan. Figures are None where nothing is known, or nobody needed them: a plan
    with a single candidate is made without any (`Router.assess` has them all).
    """

    candidate: Candidate
    credential: Credential | None = None
    """The credential to use; None where the service needs none."""
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
    """The time by which it was ranked: `ttft_s` and a tenth of the expected time of generation."""
    success: float | None = None
    """The rate of success by which it was ranked, 0 to 1."""
    cached_tokens: int = 0
    """Tokens of the conversation that its prompt cache is expected to hold."""
    slow: bool = False
    """Whether its first tokens come so late that it counts as half as successful."""
    weight: float | None = None
    """Its weight in the draw, for orders that draw."""

    @property
    def available(self) -> bool:
        """Whether it can serve now."""
        return self.closed_by is None


class Skip(Struct, frozen=True):
    """A candidate that cannot serve the request at all."""

    candidate: Candidate
    reason: str
    """For people: `does not support vision`."""


class Plan(Struct, frozen=True, kw_only=True):
    """The choices of one request, the best first. Empty only if all candidates are skipped."""

    choices: tuple[Choice, ...]
    skipped: tuple[Skip, ...] = ()
    order: Order = "priority"
    """The order that was applied."""
    stayed: bool = False
    """Whether the first choice is first because the conversation's prompt cache is warm there."""
