"""When a model has moved away from its own past: on made series."""

import math
import random
from collections.abc import Sequence
from datetime import date

import pytest

from tidegate.figures import Query, Row, Sums
from tidegate.figures.changes import Change, Changes, Measure, Model, Pair, describe, measure
from tidegate.figures.history import DAY_S, FIVE_MINUTES_S, HOUR_S
from tidegate.figures.sample import OTHER
from tidegate.figures.watching import ChangeWatch
from tidegate.meters import bucket_of

MODEL = Model("one", "m")
NANO = 1_000_000_000
NOON = 1_796_040_000_000 - 1_796_040_000_000 % 3_600_000


def span(
    rng: random.Random,
    answers: int,
    ttft: float = 0.5,
    rate: float = 0.01,
    usd: float = 0.002,
) -> Sums:
    """What a model did in some time: log-normal times to first token and costs."""
    sums = Sums(requests=answers, rated=answers)
    for _ in range(answers):
        if rng.random() < rate:
            sums.errors += 1
            sums.failures += 1
            continue
        bucket = bucket_of(ttft * math.exp(rng.gauss(0, 0.5)))
        sums.ttft[bucket] = sums.ttft.get(bucket, 0) + 1
        sums.latency[bucket] = sums.latency.get(bucket, 0) + 1
        sums.cost += round(usd * math.exp(rng.gauss(0, 0.5)) * NANO)
    return sums


def day(rng: random.Random, answers: int = 100) -> list[Sums]:
    return [span(rng, answers) for _ in range(24)]


def sizes(pair: Pair) -> dict[Measure, Change]:
    return {found.measure: found for found in measure(MODEL, pair)}


