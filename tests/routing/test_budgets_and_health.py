"""Retries, hedges, limits from headers, and what health shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_world import DOWN, SERVED, WALL, World, refused
from tidegate.meters import Average, Histogram, RecentHistogram
from tidegate.routing import Outcome, RequestFacts
from tidegate.routing.limits import parse_limits
from tidegate.routing.retry_budget import RetryBudget

HEDGED = "hedge = true"
PRICE = "input = 3\noutput = 15"
PRICES = [PRICE] * 3


def test_retries_are_a_fifth_of_the_requests_but_always_three() -> None:
    budget = RetryBudget()
    for _ in range(3):
        assert budget.allows(100)
        budget.begin(100)
    assert not budget.allows(100)
    for _ in range(20):
        budget.request(101)
    assert budget.allows(101)
    budget.begin(101)
    assert not budget.allows(101)
    assert not budget.allows(115), "three are still under way"
    budget.end()
    budget.end()
    assert budget.allows(115)


def hedging(more: str = HEDGED, prices: list[str] = PRICES) -> World:
    world = World(routing=more, prices=prices)
    for name in "cba":
        world.calls(name, 110, ttft=0.4, every=0)
    return world


def test_a_first_token_is_late_after_the_95th_percentile_but_not_before_half_a_second() -> None:
    world = hedging()
    trial = world.begin("a", stream=True, input_tokens=100)
    assert world.router.hedge_after(trial, world.now) == 0.5
    world.calls("a", 110, ttft=2.0, every=0)
    assert world.router.hedge_after(trial, world.now) == pytest.approx(2.0, rel=0.04)


@pytest.mark.parametrize(
    ("world", "facts"),
    [
        (hedging(""), {"stream": True, "input_tokens": 100}),
        (hedging(), {"input_tokens": 100}),
        (hedging(), {"stream": True, "input_tokens": 20_000}),
        (hedging(prices=[]), {"stream": True, "input_tokens": 100}),
        (World(routing=HEDGED, prices=PRICES), {"stream": True, "input_tokens": 100}),
    ],
    ids=["off", "plain answer", "too expensive", "no price", "too few samples"],
)
def test_there_are_requests_that_are_not_hedged(world: World, facts: dict[str, int]) -> None:
    assert world.router.hedge_after(world.begin("a", **facts), world.now) is None


def begun_hedge(world: World, name: str = "a", **facts: Any) -> str | None:
    """The provider that a hedge goes to while an attempt at `name` is silent."""
    wanted = {"stream": True, "input_tokens": 100, **facts}
    trial = world.begin(name, **wanted)
    pick = world.router.hedge(world.plan(**wanted), [trial], RequestFacts(**wanted), world.now)
    return pick.candidate.service.name if pick is not None else None


def test_a_hedge_goes_to_another_service_whose_breaker_is_closed() -> None:
    world = hedging()
    assert begun_hedge(world) == "b"
    world.calls("b", 300, DOWN, every=0)
    world.now += 130  # b is half-open: a hedge is no probe
    assert begun_hedge(world) == "c"


def test_a_hedge_goes_to_no_service_whose_prompt_is_expensive_or_has_no_price() -> None:
    assert begun_hedge(hedging(prices=[PRICE, "input = 1000\noutput = 15", PRICE])) == "c"
    assert begun_hedge(hedging(prices=[PRICE])) is None
    assert begun_hedge(hedging(), input_tokens=0) is None


FALLBACK = """
[models.other]
candidates = ["b/other", "c/m2"]
hedge = true
[prices."b/other"]
input = 3
[prices."c/m2"]
input = 3
"""


def test_a_hedge_goes_to_the_same_model_and_not_to_a_fallback() -> None:
    world = World(model="hedge = true", prices=PRICES, more=FALLBACK)
    candidates = world.registry.resolve("other", None, ["m"]).candidates
    facts = RequestFacts(stream=True, input_tokens=100)
    plan = world.router.plan(facts, candidates, world.now)
    assert plan.hedge
    tried = [world.begin("a", stream=True, input_tokens=100)]
    first = world.router.hedge(plan, tried, facts, world.now)
    assert first is not None
    assert (first.candidate.service.name, first.candidate.model) == ("b", "m")


@pytest.mark.parametrize(
    ("world", "hedge"),
    [
        (World(), False),
        (World(routing=HEDGED), True),
        (World(model=HEDGED), True),
        (World(routing=HEDGED, model="hedge = false"), False),
        (World(names="a", routing=HEDGED), False),
    ],
    ids=["off", "for all", "for the model", "off for the model", "one service"],
)
def test_the_plan_says_whether_to_ask_about_hedges_at_all(world: World, *, hedge: bool) -> None:
    for order in ("priority", "balanced"):
        assert world.plan(order=order).hedge is hedge


@pytest.mark.parametrize(
    ("silent_s", "counted"), [(3.0, True), (0.2, False)], ids=["beyond the p95", "not even late"]
)
def test_a_silence_that_was_overtaken_counts_if_it_was_late(silent_s: float, *, counted: bool) -> None:
    world = hedging()
    before = world.router.endpoints.known("a", "m").figures.view(world.now)
    for _ in range(20):
        trial = world.begin("a", stream=True, input_tokens=100)
        world.now += silent_s
        world.end(trial, Outcome(overtaken=True))
    endpoint = world.router.endpoints.known("a", "m")
    after = endpoint.figures.view(world.now + 1)
    assert (after.ttft_p95_s > 2.5, after.ttft_s > before.ttft_s) == (counted, counted)
    assert (after.success, endpoint.breaker.state, endpoint.last_error) == (1.0, "closed", None)
    assert world.router.health("a", world.now).credentials[0].in_flight == 0


def test_an_overtaken_probe_gives_its_place_back() -> None:
    world = hedging()
    world.calls("a", 300, DOWN, every=0)
    world.now += 130
    probe = world.begin("a", stream=True)
    assert probe.probe
    world.end(probe, Outcome(overtaken=True))
    assert world.begin("a", stream=True).probe


def test_hedges_are_bounded() -> None:
    world = hedging()
    facts = RequestFacts(stream=True, input_tokens=10)
    hedged = 0
    for _ in range(1000):
        trial = world.begin("a", stream=True, input_tokens=10)
        world.router.hedge_after(trial, world.now)
        pick = world.router.hedge(world.plan(), [trial], facts, world.now)
        if pick is not None:
            hedged += 1
            world.end(world.router.begin(pick, facts, world.now, hedge=True))
        world.end(trial)
    assert hedged == pytest.approx(10 + 50, abs=1)


# --- headers -----------------------------------------------------------------------------------


def test_limits_are_read_in_the_forms_of_all_providers() -> None:
    read = parse_limits(
        [
            (b"x-ratelimit-limit-requests", b"60"),
            (b"x-ratelimit-remaining-requests", b"15"),
            (b"x-ratelimit-reset-requests", b"6m0s"),
            (b"x-ratelimit-remaining-tokens", b"149984"),
            (b"x-ratelimit-reset-tokens", b"120ms"),
            (b"anthropic-ratelimit-input-tokens-limit", b"40000"),
            (b"anthropic-ratelimit-input-tokens-remaining", b"39000"),
            (b"anthropic-ratelimit-input-tokens-reset", b"2026-05-28T20:26:50Z"),
            (b"content-type", b"application/json"),
        ],
        1_780_000_000,
    )
    assert set(read) == {"requests", "tokens", "input-tokens"}
    assert (read["requests"].remaining, read["requests"].used, read["requests"].reset_s) == (15, 0.75, 120)
    assert read["tokens"].reset_s == pytest.approx(0.12)
    assert read["input-tokens"].reset_s == pytest.approx(10)


@given(
    st.lists(st.tuples(st.binary(max_size=40).map(lambda end: b"x-ratelimit-" + end), st.binary(max_size=40)))
)
def test_no_header_breaks_the_reading_of_limits(headers: list[tuple[bytes, bytes]]) -> None:
    for limit in parse_limits(headers, WALL).values():
        assert limit.remaining >= 0
        assert 0 <= limit.reset_s <= 120


# --- histograms --------------------------------------------------------------------------------


@given(st.lists(st.floats(min_value=1e-5, max_value=1e5), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_within_two_percent(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    ranked = sorted(values)
    exact = next(value for at, value in enumerate(ranked, 1) if at >= share * len(ranked))
    assert histogram.quantile(share) == pytest.approx(exact, rel=0.021)


@given(st.lists(st.floats(1e-5, 1e5)), st.lists(st.floats(1e-5, 1e5)))
def test_merged_histograms_hold_what_one_would(first: list[float], second: list[float]) -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    for value in first:
        one.add(value)
        both.add(value)
    for value in second:
        other.add(value)
        both.add(value)
    one.merge(other.counts())
    assert one.counts() == both.counts()


def test_a_recent_histogram_forgets() -> None:
    recent = RecentHistogram(300)
    recent.add(1.0, 1000)
    recent.add(2.0, 1200)
    assert recent.count(1250) == 2
    assert recent.count(1310) == 1
    assert recent.quantile(0.5, 1600) is None


# --- health ------------------------------------------------------------------------------------


def test_an_average_takes_a_value_that_is_older_than_its_last() -> None:
    average = Average(half_life_s=1e-9, most=0.5)
    for now in (100.0, 99.0, 100.5):
        average.add(1.0, now)
    average.add(0.0, 98.0)
    assert (average.value, average.samples, average.at) == (0.75, 4, 100.5)


def test_health_shows_figures_and_the_last_error() -> None:
    world = World()
    assert world.router.health("a", world.now).status == "unknown"
    world.calls("a", 30, ttft=0.4)
    (healthy,) = world.router.health("a", world.now).endpoints
    assert (healthy.status, healthy.success_rate, healthy.breaker) == ("healthy", 1.0, "closed")
    assert healthy.ttft_p50_s == pytest.approx(0.4, rel=0.03)
    world.calls("a", 40, DOWN, every=0)
    sick = world.router.health("a", world.now)
    assert sick.status == "unavailable"
    assert sick.endpoints[0].last_error == "it did not answer"
    world.call("b", refused(401))
    assert world.router.health("b", world.now).status == "unavailable"
    assert world.router.health("b", world.now).credentials[0].blocked_by == "account"


def test_a_time_to_first_token_that_doubles_is_reported_once() -> None:
    world = World()
    world.calls("a", 300, ttft=0.4, every=0)
    world.calls("a", 200, ttft=2.0, every=0)
    assert world.kinds() == ["slowed_down"]


def test_open_attempts_are_counted_and_released() -> None:
    world = World()
    trials = [world.begin("a") for _ in range(3)]
    assert world.router.health("a", world.now).credentials[0].in_flight == 3
    for trial, outcome in zip(trials, (SERVED, DOWN, Outcome(abandoned=True)), strict=True):
        world.end(trial, outcome)
    assert world.router.health("a", world.now).credentials[0].in_flight == 0
