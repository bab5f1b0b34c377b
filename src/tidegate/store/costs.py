"""What requests have cost, by the day on which they began (in UTC) and by whose they were.

The sums of whole days by a single one of DIMENSIONS are kept apart, for ever: a projection of the records,
written in the transaction that writes these. Whatever else is asked for is added up from the records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import add
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, select, union_all

from .alike import DAY_MS, Alike
from .tables import costs, records
from .upsert import add_up

__all__ = ["DAY_MS", "DIMENSIONS", "GROUPS", "Spent", "count_costs", "reads_requests", "spent_by"]

DIMENSIONS = ("user", "team", "key", "model", "provider")
GROUPS = ("day", *DIMENSIONS)
"""What the cost of requests can be summed up by."""
COUNTS = ("cost", "requests", "unpriced")
COLUMNS = ("by", "day", "name", *COUNTS)


class Spent(NamedTuple):
    """The cost of some requests."""

    by: Mapping[str, Any]
    """What they have in common. A `day` is its first moment, in milliseconds since 1970."""
    cost: int
    """In nano; requests whose cost is unknown add nothing."""
    requests: int
    unpriced: int
    """How many of them have no known cost."""


def count_costs(connection: Connection, found: Iterable[Alike]) -> None:
    """Add requests to the sums of their days."""
    sums: dict[tuple[str, int, str], list[int]] = {}
    for one in found:
        counts = (one.cost, len(one.ended), one.unpriced)
        names = (one.user, one.team, one.key, one.model, one.provider)
        for by, name in zip(DIMENSIONS, names, strict=True):
            known = sums.setdefault((by, one.began_on, name or ""), [0, 0, 0])
            known[:] = map(add, known, counts)
    rows = [(*key, *counts) for key, counts in sorted(sums.items())]
    add_up(connection, costs, COLUMNS, rows, COUNTS)


def reads_requests(groups: Sequence[str], filters: Mapping[str, str]) -> bool:
    """Whether a question is about several of DIMENSIONS at once, whose sums are not kept."""
    return len({*groups, *filters} - {"day"}) > 1


def spent_by(
    connection: Connection,
    groups: Sequence[str],
    *,
    since: int,
    until: int,
    filters: Mapping[str, str],
    limit: int = 1000,
    offset: int = 0,
) -> Sequence[Spent]:
    """The cost of requests that began from `since` to before `until`, in milliseconds, summed up by `groups`
    (see GROUPS), in their order. `filters` are values of DIMENSIONS.
    """
    parts = union_all(*_parts(groups, since, until, filters)).subquery()
    columns = [parts.c[name] for name in groups]
    query = (
        select(*columns, *(func.sum(parts.c[name]).label(f"all_{name}") for name in COUNTS))
        .group_by(*columns)
        .order_by(*(one.nulls_first() for one in columns))
        .limit(limit)
        .offset(offset)
    )
    return [
        Spent(
            {name: row[place] for place, name in enumerate(groups)},
            int(row.all_cost), int(row.all_requests), int(row.all_unpriced),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _parts(groups: Sequence[str], since: int, until: int, filters: Mapping[str, str]) -> Iterator[Any]:
    """Statements whose rows together are the answer: of whole days, and of what is left before and behind."""
    first, last = since + -since % DAY_MS, until - until % DAY_MS
    if reads_requests(groups, filters) or first >= last:
        yield _from_records(groups, since, until, filters)
        return
    if since < first:
        yield _from_records(groups, since, first, filters)
    yield _from_days(groups, first, last, filters)
    if last < until:
        yield _from_records(groups, last, until, filters)


def _from_days(groups: Sequence[str], since: int, until: int, filters: Mapping[str, str]) -> Any:
    by = next((name for name in chain(groups, filters) if name != "day"), DIMENSIONS[-1])
    named = func.nullif(costs.c.name, "")
    columns = [(costs.c.day if name == "day" else named).label(name) for name in groups]
    sums = (func.sum(costs.c[name]).label(name) for name in COUNTS)
    conditions = [costs.c.by == by, costs.c.day >= since, costs.c.day < until]
    conditions += [named == value for value in filters.values()]
    return select(*columns, *sums).where(*conditions).group_by(*columns)


def _from_records(groups: Sequence[str], since: int, until: int, filters: Mapping[str, str]) -> Any:
    day = records.c.at - records.c.at % DAY_MS
    columns = [(day if name == "day" else records.c[name]).label(name) for name in groups]
    sums = (
        func.coalesce(func.sum(records.c.cost), 0).label("cost"),
        func.count().label("requests"),
        func.sum(case((records.c.cost.is_(None), 1), else_=0)).label("unpriced"),
    )
    conditions = [records.c[name] == value for name, value in filters.items()]
    conditions += [records.c.at >= since, records.c.at < until]
    return select(*columns, *sums).where(*conditions).group_by(*columns)
