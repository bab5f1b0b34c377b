"""The limits of a request's caller: taken before it is served, corrected after."""

import math
from collections.abc import Sequence
from time import time

from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.limit_headers import Standing, Standings

from .caller import Subject
from .counters import Counters, Taken, Want
from .gcra import Rate
from .settings import Limits

__all__ = ["Limited", "Limiter"]

MINUTE_S = 60.0


class Limited:
    """What was taken for one request."""

    __slots__ = ("concurrent", "standings", "tokens", "wants")

    def __init__(self, wants: Sequence[Want], standings: Standings, concurrent: Sequence[str]) -> None:
        self.wants = wants
        self.standings = standings
        self.concurrent = concurrent


class Limiter:
    """Applies the limits of callers."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def take(self, subjects: Sequence[Subject], tokens: int) -> Limited:
        """Take what a request needs, or nothing. Raises LimitExceeded naming the limit and whose it is."""
        concurrent = await self._begin(subjects)
        try:
            wants = [want for subject in subjects for want in _wants(subject, tokens)]
            if not wants:
                return Limited((), {}, concurrent)
            taken = await self._counters.take(wants, time())
            if taken.refused is not None:
                raise _refusal(wants, taken)
        except BaseException:
            self._end(concurrent)
            raise
        return Limited(wants, _standings(wants, taken), concurrent)

    def settle(self, limited: Limited, tokens: int | None) -> None:
        """A request has ended, having used so many tokens; None where it used none that are known."""
        self._end(limited.concurrent)
        if tokens is None:
            return
        now = time()
        for want in limited.wants:
            if want.name.endswith(":tokens") and want.units != tokens:
                self._counters.correct(want, tokens - want.units, now)

    async def _begin(self, subjects: Sequence[Subject]) -> list[str]:
        begun: list[str] = []
        try:
            for subject in subjects:
                most = subject.limits.concurrent
                if most is None:
                    continue
                if not await self._counters.begin(subject.name, most):
                    requests = "request" if most == 1 else "requests"
                    who = _whose(subject.name)
                    raise LimitExceeded(f"{who} is limited to {most} concurrent {requests}", retry_after=1)
                begun.append(subject.name)
        except BaseException:
            self._end(begun)
            raise
        return begun

    def _end(self, names: Sequence[str]) -> None:
        for name in names:
            self._counters.end(name)


def _wants(subject: Subject, tokens: int) -> list[Want]:
    limits: Limits = subject.limits
    wants: list[Want] = []
    if limits.requests_per_minute is not None:
        wants.append(Want(f"{subject.name}:requests", Rate(limits.requests_per_minute, MINUTE_S), 1))
    if limits.tokens_per_minute is not None:
        rate = Rate(limits.tokens_per_minute, MINUTE_S)
        wants.append(Want(f"{subject.name}:tokens", rate, min(tokens, limits.tokens_per_minute)))
    return wants


def _standings(wants: Sequence[Want], taken: Taken) -> dict[str, Standing]:
    """The tightest limit of each kind: the one with the smallest share left."""
    found: dict[str, Standing] = {}
    for want, verdict in zip(wants, taken.verdicts, strict=True):
        kind = want.name.rpartition(":")[2]
        standing = Standing(want.rate.units, verdict.remaining, verdict.reset_s)
        known = found.get(kind)
        if known is None or standing.remaining / standing.limit < known.remaining / known.limit:
            found[kind] = standing
    return found


def _refusal(wants: Sequence[Want], taken: Taken) -> LimitExceeded:
    assert taken.refused is not None
    want, verdict = wants[taken.refused], taken.verdicts[taken.refused]
    subject, _, kind = want.name.rpartition(":")
    seconds = max(1, math.ceil(verdict.retry_s)) if math.isfinite(verdict.retry_s) else 60
    plural = "s" if seconds != 1 else ""
    error = LimitExceeded(
        f"{_whose(subject)} is limited to {want.rate.units} {kind} per minute; "
        f"retry in {seconds} second{plural}",
        retry_after=seconds,
    )
    error.standings = _standings(wants, taken)
    return error


def _whose(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"the {kind} {name}"
