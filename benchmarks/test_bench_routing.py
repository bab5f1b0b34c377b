"""What routing costs a request: planned, begun, its first token and its end noted.

Worth defending: a plan of a single healthy candidate in less than 1 µs. Budgets that are missed today: with
three candidates and a conversation that is at home, everything together in 10 µs (`priority`: 23), the plan
alone in 10 µs where all figures are compared (`balanced`: 17).
"""

import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from routing_world import World
from tidegate.protocols.usage import Usage
from tidegate.routing import Outcome, Plan, RequestFacts, session_key

PRICES = [
    "input = 3\noutput = 15\ncache_read = 0.3\ncache_write = 3.75",
    "input = 2\noutput = 12\ncache_read = 0.2",
    "input = 4\noutput = 20\ncache_read = 0.4",
]
SESSION = session_key("alice", session_id="s-1")
OUTCOME = Outcome(usage=Usage(input=500, cache_read=9_500, output=300))
FACTS = RequestFacts(input_tokens=10_000, stream=True, session=SESSION)
PLAIN = RequestFacts(input_tokens=10_000, stream=True)


def warm(order: str, names: str = "abc") -> World:
    """A router that knows its candidates, and a conversation that is at home at the first."""
    world = World(order, names=names, prices=PRICES)
    for name in names:
        world.calls(name, 120, OUTCOME, ttft=0.4)
    world.call(names[0], OUTCOME, ttft=0.4, input_tokens=10_000, session=SESSION)
    world.plan()
    return world


def test_plan_of_one(benchmark: BenchmarkFixture) -> None:
    world = warm("balanced", "a")
    plan = world.router.plan
    assert len(benchmark(plan, PLAIN, world.candidates, world.now).choices) == 1


@pytest.mark.parametrize("order", ["priority", "weighted", "cost", "latency", "balanced"])
@pytest.mark.parametrize("facts", [PLAIN, FACTS], ids=["no session", "at home"])
def test_plan_of_three(benchmark: BenchmarkFixture, order: str, facts: RequestFacts) -> None:
    world = warm(order)
    plan: Plan = benchmark(world.router.plan, facts, world.candidates, world.now)
    assert len(plan.choices) == 3
    assert plan.stayed is ((facts is FACTS and order != "cost") or plan.stayed)


@pytest.mark.parametrize("order", ["priority", "balanced"])
@pytest.mark.parametrize("facts", [PLAIN, FACTS], ids=["no session", "at home"])
def test_a_whole_request(benchmark: BenchmarkFixture, order: str, facts: RequestFacts) -> None:
    world = warm(order)
    router, candidates = world.router, world.candidates

    def run() -> None:
        now = world.now = world.now + 0.01
        plan = router.plan(facts, candidates, now)
        pick = router.next(plan, (), facts, now)
        assert pick is not None
        trial = router.begin(pick, facts, now)
        router.first_token(trial, now + 0.4)
        router.ended(trial, OUTCOME, now + 1.4)

    benchmark(run)
    assert world.order(stream=True)


def test_the_key_of_a_conversation(benchmark: BenchmarkFixture) -> None:
    headers = [(b"host", b"h"), (b"user-agent", b"x"), (b"authorization", b"Bearer x"), (b"accept", b"*/*")]
    pieces = [b"m", b"look", b"Be brief. " * 200, b"Where is the harbour?"]
    assert benchmark(session_key, "alice", headers, opening=lambda: pieces)
