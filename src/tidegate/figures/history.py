"""Figures over time: what is kept, and how it is asked for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple
from typing import Protocol as Interface

from msgspec import Struct, field

from .sample import Answered, Sample
from .sums import Row, Sums

__all__ = [
    "ALL",
    "DAY_S",
    "FIVE_MINUTES_S",
    "HOUR_S",
    "KEPT_S",
    "SPANS",
    "Dimension",
    "Entry",
    "Gathered",
    "History",
    "Query",
    "Range",
    "Series",
    "gather",
    "roll_up",
    "roll_up_alike",
    "roll_up_gathered",
    "widen",
]

Dimension = Literal["all", "model", "user", "key"]
ALL = "all"
"""The name of everything's only row."""

FIVE_MINUTES_S, HOUR_S, DAY_S = 300, 3600, 86_400
SPANS = (FIVE_MINUTES_S, HOUR_S, DAY_S)
"""The lengths of buckets, in seconds. They begin at whole multiples of their length since 1970, in UTC."""
KEPT_S: Mapping[int, int] = MappingProxyType({FIVE_MINUTES_S: 2 * DAY_S + HOUR_S})
"""Length of buckets → how long they are kept, in seconds; the others are kept for ever."""


FEW = 64
"""Requests that are kept as they are when they are gathered: to add them up costs as much as for many."""


class Entry(NamedTuple):
    """A request, by whom it was made, and when it ended."""

    sample: Sample
    at: int
    """In milliseconds since 1970."""
    user: str | None = None
    key: str | None = None


Common = tuple[int, str | None, str | None]
"""What some requests have in common: the beginning of their five minutes, their user and their key."""


Group = tuple[int, str | None, str | None, str, str]
"""The same of requests that one model answered at the first attempt: its provider and its name, too."""


class Gathered(Struct, array_like=True, gc=False):
    """Requests that are added up by what they have in common, and not by series yet."""

    answered: list[tuple[Group, Sums]] = field(default_factory=list)
    """Those that were answered at the first attempt."""
    others: list[tuple[Common, list[Sample]]] = field(default_factory=list)
    few: list[tuple[Group, list[Answered]]] = field(default_factory=list)
    """As the first, where so few have so much in common that they are not added up yet."""


class Series(NamedTuple):
    """What sums are of: one line of a chart."""

    by: Dimension
    provider: str
    name: str


class Range(NamedTuple):
    """Buckets of one length."""

    span: int
    """Their length in seconds: one of SPANS."""
    since: int
    """The beginning of the first, in milliseconds since 1970."""
    until: int
    """The end of the last."""


class Query(NamedTuple):
    """Which figures are asked for."""

    by: Dimension
    ranges: Sequence[Range]
    names: Sequence[str] | None = None
    """Only these models, users or keys."""
    provider: str | None = None
    """Only models of this provider."""
    most: int | None = None
    """Only the names with the most requests: so many; None: all."""


class History(Interface):
    """Where figures over time are kept."""

    source: str
    """`store`, or `memory`, which begins with the gateway."""
    since: int | None
    """When it begins, in milliseconds since 1970; None where that is not known."""

    async def read(self, queries: Sequence[Query]) -> Sequence[Sequence[Row]]:
        """The rows that each query asks for, in the order of time. Raises Unavailable."""
        ...


def roll_up(entries: Iterable[Entry]) -> dict[int, dict[Series, Sums]]:
    """Sums of requests by the beginning of their five minutes, in milliseconds since 1970, and by series."""
    alike: defaultdict[Common, list[Answered | Sample]] = defaultdict(list)
    for sample, moment, user, key in entries:
        alike[moment - moment % (FIVE_MINUTES_S * 1000), user, key].append(sample)
    return roll_up_alike(alike)


def roll_up_alike(alike: Mapping[Common, Sequence[Answered | Sample]]) -> dict[int, dict[Series, Sums]]:
    """The same of requests that are sorted already."""
    return roll_up_gathered([gather(alike)])


def gather(alike: Mapping[Common, Sequence[Answered | Sample]]) -> Gathered:
    """The first half of this, which makes little of many requests."""
    gathered = Gathered()
    for common, samples in alike.items():
        by_model: defaultdict[tuple[str, str], list[Answered]] = defaultdict(list)
        others: list[Sample] = []
        for sample in samples:
            one = sample if isinstance(sample, Answered) else sample.answered
            if one is not None:
                by_model[one.provider, one.model].append(one)
            else:
                assert isinstance(sample, Sample), "it was answered"
                others.append(sample)
        for model, answered in by_model.items():
            if len(answered) < FEW:
                gathered.few.append(((*common, *model), answered))
            else:
                gathered.answered.append(((*common, *model), Sums.of_answered(answered)))
        if others:
            gathered.others.append((common, others))
    return gathered


def roll_up_gathered(gathered: Iterable[Gathered]) -> dict[int, dict[Series, Sums]]:
    """The second half, for any number of times that requests were gathered."""
    groups: defaultdict[Group, list[Sums]] = defaultdict(list)
    few: defaultdict[Group, list[Answered]] = defaultdict(list)
    others: list[tuple[Common, list[Sample]]] = []
    for one in gathered:
        for group, sums in one.answered:
            groups[group].append(sums)
        for group, answered in one.few:
            few[group] += answered
        others += one.others
    for group, answered in few.items():
        groups[group].append(Sums.of_answered(answered))
    parts: defaultdict[int, defaultdict[Series, list[Sums]]] = defaultdict(lambda: defaultdict(list))
    for (at, user, key, provider, model), added in groups.items():
        total = Sums.total(added)
        for series in (*_series_of(user, key), Series("model", provider, model)):
            parts[at][series].append(total)
    for (at, user, key), samples in others:
        some: dict[Series, Sums] = {}
        for sample in samples:
            _add(some, sample, user, key)
        for series, sums in some.items():
            parts[at][series].append(sums)
    return {
        at: {series: Sums.total(added) for series, added in by_series.items()}
        for at, by_series in parts.items()
    }


def _add(sums: dict[Series, Sums], sample: Sample, user: str | None, key: str | None) -> None:
    for series in _series_of(user, key):
        _at(sums, series).add_request(sample)
    if sample.parts:
        last = sample.parts[-1]
        _at(sums, Series("model", last.provider, last.model)).add_answer(sample)
        for part in sample.parts:
            _at(sums, Series("model", part.provider, part.model)).add_attempt(part)


def widen(sums: Mapping[int, Mapping[Series, Sums]], span: int) -> Mapping[int, Mapping[Series, Sums]]:
    """The same in longer buckets of `span` seconds; the sums of a single bucket are not copied."""
    if len(sums) == 1:
        return {at - at % (span * 1000): by_series for at, by_series in sums.items()}
    found: dict[int, dict[Series, Sums]] = {}
    for at, by_series in sums.items():
        wide = found.setdefault(at - at % (span * 1000), {})
        for series, one in by_series.items():
            _at(wide, series).add(one)
    return found


def _series_of(user: str | None, key: str | None) -> Iterator[Series]:
    yield Series("all", "", ALL)
    if user is not None:
        yield Series("user", "", user)
    if key is not None:
        yield Series("key", "", key)


def _at(sums: dict[Series, Sums], series: Series) -> Sums:
    found = sums.get(series)
    if found is None:
        found = sums[series] = Sums()
    return found
