"""What is shown of figures over time: an overview, the models, and trends."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct, field

from .history import DAY_S, HOUR_S, SPANS, Dimension, History, Query, Range
from .shown import Shown, fields_of, show
from .sums import Row, Sums

__all__ = [
    "BUCKETS_S", "EVERYTHING", "MOST_HOURS", "MOST_POINTS", "Group", "ModelFigures", "Named", "Overview",
    "Point", "Scope", "Trends", "Window", "models_of", "read_overview", "trends_of", "why_not", "window_of",
]  # fmt: skip

MOST_HOURS = 24 * 366 * 10
"""The longest time that can be asked for, in hours."""
MOST_POINTS = 100
"""The most points of a series where the bucket is chosen for it."""
MOST_ASKED = 1000
"""The most points of a series whose bucket the client has chosen."""
BUCKETS_S = (300, 900, 1800, 3600, 3 * 3600, 6 * 3600, DAY_S, 7 * DAY_S, 30 * DAY_S, 90 * DAY_S)
"""The buckets that are chosen from, in seconds."""
MOST_NAMED = 50
"""The most users or keys of `by`: those with the most requests."""
MOST_MODELS = 500


Group = Literal["model", "provider", "user", "key"]
"""What an overview can be divided by."""


class Window(NamedTuple):
    """A span of time in buckets. Times are in milliseconds since 1970, at the beginning of buckets."""

    since: int
    until: int
    """The end of the bucket that is not over yet, or of the last one."""
    bucket_s: int


class Point(Shown, frozen=True, kw_only=True):
    """A bucket of a series."""

    time: int
    """When it begins, in milliseconds since 1970."""


class Named(Shown, frozen=True, kw_only=True):
    """One model, provider, user or key."""

    name: str
    provider: str | None = None
    """Of a model."""


class Overview(Struct, frozen=True, kw_only=True):
    """What happened in a span of time."""

    from_: int = field(name="from")
    to: int
    bucket_s: int
    """Seconds from one point of the series to the next."""
    source: str
    """`store`, or `memory`: then what was before the gateway began is missing."""
    since: int | None
    """With `memory`: when the gateway began, in milliseconds since 1970."""
    totals: Shown
    series: Sequence[Point]
    """Every bucket, also those without requests."""
    by: Sequence[Named]
    """The most used first; at most 500 models, 50 users or 50 keys."""


class ModelFigures(Struct, frozen=True, kw_only=True):
    """The models in a span of time."""

    from_: int = field(name="from")
    to: int
    source: str
    """See Overview."""
    since: int | None
    """See Overview."""
    totals: Shown
    models: Sequence[Named]
    """Each model at each provider, the most used first; at most 500 models, 50 users or 50 keys."""


class Trends(Struct, frozen=True, kw_only=True):
    """What happened over time."""

    from_: int = field(name="from")
    to: int
    bucket_s: int
    source: str
    """See Overview."""
    since: int | None
    """See Overview."""
    totals: Shown
    series: Sequence[Point]


def models_of(overview: Overview) -> ModelFigures:
    """The models of an overview by model."""
    return ModelFigures(
        from_=overview.from_, to=overview.to, source=overview.source, since=overview.since,
        totals=overview.totals, models=overview.by,
    )  # fmt: skip


def trends_of(overview: Overview) -> Trends:
    """The series of an overview."""
    return Trends(
        from_=overview.from_, to=overview.to, bucket_s=overview.bucket_s, source=overview.source,
        since=overview.since, totals=overview.totals, series=overview.series,
    )  # fmt: skip


def window_of(hours: float, now: int, bucket_s: int | None = None) -> Window:
    """The last hours until now (milliseconds since 1970), in buckets of `bucket_s` seconds, or of the
    shortest of BUCKETS_S that makes at most MOST_POINTS. It begins with the bucket that it begins in.
    """
    length = int(hours * 3_600_000)
    if bucket_s is None:
        fitting = (one for one in BUCKETS_S if length <= one * 1000 * MOST_POINTS and _is_kept(one, length))
        bucket_s = next(fitting, BUCKETS_S[-1])
    width = bucket_s * 1000
    since = now - length
    return Window(since - since % width, now - now % width + width, bucket_s)


def why_not(hours: float, bucket_s: int) -> str | None:
    """Why a client cannot have buckets of this length; None if it can."""
    length = int(hours * 3_600_000)
    if bucket_s not in BUCKETS_S:
        return f"a bucket has {', '.join(map(str, BUCKETS_S))} seconds"
    if length > bucket_s * 1000 * MOST_ASKED:
        return f"a series has at most {MOST_ASKED} buckets"
    if not _is_kept(bucket_s, length):
        return "buckets below an hour are kept for two days"
    return None


def _is_kept(bucket_s: int, length: int) -> bool:
    return bucket_s >= HOUR_S or length <= 2 * DAY_S * 1000


class Scope(NamedTuple):
    """Which figures something is made of."""

    by: Dimension = "all"
    names: Sequence[str] | None = None
    """Only these models, users or keys."""
    provider: str | None = None
    """Only models of this provider."""


EVERYTHING = Scope()


async def read_overview(
    history: History, window: Window, now: int, *, by: Group = "model", of: Scope = EVERYTHING, parts: Scope
) -> Overview:
    """The overview of a window: the totals and the series `of` a scope, and its `parts`, divided by `by`.
    Raises Unavailable.
    """
    most = MOST_NAMED if by in ("user", "key") and parts.names is None else None
    series, rows = await history.read(
        [
            Query(of.by, [_series_range(window)], of.names, of.provider),
            Query(parts.by, _cover(window), parts.names, parts.provider, most),
        ]
    )
    points = _points(series, window)
    named: dict[tuple[str, str], Sums] = {}
    for row in rows:
        key = (row.provider, "" if by == "provider" else row.name)
        known = named.get(key)
        if known is None:
            known = named[key] = Sums()
        known.add(row.sums)
    totals = Sums()
    for sums in points.values():
        totals.add(sums)
    return Overview(
        from_=window.since,
        to=now,
        bucket_s=window.bucket_s,
        source=history.source,
        since=history.since,
        totals=show(totals),
        series=[Point(time=at, **fields_of(sums)) for at, sums in points.items()],
        by=_rank(named, by),
    )


def _series_range(window: Window) -> Range:
    span = max(one for one in SPANS if window.bucket_s % one == 0)
    return Range(span, window.since, window.until)


def _cover(window: Window) -> list[Range]:
    """A window in as few buckets as possible: five minutes until the first hour, hours until the first day,
    then days.
    """
    ranges: list[Range] = []
    begin = window.since
    for span, longer in zip(SPANS, (*SPANS[1:], None), strict=True):
        end = (
            window.until
            if longer is None
            else min(window.until, -(-begin // (longer * 1000)) * longer * 1000)
        )
        if begin < end:
            ranges.append(Range(span, begin, end))
            begin = end
    return ranges


def _points(rows: Sequence[Row], window: Window) -> dict[int, Sums]:
    width = window.bucket_s * 1000
    points = {at: Sums() for at in range(window.since, window.until, width)}
    for row in rows:
        points[row.at - row.at % width].add(row.sums)
    return points


def _rank(named: Mapping[tuple[str, str], Sums], by: Group) -> list[Named]:
    ranked = sorted(named.items(), key=lambda one: (-one[1].requests, -one[1].rated, one[0]))[:MOST_MODELS]
    return [
        Named(name=name or provider, provider=provider if by == "model" else None, **fields_of(sums))
        for (provider, name), sums in ranked
    ]
