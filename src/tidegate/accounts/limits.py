"""The limits of a request's caller: taken before it is served, corrected after."""

import math
from collections.abc import Sequence
from time import time

from msgspec import Struct

from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.limit_headers import Standing, Standings
from tidegate.wording import counted

from .caller import Subject
from .counters import Counters, Place, Taken
from .gcra import Rate, Want

__all__ = ["Limited", "Limiter"]

MINUTE_S = 60.0
MOST_KEPT = 4096


class Limits(Struct, frozen=True, gc=False):
    """All limits of a request's subjects."""

    subjects: Sequence[Subject]
    requests: Sequence[Want]
    """What a request takes of limits of requests."""
    tokens: Sequence[Want]
    """What it takes of limits of tokens at most: all that there are."""
    places: Sequence[Place]

    def estimates(self, tokens: int) -> Sequence[Want]:
        """What a request of so many tokens takes of limits of tokens."""
        found = self.tokens
        if len(found) == 1:  # as with most keys
            want = found[0]
            return (want if tokens >= want.units else Want(want.name, want.rate, tokens),)
        return [Want(want.name, want.rate, min(tokens, want.units)) for want in found]


class Limited(Struct, gc=False):
    """What was taken for one request."""

    requests: Sequence[Want]
    tokens: Sequence[Want]
    """By an estimate."""
    places: Sequence[Place]
    verdicts: Sequence[Standing]
    """What the limits have said: those of requests, then those of tokens."""

    def standings(self) -> Standings:
        """The tightest limit of each kind."""
        verdicts, split = self.verdicts, len(self.requests)
        if split == 1 and len(verdicts) == 2:  # as with most keys
            return {"requests": verdicts[0], "tokens": verdicts[1]}
        by_kind = {"requests": verdicts[:split], "tokens": verdicts[split:]}
        return {kind: min(found, key=_share_left) for kind, found in by_kind.items() if found}


NOTHING = Limited((), (), (), ())


def _share_left(standing: Standing) -> float:
    return standing.remaining / standing.limit


class Limiter:
    """Applies the limits of callers."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._limits: dict[int, Limits] = {}
        """By the identity of the subjects, which an entry keeps alive: callers are put together once."""

    def take_now(self, subjects: Sequence[Subject], tokens: int) -> Limited | None:
        """As `take`; None where that has to wait for anything."""
        known = self._limits.get(id(subjects))
        if known is None or known.subjects is not subjects:
            known = self._remember(subjects)
        requests, places = known.requests, known.places
        estimates = known.estimates(tokens)
        wants = [*requests, *estimates]
        if not wants and not places:
            return NOTHING
        taken = self._counters.take_now(wants, time(), places)
        if taken is None:
            return None
        limited = Limited(requests, estimates, places, taken.verdicts)
        if taken.refused is not None or taken.full is not None:
            raise _refused(limited, taken)
        return limited

    async def take(self, subjects: Sequence[Subject], tokens: int) -> Limited:
        """Take what a request needs, or nothing. Raises LimitExceeded naming the limit and whose it is."""
        limited = self.take_now(subjects, tokens)
        if limited is not None:
            return limited
        known = self._limits[id(subjects)]
        estimates = known.estimates(tokens)
        taken = await self._counters.take([*known.requests, *estimates], time(), known.places)
        limited = Limited(known.requests, estimates, known.places, taken.verdicts)
        if taken.refused is not None or taken.full is not None:
            raise _refused(limited, taken)
        return limited

    def _remember(self, subjects: Sequence[Subject]) -> Limits:
        if len(self._limits) >= MOST_KEPT:
            self._limits.clear()
        known = self._limits[id(subjects)] = Limits(
            subjects,
            [
                Want(f"{subject.name}:requests", Rate(subject.limits.requests_per_minute, MINUTE_S), 1)
                for subject in subjects
                if subject.limits.requests_per_minute is not None
            ],
            [
                Want(f"{subject.name}:tokens", Rate(most, MINUTE_S), most)
                for subject in subjects
                if (most := subject.limits.tokens_per_minute) is not None
            ],
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


def _refused(limited: Limited, taken: Taken) -> LimitExceeded:
    if taken.full is not None:
        return _too_many(limited.places[taken.full])
    assert taken.refused is not None, "something was refused"
    want = [*limited.requests, *limited.tokens][taken.refused]
    return _refusal(limited, want, taken.verdicts[taken.refused])


def _refusal(limited: Limited, want: Want, verdict: Standing) -> LimitExceeded:
    subject, _, kind = want.name.rpartition(":")
    seconds = max(1, math.ceil(verdict.retry_s)) if math.isfinite(verdict.retry_s) else 60
    error = LimitExceeded(
        f"{_whose(subject)} is limited to {want.rate.units} {kind} per minute; "
        f"retry in {counted(seconds, 'second')}",
        retry_after=seconds,
    )
    error.standings = limited.standings()
    return error


def _too_many(place: Place) -> LimitExceeded:
    message = f"{_whose(place.name)} is limited to {counted(place.most, 'concurrent request')}"
    return LimitExceeded(message, retry_after=1)


def _whose(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"the {kind} {name}"
