"""The order in which a model's candidates are tried while nothing is known of them but their prices."""

from collections.abc import Iterator, Sequence
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.config import Config
    from tidegate.providers import Candidate, ModelRegistry
    from tidegate.routing import Choice, Plan

__all__ = ["describe_order"]


def describe_order(
    config: "Config", registry: "ModelRegistry", model: str, prompt: int, completion: int
) -> Iterator[str]:
    """The order for a request of so many tokens, line by line. Raises ModelNotFound."""
    from tidegate.routing import RequestFacts, Router

    resolution = registry.resolve(model)
    router = Router(config, Random(0))  # noqa: S311 no secret
    facts = RequestFacts(input_tokens=prompt, max_output=completion, stream=True)
    plan = router.plan(facts, resolution.candidates, perf_counter(), in_full=True)
    yield f"order: {plan.order} ({_origin(config, model)})"
    yield f"at rest, a request of {prompt:,} prompt tokens and {completion:,} completion tokens:"
    for number, choice in enumerate(_ranked(plan), 1):
        yield f"   {number}. {_place(choice.candidate)}: {_figures(choice, plan.choices)}"
    for candidate, reason in (*plan.skipped, *resolution.excluded):
        yield f"   skipped: {_place(candidate)} {reason}"
    if plan.order in ("latency", "throughput", "balanced") and len(plan.choices) > 1:
        yield "   a running gateway ranks by what it measures, too: send x-tidegate-explain: 1 to see it"


def _origin(config: "Config", model: str) -> str:
    """Where the order is set."""
    settings = config.models.get(model)
    if settings is not None and settings.order is not None:
        return str(config.origin("models", model, "order"))
    return str(config.origin("routing", "order"))


def _ranked(plan: "Plan") -> Sequence["Choice"]:
    """The choices as they are tried; where the order draws, those that are drawn more often first."""
    if any(choice.weight is None for choice in plan.choices):
        return plan.choices
    return sorted(plan.choices, key=lambda choice: -(choice.weight or 0.0))


def _figures(choice: "Choice", choices: Sequence["Choice"]) -> str:
    cost = f"${choice.cost:.3g}" if choice.cost is not None else "price unknown"
    total = sum(one.weight or 0.0 for one in choices)
    if choice.weight is None or not total or len(choices) == 1:
        return cost
    return f"{cost}, first in {choice.weight / total:.0%} of requests"


def _place(candidate: "Candidate") -> str:
    return f"{candidate.service.name}/{candidate.model}"
