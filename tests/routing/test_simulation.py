"""The rules that benchmarks/routing_simulation.py relies on hold in it: it drives the real router."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
simulation: Any = importlib.import_module("routing_simulation")


def day(order: str, routing: str = "") -> Any:
    return simulation.Day(order, 1, rate=2.0, length_s=900, routing=routing)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return {order: day(order).run() for order in ("cost", "latency", "balanced")}


def test_the_same_seed_gives_the_same_day() -> None:
    assert day("balanced").run() == day("balanced").run()


def test_every_request_ends_and_every_attempt_is_reported() -> None:
    one = day("balanced", "hedge = true")
    one.run()
    assert len(one.done) > 500
    assert all(trial.effect is not None for asked in one.done for trial in asked.tried)
    accounts = [one.router.health(name, one.world.now).credentials[0] for name in "abcde"]
    assert [account.in_flight for account in accounts] == [0] * 5


def test_no_request_waits_for_a_provider_that_is_known_to_be_limited() -> None:
    """A limited provider is asked again only after its rest, or where no other can serve."""
    one = day("cost")
    one.run()
    tries = [asked.tried[0].lane.endpoint.service for asked in one.done]
    assert 0 < tries.count("a") < len(tries)
    refused = sum(trial.effect == "rate" for asked in one.done for trial in asked.tried)
    assert refused < 0.05 * len(tries)


def test_balanced_is_not_dominated(results: dict[str, Any]) -> None:
    mine = results["balanced"]
    for name, other in results.items():
        better = [
            other.first_try >= mine.first_try,
            other.p50_s <= mine.p50_s,
            other.p99_s <= mine.p99_s,
            other.cost <= mine.cost,
        ]
        assert name == "balanced" or not all(better), name
