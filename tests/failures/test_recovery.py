"""Providers that come back: a thousand requests that wait for it, and providers that come and go."""

import pytest

from routing_world import DOWN, SERVED, World

from .playbook import Play
from .world import Clock

MANY = 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, look_s=0.0)


# --- a thousand requests -----------------------------------------------------------------------------


async def break_down(stage: Play, count: int = 5) -> None:
    """Let `a` fail until it is blocked."""
    for _ in range(count):
        stage.ask()
        await stage.settle()
        await stage.answer_all("a", "500")
        await stage.answer_all("b", '"Hello"')


async def ask_many(stage: Play) -> tuple[int, int]:
    """A thousand requests at once; how many of them each provider receives."""
    before = stage.asked("a"), stage.asked("b")
    for _ in range(MANY):
        stage.ask()
    await stage.settle()
    return stage.asked("a") - before[0], stage.asked("b") - before[1]


async def test_one_of_a_thousand_requests_is_the_probe(clock: Clock) -> None:
    async with Play(clock, names="ab") as stage:
        await break_down(stage)
        assert await ask_many(stage) == (0, MANY)
        await stage.answer_all("b", '"Hello"')
        for _ in range(2):  # two successes are needed
            clock.passed += 7
            assert await ask_many(stage) == (1, MANY - 1)
            assert await ask_many(stage) == (0, MANY), "the probe has not ended"
            await stage.answer_all("a", '"Hello"')
            await stage.answer_all("b", '"Hello"')
        assert await ask_many(stage) == (MANY, 0)
        await stage.answer_all("a", '"Hello"')
        answers = [line for line in stage.log if line.startswith("gateway > client: 200")]
        assert len(answers) == 5 + 6 * MANY, "nobody has noticed anything"


async def test_a_failed_probe_keeps_a_thousand_requests_away_for_twice_as_long(clock: Clock) -> None:
    async with Play(clock, names="ab") as stage:
        await break_down(stage)
        clock.passed += 7
        assert await ask_many(stage) == (1, MANY - 1)
        await stage.answer_all("a", "500")
        await stage.answer_all("b", '"Hello"')
        clock.passed += 7
        assert await ask_many(stage) == (0, MANY)
        await stage.answer_all("b", '"Hello"')
        clock.passed += 7
        assert await ask_many(stage) == (1, MANY - 1)


async def test_a_lone_provider_is_asked_by_everybody(clock: Clock) -> None:
    """Where nobody else can serve, to refuse them all would help nobody."""
    async with Play(clock, names="a") as stage:
        for _ in range(5):
            stage.ask()
            await stage.settle()
            await stage.answer_all("a", "500")
        for _ in range(MANY):
            stage.ask()
        await stage.settle()
        assert stage.asked("a") == 5 + MANY


# --- flapping ----------------------------------------------------------------------------------------


async def test_a_provider_that_comes_and_goes_fails_few_requests() -> None:
    """For half an hour `a` is up and down for 20 seconds each; one request comes every second."""
    world = World()
    began, failed = world.now, 0
    while (elapsed := world.now - began) < 1800:
        trial = world.begin(world.pick().candidate.service.name)
        down = trial.lane.endpoint.service == "a" and elapsed % 40 >= 20
        world.end(trial, DOWN if down else SERVED)
        failed += down
        world.now += 1
    assert 0 < failed < 900 / 8, "of the 900 that it would have failed"
    assert world.kinds().count("breaker_opened") > world.kinds().count("breaker_closed") > 1


async def test_a_provider_that_has_come_back_serves_again() -> None:
    world = World()
    for _ in range(6):  # as often as the pause grows
        world.calls("a", 5, DOWN)
        world.now += 121
    paused = world.now
    while world.kinds()[-1] != "breaker_closed":
        world.call(world.pick().candidate.service.name, SERVED)
        world.now += 1
    assert world.now - paused < 150, "the longest pause, and two probes"
    assert world.order() == "abc"
