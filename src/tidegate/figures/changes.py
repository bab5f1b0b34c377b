"""When a model has moved away from its own past: rules on sums of its last half hour and of the hours of the
day before.

Compared are the median time to first token, the share of attempts that failed, and the mean cost of an
answer. The past is a centre and a spread, the median of the hours and their median deviation from it, which
a few odd hours do not move. A *change* is a difference that is large (`RATIO`, `MORE_ERRORS`) and much
larger than what the hours, and so few samples, differ by anyway (`SPREADS`). It ends where half of that
difference is left. Without enough samples nothing begins or ends.

A model that stays as it has become is its own past a day later: then the change ends, too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from statistics import median
from types import MappingProxyType
from typing import Literal, NamedTuple

from tidegate.meters import Histogram

from .sums import Sums

__all__ = ["Change", "Changes", "Measure", "Model", "Pair", "days_left", "describe", "measure"]

Measure = Literal["ttft", "errors", "cost"]
Look = Callable[[Sums], tuple[float, int]]
"""Takes a measure from sums, with the number of its samples."""

LEAST_HOURS = 6
"""The fewest hours that make a past."""
LEAST_SAMPLES = 20
"""The fewest samples of an hour that counts, and of the last half hour."""
LEAST_FAILURES = 5
"""The fewest failures of the last half hour that are a change."""
RATIO: Mapping[Measure, float] = MappingProxyType({"ttft": 1.5, "cost": 2.0})
"""How many times the past a change is at least. Costs follow what clients ask for, so they vary more."""
MORE_ERRORS = 0.05
"""How much higher a share of failures is at least."""
LEAST_RATE = 0.01
"""The share of failures that counts as usual even where the past has none."""
SPREADS = 5.0
"""How many times the usual spread a change is at least."""
PER_DEVIATION = 1.4826
"""What makes a median deviation comparable to a standard deviation."""
ENDS_BELOW = 0.5
"""The share of the least difference below which a change has ended."""
STAGES_DAYS = (30, 7, 1)
"""How long before its retirement a model is reported, in days."""


class Model(NamedTuple):
    """A model at a provider."""

    provider: str
    name: str

    @property
    def path(self) -> str:
        """As clients may name it."""
        return f"{self.provider}/{self.name}"


class Pair(NamedTuple):
    """What a model did."""

    past: Sequence[Sums]
    """Each hour of the day before."""
    recent: Sums
    """The last half hour."""


class Change(NamedTuple):
    """A measure of a model beside its past: in seconds, as a share, or in nano."""

    model: Model
    measure: Measure
    before: float
    now: float
    samples: int
    """What `now` is taken from: answers, attempts, or answers with a known cost."""
    size: float
    """How large the difference is, in units of the least that is a change."""

    @property
    def is_change(self) -> bool:
        """Whether it is large enough."""
        return self.size >= 1


class Changes:
    """The changes that have begun and not ended."""

    def __init__(self) -> None:
        self._open: set[tuple[Model, Measure]] = set()
        self._retiring: dict[Model, int] = {}
        """The stage that each model was reported at."""

    @property
    def open(self) -> Mapping[Model, frozenset[Measure]]:
        """What has changed of each model, and is not as before again."""
        found: dict[Model, set[Measure]] = {}
        for model, of in self._open:
            found.setdefault(model, set()).add(of)
        return {model: frozenset(measures) for model, measures in found.items()}

    def look(self, models: Mapping[Model, Pair]) -> Iterator[tuple[Change, bool]]:
        """The changes that begin now, and those that have ended (True). Models without requests for a day are
        forgotten.
        """
        self._open = {one for one in self._open if one[0] in models}
        for model, pair in models.items():
            for found in measure(model, pair):
                key = (model, found.measure)
                if key not in self._open and found.is_change:
                    self._open.add(key)
                    yield found, False
                elif key in self._open and found.size < ENDS_BELOW:
                    self._open.remove(key)
                    yield found, True

    def retiring(self, dates: Mapping[Model, str], today: date) -> Iterator[tuple[Model, int]]:
        """The models that retire within so many days, each once per stage. `dates` are `YYYY-MM-DD`."""
        self._retiring = {model: stage for model, stage in self._retiring.items() if model in dates}
        for model, day in dates.items():
            left = days_left(day, today)
            stage = min((one for one in STAGES_DAYS if left <= one), default=None)
            if stage is not None and stage < self._retiring.get(model, STAGES_DAYS[0] + 1):
                self._retiring[model] = stage
                yield model, left


def measure(model: Model, pair: Pair) -> Iterator[Change]:
    """What a model does beside its past: each measure that there are enough samples for."""
    found = (_ttft(model, pair), _errors(model, pair), _cost(model, pair))
    return (one for one in found if one is not None)


def days_left(day: str, today: date) -> int:
    """Days until a date, `YYYY-MM-DD`; negative once it is past."""
    return (date.fromisoformat(day) - today).days


def describe(change: Change, *, ended: bool) -> str:
    """A change in words."""
    names = {"ttft": "time to first token", "errors": "share of failed attempts", "cost": "cost of an answer"}
    name = f"{change.model.path}: the {names[change.measure]}"
    before, now = (_show(change.measure, value) for value in (change.before, change.now))
    if ended:
        return f"{name} is as on the day before again: {now} ({before} then)"
    lately = f"{now} in the last half hour ({change.samples} samples)"
    return f"{name} has changed: {lately}, {before} on the day before"


def _show(of: Measure, value: float) -> str:
    if of == "errors":
        return f"{value:.1%}"
    return f"{value:.3g} s" if of == "ttft" else f"{value / 1e9:.3g} USD"


def _ttft(model: Model, pair: Pair) -> Change | None:
    def look(sums: Sums) -> tuple[float, int]:
        found = Histogram(sums.ttft)
        return found.quantile(0.5) or 0.0, found.count

    found = _beside(pair, look, RATIO["ttft"])
    if found is None:
        return None
    before, now, samples, size = found
    return Change(model, "ttft", before, now, samples, max(0.0, size))


def _cost(model: Model, pair: Pair) -> Change | None:
    def look(sums: Sums) -> tuple[float, int]:
        answers = sum(sums.latency.values()) - sums.unpriced
        return (sums.cost / answers if answers > 0 else 0.0), answers

    found = _beside(pair, look, RATIO["cost"])
    if found is None:
        return None
    before, now, samples, size = found
    return Change(model, "cost", before, now, samples, abs(size))


def _beside(pair: Pair, look: Look, ratio: float) -> tuple[float, float, int, float] | None:
    """Before, now, the samples of now, and the signed size of the difference, of a positive measure: compared
    are logarithms, so that double and half are equally far.
    """
    now, samples = look(pair.recent)
    hours = [
        (math.log(value), count)
        for value, count in map(look, pair.past)
        if value > 0 and count >= LEAST_SAMPLES
    ]
    if now <= 0 or samples < LEAST_SAMPLES or len(hours) < LEAST_HOURS:
        return None
    centre, spread = _centre([value for value, _ in hours])
    fewer = median(count for _, count in hours) / samples
    least = max(math.log(ratio), SPREADS * spread * math.sqrt(max(1.0, fewer)))
    return math.exp(centre), now, samples, (math.log(now) - centre) / least


def _errors(model: Model, pair: Pair) -> Change | None:
    recent = pair.recent
    hours = [one.failures / one.rated for one in pair.past if one.rated >= LEAST_SAMPLES]
    if recent.rated < LEAST_SAMPLES or len(hours) < LEAST_HOURS:
        return None
    usual, spread = _centre(hours)
    rate, assumed = recent.failures / recent.rated, min(0.5, max(LEAST_RATE, usual))
    chance = math.sqrt(assumed * (1 - assumed) / recent.rated)
    least = max(MORE_ERRORS, usual, SPREADS * math.hypot(chance, spread))
    size = max(0.0, (rate - usual) / least)
    if recent.failures < LEAST_FAILURES:
        size = min(size, ENDS_BELOW)
    return Change(model, "errors", usual, rate, recent.rated, size)


def _centre(values: Sequence[float]) -> tuple[float, float]:
    """The median, and the median deviation from it as a standard deviation."""
    centre = median(values)
    return centre, PER_DEVIATION * median(abs(value - centre) for value in values)
