"""The orders, and what composes with all of them."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_world import DOWN, SERVED, World, refused
from tidegate.protocols.usage import Usage
from tidegate.routing import Choice, MaxPrice, RequestFacts
from tidegate.routing.drawing import Draw
from tidegate.routing.orders import FLOOR, ORDERS, Settings, behind, draw

CANDIDATES = World().candidates
PRICES = ["input = 3\noutput = 15", "input = 1\noutput = 5", "input = 2\noutput = 10"]


def choices(**figures: list[float | None]) -> list[Choice]:
    made = [Choice(candidate) for candidate in CANDIDATES]
    for name, values in figures.items():
        for choice, value in zip(made, values, strict=True):
            setattr(choice, name, value)
    return made


def names(ordered: list[Choice]) -> str:
    return "".join(choice.candidate.service.name for choice in ordered)


def firsts(order: str, times: int = 4000, **figures: list[float | None]) -> dict[str, float]:
    random = Random(1)
    found = Counter(
        names(ORDERS[order](choices(**figures), Settings()).order(random))[0] for _ in range(times)
    )
    return {name: found[name] / times for name in "abc"}


class Never(Random):
    """Chance that never explores."""

    def random(self) -> float:
        return 0.999


@pytest.mark.parametrize(
    ("order", "figures", "expected"),
    [
        ("priority", {"cost": [3.0, 2.0, 1.0]}, "abc"),
        ("cost", {"cost": [3.0, 1.0, 2.0]}, "bca"),
        ("cost", {"cost": [3.0, None, 1.0]}, "cba"),
        ("cost", {"cost": [None, None, None]}, "abc"),
        ("latency", {"ttft_s": [0.3, 0.2, 0.1]}, "cba"),
        ("latency", {"ttft_s": [0.3, None, 0.1]}, "cba"),
        ("latency", {"ttft_s": [0.1, 0.2, 0.3], "success": [0.25, 1.0, 1.0]}, "bca"),
        ("throughput", {"tokens_per_s": [10.0, 30.0, 20.0]}, "bca"),
    ],
)
def test_an_order_by_a_figure_takes_the_median_for_what_is_not_known(order, figures, expected) -> None:
    assert names(ORDERS[order](choices(**figures), Settings()).order(Never())) == expected


@pytest.mark.parametrize("order", ["latency", "throughput"])
def test_the_fastest_is_not_the_only_one_that_is_ever_tried(order: str) -> None:
    found = firsts(order, ttft_s=[0.1, 0.2, 0.3], tokens_per_s=[30.0, 20.0, 10.0])
    assert found["a"] == pytest.approx(1 - 2 * FLOOR, abs=0.01)
    assert min(found.values()) > 0


def test_weights_decide_how_often_a_candidate_comes_first_and_zero_is_last() -> None:
    random, found = Random(1), Counter()
    for _ in range(4000):
        ordered = names(ORDERS["weighted"](choices(), Settings(weights=[3, 1, 0])).order(random))
        found[ordered] += 1
    assert set(found) == {"abc", "bac"}
    assert found["abc"] / 4000 == pytest.approx(0.75, abs=0.03)


def test_balanced_draws_by_the_product_of_cost_time_and_success() -> None:
    found = firsts("balanced", cost=[1.0, 2.0, 1.0], seconds=[1.0, 1.0, 2.0], success=[1.0, 1.0, 1.0])
    assert found["a"] == pytest.approx(4 / 6, abs=0.03)
    assert found["b"] == pytest.approx(1 / 6, abs=0.03)
    assert found["c"] == pytest.approx(1 / 6, abs=0.03)


def test_balanced_has_a_floor() -> None:
    found = firsts("balanced", 20_000, cost=[1.0, 100.0, 1.0], success=[1.0, 1.0, 0.01])
    assert found["b"] == pytest.approx(0.02 / 1.04, abs=0.005)
    assert found["c"] == pytest.approx(0.02 / 1.04, abs=0.005)


def test_an_unknown_candidate_is_tried_as_often_as_an_average_one() -> None:
    found = firsts("balanced", cost=[1.0, None, 3.0], seconds=[1.0, None, 1.0])
    same = firsts("balanced", cost=[1.0, 2.0, 3.0], seconds=[1.0, 1.0, 1.0])
    assert found == same


def test_what_is_free_has_no_infinite_weight() -> None:
    found = firsts("balanced", cost=[0.0, 1.0, 2.0])
    assert found["a"] == pytest.approx(1 / 1.04, abs=0.02)


FIGURE = st.none() | st.floats(min_value=0, max_value=1e6)


@given(
    order=st.sampled_from(sorted(ORDERS)),
    cost=st.lists(FIGURE, min_size=3, max_size=3),
    seconds=st.lists(FIGURE, min_size=3, max_size=3),
    success=st.lists(st.floats(min_value=0, max_value=1), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_every_order_keeps_every_candidate_once(order, cost, seconds, success, seed) -> None:
    made = choices(cost=cost, seconds=seconds, ttft_s=seconds, tokens_per_s=cost, success=success)
    assert sorted(names(ORDERS[order](made, Settings()).order(Random(seed)))) == ["a", "b", "c"]


@given(waits=st.lists(st.floats(min_value=0, max_value=100), min_size=3, max_size=3))
def test_those_that_cannot_serve_go_behind_by_when_they_open(waits: list[float]) -> None:
    made = choices(wait_s=[*waits])
    for choice in made:
        choice.blocked_by = "breaker" if choice.wait_s else None
    ordered = behind(made)
    assert [choice.wait_s for choice in ordered] == sorted(waits)


def test_a_draw_is_in_proportion_also_for_the_second_place() -> None:
    random, found = Random(1), Counter()
    for _ in range(6000):
        found[names(draw(choices(), [2.0, 1.0, 1.0], random))[1]] += 1
    assert found["a"] / 6000 == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("weights", [[2.0, 1.0, 1.0], [0.9, 0.08, 0.02], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
def test_draws_that_are_kept_come_as_often_as_others(weights: list[float]) -> None:
    kept, others, random = Counter(), Counter(), Random(1)
    first = Draw([*zip(choices(), weights, strict=True)])
    for _ in range(8000):
        kept[names(first.finish(random).choices)] += 1
        others[names(draw(choices(), weights, random))] += 1
    assert kept.keys() == others.keys()
    assert all(kept[order] / 8000 == pytest.approx(others[order] / 8000, abs=0.02) for order in kept)


# --- in the router -----------------------------------------------------------------------------


def test_cost_is_that_of_this_request() -> None:
    """One has the cheaper prompt, the other the cheaper completion."""
    world = World("cost", names="ab", prices=["input = 1\noutput = 20", "input = 4\noutput = 8"])
    assert world.order(input_tokens=100_000, max_output=100) == "ab"
    assert world.order(input_tokens=1_000, max_output=1_000) == "ba"


def test_an_order_of_the_request_wins() -> None:
    world = World("priority", prices=PRICES)
    assert world.order(input_tokens=100) == "abc"
    assert world.order(input_tokens=100, order="cost") == "bca"


def test_candidates_of_different_ranks_are_ordered_by_rank() -> None:
    world = World("cost", prices=PRICES)
    assert world.order(input_tokens=100, tiers=(1, 2)) == "abc"
    assert world.order(input_tokens=100, tiers=(2, 1)) == "bac"
    world.calls("b", 5, DOWN)
    assert world.order(input_tokens=100, tiers=(2, 1)) == "acb"


def test_a_figure_counts_from_twenty_samples_on() -> None:
    world = World("latency", names="ab")
    world.calls("a", 19, ttft=2.0)
    world.calls("b", 30, ttft=0.2)
    plan = world.router.plan(RequestFacts(stream=True), world.candidates, world.now, in_full=True)
    assert {one.candidate.service.name: one.ttft_s is None for one in plan.choices} == {"a": True, "b": False}
    world.call("a", ttft=2.0)
    world.now += 1
    plan = world.router.plan(RequestFacts(stream=True), world.candidates, world.now, in_full=True)
    known = {one.candidate.service.name: one.ttft_s for one in plan.choices}
    assert known == pytest.approx({"a": 2, "b": 0.2})


def test_one_unlucky_call_decides_nothing() -> None:
    world = World("balanced")
    for name in "abc":
        world.calls(name, 40, ttft=0.2)
    world.call("a", DOWN)
    world.now += 1
    plan = world.router.plan(RequestFacts(stream=True), world.candidates, world.now, in_full=True)
    (a,) = (one for one in plan.choices if one.candidate.service.name == "a")
    assert a.success is not None
    assert 0.9 <= a.success < 1
    assert a.blocked_by is None


def test_success_forgets_towards_one_while_nobody_calls() -> None:
    world = World("balanced", names="ab")
    for _ in range(4):
        world.calls("a", 9, every=3)
        world.call("a", DOWN)
    seen = []
    for _ in range(4):
        plan = world.router.plan(RequestFacts(), world.candidates, world.now, in_full=True)
        seen += [one.success for one in plan.choices if one.candidate.service.name == "a"]
        world.now += 60
    assert seen == sorted(seen)
    assert seen[0] < 0.97 < 0.99 < seen[-1] < 1


def test_a_slow_endpoint_counts_as_half_successful_and_is_not_closed() -> None:
    world = World("balanced")
    for name, ttft in (("a", 2.0), ("b", 0.3), ("c", 0.3)):
        world.calls(name, 25, ttft=ttft, every=0)
    plan = world.router.plan(RequestFacts(stream=True), world.candidates, world.now, in_full=True)
    slow = {one.candidate.service.name: (one.slow, one.success, one.blocked_by) for one in plan.choices}
    assert slow == {"a": (True, 0.5, None), "b": (False, 1.0, None), "c": (False, 1.0, None)}


def test_latency_comes_from_successes_only() -> None:
    world = World("latency", names="ab")
    world.calls("a", 20, ttft=0.3)
    world.now += 1
    trial = world.begin("a", stream=True)
    world.now += 50
    world.end(trial, DOWN)
    plan = world.router.plan(RequestFacts(stream=True), world.candidates, world.now, in_full=True)
    assert [one.ttft_s for one in plan.choices if one.candidate.service.name == "a"] == [pytest.approx(0.3)]


def test_what_is_known_to_be_missing_excludes_and_the_unknown_passes() -> None:
    world = World(names="ab", more='[providers.p]\nkind = "perplexity"\napi_key = "sk-1234567890"\n')
    sonar = world.registry.resolve("p/sonar").candidates
    facts = RequestFacts(needs=frozenset(["tools"]))
    plan = world.router.plan(facts, (*sonar, *world.candidates), world.now)
    assert [one.candidate.service.name for one in plan.choices] == ["a", "b"]
    skipped = [(skip.candidate.model, skip.reason) for skip in plan.skipped]
    assert skipped == [("sonar", "does not support tools")]


def test_a_prompt_that_is_too_long_for_one_goes_to_another_but_never_to_nobody() -> None:
    world = World(names="ab", more='[providers.p]\nkind = "perplexity"\napi_key = "sk-1234567890"\n')
    sonar = world.registry.resolve("p/sonar").candidates
    facts = RequestFacts(input_tokens=400_000)
    plan = world.router.plan(facts, (*sonar, *world.candidates), world.now)
    assert [one.candidate.service.name for one in plan.choices] == ["a", "b"]
    assert "context of 128000 tokens" in plan.skipped[0].reason
    assert len(world.router.plan(facts, sonar, world.now).choices) == 1


def test_max_price_excludes_what_costs_more_or_has_no_price() -> None:
    world = World(prices=PRICES[:2])
    plan = world.plan(max_price=MaxPrice(prompt=2))
    assert [one.candidate.service.name for one in plan.choices] == ["b"]
    assert [skip.candidate.service.name for skip in plan.skipped] == ["a", "c"]


def test_the_configured_weights_follow_their_candidates_through_a_filter() -> None:
    world = World("weighted", model="weights = [1, 0, 1]")
    assert {world.order()[-1] for _ in range(50)} == {"b"}


def test_requests_alike_share_the_plans_of_their_draws() -> None:
    world = World("weighted", model="weights = [3, 2, 1]")
    world.plan()  # the first one finds out that nothing is blocked
    plans = [world.plan() for _ in range(200)]
    assert len({names(plan.choices) for plan in plans}) == len({id(plan) for plan in plans}) == 6


def test_a_reload_keeps_what_is_known() -> None:
    world = World()
    world.calls("a", 5, DOWN)
    world.router.reload(world.config)
    world.candidates = type(world.registry)(world.config).resolve("m").candidates
    assert world.order() == "bca"


def test_a_limit_of_one_model_is_not_that_of_another() -> None:
    world = World(names="ab")
    world.call("a", refused(429, retry_after=30))
    assert world.order() == "ba"
    other = world.registry.resolve("a/other").candidates
    assert world.router.plan(RequestFacts(), other, world.now).choices[0].blocked_by is None
    assert SERVED.usage == Usage(input=100, output=50)
