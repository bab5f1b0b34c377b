"""The limits of a request's caller: taken before it is served, corrected after."""

import math
from collections.abc import Sequence
from time import time

from msgspec import Struct

from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.limit_headers import Standing, Standings

from .caller import Subject
from .counters import Counters, Place
from .gcra import Rate, Want

__all__ = ["Limited", "Limiter"]

MINUTE_S = 60.0
MOST_KEPT = 4096


class Limit(Struct, frozen=True, gc=False):
    """A limit per minute of one of a request's subjects."""

    kind: str
    """`requests` or `tokens`."""
    want: Want
    """What a request takes of it: one request, or all tokens that there are."""


class Limits(Struct, frozen=True, gc=False):
    """All limits of a request's subjects."""

    subjects: Sequence[Subject]
    limits: Sequence[Limit]
    places: Sequence[Place]


class Limited(Struct, gc=False):
    """What was taken for one request."""

    limits: Sequence[Limit]
    verdicts: Sequence[Standing]
    """What they have said, in the same order."""
    tokens: Sequence[Want]
    """What was taken of limits of tokens, by an estimate."""
    places: Sequence[Place]

    @property
    def standings(self) -> Standings:
        """The tightest limit of each kind: the one with the smallest share left."""
        found: dict[str, Standing] = {}
        for limit, verdict in zip(self.limits, self.verdicts):  # noqa: B905 `strict` costs as much as a limit
            known = found.get(limit.kind)
            if known is None or verdict.remaining / verdict.limit < known.remaining / known.limit:
                found[limit.kind] = verdict
        return found


NOTHING = Limited((), (), (), ())


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
        limits, places = known.limits, known.places
        if not limits and not places:
            return NOTHING
        wants: list[Want] = []
        by_tokens: list[Want] = []
        for limit in limits:
            want = limit.want
            if limit.kind == "tokens":
                want = Want(want.name, want.rate, tokens if tokens < want.units else want.units)
                by_tokens.append(want)
            wants.append(want)
        now = time()
        taken = self._counters.take_now(wants, now, places)
        if taken is None:
            taken = await self._counters.take(wants, now, places)
        if taken.full is not None:
            raise _too_many(places[taken.full])
        limited = Limited(limits, taken.verdicts, by_tokens, places)
        if taken.refused is not None:
            raise _refusal(limited, taken.refused)
        return limited

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
        for place in limited.places:
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


def _refusal(limited: Limited, refused: int) -> LimitExceeded:
    want, verdict = limited.limits[refused].want, limited.verdicts[refused]
    subject, _, kind = want.name.rpartition(":")
    seconds = max(1, math.ceil(verdict.retry_s)) if math.isfinite(verdict.retry_s) else 60
    plural = "s" if seconds != 1 else ""
    error = LimitExceeded(
        f"{_whose(subject)} is limited to {want.rate.units} {kind} per minute; "
        f"retry in {seconds} second{plural}",
        retry_after=seconds,
    )
    error.standings = limited.standings
    return error


def _too_many(place: Place) -> LimitExceeded:
    requests = "request" if place.most == 1 else "requests"
    message = f"{_whose(place.name)} is limited to {place.most} concurrent {requests}"
    return LimitExceeded(message, retry_after=1)


def _whose(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"the {kind} {name}"
