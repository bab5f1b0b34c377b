"""The limits of a request's caller: taken before it is served, corrected after."""

import math
from collections.abc import Sequence
from time import time
from typing import NamedTuple

from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.limit_headers import Standing, Standings

from .caller import Subject
from .counters import Counters, Place, Taken, Want
from .gcra import Rate

__all__ = ["Limited", "Limiter"]

MINUTE_S = 60.0
MOST_KEPT = 4096


class Limited:
    """What was taken for one request."""

    __slots__ = ("concurrent", "standings", "tokens")

    def __init__(self, tokens: Sequence[Want], standings: Standings, concurrent: Sequence[Place]) -> None:
        self.tokens = tokens
        """What was taken of limits of tokens, by an estimate."""
        self.standings = standings
        self.concurrent = concurrent


NOTHING = Limited((), {}, ())


class Limit(NamedTuple):
    """A limit per minute of one of a request's subjects."""

    kind: str
    """`requests` or `tokens`."""
    want: Want
    """What a request takes of it: one request, or as many tokens as it is expected to have."""


class Limits(NamedTuple):
    """All limits of a request's subjects."""

    subjects: Sequence[Subject]
    limits: Sequence[Limit]
    places: Sequence[Place]


class Limiter:
    """Applies the limits of callers."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._limits: dict[int, Limits] = {}
        """By the identity of the subjects, which an entry keeps alive: callers are put together once."""

    async def take(self, subjects: Sequence[Subject], tokens: int) -> Limited:
        """Take what a request needs, or nothing. Raises LimitExceeded naming the limit and whose it is."""
        known = self._limits.get(id(subjects))
        if known is None or known.subjects is not subjects:
            known = self._remember(subjects)
        _, limits, places = known
        if not limits and not places:
            return NOTHING
        wants: list[Want] = []
        by_tokens: list[Want] = []
        for kind, want in limits:
            if kind == "tokens":
                want = Want(want.name, want.rate, min(tokens, want.rate.units))
                by_tokens.append(want)
            wants.append(want)
        taken = await self._counters.take(wants, time(), places)
        if taken.full is not None:
            raise _too_many(places[taken.full])
        if taken.refused is not None:
            raise _refusal(limits, taken)
        return Limited(by_tokens, _standings(limits, taken), places)

    def _remember(self, subjects: Sequence[Subject]) -> Limits:
        if len(self._limits) >= MOST_KEPT:
            self._limits.clear()
        known = self._limits[id(subjects)] = Limits(
            subjects,
            [limit for subject in subjects for limit in _limits_of(subject)],
            [
                Place(subject.name, subject.limits.concurrent)
                for subject in subjects
                if subject.limits.concurrent is not None
            ],
        )
        return known

    def settle(self, limited: Limited, tokens: int | None) -> None:
        """A request has ended, having used so many tokens; None where it used none that are known."""
        for place in limited.concurrent:
            self._counters.end(place.name)
        if tokens is None:
            return
        for want in limited.tokens:
            if want.units != tokens:
                self._counters.correct(want, tokens - want.units, time())


def _limits_of(subject: Subject) -> list[Limit]:
    limits = subject.limits
    found: list[Limit] = []
    if limits.requests_per_minute is not None:
        rate = Rate(limits.requests_per_minute, MINUTE_S)
        found.append(Limit("requests", Want(f"{subject.name}:requests", rate, 1)))
    if limits.tokens_per_minute is not None:
        rate = Rate(limits.tokens_per_minute, MINUTE_S)
        found.append(Limit("tokens", Want(f"{subject.name}:tokens", rate, rate.units)))
    return found


def _standings(limits: Sequence[Limit], taken: Taken) -> dict[str, Standing]:
    """The tightest limit of each kind: the one with the smallest share left."""
    found: dict[str, Standing] = {}
    for (kind, want), verdict in zip(limits, taken.verdicts, strict=True):
        limit, remaining = want.rate.units, verdict.remaining
        if kind in found:
            known = found[kind]
            if remaining / limit >= known.remaining / known.limit:
                continue
        found[kind] = Standing(limit, remaining, verdict.reset_s)
    return found


def _refusal(limits: Sequence[Limit], taken: Taken) -> LimitExceeded:
    assert taken.refused is not None
    want, verdict = limits[taken.refused].want, taken.verdicts[taken.refused]
    subject, _, kind = want.name.rpartition(":")
    seconds = max(1, math.ceil(verdict.retry_s)) if math.isfinite(verdict.retry_s) else 60
    plural = "s" if seconds != 1 else ""
    error = LimitExceeded(
        f"{_whose(subject)} is limited to {want.rate.units} {kind} per minute; "
        f"retry in {seconds} second{plural}",
        retry_after=seconds,
    )
    error.standings = _standings(limits, taken)
    return error


def _too_many(place: Place) -> LimitExceeded:
    requests = "request" if place.most == 1 else "requests"
    message = f"{_whose(place.name)} is limited to {place.most} concurrent {requests}"
    return LimitExceeded(message, retry_after=1)


def _whose(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"the {kind} {name}"
