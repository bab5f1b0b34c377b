"""Requests that are alike: whatever is added up of requests is added up of these first, once for all sums."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import astuple

from tidegate.figures.history import FIVE_MINUTES_S

from .columns import Columns
from .journal import Ended

__all__ = ["DAY_MS", "Alike", "added_by", "alike", "by_columns"]

DAY_MS = 86_400_000
BUCKET_MS = FIVE_MINUTES_S * 1000

Name: TypeAlias = str | None
Key: TypeAlias = tuple[int, int, Name, Name, Name, Name, Name, Name]
"""The number of the day and of the five minutes, and then the names as in `Alike`."""


NAMES = ("user", "team", "key", "model", "provider", "session")


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


def alike(ended: Sequence[Ended], columns: Columns) -> list[Alike]:
    """Requests that have ended, by what they have in common."""
    days, buckets = _spans(columns["began"], DAY_MS), _spans(columns["at"], BUCKET_MS)
    found: defaultdict[Key, list[Ended]] = defaultdict(list)
    for key, line in zip(
        zip(days, buckets, *[columns[name] for name in NAMES], strict=True), ended, strict=True
    ):
        found[key].append(line)
    return [_summed(key, lines) for key, lines in found.items()]


def by_columns(ended: Sequence[Ended]) -> Columns:
    """The fields of requests that have ended, each with its values; and `began`, when they began, or at least
    ended.
    """
    columns = dict(zip(Ended.__struct_fields__, zip(*map(astuple, ended), strict=True), strict=True))
    begun = columns["begun_at"]
    columns["began"] = (
        begun if all(begun) else tuple(one or at for one, at in zip(begun, columns["at"], strict=True))
    )
    return columns


def added_by(names: Sequence[str], amounts: Sequence[int]) -> dict[str, int]:
    """What amounts add up to by their names."""
    if names.count(names[0]) == len(names):
        return {names[0]: sum(amounts)}
    total: defaultdict[str, int] = defaultdict(int)
    for name, amount in zip(names, amounts, strict=True):
        total[name] += amount
    return total


def _spans(ats: Sequence[int], length: int) -> Iterable[int]:
    """The numbers of the spans of time, each so long, that moments are in: mostly the same for a batch."""
    first, last = min(ats) // length, max(ats) // length
    return repeat(first, len(ats)) if first == last else [at // length for at in ats]


def _summed(key: Key, lines: list[Ended]) -> Alike:
    day, bucket, user, team, name, model, provider, session = key
    costs = [line.cost for line in lines]
    return Alike(
        day * DAY_MS, bucket * BUCKET_MS, user, team, name, model, provider, session, lines,
        sum(filter(None, costs)), costs.count(None), sum([line.tokens for line in lines]),
    )  # fmt: skip
