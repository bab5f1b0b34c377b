"""Figures over time in SQLite and PostgreSQL: exact, once, and by the clock of UTC."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from tidegate.figures import Part, Query, Row, Sample, Sums
from tidegate.figures.history import ALL, DAY_S, FIVE_MINUTES_S, HOUR_S, Dimension, Entry, Range, roll_up
from tidegate.meters import quantiles_of
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.rollups import read_rollups
from tidegate.store.tables import rollups

HOUR_MS, DAY_MS = HOUR_S * 1000, DAY_S * 1000
MIDNIGHT = 1_796_000_000_000 // DAY_MS * DAY_MS
"""Of some day, in UTC."""


def sample(model: str = "m", cost: int | None = 5, ms: float = 100.0, error: str | None = None) -> Sample:
    part = Part("p", model, error, input=10, cache_read=30, output=20, cost=cost, discount=7, premium=2)
    return Sample(200, ms, ms / 2, error=error is not None, parts=(part,))


def ended(name: str, at: int, figures: Sample | None = None, **more: str) -> Ended:
    return Ended(
        id=name, at=at, ended="complete", status=200, figures=figures or sample(), user=more.get("user"),
        key=more.get("key"),
    )  # fmt: skip


def write(database: Database, *lines: Ended) -> None:
    with database.write() as connection:
        apply(connection, lines)


def read(
    database: Database, by: Dimension = "all", span: int = HOUR_S, names: Sequence[str] | None = None,
    most: int | None = None,
) -> list[Row]:  # fmt: skip
    whole = Range(span, 0, 10 * MIDNIGHT)
    with database.read() as connection:
        return read_rollups(connection, Query(by, [whole], names, most=most))


def totals(rows: Sequence[Row]) -> Sums:
    total = Sums()
    for row in rows:
        total.add(row.sums)
    return total


@pytest.mark.parametrize("span", [FIVE_MINUTES_S, HOUR_S, DAY_S])
def test_every_length_of_bucket_has_all_requests(database: Database, span: int) -> None:
    write(database, *(ended(f"r{place}", MIDNIGHT + place * 7 * 60_000) for place in range(30)))
    write(database, *(ended(f"s{place}", MIDNIGHT + place * 7 * 60_000) for place in range(30)))
    rows = read(database, span=span)
    total = totals(rows)
    assert (total.requests, total.cost, total.input, total.cache_read) == (60, 300, 600, 1800)
    assert (total.discount, total.premium) == (420, 120)
    assert sum(total.latency.values()) == sum(total.ttft.values()) == 60
    assert [row.at for row in rows] == sorted(
        {MIDNIGHT + place * 7 * 60_000 // (span * 1000) * span * 1000 for place in range(30)}
    )


def test_a_request_belongs_to_the_hour_in_which_it_ended_in_utc(database: Database) -> None:
    write(database, ended("before", MIDNIGHT - 1), ended("after", MIDNIGHT))
    assert [row.at for row in read(database)] == [MIDNIGHT - HOUR_MS, MIDNIGHT]
    assert [row.at for row in read(database, span=DAY_S)] == [MIDNIGHT - DAY_MS, MIDNIGHT]


def test_lines_that_are_moved_again_add_nothing(database: Database) -> None:
    lines = [ended(f"r{place}", MIDNIGHT + place) for place in range(10)]
    write(database, *lines)
    before = read(database)
    write(database, *lines, *lines)
    assert read(database) == before


def test_each_dimension_stands_by_itself(database: Database) -> None:
    write(
        database,
        ended("1", MIDNIGHT, user="ann", key="k1"),
        ended("2", MIDNIGHT, user="ann", key="k2"),
        ended("3", MIDNIGHT, sample("n"), user="bob"),
        ended("4", MIDNIGHT),
    )
    found = {
        by: {row.name: row.sums.requests for row in read(database, by)}
        for by in ("all", "model", "user", "key")
    }
    assert found == {
        "all": {ALL: 4},
        "model": {"m": 3, "n": 1},
        "user": {"ann": 2, "bob": 1},
        "key": {"k1": 1, "k2": 1},
    }


def test_the_names_that_are_asked_for_are_the_most_used(database: Database) -> None:
    write(
        database,
        *(
            ended(f"{user}{place}", MIDNIGHT + place * HOUR_MS, user=f"u{user}")
            for user in range(5)
            for place in range(user + 1)
        ),
    )
    assert {row.name for row in read(database, "user", most=2)} == {"u4", "u3"}
    assert totals(read(database, "user", most=2)).requests == 9
    assert {row.name for row in read(database, "user", names=["u1"])} == {"u1"}


def test_percentiles_are_within_two_percent_over_any_number_of_buckets(database: Database) -> None:
    values = [1.5**place for place in range(40)]
    write(
        database,
        *(ended(f"r{place}", MIDNIGHT + place * HOUR_MS, sample(ms=ms)) for place, ms in enumerate(values)),
    )
    shares = [0.25, 0.5, 0.95]
    for found, share in zip(quantiles_of(totals(read(database)).latency, shares), shares, strict=True):
        assert found is not None
        true = values[int(share * len(values)) - 1] / 1e3
        assert found == pytest.approx(true, rel=0.0201)


def test_old_buckets_of_five_minutes_are_deleted_and_no_others(database: Database) -> None:
    write(database, ended("old", MIDNIGHT))
    write(database, ended("new", MIDNIGHT + 3 * DAY_MS))
    assert [row.at for row in read(database, span=FIVE_MINUTES_S)] == [MIDNIGHT + 3 * DAY_MS]
    assert totals(read(database)).requests == totals(read(database, span=DAY_S)).requests == 2


def test_writers_at_the_same_time_lose_nothing(database: Database) -> None:
    def move(worker: int) -> None:
        for batch in range(10):
            write(database, *(ended(f"{worker}-{batch}-{n}", MIDNIGHT, user=f"u{n}") for n in range(5)))

    threads = [threading.Thread(target=move, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals(read(database)).requests == 200
    assert {row.name: row.sums.requests for row in read(database, "user")} == {f"u{n}": 40 for n in range(5)}
    with database.read() as connection:
        assert (
            connection.execute(select(func.sum(rollups.c.requests)).where(rollups.c.by == "user")).scalar()
            == 600
        )


def test_an_unknown_cost_is_counted_and_not_added(database: Database) -> None:
    write(database, ended("1", MIDNIGHT, sample(cost=None)), ended("2", MIDNIGHT))
    total = totals(read(database))
    assert (total.cost, total.unpriced) == (5, 1)


def test_a_fallback_is_counted_where_each_attempt_was_made(database: Database) -> None:
    parts = (Part("a", "m", "timeout", cost=0), Part("b", "m", output=9, cost=3))
    write(database, ended("1", MIDNIGHT, Sample(200, 50.0, parts=parts)))
    models = {row.provider: row.sums for row in read(database, "model")}
    assert (models["a"].requests, models["a"].rated, models["a"].failures) == (0, 1, 1)
    assert models["a"].kinds == {"timeout": 1}
    assert (models["b"].requests, models["b"].rated, models["b"].failures, models["b"].cost) == (1, 1, 0, 3)
    total = totals(read(database))
    assert (total.requests, total.errors, total.rated, total.failures) == (1, 0, 1, 0)


SAMPLES = st.builds(
    lambda model, ms, cost, error: sample(model, cost, ms, error),
    st.sampled_from(["m", "n"]), st.floats(0, 1e6), st.none() | st.integers(0, 10**9),
    st.sampled_from([None, "timeout"]),
)  # fmt: skip


@given(st.lists(st.tuples(SAMPLES, st.integers(0, 3 * HOUR_MS)), max_size=20), st.integers(0, 20))
def test_sums_are_the_same_however_requests_are_split(samples: list[tuple[Sample, int]], split: int) -> None:
    def whole(entries: Sequence[Entry]) -> dict[object, Sums]:
        found: dict[object, Sums] = {}
        for series_of in roll_up(entries).values():
            for series, sums in series_of.items():
                found.setdefault(series, Sums()).add(sums)
        return found

    entries = [Entry(one, at, "ann") for one, at in samples]
    parts = [whole(entries[:split]), whole(entries[split:])]
    joined: dict[object, Sums] = {}
    for part in parts:
        for series, sums in part.items():
            joined.setdefault(series, Sums()).add(sums)
    assert joined == whole(entries)
