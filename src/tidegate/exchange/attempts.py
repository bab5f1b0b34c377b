"""Which candidate is tried, when it is retried, and which failure is returned to the client.

Candidates are tried in order until one of them opens an answer. Any other policy for the next attempt
belongs here: a hedge is a second `Attempt` that `open_answer` starts alongside the first.
"""

import asyncio
from collections.abc import Sequence
from random import uniform
from typing import Any

from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import BytesWanted, DeadlineExceeded, TidegateError, Unsupported
from tidegate.protocols.noise import without_noise
from tidegate.providers import Candidate

from .linked import fetch_linked
from .operation import Operation
from .sending import expect_answer, expect_stream
from .state import Exchange

__all__ = ["open_answer"]

BACKOFF_S = 0.2
"""Seconds before a candidate is retried for the first time; doubled for each further retry."""

TELLING = ("rate", "provider", "account", "request", "gateway")
"""Whose failure is returned when all candidates fail, the most useful first: a rate limit states when to
retry; a candidate that was never called (`request`) reveals nothing about the others."""


async def open_answer(this: Exchange) -> bytes:
    """Try the candidates until one opens its answer: `this.attempt`. Returns its first bytes.

    Raises the most useful failure if none does. Failures caused by the request itself are raised at once.
    """
    failures: list[TidegateError] = []
    try:
        for place, candidate in enumerate(this.candidates):
            last = place == len(this.candidates) - 1
            opened = await try_candidate(this, candidate, failures, last=last)
            if opened is not None:
                return opened
        raise most_telling(failures)
    finally:
        # A raised error references this frame, and the frame would reference the errors: a cycle.
        failures.clear()


async def try_candidate(
    this: Exchange, candidate: Candidate, failures: list[TidegateError], *, last: bool
) -> bytes | None:
    """Try one candidate, with retries where they may help. None means: try the next one."""
    for number in range(1 + this.gateway.config.routing.retries):
        if number:
            await back_off(this, number)
        try:
            call, conduit = await plan(this, candidate)
        except Unsupported as error:
            this.skip(candidate, error)
            failures.append(forget_frames(error))
            return None
        attempt = this.begin(candidate, call, conduit)
        expect_answer(this.watch, call, this.gateway, last=last)
        try:
            first = await attempt.open(this.request, this.operation.spoken, this.gateway, this.watch)
        except TidegateError as error:
            attempt.fail(forget_frames(error))
            if error.fault == "request" or isinstance(error, DeadlineExceeded):
                raise
            failures.append(error)
            if not error.worth_repeating:
                return None
        else:
            expect_stream(this.watch, this.gateway)
            return first
    return None


async def back_off(this: Exchange, number: int) -> None:
    """Back off before a candidate is retried."""
    # Jitter: requests that failed together should not retry together.
    pause = BACKOFF_S * 2 ** (number - 1) * uniform(0.75, 1.25)  # noqa: S311 no secret
    this.waited_s += pause
    try:
        await asyncio.sleep(pause)
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None


async def plan(this: Exchange, candidate: Candidate) -> tuple[Call, Conduit]:
    """What to send to a candidate, and how its answer is translated. Raises Unsupported."""
    try:
        call, conduit = plan_call(this.operation, this.parsed, candidate)
    except BytesWanted as refusal:
        call, conduit = plan_call(this.operation, await fetch_linked(this, refusal), candidate)
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


def plan_call(operation: Operation[Any], parsed: Any, candidate: Candidate) -> tuple[Call, Conduit]:
    """The operation's plan; a refusal names the candidate."""
    try:
        return operation.plan(parsed, candidate)
    except Unsupported as error:
        error.name_provider(candidate.service.name)
        raise


def most_telling(failures: Sequence[TidegateError]) -> TidegateError:
    """The most useful of several failures for the client; the first of its kind."""
    return min(failures, key=lambda error: TELLING.index(error.fault))


def forget_frames(error: TidegateError) -> TidegateError:
    """The error without its traceback, whose frames hold the client's body."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