@pytest.mark.parametrize("answers", [40, 100, 400])
def test_noise_is_no_change(answers: int) -> None:
    rng = random.Random(1)
    past = [span(rng, answers) for _ in range(24 + 300)]
    for end in range(24, len(past)):
        pair = Pair(past[end - 24 : end], span(rng, answers // 2))
        found = [one for one in measure(MODEL, pair) if one.is_change]
        assert found == []


def test_a_model_that_varies_by_itself_needs_more() -> None:
    rng = random.Random(2)
    past = [
        span(rng, 100, ttft=rng.choice((0.3, 0.5, 0.9)), usd=rng.choice((0.001, 0.002, 0.004)))
        for _ in range(24)
    ]
    assert not any(one.is_change for one in sizes(Pair(past, span(rng, 50, ttft=0.9, usd=0.004))).values())


@pytest.mark.parametrize(
    ("changed", "of"),
    [
        ({"ttft": 1.2}, "ttft"),
        ({"rate": 0.2}, "errors"),
        ({"usd": 0.006}, "cost"),
        ({"usd": 0.0005}, "cost"),
    ],
)
def test_a_step_is_one_change_and_its_end_another(changed: dict[str, float], of: Measure) -> None:
    rng, changes = random.Random(3), Changes()
    past = day(rng)

    def look(**more: float) -> list[tuple[Measure, bool]]:
        found = changes.look({MODEL: Pair(past, span(rng, 100, **more))})
        return [(one.measure, ended) for one, ended in found]

    assert look() == []
    assert look(**changed) == [(of, False)]
    assert look(**changed) == []  # once
    assert look() == [(of, True)]
    assert look() == []


def test_a_faster_model_is_no_change() -> None:
    rng = random.Random(4)
    assert not sizes(Pair(day(rng), span(rng, 100, ttft=0.05, rate=0)))["ttft"].is_change


def test_between_begin_and_end_nothing_is_said() -> None:
    rng, changes = random.Random(5), Changes()
    past = day(rng)
    slow, less, usual = (Pair(past, span(rng, 400, ttft=ttft)) for ttft in (1.2, 0.68, 0.5))
    begun = [ended for _, ended in changes.look({MODEL: slow})]
    assert (begun, list(changes.look({MODEL: less}))) == ([False], [])
    assert sizes(less)["ttft"].is_change is False
    assert [ended for _, ended in changes.look({MODEL: usual})] == [True]


@pytest.mark.parametrize(
    ("hours", "of_hour", "of_now"), [(5, 100, 100), (24, 19, 100), (24, 100, 19), (0, 0, 100)]
)
def test_few_samples_say_nothing(hours: int, of_hour: int, of_now: int) -> None:
    rng = random.Random(6)
    past = [span(rng, of_hour, rate=0) for _ in range(hours)]
    assert sizes(Pair(past, span(rng, of_now, ttft=9, usd=9, rate=0))) == {}


def test_a_few_failures_are_no_change() -> None:
    rng = random.Random(7)
    recent = Sums(rated=20, failures=4)
    past = [span(rng, 100, rate=0) for _ in range(24)]
    assert not sizes(Pair(past, recent))["errors"].is_change
    assert sizes(Pair(past, Sums(rated=20, failures=12)))["errors"].is_change


def test_answers_without_a_known_cost_do_not_count() -> None:
    rng = random.Random(8)
    recent = span(rng, 100, rate=0)
    recent.unpriced, recent.cost = 90, recent.cost // 10
    assert "cost" not in sizes(Pair(day(rng), recent))


def test_a_change_is_described_with_its_figures() -> None:
    change = Change(MODEL, "ttft", 0.51, 1.23456, 42, 2.0)
    assert describe(change, ended=False) == (
        "one/m: the time to first token has changed: 1.23 s in the last half hour (42 samples), 0.51 s on "
        "the day before"
    )
    failures = Change(MODEL, "errors", 0.01, 0.012, 42, 0.1)
    assert describe(failures, ended=True) == (
        "one/m: the share of failed attempts is as on the day before again: 1.2% (1.0% then)"
    )
    assert "0.002 USD" in describe(Change(MODEL, "cost", 2e6, 1e6, 42, 1.0), ended=False)


def test_a_retirement_is_reported_once_per_stage() -> None:
    changes, reported = Changes(), []
    for number in range(1, 32):
        reported += [left for _, left in changes.retiring({MODEL: "2027-01-01"}, date(2026, 12, number))]
    assert reported == [30, 7, 1]
    assert list(Changes().retiring({MODEL: "2027-02-01"}, date(2026, 12, 31))) == []
    assert [left for _, left in Changes().retiring({MODEL: "2026-12-01"}, date(2026, 12, 31))] == [-30]


# --- the watch -----------------------------------------------------------------------------------


class Kept:
    """A history of rows by the length of their buckets."""

    source, since = "store", None

    def __init__(self) -> None:
        self.rows: dict[int, list[Row]] = {HOUR_S: [], FIVE_MINUTES_S: []}
        self.asked: list[int] = []

    async def read(self, queries: Sequence[Query]) -> list[list[Row]]:
        found = []
        for query in queries:
            (span_of,) = query.ranges
            self.asked.append(span_of.span)
            rows = self.rows[span_of.span]
            found.append([row for row in rows if span_of.since <= row.at < span_of.until])
        return found


async def test_the_watch_compares_the_last_half_hour_with_the_day_before() -> None:
    rng, kept, leads = random.Random(9), Kept(), True
    reported: list[tuple[str, str, bool]] = []
    retiring: list[tuple[str, str, int]] = []
    for hour in range(1, 26):
        at = NOON - hour * HOUR_S * 1000
        kept.rows[HOUR_S] += [Row(at, "one", name, span(rng, 100)) for name in ("m", OTHER)]
    for name in ("m", OTHER):
        kept.rows[FIVE_MINUTES_S] += [
            Row(NOON + place * 300_000, "one", name, span(rng, 20, ttft=2)) for place in range(6)
        ]
    watch = ChangeWatch(
        lambda: kept,
        lambda: leads,
        lambda provider, name: "2027-01-01" if (provider, name) == MODEL else None,
        lambda change, ended: reported.append((change.model.path, change.measure, ended)),
        lambda model, when, left: retiring.append((model.path, when, left)),
    )
    await watch.look(NOON + 1_800_000)
    assert reported == [("one/m", "ttft", False)]
    assert [one[:2] for one in retiring] == ([("one/m", "2027-01-01")] if retiring else [])
    await watch.look(NOON + 1_900_000)
    assert kept.asked.count(HOUR_S) == 1  # the past is read once an hour
    assert len(reported) == 1
    leads = False
    later = NOON + 2 * HOUR_S * 1000
    kept.rows[FIVE_MINUTES_S] = [Row(later, "one", "m", span(rng, 100))]
    await watch.look(later + 300_000)
    assert len(reported) == 1  # another worker reports
    leads = True
    await watch.look(later + 400_000)
    assert len(reported) == 1  # and it has ended here, too
    assert later - NOON < DAY_S * 1000
