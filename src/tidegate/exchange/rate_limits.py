"""Waiting for a rate limit to be lifted, where nobody else can serve."""

import asyncio
import math
from collections.abc import Sequence
from time import perf_counter

from tidegate.protocols.errors import ProviderRefused, TidegateError
from tidegate.routing import Pick
from tidegate.wording import counted

from .state import Exchange
from .watchdog import Waiting

__all__ = ["await_rate", "most_telling"]

TELLING = ("rate", "provider", "account", "request", "gateway")
"""Whose failure is returned when all candidates fail, the most useful first: a rate limit states when to
retry; a candidate that was never called (`request`) reveals nothing about the others."""


async def await_rate(this: Exchange, pick: Pick, failures: Sequence[TidegateError]) -> None:
    """Wait until the credential of this pick opens. Raises the failure for the client if all waits together
    would exceed `routing.rate_limit_wait_s`, or this one half of the time that is left: the attempt after it
    needs time too.
    """
    longest = this.gateway.config.routing.rate_limit_wait_s - this.waited_s
    if pick.wait_s > min(longest, (this.watch.deadline - perf_counter()) / 2):
        raise most_telling(failures) if failures else limited(pick)
    this.watch.expect(Waiting.FETCH, this.gateway.config.routing.deadline_s)
    this.waited_s += pick.wait_s
    try:
        await asyncio.sleep(pick.wait_s)
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None


def limited(pick: Pick) -> ProviderRefused:
    """The error where every candidate is rate limited: that of the first to open."""
    service, wait_s = pick.candidate.service, math.ceil(pick.wait_s)
    error = ProviderRefused(
        f"{service.name}: the rate limit for {pick.candidate.model} is exhausted; "
        f"retry in {counted(wait_s, 'second')}",
        status=429,
        type="rate_limit_error",
        code="rate_limit_exceeded",
        retry_after=wait_s,
    )
    service.attribute(error)
    return error


def most_telling(failures: Sequence[TidegateError]) -> TidegateError:
    """The most useful of several failures for the client: of rate limits the one that is lifted first,
    otherwise the first of its kind.
    """
    return min(failures, key=_usefulness)


def _usefulness(error: TidegateError) -> tuple[int, float]:
    """The most useful has the least."""
    wait_s = error.retry_after if error.fault == "rate" else None
    return TELLING.index(error.fault), math.inf if wait_s is None else wait_s
