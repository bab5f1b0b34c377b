"""What workers know from each other."""

import msgspec
import pytest

from routing_world import DOWN, SERVED, Claimed, World, refused, together
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.usage import Usage
from tidegate.routing import Outcome, RequestFacts, Transition, session_key
from tidegate.routing.affinity import MOST_NEWS


def report(sender: World, *receivers: World) -> None:
    """What a worker does every second."""
    for data in sender.router.publish(sender.now):
        for receiver in receivers:
            receiver.router.merge(data, receiver.now)


def at(now: float, *worlds: World) -> None:
    for world in worlds:
        world.now = now


def breaker_of(world: World, name: str = "a") -> str:
    endpoint = world.router.endpoints.known(name, "m")
    return endpoint.breaker.state if endpoint is not None else "closed"


# --- figures -----------------------------------------------------------------------------------


def test_what_one_worker_measures_the_other_knows() -> None:
    mine, other = together(2, order="latency")
    for name, ttft in {"a": 0.9, "b": 0.2, "c": 0.5}.items():
        mine.calls(name, 30, ttft=ttft)
    other.now = mine.now
    report(mine, other)
    facts = RequestFacts(stream=True)
    plan, expected = (one.router.plan(facts, one.candidates, one.now, in_full=True) for one in (other, mine))
    found = {choice.candidate.service.name: choice.ttft_s for choice in plan.choices}
    assert found == pytest.approx({c.candidate.service.name: c.ttft_s for c in expected.choices}, rel=0.02)


def test_what_prompt_caches_save_is_summed_over_all_workers() -> None:
    price = ["input = 3\noutput = 15\ncache_read = 0.3\ncache_write = 3.75"]
    worlds = together(3, prices=price)
    for _ in range(2):
        for count, world in enumerate(worlds, 1):
            for _ in range(count):
                world.call("a", Outcome(usage=Usage(input=100, cache_read=800, cache_write=100, output=5)))
        for world in worlds:
            report(world, *(other for other in worlds if other is not world))
    for world in worlds:
        counts = world.router.savings.as_dict()
        assert (counts["prompt_tokens"], counts["cache_read_tokens"]) == (12_000, 9_600)
        assert counts["saved_usd"] == pytest.approx(12 * (800 * 2.7 - 100 * 0.75) / 1e6)
        assert list(world.router.publish(world.now)) == []


def test_what_was_merged_is_not_published_again() -> None:
    first, second, third = together(3)
    first.calls("a", 30)
    second.now = third.now = first.now
    report(first, second)
    report(second, third)
    assert third.router.health("a", third.now).endpoints == []


def test_a_worker_that_has_nothing_new_publishes_nothing() -> None:
    mine, other = together(2)
    assert list(mine.router.publish(mine.now)) == []
    mine.calls("a", 3)
    report(mine, other)
    assert list(mine.router.publish(mine.now)) == []


def test_many_models_are_published_in_small_parts() -> None:
    mine, other = together(2)
    for number in range(1000):
        figures = mine.router.endpoints.endpoint("a", f"model-{number}").figures
        for ms in range(1, 20):
            figures.first_token(ms / 1000)
    parts = list(mine.router.publish(mine.now))
    assert len(parts) > 1
    assert max(map(len, parts)) < 40 * 1024
    for part in parts:
        other.router.merge(part, other.now)
    assert len(other.router.health("a", other.now).endpoints) == 1000


def test_the_failures_of_all_workers_open_a_breaker_and_all_are_told() -> None:
    first, second = together(2)
    first.calls("a", 3, DOWN, every=0)
    second.calls("a", 3, DOWN, every=0)
    assert (breaker_of(first), breaker_of(second)) == ("closed", "closed")
    report(first, second)
    assert (breaker_of(first), breaker_of(second)) == ("open", "open")
    [opened] = second.seen
    assert (opened.kind, opened.detail) == ("breaker_opened", "it did not answer")
    assert first.seen == []


def test_the_last_error_is_known_to_all() -> None:
    first, second = together(2)
    broke = Outcome(error=ProviderBroke("its answer was cut off"))
    first.call("a", broke)
    second.now += 3
    first.now += 3
    report(first, second)
    [endpoint] = second.router.health("a", second.now).endpoints
    assert (endpoint.last_error, endpoint.last_error_s_ago) == ("provider_broke", 3.0)


NEGATIVE = [[["a", "m", [], ["open", -1.0, 0, True], None, {}, None, None]], []]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", msgspec.msgpack.encode(NEGATIVE)])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    world = World()
    with pytest.raises(msgspec.MsgspecError):
        world.router.merge(data, world.now)


# --- closings ----------------------------------------------------------------------------------


