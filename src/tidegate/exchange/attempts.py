"""Which candidate is tried, when it is retried, and which failure is returned to the client.

The router names the candidates in order, one for each attempt, until one of them opens an answer.
"""

import asyncio
from random import uniform
from time import perf_counter

from tidegate.protocols.errors import BytesWanted, TidegateError, Unsupported
from tidegate.routing import Pick

from .attempt import Attempt
from .hedging import Race, hedge_after
from .linked import fetch_linked
from .planning import is_last, leave_out, plan_attempts
from .rate_limits import await_rate, most_telling
from .rendering import render_for
from .reporting import forget_frames, report_failure, report_start
from .sending import expect_answer, expect_stream
from .state import Exchange

__all__ = ["open_answer"]

BACKOFF_S = 0.2
"""Seconds before a candidate is retried for the first time; doubled for each further retry."""


async def open_answer(this: Exchange) -> bytes:
    """Try the candidates until one opens its answer: `this.attempt`. Returns its first bytes.

    Raises the most useful failure if none does. Failures that no other candidate can help with are raised at
    once.
    """
    plan_attempts(this)
    router = this.gateway.router
    failures: list[TidegateError] = []
    try:
        while pick := router.next(this.plan, this.tried, this.facts, perf_counter()):
            if pick.blocked_by == "rate" and pick.wait_s > 0:
                await await_rate(this, pick, failures)
                continue
            opened = await try_candidate(this, pick, failures)
            if opened is not None:
                return opened
        raise most_telling(failures)
    finally:
        # A raised error references this frame, and the frame would reference the errors: a cycle.
        failures.clear()


async def try_candidate(this: Exchange, pick: Pick, failures: list[TidegateError]) -> bytes | None:
    """Try one candidate, with retries where they may help. None means: ask the router for the next one."""
    number = 0
    while number == 0 or await back_off(this, number):
        try:
            call, conduit = render_for(this, pick.candidate)
        except Unsupported as refusal:
            await pass_over(this, pick, refusal, failures)
            return None
        attempt = this.begin(pick, call, conduit, retry=number > 0)
        expect_answer(this.watch, call, this.gateway, last=is_last(this))
        delay_s = hedge_after(this, attempt) if this.plan.hedge else None
        if delay_s is not None:
            first = await Race(this, failures).run(attempt, call, delay_s)
        else:
            try:
                first = await attempt.open(
                    this.request, this.operation.client_format, this.gateway, this.watch
                )
            except TidegateError as error:
                report_failure(this, attempt, error)
                if not error.tries_elsewhere:
                    raise
                failures.append(error)
                first = None
        if first is not None:
            if this.stream:
                report_start(this)
                expect_stream(this.watch, this.gateway, slow=call.slow)
            return first
        if not may_repeat(attempt) or number >= most_retries(this):
            return None
        number += 1
    return None


async def pass_over(this: Exchange, pick: Pick, refusal: Unsupported, failures: list[TidegateError]) -> None:
    """Pass over a candidate that cannot get the request as it is. If that is because of its links, they are
    fetched, and the candidate is in its place again: the pick itself is out of date then, and another request
    may have been given the same probe of a half-open breaker.
    """
    if isinstance(refusal, BytesWanted) and this.fetched is None:
        try:
            await fetch_linked(this, refusal)
        except Unsupported as error:
            refusal = error
        else:
            return
    leave_out(this, pick, refusal)
    failures.append(forget_frames(refusal))


def may_repeat(attempt: Attempt) -> bool:
    """Whether a retry of a failed attempt may succeed."""
    error, breaker = attempt.error, attempt.trial.lane.endpoint.breaker
    return error is not None and error.worth_repeating and breaker.state == "closed"


def most_retries(this: Exchange) -> int:
    """How often a candidate that has failed is retried: by default not while another can serve at once."""
    configured = this.gateway.config.routing.retries
    if configured is not None:
        return configured
    other = this.gateway.router.next(this.plan, this.tried, this.facts, perf_counter())
    return int(other is None or other.blocked_by is not None)


async def back_off(this: Exchange, number: int) -> bool:
    """Back off before a candidate is retried. Returns whether the process may afford the retry."""
    router = this.gateway.router
    if not router.may_retry(perf_counter()):
        return False
    # Jitter: requests that failed together should not retry together.
    pause = BACKOFF_S * 2 ** (number - 1) * uniform(0.75, 1.25)  # noqa: S311 no secret
    this.waited_s += pause
    try:
        await asyncio.sleep(pause)
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None
    return router.may_retry(perf_counter())
