"""A day's traffic over five providers with outages, drift and rate limits, routed by the real `Router`.

    uv run python benchmarks/routing_simulation.py                      compare the orders
    uv run python benchmarks/routing_simulation.py --sweep              exponents, and the share of generation
    uv run --with matplotlib python benchmarks/routing_simulation.py --plot FOLDER

What is simulated is the world: when providers fail, are slow, or limit. Every decision (who is tried, what is
remembered, when a breaker opens, when to hedge) is the router's. Seeds are fixed: the same numbers each time.
"""

import argparse
import heapq
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from routing_world import World
from tidegate.protocols.errors import ProviderBroke, ProviderError, ProviderRefused
from tidegate.protocols.usage import Usage
from tidegate.routing import Outcome, Pick, Plan, RequestFacts, Trial, assess

DAY_S = 24 * 3600.0
HOUR_S = 3600.0
ORDERS = ("priority", "cost", "latency", "throughput", "balanced")
ATTEMPTS = 3
"""The most attempts of a request."""
FAILS_AFTER_S = 2.0
"""How long an attempt at a provider that is down takes to fail."""


@dataclass(frozen=True)
class Provider:
    """How a made-up provider behaves."""

    name: str
    price: float
    """USD for a million tokens of the prompt; a completion costs five times as much."""
    ttft_s: float
    """The median time to the first token."""
    spread: float
    """Sigma of its logarithm."""
    tokens_per_s: float
    failing: float
    """The share of requests that fail even on a good day."""
    outages: int
    """In a day, of 3 to 25 minutes each."""
    limit: float
    """Its share of all traffic; above, it answers 429."""
    drift: float
    """By how much its times change over the day, as a factor."""


PROVIDERS = (
    Provider("a", 0.60, 0.9, 0.5, 35, 0.010, 6, 0.6, 2.0),
    Provider("b", 0.90, 0.5, 0.4, 60, 0.005, 3, 1.0, 1.4),
    Provider("c", 1.20, 0.4, 0.6, 80, 0.010, 4, 1.2, 1.8),
    Provider("d", 1.50, 0.3, 0.3, 110, 0.003, 2, 2.0, 1.2),
    Provider("e", 2.50, 0.25, 0.25, 150, 0.002, 1, 4.0, 1.1),
)


class Weather:
    """What the providers do on one day: the same for every order."""

    def __init__(self, seed: int, length_s: float) -> None:
        random = Random(seed)
        self.outages = {
            one.name: [
                (begin, begin + random.uniform(180, 1500), random.uniform(0.4, 1.0))
                for begin in sorted(random.uniform(0, DAY_S) for _ in range(one.outages))
                if begin < length_s
            ]
            for one in PROVIDERS
        }
        self.phase = {one.name: random.uniform(0, 2 * math.pi) for one in PROVIDERS}

    def failing(self, provider: Provider, at: float) -> float:
        """The share of requests that fail at a moment."""
        for begin, end, share in self.outages[provider.name]:
            if begin <= at < end:
                return share
        return provider.failing

    def slowness(self, provider: Provider, at: float) -> float:
        """The factor of the provider's times at a moment."""
        wave = math.sin(2 * math.pi * at / (6 * HOUR_S) + self.phase[provider.name])
        return provider.drift**wave


@dataclass
class Asked:
    """A request of the day."""

    at: float
    prompt: int
    output: int
    facts: RequestFacts
    plan: Plan | None = None
    tried: list[Trial] = field(default_factory=list)
    begun: dict[int, tuple[Trial, float]] = field(default_factory=dict)
    """Attempts under way."""
    first_token_at: float | None = None
    cost: float = 0.0
    failed: bool = False


@dataclass
class Result:
    """What a day was like."""

    first_try: float
    """The share of requests that the first attempt served."""
    served: float
    p50_s: float
    p99_s: float
    cost: float
    """USD for a thousand requests."""
    hedged: float
    """The share of requests with a second attempt beside the first."""

    def row(self) -> str:
        """For a table."""
        shares = f"{100 * self.first_try:.1f} | {100 * self.served:.2f}"
        return f"{shares} | {self.p50_s:.2f} | {self.p99_s:.1f} | {self.cost:.2f} | {100 * self.hedged:.1f}"


