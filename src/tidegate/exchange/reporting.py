"""What the router learns from attempts: how each of them ended, reported once.

Failures before the answer has begun are reported at once, because the next candidate depends on them; the end
of the delivered answer is reported when the exchange is over.
"""

from time import perf_counter

from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.routing import Outcome

from .attempt import Attempt
from .state import Exchange

__all__ = ["report_end", "report_failure", "report_start"]


def report_failure(this: Exchange, attempt: Attempt, error: TidegateError) -> None:
    """An attempt has failed before its answer began."""
    now = attempt.ended_at or perf_counter()
    this.gateway.router.ended(attempt.trial, Outcome(error=error, headers=attempt.headers), now)
    this.tried = (*this.tried, attempt.trial)


def report_start(this: Exchange, attempt: Attempt) -> None:
    """An answer has begun."""
    if this.stream:
        this.gateway.router.first_token(attempt.trial, attempt.first_byte_at or perf_counter())


def report_end(this: Exchange) -> None:
    """The exchange is over, and with it the attempt that was open."""
    attempt = this.attempt
    if attempt is None or attempt.trial.effect is not None:
        return
    error = this.error if isinstance(this.error, ProviderError) else None
    outcome = Outcome(
        error=error,
        abandoned=error is None and not attempt.complete,
        usage=attempt.tally.usage,
        headers=attempt.headers,
    )
    this.gateway.router.ended(attempt.trial, outcome, perf_counter())
