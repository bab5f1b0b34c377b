"""The breaker of an endpoint, by itself and in the router."""

from random import Random

import pytest

from routing_world import DOWN, SERVED, World, refused
from tidegate.routing import Outcome, RequestFacts
from tidegate.routing.breaker import PROBE_S, Breaker


class Middle(Random):
    """Chance without jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def breaker() -> Breaker:
    return Breaker(Middle())


def opened(now: float = 100.0) -> Breaker:
    one = breaker()
    changes = [one.fail(now) for _ in range(5)]
    assert changes == [None, None, None, None, "opened"]
    return one


def probe(one: Breaker, now: float) -> int:
    number = one.begin(now)
    assert number
    return number


def test_five_failures_within_the_window_open_it_for_five_seconds() -> None:
    assert opened(100).until == 105


def test_failures_of_more_than_thirty_seconds_ago_are_forgotten() -> None:
    one = breaker()
    for _ in range(4):
        one.fail(100)
    assert one.fail(136) is None
    assert one.state == "closed"


def test_fewer_failures_than_half_leave_it_closed_and_half_of_them_open_it() -> None:
    one = breaker()
    for _ in range(6):
        one.succeed(100)
    assert [one.fail(101) for _ in range(6)] == [None] * 5 + ["opened"]


def busy() -> Breaker:
    one = breaker()
    for _ in range(1000):
        one.succeed(100)
    return one


def test_failures_without_any_success_open_that_of_a_busy_endpoint() -> None:
    one = busy()
    changes = [one.fail(101 + number / 10) for number in range(20)]
    assert changes == [None] * 19 + ["opened"]


def test_a_moment_that_takes_many_requests_with_it_opens_nothing() -> None:
    one = busy()
    assert {one.fail(101 + number / 1000) for number in range(50)} == {None}
    one.succeed(101.5)
    assert {one.fail(103) for _ in range(19)} == {None}


def test_a_success_of_another_worker_interrupts_the_row() -> None:
    one = busy()
    for number in range(19):
        one.fail(101 + number / 10)
    one.merge(10, 9, 103)
    assert one.fail(103) is None


def test_half_open_lets_one_probe_through_until_it_has_ended() -> None:
    one = opened(100)
    first = probe(one, 106)
    assert one.begin(106) == 0
    assert one.until > 106
    assert one.succeed(107, first) is None
    second = probe(one, 107)
    assert second != first
    assert one.succeed(108, second) == "closed"
    assert one.state == "closed"
    assert one.until == 0


def test_the_end_of_another_attempt_is_not_that_of_the_probe() -> None:
    one = opened(100)
    probe(one, 106)
    assert one.succeed(107) is None
    assert one.fail(107) is None
    assert one.state == "half_open"


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_two_minutes() -> None:
    one = opened(100)
    waits = []
    for _ in range(7):
        now = one.until
        assert one.fail(now, probe(one, now)) == "opened"
        waits.append(one.until - now)
    assert waits == [10, 20, 40, 80, 120, 120, 120]


def test_a_success_between_two_failed_probes_does_not_count_for_the_next_time() -> None:
    one = opened(100)
    one.succeed(106, probe(one, 106))
    one.fail(107, probe(one, 107))
    now = one.until
    assert one.succeed(now, probe(one, now)) is None
    assert one.state == "half_open"


def test_a_probe_that_never_ends_frees_its_place() -> None:
    one = opened(100)
    lost = probe(one, 106)
    assert one.begin(106 + PROBE_S - 1) == 0
    now = 106 + PROBE_S
    fresh = probe(one, now)
    assert one.succeed(now, lost) is None, "it comes too late"
    one.succeed(now, fresh)
    assert one.succeed(now, probe(one, now)) == "closed"


def test_a_probe_that_reports_nothing_frees_its_place_at_once() -> None:
    one = opened(100)
    one.release(106.5, probe(one, 106))
    assert probe(one, 106.5)


def test_five_minutes_of_health_lower_the_level_by_one() -> None:
    one = opened(100)
    for _ in range(3):
        one.fail(one.until, probe(one, one.until))
    for _ in range(2):
        one.succeed(one.until, probe(one, one.until))
    closed_at = 300.0
    one.close(closed_at)
    for _ in range(5):
        one.fail(closed_at + 601)
    assert one.until - (closed_at + 601) == 5 * 2**2, "it stood at 4, and has had 10 minutes"


def test_the_jitter_is_at_most_a_fifth() -> None:
    waits = set()
    for seed in range(50):
        one = Breaker(Random(seed))
        for _ in range(5):
            one.fail(100)
        waits.add(one.until - 100)
    assert len(waits) == 50
    assert 4 <= min(waits) < 4.5 < 5.5 < max(waits) <= 6


# --- in the router -----------------------------------------------------------------------------


def broken() -> World:
    world = World()
    world.calls("a", 5, DOWN)
    assert world.kinds() == ["breaker_opened"]
    return world


def test_an_open_breaker_puts_the_candidate_behind_the_others() -> None:
    world = broken()
    assert world.order() == "bca"
    closed = world.plan().choices[-1]
    assert closed.blocked_by == "breaker"
    assert 0 < closed.wait_s <= 6


def test_of_a_thousand_requests_at_once_one_is_the_probe() -> None:
    world = broken()
    world.now += 7
    plans = [world.plan() for _ in range(1000)]
    firsts = []
    for plan in plans:
        pick = world.router.next(plan, (), facts := RequestFacts(), world.now)
        assert pick is not None
        firsts.append(world.router.begin(pick, facts, world.now).candidate.service.name)
    assert firsts.count("a") == 1
    assert firsts.count("b") == 999


def test_two_probes_close_it_and_it_starts_with_half_of_its_weight() -> None:
    world = broken()
    world.now += 7
    for _ in range(2):
        assert world.pick().candidate.service.name == "a"
        world.call("a")
    assert world.kinds()[-1] == "breaker_closed"
    assert world.order() == "abc"
    (first, *_) = world.router.plan(RequestFacts(), world.candidates, world.now, in_full=True).choices
    assert first.success == 0.5


def test_the_first_token_of_a_probe_counts_before_the_stream_has_ended() -> None:
    world = broken()
    world.now += 7
    for _ in range(2):
        trial = world.begin("a", stream=True)
        world.router.first_token(trial, world.now)
    assert world.kinds()[-1] == "breaker_closed"


@pytest.mark.parametrize("outcome", [Outcome(abandoned=True), refused(400)])
def test_a_client_that_leaves_during_a_probe_does_not_lock_the_breaker(outcome: Outcome) -> None:
    world = broken()
    world.now += 7
    trial = world.begin("a")
    assert world.order() == "bca"
    world.end(trial, outcome)
    assert world.order() == "abc"


def test_if_all_are_open_the_one_that_opens_first_serves() -> None:
    world = World()
    for name in "bca":
        world.calls(name, 5, DOWN, every=0)
        world.now += 1
    waits = [choice.wait_s for choice in world.plan().choices]
    assert waits == sorted(waits)
    assert all(waits)
    assert world.pick().candidate is world.plan().choices[0].candidate


def test_a_lone_candidate_is_tried_although_its_breaker_is_open_and_recovers_at_once() -> None:
    world = World(names=["a"])
    world.calls("a", 5, DOWN, every=0)
    assert world.pick().blocked_by == "breaker"
    world.call("a", SERVED)
    world.call("a", SERVED)
    assert world.kinds()[-1] == "breaker_closed"
    assert world.pick().blocked_by is None


@pytest.mark.parametrize("outcome", [Outcome(abandoned=True), refused(400), refused(413), refused(422)])
def test_what_is_not_the_providers_fault_opens_nothing(outcome: Outcome) -> None:
    world = World()
    world.calls("a", 20, outcome)
    assert world.order() == "abc"
    assert world.seen == []


def test_an_end_that_is_reported_twice_counts_once() -> None:
    world = World()
    for _ in range(4):
        trial = world.call("a", DOWN)
        world.end(trial, DOWN)
    assert world.seen == []


def test_a_probe_of_our_own_is_due_shortly_before_a_request_would_be_it_and_at_the_breakers_pace() -> None:
    world = World()
    router = world.router
    world.calls("a", 5, DOWN, every=0)
    assert router.down(world.now + 2, 1) == []
    world.now += 130
    [endpoint] = router.down(world.now, 1)
    number = router.begin_probe(endpoint, world.now)
    assert number
    assert router.begin_probe(endpoint, world.now) == 0
    assert world.order() == "bca", "clients wait for its end"
    router.end_probe(endpoint, number, DOWN, world.now)
    assert router.down(world.now + 2, 1) == []
    world.now += 130
    for _ in range(2):
        router.end_probe(endpoint, router.begin_probe(endpoint, world.now), SERVED, world.now)
    assert world.order() == "abc"
    assert router.health("a", world.now).endpoints[0].last_probe == "ok"


def test_a_probe_that_shows_nothing_changes_nothing() -> None:
    world = World()
    world.calls("a", 5, DOWN, every=0)
    world.now += 130
    [endpoint] = world.router.down(world.now, 1)
    number = world.router.begin_probe(endpoint, world.now)
    world.router.end_probe(endpoint, number, refused(429), world.now)
    assert world.order() == "abc", "a client's request is the next probe"
    assert endpoint.breaker.state == "half_open"
