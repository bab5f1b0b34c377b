"""What a router learns from rate limits that nobody explains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_world import SERVED, World, refused
from tidegate.routing.caps import CUT, LEAST, Cap

LIMITED = refused(429, retry_after=1)


def served(cap: Cap, count: int) -> Cap:
    for _ in range(count):
        cap.served += 1
    return cap


def learned(per_s: float = 2.0) -> Cap:
    """A cap that was learned at second 110."""
    cap = Cap()
    cap.limit(100)
    served(cap, int(per_s * 10)).limit(110)
    return cap


def test_one_rate_limit_teaches_nothing() -> None:
    cap = Cap()
    cap.limit(100)
    assert cap.rate(100) is None
    assert cap.allows(100)


def test_the_rate_between_two_limits_is_the_cap() -> None:
    assert learned(2.0).rate(110) == 2.0


@pytest.mark.parametrize(("count", "later"), [(4, 10), (1000, 121)], ids=["few answers", "long ago"])
def test_little_evidence_teaches_nothing(count: int, later: float) -> None:
    cap = Cap()
    cap.limit(100)
    served(cap, count).limit(100 + later)
    assert cap.rate(300) is None


def test_a_cap_grows_is_cut_and_forgotten() -> None:
    cap = learned(2.0)
    assert cap.rate(130) == pytest.approx(2.0 * 1.05**2)
    cap.limit(130)
    assert cap.rate(130) == pytest.approx(CUT * 2.0 * 1.05**2)
    assert cap.rate(130 + 599) is not None
    assert cap.rate(130 + 601) is None
    assert cap.allows(130 + 601)


def test_requests_that_are_limited_together_cut_it_once() -> None:
    cap = learned(2.0)
    before = cap.rate(112)
    cap.limit(112)
    cap.limit(114)
    assert cap.rate(112) == before


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=300))
def test_no_more_begin_than_the_cap_allows(happenings: list[tuple[float, bool]]) -> None:
    cap, now, begun, most = learned(3.0), 110.0, 0, 0.0
    for later, limited in happenings:
        most += later * (cap.rate(now + later) or 1e9)
        now += later
        if limited:
            cap.limit(now)
        while cap.allows(now) and cap.rate(now) is not None:
            cap.begin()
            begun += 1
        rate = cap.rate(now)
        assert rate is None or rate >= LEAST
        assert begun <= most + 1


def capped(world: World) -> World:
    """`a` is limited at one request a second."""
    world.call("a", LIMITED)
    for _ in range(10):
        world.now += 1
        world.call("a")
    world.call("a", LIMITED)
    world.now += 1.5
    return world


def test_a_candidate_at_its_cap_stands_back_and_serves_where_nobody_else_can() -> None:
    world = capped(World())
    assert world.order() == "abc"
    trial = world.begin("a")
    last = world.plan().choices[-1]
    assert (last.candidate.service.name, last.blocked_by, last.wait_s) == ("a", "cap", 0.0)
    for name in "bc":
        world.call(name, refused(429, retry_after=0.2))
    pick = world.pick()
    assert (pick.candidate.service.name, pick.wait_s) == ("a", 0.0), "rather than that anybody waits"
    world.end(trial, SERVED)
    world.now += 1.2
    assert world.order() == "abc"


def test_another_key_is_used_before_another_candidate() -> None:
    world = World(keys='"sk-1234567890"\napi_keys = ["sk-another-0987654321"]')
    first = world.begin("a").slot
    world.end(world.begin("a"))
    for _ in range(2):
        first.limits.block(0.5, world.now)
        first.limits.cap.served += 10  # type: ignore[union-attr]
        world.now += 10
    used = []
    for _ in range(8):
        trial = world.begin("a")
        used.append(trial.slot is first)
        world.end(trial)
    assert world.order()[0] == "a"
    assert used.count(True) <= 2


def test_a_cap_is_forgotten_in_the_end() -> None:
    world = capped(World())
    world.begin("a")
    assert world.order() == "bca"
    world.now += 601
    assert world.order() == "abc"
    assert world.router.endpoints.known("a", "m").clean  # type: ignore[union-attr]
