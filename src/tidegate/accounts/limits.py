"""The limits of a request's caller: taken before it is served, corrected after."""

import math
from collections.abc import Sequence
from functools import lru_cache
from time import time

from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.limit_headers import Standing, Standings

from .caller import Subject
from .counters import Counters, Place, Taken, Want
from .gcra import Rate

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
        wants: list[Want] = []
        places: list[Place] = []
        for subject in subjects:
            limits = subject.limits
            if limits.concurrent is not None:
                places.append(Place(subject.name, limits.concurrent))
            requests, rate = _rates(subject.name, limits.requests_per_minute, limits.tokens_per_minute)
            if requests is not None:
                wants.append(requests)
            if rate is not None:
                wants.append(Want(rate[0], rate[1], min(tokens, rate[1].units)))
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


@lru_cache(maxsize=4096)
def _rates(
    subject: str, requests: int | None, tokens: int | None
) -> tuple[Want | None, tuple[str, Rate] | None]:
    """What each request needs of a limit of requests, and the counter and the rate of one of tokens."""
    return (
        Want(f"{subject}:requests", Rate(requests, MINUTE_S), 1) if requests is not None else None,
        (f"{subject}:tokens", Rate(tokens, MINUTE_S)) if tokens is not None else None,
    )


def _standings(wants: Sequence[Want], taken: Taken) -> dict[str, Standing]:
    """The tightest limit of each kind: the one with the smallest share left."""
    found: dict[str, Standing] = {}
    for want, verdict in zip(wants, taken.verdicts, strict=True):
        kind = "tokens" if want.name.endswith(":tokens") else "requests"
        known, limit = found.get(kind), want.rate.units
        if known is None or verdict.remaining / limit < known.remaining / known.limit:
            found[kind] = Standing(limit, verdict.remaining, verdict.reset_s)
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
