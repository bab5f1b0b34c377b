"""Answers that are counted together give what they give one by one."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode, encode

from running import parse_config
from tidegate.accounts import ANONYMOUS
from tidegate.bus import ALONE
from tidegate.exchange.model_names import ModelNames
from tidegate.exchange.plain_answers import PlainAnswers
from tidegate.exchange.price_cards import PriceCards
from tidegate.exchange.tariff import Tariff
from tidegate.figures import Answered, Answers, Gathered, Part, Sample, Sums
from tidegate.figures.answers import by_series
from tidegate.figures.history import FEW, Entry, gather, roll_up, roll_up_alike, roll_up_gathered
from tidegate.figures.keeper import Keeper
from tidegate.figures.live import Live
from tidegate.meters import bucket_of, counts_of
from tidegate.observe import Record
from tidegate.protocols.contract import Tally
from tidegate.protocols.usage import Usage
from tidegate.providers import ModelRegistry

AT = 1_790_000_000_000
TIMES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=20)
COUNT = st.integers(0, 10**6)

CONFIG = parse_config("""
[providers.a]
kind = "openai_compatible"
base_url = "http://a.test/v1"
[models.m]
candidates = ["a/m"]
[models.n]
candidates = ["a/n"]
[prices."a/m"]
input = 2
output = 8
cache_read = 0.5
""")


@given(
    times=TIMES,
    streamed=st.booleans(),
    tokens=COUNT,
    cost=COUNT,
    calls=st.booleans(),
    user=st.none() | st.just("u"),
)
def test_they_add_the_same_to_rollups_and_counters(
    times: list[float], streamed: bool, tokens: int, cost: int, calls: bool, user: str | None
) -> None:
    count = len(times)
    part = Part(
        "a", "m", input=tokens, output=tokens, cost=cost, generated=7, generated_ms=5.0, tool_calls=calls
    )
    samples = [Sample(200, time, time / 2 if streamed else None, parts=(part,)) for time in times]
    together = Answers(
        provider="a", model="m", door="openai", at=AT, user=user, totals_ms=times,
        ttfts_ms=[time / 2 for time in times] if streamed else (),
        input=count * tokens, output=count * tokens, cost=count * cost,
        generated=count * 7, generated_ms=count * 5.0, tool_calls=count * calls,
    )  # fmt: skip
    assert by_series(together) == roll_up([Entry(sample, AT, user) for sample in samples])
    one_by_one, at_once = Live(), Live()
    for sample in samples:
        one_by_one.count("openai", 200, None)
        one_by_one.add(sample)
    at_once.add_answers(together)
    expected, found = one_by_one.merge(), at_once.merge()
    assert found.keys() == expected.keys()
    for labels, values in expected.items():
        # The sums of times are in whole µs: rounded for each, or once.
        assert all(abs(one - other) <= count for one, other in zip(found[labels], values, strict=True))


def collect(usages: list[Usage], tier: str | None = None, model: str = "m") -> Answers:
    """What becomes of these answers of `a/m`."""
    taken: list[Answers] = []

    class Deferring(Keeper):
        def defer(self, work) -> None:
            self.work = work

        def add_answers(self, answers: Answers) -> None:
            taken.append(answers)

    keeper, registry = Deferring(ALONE), ModelRegistry(CONFIG)
    answers = PlainAnswers(keeper, ModelNames(CONFIG, registry), PriceCards(Tariff(CONFIG)))
    (candidate,) = registry.resolve(model).candidates
    for usage in usages:
        record = Record(time="", id="i", door="openai", path="/", status=200, ended="complete", total_ms=5.0)
        answers.add(candidate, Tally(usage=usage, service_tier=tier), record, ANONYMOUS, 0.5)
    keeper.work()
    (found,) = taken
    return found


USAGE = st.builds(
    Usage,
    input=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
    cache_read=st.none() | st.integers(0, 10**6),
    reasoning=st.none() | st.integers(0, 10**4),
)


@given(usages=st.lists(USAGE, min_size=1, max_size=10), tier=st.none() | st.just("default"))
def test_their_cost_is_that_of_each(usages: list[Usage], tier: str | None) -> None:
    found = collect(usages, tier)
    cards, (candidate,) = PriceCards(Tariff(CONFIG)), ModelRegistry(CONFIG).resolve("m").candidates
    costs = [cards.cost(candidate, Tally(usage=usage, service_tier=tier), usage) for usage in usages]
    assert abs(found.cost - sum(cost for cost in costs if cost is not None)) <= len(usages)
    assert found.unpriced == costs.count(None)
    effects = [cards.cache_effect(candidate, Tally(usage=usage), usage) for usage in usages]
    assert abs(found.discount - sum(discount for discount, _ in effects)) <= len(usages)
    assert found.input == sum(usage.input or 0 for usage in usages)
    assert found.cache_read == sum(usage.cache_read or 0 for usage in usages)
    assert found.reasoning == sum(usage.reasoning or 0 for usage in usages)
    assert found.generated == sum(usage.completion_tokens or 0 for usage in usages)


def test_without_a_price_they_are_unpriced() -> None:
    usages = [Usage(input=1, output=1), Usage(input=1), Usage(input=2, output=0)]
    assert (collect(usages, model="n").unpriced, collect(usages, model="n").cost) == (3, 0)


times = st.floats(0, 1e5)
counts = st.integers(0, 10**6)
plain_samples = st.builds(
    Sample,
    st.just(200),
    times,
    st.none() | times,
    parts=st.tuples(
        st.builds(
            Part, st.just("p"), st.just("m"), input=counts, cache_read=st.integers(1, 10**6),
            cache_write=counts, output=counts, reasoning=counts, cost=st.none() | counts,
            discount=counts, premium=counts,
            generated=counts, generated_ms=times, tool_calls=st.booleans(),
        )
    ),
)  # fmt: skip


@given(st.lists(plain_samples, min_size=1))
def test_plain_samples_are_summed_up_together_as_one_by_one(samples: list[Sample]) -> None:
    by_request, by_model, answered = Sums(), Sums(), []
    for one in samples:
        short = one.answered
        assert short is not None
        assert short.as_sample() == one
        answered.append(short)
        by_request.add_request(one)
        by_model.add_answer(one)
        by_model.add_attempt(one.parts[0])
    assert Sums.of_answered(answered) == by_request == by_model
    assert Sums.total([Sums.of_answered([one]) for one in answered]) == by_request


commons = st.tuples(st.sampled_from([0, 300_000, 3_600_000]), *[st.none() | st.sampled_from("ab")] * 2)
failed = st.builds(
    Sample,
    st.just(502),
    times,
    error=st.just(True),
    parts=st.just((Part("p", "m", "timeout"), Part("q", "m"))),
)


@given(st.lists(st.dictionaries(commons, st.lists(plain_samples | failed, min_size=1))))
def test_it_makes_no_difference_how_often_requests_are_gathered(
    batches: list[dict[Any, list[Sample]]],
) -> None:
    together: defaultdict[Any, list[Answered | Sample]] = defaultdict(list)
    for batch in batches:
        for common, samples in batch.items():
            together[common] += samples
    written = [decode(encode(gather(batch)), type=Gathered) for batch in batches]
    assert roll_up_gathered(written) == roll_up_alike(together)


def test_few_requests_are_kept_as_they_are_and_many_are_added_up() -> None:
    common = (0, "a", None)
    few, many = [[Answered("p", "m", 5.0 * one, 1) for one in range(number)] for number in (FEW - 1, FEW)]
    kept, added = gather({common: few}), gather({common: many})
    assert (kept.few, kept.answered) == ([((*common, "p", "m"), few)], [])
    assert (added.few, added.answered) == ([], [((*common, "p", "m"), Sums.of_answered(many))])
    assert roll_up_gathered([kept, added]) == roll_up_alike({common: few + many})


def test_what_the_version_before_has_gathered_is_read() -> None:
    answered = [((0, "a", None, "p", "m"), Sums.of_answered([Answered("p", "m", 5.0, 1)]))]
    assert decode(encode((answered, [])), type=Gathered) == Gathered(answered)


def test_samples_that_failed_or_had_several_attempts_are_not_answered() -> None:
    part = Part("p", "m")
    assert Sample(200, 1.0, parts=(part,)).answered is not None
    assert Sample(200, 1.0).answered is None
    assert Sample(200, 1.0, parts=(part, part)).answered is None
    assert Sample(200, 1.0, rated=False, parts=(part,)).answered is None
    assert Sample(502, 1.0, error=True, parts=(part,)).answered is None
    assert Sample(200, 1.0, parts=(Part("p", "m", "timeout"),)).answered is None
    assert Sample(200, 1.0, parts=(Part("p", "m", rated=False),)).answered is None
    assert Sample(200, 1.0, parts=(Part("p", "m", bad_tool_calls=True),)).answered is None


@given(values=st.lists(st.floats(0.0, 1e5)))
def test_many_values_are_counted_as_one_by_one(values: list[float]) -> None:
    assert counts_of(values) == Counter(map(bucket_of, values))


@given(limits=st.lists(st.integers(0, 20), unique=True), values=st.lists(st.integers(0, 25)))
def test_they_are_counted_by_any_buckets(limits: list[int], values: list[int]) -> None:
    limits.sort()
    place_of = partial(bisect_left, limits)
    assert counts_of(values, place_of, [*limits, math.inf].__getitem__) == Counter(map(place_of, values))
