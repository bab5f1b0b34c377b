"""What the router learns from attempts: how each of them ended, reported once.

Failures before the answer has begun are reported at once, because the next candidate depends on them; the end
of the delivered answer is reported when the exchange is over.
"""

from time import perf_counter
from typing import TypeVar

from tidegate.protocols.errors import ProviderError, ProviderTimeout, TidegateError
from tidegate.routing import Outcome

from .attempt import Attempt
from .state import Exchange

__all__ = ["forget_frames", "report_end", "report_failure", "report_start"]

E = TypeVar("E", bound=Exception)


def report_failure(this: Exchange, attempt: Attempt, error: TidegateError) -> None:
    """An attempt has failed before its answer began."""
    attempt.fail(forget_frames(error))
    now = attempt.ended_at or perf_counter()
    outcome = Outcome(error=error, abandoned=is_impatient(this, attempt, error), headers=attempt.headers)
    this.gateway.router.ended(attempt.trial, outcome, now)
    this.tried = (*this.tried, attempt.trial)


def is_impatient(this: Exchange, attempt: Attempt, error: TidegateError) -> bool:
    """Whether an attempt failed only because the client wants to wait for less time than is configured."""
    begun = attempt.first_byte_at is not None
    if not this.hurried or begun or not isinstance(error, ProviderTimeout):
        return False
    routing = this.gateway.config.routing
    patience = routing.first_byte_s if this.stream else routing.attempt_s
    return (attempt.ended_at or perf_counter()) - attempt.started_at < patience


def report_start(this: Exchange) -> None:
    """The answer has begun."""
    attempt = this.attempt
    if this.stream and attempt is not None:
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


def forget_frames(error: E) -> E:
    """The error without its traceback, whose frames hold the client's body, and often the error itself."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
