"""Whose fault a failure is, and what it closes for how long."""

import pytest

from routing_world import SERVED, World, refused
from tidegate.protocols.errors import InvalidRequest, ProviderBroke, ProviderTimeout, ProviderUnreachable
from tidegate.routing import Outcome, RequestFacts, effect_of

KEYS = '["sk-first-0123456789", "sk-second-0123456789"]'


@pytest.mark.parametrize(
    ("outcome", "effect"),
    [
        (SERVED, "success"),
        (Outcome(abandoned=True), "nothing"),
        (Outcome(error=InvalidRequest("no")), "nothing"),
        (refused(400), "nothing"),
        (refused(413), "nothing"),
        (refused(422), "nothing"),
        (refused(500), "failure"),
        (refused(529), "failure"),
        (refused(408), "failure"),
        (Outcome(error=ProviderTimeout("slow")), "failure"),
        (Outcome(error=ProviderUnreachable("away")), "failure"),
        (Outcome(error=ProviderBroke("cut")), "failure"),
        (refused(401), "account"),
        (refused(403), "account"),
        (refused(402), "funds"),
        (refused(429, code="insufficient_quota"), "funds"),
        (refused(404), "model"),
        (refused(400, code="model_not_found"), "model"),
        (refused(429), "rate"),
        (refused(413, code="rate_limit_exceeded"), "rate"),
        (Outcome(error=ProviderBroke("cut"), abandoned=True), "nothing"),
    ],
)
def test_the_fault_decides(outcome: Outcome, effect: str) -> None:
    assert effect_of(outcome) == effect


def closed_s(world: World, name: str = "a") -> float:
    (choice,) = (one for one in world.plan().choices if one.candidate.service.name == name)
    return choice.wait_s


@pytest.mark.parametrize(
    ("outcome", "seconds", "kind", "by"),
    [
        (refused(401), 300, "credential_refused", "account"),
        (refused(402), 3600, "funds_exhausted", "account"),
        (refused(404), 300, "model_missing", "model"),
        (refused(429), 2, "rate_limited", "rate"),
        (refused(429, retry_after=45), 45, "rate_limited", "rate"),
    ],
)
def test_a_failure_closes_what_it_concerns(outcome: Outcome, seconds: float, kind: str, by: str) -> None:
    world = World()
    world.call("a", outcome)
    assert world.order() == "bca"
    assert closed_s(world) == pytest.approx(seconds)
    assert world.plan().choices[-1].blocked_by == by
    assert world.kinds() == [kind]
    world.now += seconds + 0.01
    assert world.order() == "abc"


def test_a_rate_limit_without_a_wait_doubles_up_to_a_minute_and_a_success_resets_it() -> None:
    world = World()
    waits = []
    for _ in range(7):
        world.call("a", refused(429))
        waits.append(round(closed_s(world), 3))
        world.now += 61
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    world.call("a")
    world.call("a", refused(429))
    assert closed_s(world) == pytest.approx(2)


def test_rate_limits_never_open_a_breaker() -> None:
    world = World()
    world.calls("a", 50, refused(429, retry_after=0))
    assert set(world.kinds()) == {"rate_limited"}


def test_a_refused_credential_closes_every_model_and_a_missing_model_only_itself() -> None:
    world = World()
    other = world.registry.resolve("a/other").candidates
    world.router.plan(RequestFacts(), other, world.now)
    world.call("a", refused(404))
    assert world.router.plan(RequestFacts(), other, world.now).choices[0].blocked_by is None
    world.call("a", refused(401))
    assert world.router.plan(RequestFacts(), other, world.now).choices[0].blocked_by == "account"


def test_a_transition_holds_no_secret() -> None:
    world = World()
    world.call("a", refused(401))
    assert "sk-1234567890" not in repr(world.seen)
    assert len(world.seen[0].credential) == 8