def test_a_transition_closes_at_once_everywhere() -> None:
    first, second = together(2)
    first.calls("a", 5, DOWN, every=0)
    first.call("b", refused(429, retry_after=20))
    assert second.order() == first.order() == "cab"


@pytest.mark.parametrize(
    ("outcome", "blocked_by", "wait_s"),
    [
        (refused(429, retry_after=20), "rate", 20),
        (refused(401), "account", 300),
        (refused(402), "account", 3600),
        (refused(404), "model", 300),
    ],
)
def test_what_one_worker_closes_is_closed_for_all_and_opens_for_all(
    outcome: Outcome, blocked_by: str, wait_s: float
) -> None:
    first, second = together(2)
    second.order()
    first.call("a", outcome)
    last = second.plan().choices[-1]
    assert (last.candidate.service.name, last.blocked_by, last.wait_s) == ("a", blocked_by, wait_s)
    at(second.now + wait_s + 0.1, first, second)
    assert second.order() == first.order() == "abc"


@pytest.mark.parametrize("status", [401, 402, 404])
def test_what_works_again_is_open_for_all(status: int) -> None:
    first, second = together(2)
    first.call("a", refused(status))
    at(first.now + 1, first, second)
    report(first, second)
    in_flight = first.begin("b")
    second.call("a")  # nobody else could serve
    report(first, second)
    report(second, first)
    assert (first.order(), second.order()) == ("abc", "abc")
    first.end(in_flight)


def test_an_attempt_from_before_the_refusal_proves_nothing() -> None:
    world = World()
    early = world.begin("a")
    world.now += 1
    world.call("a", refused(401))
    world.end(early)
    assert world.order() == "bca"


def test_workers_do_not_confirm_a_closing_to_each_other_for_ever() -> None:
    first, second = together(2)
    first.call("a", refused(429, retry_after=10))
    first.call("b", refused(401))
    first.calls("c", 5, DOWN, every=0)
    until = [choice.wait_s + first.now for choice in first.plan().choices]
    for _ in range(4):  # messages take half a second: each would add it
        for sender, receiver in ((first, second), (second, first)):
            parts = list(sender.router.publish(sender.now))
            at(first.now + 0.5, first, second)
            for data in parts:
                receiver.router.merge(data, receiver.now)
    assert [choice.wait_s + first.now for choice in first.plan().choices] == pytest.approx(until)


def test_a_worker_that_starts_learns_what_is_closed_also_from_those_who_were_told() -> None:
    first, second, third = together(3, hear=False)
    first.call("a", refused(429, retry_after=100))
    first.call("b", refused(401))
    report(first, second)  # and then the first is killed
    assert second.order() == "cab"
    report(second, third)
    assert third.order() == "cab"


@pytest.mark.parametrize("later", [1.0, 200.0])
def test_a_worker_that_starts_learns_of_breakers_that_are_open_or_half_open(later: float) -> None:
    first, second = together(2)
    first.calls("a", 5, DOWN, every=0)
    third = World()
    at(first.now + later, first, second, third)
    report(second, third)
    assert breaker_of(third) == "open"


# --- conversations -----------------------------------------------------------------------------

KEY = session_key("alice", session_id="s") or b""
PRICES = ["input = 3\noutput = 15\ncache_read = 0.3"] * 3


def turn(world: World, session: bytes = KEY, name: str | None = None) -> str:
    """One turn of a conversation. Returns who served it."""
    facts = {"input_tokens": 10_000, "session": session}
    name = name or world.order(**facts)[0]
    world.call(name, Outcome(usage=Usage(input=10_000, output=100)), **facts)
    return name


def tell_homes(sender: World, *receivers: World) -> None:
    for data in sender.router.publish_homes(sender.now):
        for receiver in receivers:
            receiver.router.merge_homes(data, receiver.now)


def talking(count: int) -> list[World]:
    worlds = together(count, order="weighted", prices=PRICES)
    for world in worlds:
        world.router.homes.on_news = lambda: None
    return worlds


def test_a_conversation_stays_whichever_worker_serves_it() -> None:
    worlds = talking(3)
    turn(worlds[0], name="b")
    tell_homes(worlds[0], *worlds[1:])
    for number in range(1, 30):
        worker = worlds[number % 3]
        assert turn(worker) == "b"
        tell_homes(worker, *(one for one in worlds if one is not worker))


def test_a_failure_lets_a_conversation_go_in_all_workers() -> None:
    first, second = talking(2)
    turn(first, name="b")
    tell_homes(first, second)
    first.call("b", DOWN, input_tokens=10_000, session=KEY)
    tell_homes(first, second)
    [home] = second.router.homes.of(KEY, second.now)
    assert (home.service, home.bound) == ("b", False)


