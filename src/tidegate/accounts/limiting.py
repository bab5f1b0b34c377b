"""Accounts without a store: limits, and nothing else."""

from tidegate.protocols.errors import TidegateError
from tidegate.store.journal import Ended, milliseconds

from .caller import Caller
from .counters import Counters
from .limits import Limited, Limiter
from .model_limits import NO_MODEL_LIMITS, ModelLimits
from .quote import Quote

__all__ = ["LimitsOnly"]


class _Ticket:
    __slots__ = ("begun_at", "limited", "settled")
    hold = None

    def __init__(self, limited: Limited) -> None:
        self.begun_at = milliseconds()
        self.limited: Limited | None = limited
        self.settled = False


class LimitsOnly:
    """Applies limits (see contract.Accountant). What requests cost is written nowhere."""

    own = None
    payments = None

    def __init__(self, counters: Counters, models: ModelLimits = NO_MODEL_LIMITS) -> None:
        self._limiter = Limiter(counters)
        self._models = models

    async def admit(self, request: str, caller: Caller, quote: Quote) -> _Ticket:
        """See Accountant."""
        subjects = self._models.join(caller.subjects, quote.model)
        return _Ticket(await self._limiter.take(subjects, quote.tokens))

    async def foresee_refusal(self, caller: Caller, quote: Quote) -> TidegateError | None:
        """See Accountant: without a store there are no funds that could be too small."""
        return None

    def settle(self, ticket: _Ticket, ended: Ended) -> None:
        """See Accountant."""
        if not ticket.settled:
            ticket.settled = True
            assert ticket.limited is not None
            self._limiter.settle(ticket.limited, ended.tokens)
