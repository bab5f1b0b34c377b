"""Rankings that are kept for requests alike: never longer than the figures they are made of, and never where
something is blocked.
"""

from hypothesis import given
from hypothesis import strategies as st

from routing_world import DOWN, World
from tidegate.routing.assess import MOST_RANKINGS, Peers, _rounded
from tidegate.routing.figures import FRESH_S

PRICES = ["input = 3\noutput = 15", "input = 1\noutput = 5", "input = 2\noutput = 10"]


@given(tokens=st.integers(0, 10_000_000))
def test_a_rounded_length_is_at_most_a_sixteenth_off(tokens: int) -> None:
    assert abs(_rounded(tokens) - tokens) * 16 <= tokens


@given(one=st.integers(0, 10_000_000), other=st.integers(0, 10_000_000))
def test_rounding_keeps_the_order(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert _rounded(low) <= _rounded(high)


def test_requests_alike_share_their_figures_and_others_do_not() -> None:
    world = World("cost", prices=PRICES)
    world.plan()  # nothing is known to be blocked from now on
    first, alike = world.plan(input_tokens=4000), world.plan(input_tokens=4001)
    assert first.choices == alike.choices
    assert all(one is other for one, other in zip(first.choices, alike.choices, strict=True))
    longer, shorter = world.plan(input_tokens=8000), world.plan(input_tokens=4000, max_output=10)
    assert longer.choices[0].cost > first.choices[0].cost > shorter.choices[0].cost


def test_a_draw_is_made_for_each_request() -> None:
    world = World("balanced", prices=PRICES)
    assert len({world.order(input_tokens=4000) for _ in range(200)}) > 1


def test_what_is_blocked_goes_behind_at_once_and_comes_back() -> None:
    world = World("cost", prices=PRICES)
    assert world.order(input_tokens=4000) == "bca"
    world.calls("b", 10, DOWN, every=0.0)
    plan = world.plan(input_tokens=4000)
    assert [one.candidate.service.name for one in plan.choices] == ["c", "a", "b"]
    assert plan.choices[-1].blocked_by == "breaker"
    world.now += 3600
    world.call("b")
    world.now += 3600
    assert world.order(input_tokens=4000)[0] == "b"


def test_new_figures_change_the_order_once_they_are_looked_at() -> None:
    world = World("latency")
    for name, ttft in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
        world.calls(name, 30, ttft=ttft)
    world.now += FRESH_S
    assert max(sorted(orders := [world.order() for _ in range(50)]), key=orders.count) == "abc"
    for _ in range(60):
        world.call("a", ttft=5.0)
    world.now += FRESH_S
    assert max(sorted(orders := [world.order() for _ in range(50)]), key=orders.count) == "bca"


def test_rankings_are_bounded() -> None:
    world = World("cost", prices=PRICES)
    for limit in range(3 * MOST_RANKINGS):
        world.plan(input_tokens=4000, max_output=limit + 1)
    (group,) = world.router._groups.values()
    peers: Peers = group.peers
    assert 0 < len(peers._rankings) <= MOST_RANKINGS
