"""Which candidate is tried, when it is retried, and which failure is returned to the client.

The router names the candidates in order, one for each attempt, until one of them opens an answer.
"""

import asyncio
from random import uniform
from time import perf_counter
from typing import Any

from msgspec import structs

from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import BytesWanted, TidegateError, Unsupported
from tidegate.protocols.noise import without_noise
from tidegate.providers import Candidate
from tidegate.routing import Pick

from .linked import fetch_linked
from .operation import Operation
from .planning import plan_attempts
from .rate_limits import await_rate, most_telling
from .reporting import report_failure, report_start
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
    router, failures = this.gateway.router, list[TidegateError]()
    try:
        while pick := router.next(this.plan, this.tried, this.facts, perf_counter()):
            if pick.closed_by == "rate" and pick.wait_s > 0:
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
    for number in range(1 + this.gateway.config.routing.retries):
        if number and not await back_off(this, number):
            return None
        try:
            planned = await plan_call(this, pick.candidate)
        except Unsupported as error:
            leave_out(this, pick, error)
            failures.append(forget_frames(error))
            return None
        if planned is None:
            return None
        call, conduit = planned
        attempt = this.begin(pick, call, conduit, retry=number > 0)
        expect_answer(this.watch, call, this.gateway, last=is_last(this, pick))
        try:
            first = await attempt.open(this.request, this.operation.client_format, this.gateway, this.watch)
        except TidegateError as error:
            attempt.fail(forget_frames(error))
            report_failure(this, attempt, error)
            if not error.tries_elsewhere:
                raise
            failures.append(error)
            if not error.worth_repeating or attempt.trial.lane.endpoint.breaker.state != "closed":
                return None
        else:
            report_start(this, attempt)
            expect_stream(this.watch, this.gateway)
            return first
    return None


def is_last(this: Exchange, pick: Pick) -> bool:
    """Whether no other candidate follows."""
    choices = this.plan.choices
    if len(choices) == 1:
        return True
    tried = {id(trial.candidate) for trial in this.tried}
    return len(tried | {id(pick.candidate)}) >= len(choices)


def leave_out(this: Exchange, pick: Pick, error: Unsupported) -> None:
    """Skip a candidate that does not support a feature of the request."""
    this.skip(pick.candidate, error.summary)
    left = tuple(one for one in this.plan.choices if one is not pick.choice)
    this.plan = structs.replace(this.plan, choices=left)


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


async def plan_call(this: Exchange, candidate: Candidate) -> tuple[Call, Conduit] | None:
    """What to send to a candidate, and how its answer is translated. Raises Unsupported.

    None if that took a fetch: the pick is out of date then, and another request may have been given the same
    probe of a half-open breaker. What was fetched is kept, so the next pick needs no fetch.
    """
    try:
        call, conduit = render_call(this.operation, this.parsed, candidate)
    except BytesWanted as refusal:
        if this.fetched is None:
            await fetch_linked(this, refusal)
            return None
        call, conduit = render_call(this.operation, this.fetched, candidate)
    if call.dropped and requires_parameters(this):
        refuse_dropped(call, candidate)
    return call, conduit


def requires_parameters(this: Exchange) -> bool:
    """Whether a candidate that would drop one of the request's parameters is passed over."""
    if this.gateway.config.routing.unsupported == "strict":
        return True
    return this.resolution.preferences.require_parameters


def refuse_dropped(call: Call, candidate: Candidate) -> None:
    """Raise Unsupported if a parameter that would change the answer is dropped."""
    if missing := without_noise(call.dropped):
        named = ", ".join(missing)
        raise Unsupported(f"{candidate.service.name} does not support {named}", param=missing[0])


def render_call(operation: Operation[Any], parsed: Any, candidate: Candidate) -> tuple[Call, Conduit]:
    """The operation's plan; a refusal names the candidate."""
    try:
        return operation.plan(parsed, candidate)
    except Unsupported as error:
        error.name_provider(candidate.service.name)
        raise


def forget_frames(error: TidegateError) -> TidegateError:
    """The error without its traceback, whose frames hold the client's body."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