def test_the_time_that_a_cache_lives_is_that_of_the_worker_that_told() -> None:
    first, second = talking(2)
    second.now += 1000  # another host's clock
    turn(first, name="b")
    tell_homes(first, second)
    [mine], [theirs] = (one.router.homes.of(KEY, one.now) for one in (first, second))
    assert theirs.until - second.now == pytest.approx(mine.until - first.now)


def test_many_conversations_are_told_in_small_parts_and_not_without_end() -> None:
    first, second = talking(2)
    news = []
    first.router.homes.on_news = lambda: news.append(1)
    for number in range(MOST_NEWS + 10):
        turn(first, number.to_bytes(16), "b")
    assert news == [1], "the sender is notified once"
    parts = list(first.router.publish_homes(first.now))
    assert max(map(len, parts)) < 20 * 1024
    for data in parts:
        second.router.merge_homes(data, second.now)
    assert len(second.router.homes) == MOST_NEWS
    assert list(first.router.publish_homes(first.now)) == []
    turn(first, b"another", "b")
    assert news == [1, 1]


def test_a_worker_that_is_alone_keeps_no_news() -> None:
    world = World(prices=PRICES)
    turn(world, name="b")
    assert world.router.homes.take_news() == []


# --- probes ------------------------------------------------------------------------------------


def half_open(count: int, *, hear: bool = True) -> list[World]:
    """Workers whose breakers for `a` have just become half-open."""
    worlds = together(count, hear=hear)
    worlds[0].calls("a", 5, DOWN, every=0)
    if not hear:
        for world in worlds[1:]:
            world.router.apply(worlds[0].seen[-1], world.now)
    at(worlds[0].now + 130, *worlds)
    return worlds


def served_by(world: World) -> str:
    return world.pick().candidate.service.name


@pytest.mark.parametrize("hear", [True, False], ids=["news are there", "news are late"])
def test_one_probe_goes_through_over_all_workers(hear: bool) -> None:
    worlds = half_open(3, hear=hear)
    assert sorted(served_by(one) for one in worlds) == ["a", "b", "b"]


def test_a_probe_that_ends_lets_the_next_one_through_in_any_worker() -> None:
    first, second = half_open(2)
    trial = first.begin("a")
    assert served_by(second) == "b"
    first.end(trial)
    assert breaker_of(second) == "half_open"
    second.call("a")
    assert (breaker_of(first), breaker_of(second)) == ("closed", "closed"), "the two successes are of two"


def test_a_probe_that_says_nothing_frees_its_place() -> None:
    first, second = half_open(2)
    first.end(first.begin("a"), Outcome(abandoned=True))
    assert served_by(second) == "a"


def test_a_probe_that_fails_opens_the_breaker_again_everywhere() -> None:
    first, second = half_open(2)
    first.call("a", DOWN)
    assert breaker_of(second) == "open"
    assert first.router.endpoints.known("a", "m").breaker.until == pytest.approx(  # type: ignore[union-attr]
        second.router.endpoints.known("a", "m").breaker.until  # type: ignore[union-attr]
    )


def test_a_claim_that_is_not_used_is_given_back_within_a_second() -> None:
    first, second = half_open(2)
    assert served_by(first) == "a"
    assert served_by(second) == "b"
    at(first.now + 1.1, first, second)
    report(first, second)
    assert served_by(second) == "a"


def test_a_worker_that_dies_during_its_probe_is_replaced() -> None:
    held: dict[str, Claimed] = {}
    dying, left = World(claims=Claimed(held)), World(claims=Claimed(held))
    dying.router.subscribe(lambda one: left.router.apply(one, left.now))
    dying.calls("a", 5, DOWN, every=0)
    at(dying.now + 130, dying, left)
    dying.begin("a")
    held.clear()  # as the kernel does
    assert served_by(left) == "b"
    at(left.now + 61, left)
    assert served_by(left) == "a"


def test_a_late_report_does_not_open_what_has_just_been_closed() -> None:
    first, second = together(2)
    first.calls("a", 5, DOWN, every=0)
    late = list(first.router.publish(first.now))
    at(first.now + 0.5, first, second)
    for _ in range(2):
        second.end(second.begin("a"), SERVED)  # nobody else could serve
    assert (breaker_of(first), breaker_of(second)) == ("closed", "closed")
    for data in late:
        second.router.merge(data, second.now)
    assert breaker_of(second) == "closed"


def test_transitions_pass_through_their_wire_form() -> None:
    first, _ = half_open(2)
    first.call("a")
    first.call("b", refused(429, retry_after=20))
    for transition in first.seen:
        data = msgspec.msgpack.encode(transition)
        assert msgspec.msgpack.decode(data, type=Transition) == transition
