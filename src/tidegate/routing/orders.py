"""The orders: small named policies over the choices of a request.

Each ranks the remaining choices by their figures; a `Ranking` gives the order in which to try them.
Orders ignore availability: choices that cannot serve now are moved to the end afterwards (see `behind`). An
unknown figure is replaced by the median of the others, so that a new candidate is tried as often as an
average one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from tidegate.config import Order

from .plan import Choice

__all__ = ["FLOOR", "ORDERS", "Ranking", "Settings", "behind", "median"]

FLOOR = 0.02
"""The minimum weight of a choice in a draw, as a share of the sum, so that every choice is tried
sometimes."""


class Settings(NamedTuple):
    """The configured settings of orders."""

    exponents: tuple[float, float, float] = (2.0, 2.0, 8.0)
    """The weights of cost, time and success."""
    weights: Sequence[float] = ()
    """The weights of the choices, for `weighted`; empty: equal."""


class Ranking(NamedTuple):
    """Choices as an order ranks them. What is left to chance is decided for each request."""

    choices: Sequence[Choice]
    """The best first, unless they are drawn."""
    weights: Sequence[float] = ()
    """Their weights in a draw; empty: they are not drawn."""
    explores: bool = False
    """Whether another choice than the best is sometimes tried first."""

    def order(self, random: Random) -> list[Choice]:
        """The order for one request."""
        if self.weights:
            return draw(self.choices, self.weights, random)
        return explore([*self.choices], random) if self.explores else [*self.choices]


Policy = Callable[[Sequence[Choice], Settings], Ranking]


def by_priority(choices: Sequence[Choice], _settings: Settings) -> Ranking:
    """In the order of the list."""
    return Ranking(choices)


def by_weight(choices: Sequence[Choice], settings: Settings) -> Ranking:
    """Drawn by the configured weights. Choices with weight 0 are tried last."""
    weights = settings.weights or [1.0] * len(choices)
    for choice, weight in zip(choices, weights, strict=True):
        choice.weight = weight
    return Ranking(choices, weights)


def by_cost(choices: Sequence[Choice], _settings: Settings) -> Ranking:
    """The cheapest first."""
    return Ranking(by_figure(choices, [choice.cost for choice in choices]))


def by_latency(choices: Sequence[Choice], _settings: Settings) -> Ranking:
    """The shortest time to the first token first."""
    figures = [_with_failures(choice.ttft_s, choice) for choice in choices]
    return Ranking(by_figure(choices, figures), explores=True)


def by_throughput(choices: Sequence[Choice], _settings: Settings) -> Ranking:
    """The most tokens per second first."""
    figures = [
        _with_failures(1 / choice.tokens_per_s if choice.tokens_per_s else None, choice) for choice in choices
    ]
    return Ranking(by_figure(choices, figures), explores=True)


def by_balance(choices: Sequence[Choice], settings: Settings) -> Ranking:
    """Drawn by the product of cost, time and success, each relative to the best."""
    for_cost, for_time, for_success = settings.exponents
    costs = _shares([choice.cost for choice in choices], for_cost)
    times = _shares([choice.seconds for choice in choices], for_time)
    weights = []
    for choice, cost, time in zip(choices, costs, times, strict=True):
        success = 1.0 if choice.success is None else choice.success
        weights.append(cost * time * success**for_success)
    floor = FLOOR * sum(weights) or 1.0
    for place, choice in enumerate(choices):
        weights[place] = choice.weight = max(floor, weights[place])
    return Ranking(choices, weights)


ORDERS: Mapping[Order, Policy] = {
    "priority": by_priority,
    "weighted": by_weight,
    "cost": by_cost,
    "latency": by_latency,
    "throughput": by_throughput,
    "balanced": by_balance,
}


def behind(choices: Sequence[Choice]) -> list[Choice]:
    """Move the choices that cannot serve now to the end, sorted by when they are available."""
    available = [choice for choice in choices if choice.blocked_by is None]
    if len(available) == len(choices):
        return available
    closed = [choice for choice in choices if choice.blocked_by is not None]
    closed.sort(key=lambda choice: choice.wait_s)
    return available + closed


def by_figure(choices: Sequence[Choice], figures: Sequence[float | None]) -> list[Choice]:
    """The lowest figure first; equal ones stay in the order of the list."""
    known = [figure for figure in figures if figure is not None]
    middle = median(known) if known else 0.0
    filled = [middle if figure is None else figure for figure in figures]
    return [choices[place] for place in sorted(range(len(choices)), key=filled.__getitem__)]


def explore(ordered: list[Choice], random: Random) -> list[Choice]:
    """Occasionally move another choice to the front, so that its figures stay current, or become known."""
    if len(ordered) > 1 and random.random() < FLOOR * (len(ordered) - 1):
        ordered.insert(0, ordered.pop(random.randrange(1, len(ordered))))
    return ordered


def draw(choices: Sequence[Choice], weights: Sequence[float], random: Random) -> list[Choice]:
    """Draw without replacement, in proportion to the remaining weights: sorted exponential waiting times with
    these rates (Efraimidis and Spirakis, 2006).
    """
    chance, log = random.random, math.log
    waits = [-log(1.0 - chance()) / weight if weight > 0 else math.inf for weight in weights]
    return [choices[place] for place in sorted(range(len(choices)), key=waits.__getitem__)]


def median(values: Sequence[float]) -> float:
    """The median."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _shares(figures: Sequence[float | None], exponent: float) -> list[float]:
    """(best / figure) ** exponent for each figure; an unknown one counts as the median."""
    known = [figure for figure in figures if figure is not None]
    if not known or not exponent:
        return [1.0] * len(figures)
    if len(known) < len(figures):
        middle = median(known)
        figures = [middle if figure is None else figure for figure in figures]
    best = min(known)
    # A free choice is the best, and infinitely better than others.
    return [(best / figure) ** exponent if figure else 1.0 for figure in figures]


def _with_failures(figure: float | None, choice: Choice) -> float | None:
    """A time that accounts for failed attempts: the time divided by the success rate."""
    if figure is None or choice.success is None:
        return figure
    return figure / max(choice.success, FLOOR)
