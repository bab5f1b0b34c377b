"""The limits of a request's caller: taken before it is served, corrected after."""

import math
from collections.abc import Sequence
from time import time

from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.limit_headers import Standing, Standings

from .caller import Subject
from .counters import Counters, Place, Taken, Want
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


NOTHING = Limited((), {}, ())


class Limiter:
    """Applies the limits of callers."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def take(self, subjects: Sequence[Subject], tokens: int) -> Limited:
        """Take what a request needs, or nothing. Raises LimitExceeded naming the limit and whose it is."""
        places = [
            Place(subject.name, subject.limits.concurrent)
            for subject in subjects
            if subject.limits.concurrent is not None
        ]
        wants = [want for subject in subjects for want in _wants(subject, tokens)]
        if not wants and not places:
            return NOTHING
        taken = await self._counters.take(wants, time(), places)
        if taken.full is not None:
            raise _too_many(places[taken.full])
        if taken.refused is not None:
            raise _refusal(wants, taken)
        return Limited(wants, _standings(wants, taken), [place.name for place in places])

    def settle(self, limited: Limited, tokens: int | None) -> None:
        """A request has ended, having used so many tokens; None where it used none that are known."""
        for name in limited.concurrent:
            self._counters.end(name)
        if tokens is None:
            return
        now = time()
        for want in limited.wants:
            if want.name.endswith(":tokens") and want.units != tokens:
                self._counters.correct(want, tokens - want.units, now)


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


def _too_many(place: Place) -> LimitExceeded:
    requests = "request" if place.most == 1 else "requests"
    message = f"{_whose(place.name)} is limited to {place.most} concurrent {requests}"
    return LimitExceeded(message, retry_after=1)


def _whose(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"the {kind} {name}"