class Day:
    """One day of traffic with one order."""

    def __init__(self, order: str, seed: int, *, rate: float, length_s: float, routing: str = "") -> None:
        prices = [f"input = {one.price}\noutput = {5 * one.price}" for one in PROVIDERS]
        names = [one.name for one in PROVIDERS]
        self.world = World(order, names=names, prices=prices, routing=routing, seed=seed)
        self.router, self.random = self.world.router, Random(seed + 1)
        self.weather = Weather(seed, length_s)
        self.length_s, self.rate = length_s, rate
        self.recent: dict[str, list[float]] = {name: [] for name in names}
        """When each provider was called within the last seconds."""
        self.queue: list[tuple[float, int, str, tuple[object, ...]]] = []
        self.numbers = count()
        self.done: list[Asked] = []
        self.hedges = 0

    def run(self) -> Result:
        """The whole day."""
        for asked in self._requests():
            self._push(asked.at, "arrive", asked)
        while self.queue:
            at, _, what, arguments = heapq.heappop(self.queue)
            self.world.now = 1000 + at
            getattr(self, f"_{what}")(*arguments)
        return self._result()

    def _requests(self) -> Iterator[Asked]:
        """Poisson arrivals, twice as many at noon as at midnight."""
        random, at = Random(self.random.random()), 0.0
        while True:
            busy = 1 - 0.5 * math.cos(2 * math.pi * at / DAY_S)
            at += random.expovariate(self.rate * busy)
            if at >= self.length_s:
                return
            prompt = int(random.lognormvariate(7, 0.8))
            output = max(1, int(random.lognormvariate(5.3, 0.7)))
            yield Asked(at, prompt, output, RequestFacts(input_tokens=prompt, stream=True))

    # --- events -------------------------------------------------------------------------------

    def _push(self, at: float, what: str, *arguments: object) -> None:
        heapq.heappush(self.queue, (at, next(self.numbers), what, arguments))

    @property
    def _at(self) -> float:
        return self.world.now - 1000

    def _arrive(self, asked: Asked) -> None:
        asked.plan = self.router.plan(asked.facts, self.world.candidates, self.world.now)
        self._try_next(asked)

    def _try_next(self, asked: Asked) -> None:
        assert asked.plan is not None
        pick = None
        if len(asked.tried) < ATTEMPTS:
            pick = self.router.next(asked.plan, asked.tried, asked.facts, self.world.now)
        if pick is None:
            asked.failed = True
            self.done.append(asked)
            return
        trial = self._begin(asked, pick)
        if len(asked.tried) == 1 and (delay := self.router.hedge_after(trial, self.world.now)) is not None:
            self._push(self._at + delay, "hedge", asked, trial)

    def _begin(self, asked: Asked, pick: Pick, *, hedge: bool = False) -> Trial:
        trial = self.router.begin(pick, asked.facts, self.world.now, hedge=hedge)
        provider = next(one for one in PROVIDERS if one.name == pick.candidate.service.name)
        asked.tried.append(trial)
        at = self._at
        calls = self.recent[provider.name] = [one for one in self.recent[provider.name] if one > at - 10]
        calls.append(at)
        if len(calls) > 10 * provider.limit * self.rate:
            self._push(at + 0.1, "fail", asked, trial, ProviderRefused("limited", status=429))
        elif self.random.random() < self.weather.failing(provider, at):
            after = self.random.uniform(0.1, FAILS_AFTER_S)
            self._push(at + after, "fail", asked, trial, ProviderBroke("broken"))
        else:
            slow = self.weather.slowness(provider, at)
            ttft = self.random.lognormvariate(math.log(provider.ttft_s * slow), provider.spread)
            end = at + ttft + asked.output * slow / provider.tokens_per_s
            asked.begun[id(trial)] = (trial, provider.price)
            self._push(at + ttft, "speak", asked, trial, provider, end)
        return trial

    def _fail(self, asked: Asked, trial: Trial, error: ProviderError) -> None:
        self.router.ended(trial, Outcome(error=error), self.world.now)
        if asked.first_token_at is None and not asked.begun:
            self._try_next(asked)

    def _hedge(self, asked: Asked, trial: Trial) -> None:
        if asked.first_token_at is not None or trial.effect is not None or asked.plan is None:
            return
        pick = self.router.hedge(asked.plan, asked.tried, asked.facts, self.world.now)
        if pick is not None:
            self.hedges += 1
            self._begin(asked, pick, hedge=True)

    def _speak(self, asked: Asked, trial: Trial, provider: Provider, end: float) -> None:
        if asked.begun.pop(id(trial), None) is None:
            return
        asked.first_token_at = self._at
        self.router.first_token(trial, self.world.now)
        asked.cost += provider.price * (asked.prompt + 5 * asked.output) / 1e6
        self._push(end, "end", asked, trial)
        for loser, price in asked.begun.values():
            self.router.ended(loser, Outcome(overtaken=True), self.world.now)
            asked.cost += price * asked.prompt / 1e6  # it has read the prompt
        asked.begun.clear()
        self.done.append(asked)

    def _end(self, asked: Asked, trial: Trial) -> None:
        usage = Usage(input=asked.prompt, output=asked.output)
        self.router.ended(trial, Outcome(usage=usage), self.world.now)

    def _result(self) -> Result:
        waits = sorted(one.first_token_at - one.at for one in self.done if one.first_token_at is not None)
        total = len(self.done)
        first = sum(one.first_token_at is not None and _one_attempt(one) for one in self.done)
        return Result(
            first_try=first / total,
            served=len(waits) / total,
            p50_s=waits[len(waits) // 2],
            p99_s=waits[int(0.99 * len(waits))],
            cost=1000 * sum(one.cost for one in self.done) / total,
            hedged=self.hedges / total,
        )


def _one_attempt(asked: Asked) -> bool:
    """Whether nothing failed: a hedge is no failure."""
    return all(trial.effect in (None, "success", "nothing", "overtaken") for trial in asked.tried)


def mean(results: Sequence[Result]) -> Result:
    """The mean over several days."""
    names = Result.__dataclass_fields__
    return Result(**{name: sum(getattr(one, name) for one in results) / len(results) for name in names})


def days(order: str, seeds: int, rate: float, length_s: float, routing: str = "") -> Result:
    """The mean of several days."""
    runs = [Day(order, seed, rate=rate, length_s=length_s, routing=routing) for seed in range(1, seeds + 1)]
    return mean([day.run() for day in runs])


HEADER = "| first try % | served % | p50 s | p99 s | USD / 1000 | hedged % |\n|" + "---|" * 7
EXPONENTS = (
    (1, 1, 8),
    (2, 1, 8),
    (2, 2, 4),
    (2, 2, 8),
    (2, 2, 16),
    (1, 2, 8),
    (2, 3, 8),
    (3, 2, 8),
    (4, 4, 8),
)


def compare(seeds: int, rate: float, length_s: float) -> dict[str, Result]:
    """Every order, with and without hedging."""
    found = {}
    print(f"| order {HEADER}")
    for order in ORDERS:
        for hedge in ("", "hedge = true"):
            name = f"{order}{' + hedging' if hedge else ''}"
            found[name] = days(order, seeds, rate, length_s, hedge)
            print(f"| {name} | {found[name].row()} |", flush=True)
    return found


def sweep(seeds: int, rate: float, length_s: float) -> dict[str, Result]:
    """`balanced` with other exponents, and other shares of the time of generation."""
    found = {}
    print(f"| balanced {HEADER}")
    for exponents in EXPONENTS:
        name = "·".join(map(str, exponents))
        found[name] = days("balanced", seeds, rate, length_s, f"exponents = {[*exponents]}")
        print(f"| {name} | {found[name].row()} |", flush=True)
    usual = assess.STREAM_SHARE
    for share in (0.0, 0.03, 0.1, 0.3, 1.0):
        assess.STREAM_SHARE = share
        found[f"share {share}"] = days("balanced", seeds, rate, length_s)
        print(f"| 2·2·8, share {share} | {found[f'share {share}'].row()} |", flush=True)
    assess.STREAM_SHARE = usual
    return found


def plot(found: dict[str, Result], path: Path) -> None:
    """Cost against the time to first token, and against the share that the first attempt serves."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panes = pyplot.subplots(1, 3, figsize=(15, 5))
    titles = {
        "first_try": "first try, share",
        "p50_s": "p50 to first token, s",
        "p99_s": "p99 to first token, s",
    }
    for pane, (key, title) in zip(panes, titles.items(), strict=True):
        for name, result in found.items():
            place = (result.cost, getattr(result, key))
            pane.scatter(*place, marker="x" if "hedging" in name else "o")
            pane.annotate(name, place, fontsize=7, xytext=(4, 4), textcoords="offset points")
        pane.set_xlabel("USD for 1000 requests")
        pane.set_title(title)
        pane.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sweep", action="store_true", help="exponents and shares of balanced")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw the results (needs matplotlib)")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.5, help="requests per second, on average")
    parser.add_argument("--hours", type=float, default=24.0)
    given = parser.parse_args()
    found = (sweep if given.sweep else compare)(given.seeds, given.rate, given.hours * HOUR_S)
    if given.plot is not None:
        given.plot.mkdir(parents=True, exist_ok=True)
        plot(found, given.plot / ("sweep.png" if given.sweep else "orders.png"))


if __name__ == "__main__":
    main()
