"""A second attempt beside a silent first one: the first to answer is delivered, the other is cancelled.

Both are opened in tasks of their own, each under its own watch, so that one can end without the other. The
task of the exchange waits for them. Its watch knows when the client leaves and when the deadline passes: then
both end.
"""

import asyncio
from collections.abc import Iterable
from copy import copy
from time import perf_counter

from tidegate.protocols.contract import Call
from tidegate.protocols.errors import BytesWanted, ProviderError, TidegateError, Unsupported
from tidegate.routing import Outcome

from .attempt import Attempt
from .planning import leave_out, without
from .rendering import render_for
from .reporting import forget_frames, report_failure
from .runner import Runner
from .sending import attribute
from .state import Exchange
from .watchdog import NEVER, Waiting

__all__ = ["Race", "hedge_after"]


def hedge_after(this: Exchange, attempt: Attempt) -> float | None:
    """Seconds from the start of an attempt after which a second one may start beside it; None for never. A
    request has one such second attempt at most.
    """
    if any(one.trial.hedge for one in this.attempts):
        return None
    return this.gateway.router.hedge_after(attempt.trial, perf_counter())


class Race:
    """A first attempt and, if that is silent for long, a second one."""

    __slots__ = ("_exchange", "_failures", "_runners")

    def __init__(self, this: Exchange, failures: list[TidegateError]) -> None:
        self._exchange = this
        self._failures = failures
        """The failures of the request so far; those of the race are added."""
        self._runners: list[Runner] = []

    async def run(self, attempt: Attempt, call: Call, delay_s: float) -> bytes | None:
        """Open an attempt, and after `delay_s` seconds of silence a second one beside it. Returns the first
        bytes of the one that is now `this.attempt`; None if all have failed and another candidate may help.

        The ends of all attempts but that one are reported. Raises the failure that no other candidate can
        help with, and ClientLeft.
        """
        watch = self._exchange.watch
        watch.expect(Waiting.FIRST_BYTE, NEVER)  # the silence of an attempt is limited by its own watch
        watch.beside = self
        try:
            first = self._start(attempt, call)
            late_at = attempt.started_at + delay_s
            await asyncio.wait([first.task], timeout=max(0.0, late_at - perf_counter()))
            if not first.task.done():
                self._start_second(attempt)
            return await self._first_to_answer()
        except asyncio.CancelledError:
            raise self._end_all(watch.take_cancel_cause()) from None
        except Exception:
            self._cancel_silent()
            raise
        finally:
            watch.beside = None

    def look(self, now: float) -> None:
        """See watchdog.Looked."""
        for runner in self._runners:
            runner.look(now)

    # --- beginning --------------------------------------------------------------------------------

    def _start(self, attempt: Attempt, call: Call) -> Runner:
        runner = Runner(self._exchange, attempt, call)
        self._runners.append(runner)
        return runner

    def _start_second(self, attempt: Attempt) -> None:
        """Start an attempt at the next candidate that can serve at once, if there is one."""
        this = self._exchange
        plan, tried = this.plan, (*this.tried, attempt.trial)
        while pick := this.gateway.router.hedge(plan, tried, this.facts, perf_counter()):
            plan = without(plan, pick.choice)
            try:
                call, conduit = render_for(this, pick.candidate)
            except BytesWanted:
                continue  # to fetch its links would take too long now; its turn may still come
            except Unsupported as error:
                leave_out(this, pick, error)
                self._failures.append(forget_frames(error))
                continue
            self._start(this.begin(pick, call, conduit, hedge=True), call)
            return

    # --- the end ----------------------------------------------------------------------------------

    @property
    def _silent(self) -> list[Runner]:
        """Those that have not ended."""
        return [one for one in self._runners if one.attempt.trial.effect is None]

    async def _first_to_answer(self) -> bytes | None:
        """Wait until an attempt has opened its answer, and cancel the other; see `run`."""
        while silent := self._silent:
            await asyncio.wait([one.task for one in silent], return_when=asyncio.FIRST_COMPLETED)
            ended = [one for one in silent if one.task.done()]
            winner = next((one for one in ended if one.first is not None), None)
            if winner is not None:
                self._exchange.attempt = winner.attempt
                self._cancel_silent(winner)
                return winner.first
            for one in ended:
                self._note_failure(one)
            # What the second was refused for says nothing about the first, which may still answer.
            self._raise_final(self._runners[:1])
        self._raise_final(self._runners)
        return None

    def _note_failure(self, runner: Runner) -> None:
        error = runner.error
        if not isinstance(error, TidegateError):  # a defect, or the event loop cancels all its tasks
            raise error if error is not None else asyncio.CancelledError
        report_failure(self._exchange, runner.attempt, error)
        self._failures.append(error)

    def _raise_final(self, runners: Iterable[Runner]) -> None:
        """Raise the first failure that no other candidate can help with."""
        for one in runners:
            error = one.attempt.error
            if error is not None and not error.tries_elsewhere:
                self._exchange.attempt = one.attempt
                raise error

    def _cancel_silent(self, winner: Runner | None = None) -> None:
        """Cancel those that have not ended, but not the one that has answered first."""
        for one in self._silent:
            if one is not winner:
                one.cancel()
                one.attempt.close()
                outcome = Outcome(
                    overtaken=winner is not None, abandoned=winner is None, headers=one.attempt.headers
                )
                self._exchange.gateway.router.ended(one.attempt.trial, outcome, perf_counter())

    def _end_all(self, cause: Exception) -> Exception:
        """Nobody waits any more: the client has left, the deadline has passed, or the gateway shuts down.
        Returns what to raise.
        """
        this, silent = self._exchange, self._silent
        this.attempt = silent[0].attempt
        if not isinstance(cause, TidegateError):
            self._cancel_silent()
            return cause
        for one in silent:
            one.cancel()
            error = copy(cause)  # each names its own provider
            if isinstance(error, ProviderError):
                attribute(one.attempt.candidate.service, error)
            report_failure(this, one.attempt, error)
        return this.attempt.error or cause
