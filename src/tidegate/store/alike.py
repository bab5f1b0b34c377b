"""Requests that are alike: whatever is added up of requests is added up of these first, once for all sums."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from tidegate.figures.history import FIVE_MINUTES_S

from .journal import Ended

__all__ = ["DAY_MS", "Alike", "alike"]

DAY_MS = 86_400_000
BUCKET_MS = FIVE_MINUTES_S * 1000

Name: TypeAlias = str | None
Key: TypeAlias = tuple[int, int, Name, Name, Name, Name, Name, Name]
"""The number of the day and of the five minutes, and then the names as in `Alike`."""


class Alike(Struct, frozen=True, gc=False):
    """Requests of the same caller to the same model, which began on the same day and ended in the same five
    minutes.
    """

    began_on: int
    """The beginning of the day, in milliseconds since 1970 (UTC)."""
    at: int
    """The beginning of the five minutes, likewise."""
    user: str | None
    team: str | None
    key: str | None
    model: str | None
    provider: str | None
    session: str | None
    ended: Sequence[Ended]
    cost: int
    """In nano; requests whose cost is unknown add nothing."""
    unpriced: int
    """How many of them have no known cost."""
    tokens: int


def alike(ended: Sequence[Ended]) -> list[Alike]:
    """Requests that have ended, by what they have in common."""
    found: defaultdict[Key, list[Ended]] = defaultdict(list)
    for line in ended:
        found[
            (line.begun_at or line.at) // DAY_MS, line.at // BUCKET_MS,
            line.user, line.team, line.key, line.model, line.provider, line.session,
        ].append(line)  # fmt: skip
    return [_summed(key, lines) for key, lines in found.items()]


def _summed(key: Key, lines: list[Ended]) -> Alike:
    day, bucket, user, team, name, model, provider, session = key
    costs = [line.cost for line in lines]
    return Alike(
        day * DAY_MS, bucket * BUCKET_MS, user, team, name, model, provider, session, lines,
        sum(filter(None, costs)), costs.count(None), sum([line.tokens for line in lines]),
    )  # fmt: skip
