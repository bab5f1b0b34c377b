"""A router over made-up providers, and a clock that a test moves by hand."""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from running import parse_config
from tidegate.protocols.errors import ProviderError, ProviderRefused, ProviderTimeout
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate, ModelRegistry
from tidegate.routing import Outcome, Pick, Plan, RequestFacts, Router, Transition, Trial
from tidegate.routing.claims import Claims

__all__ = ["DOWN", "SERVED", "Claimed", "World", "refused", "together"]

START = 1000.0
WALL = 1_780_000_000.0
SERVED = Outcome(usage=Usage(input=100, output=50))
DOWN = Outcome(error=ProviderTimeout("it did not answer"))


def refused(status: int, **fields: Any) -> Outcome:
    """The outcome of an error answer."""
    error: ProviderError = ProviderRefused("no", status=status, **fields)
    return Outcome(error=error)


class World:
    """Three providers `a`, `b`, `c` that serve `m` by the name `m`; `keys` are those of each."""

    def __init__(
        self,
        order: str = "priority",
        *,
        names: Sequence[str] = ("a", "b", "c"),
        more: str = "",
        routing: str = "",
        model: str = "",
        prices: Sequence[str] = (),
        keys: str = '"sk-1234567890"',
        seed: int = 1,
        claims: Claims | None = None,
    ) -> None:
        lines = [f'[routing]\norder = "{order}"\n{routing}']
        for name in names:
            lines.append(
                f'[providers.{name}]\nkind = "openai_compatible"\nbase_url = "http://{name}.test/v1"'
            )
            lines.append(f"api_key = {keys}")
        listed = ", ".join(f'"{name}/m"' for name in names)
        lines.append(f"[models.m]\ncandidates = [{listed}]\n{model}")
        lines += [f'[prices."{name}/m"]\n{rates}' for name, rates in zip(names, prices, strict=False)]
        self.config = parse_config("\n".join([*lines, more]))
        self.registry = ModelRegistry(self.config)
        self.candidates: tuple[Candidate, ...] = self.registry.resolve("m").candidates
        self.router = Router(
            self.config, Random(seed), wall_clock=lambda: WALL + self.now - START, claims=claims
        )
        self.now = START
        self.seen: list[Transition] = []
        self.router.subscribe(self.seen.append)

    def plan(self, **facts: Any) -> Plan:
        return self.router.plan(RequestFacts(**facts), self.candidates, self.now)

    def order(self, **facts: Any) -> str:
        """The providers' names in the order of a plan."""
        return "".join(choice.candidate.service.name for choice in self.plan(**facts).choices)

    def pick(self, tried: Sequence[Trial] = (), **facts: Any) -> Pick:
        found = self.router.next(self.plan(**facts), tried, RequestFacts(**facts), self.now)
        assert found is not None
        return found

    def begin(self, name: str = "a", **facts: Any) -> Trial:
        """An attempt at the provider of this name, whatever the plan is."""
        wanted = RequestFacts(**facts)
        (candidate,) = (one for one in self.candidates if one.service.name == name)
        pick = self.router.next(self.router.plan(wanted, [candidate], self.now), (), wanted, self.now)
        assert pick is not None
        return self.router.begin(pick, wanted, self.now)

    def end(self, trial: Trial, outcome: Outcome = SERVED) -> Trial:
        self.router.ended(trial, outcome, self.now)
        return trial

    def call(
        self, name: str = "a", outcome: Outcome = SERVED, ttft: float | None = None, **facts: Any
    ) -> Trial:
        """A whole attempt; with `ttft` a stream that begins after so many seconds and lasts a second more."""
        trial = self.begin(name, stream=ttft is not None, **facts)
        if ttft is not None:
            self.now += ttft
            self.router.first_token(trial, self.now)
            self.now += 1
        return self.end(trial, outcome)

    def calls(
        self, name: str, count: int, outcome: Outcome = SERVED, every: float = 0.5, **more: Any
    ) -> None:
        for _ in range(count):
            self.call(name, outcome, **more)
            self.now += every

    def kinds(self) -> list[str]:
        """The kinds of the transitions so far."""
        return [one.kind for one in self.seen]


class Claimed:
    """One worker's claims, of all that `held` has."""

    def __init__(self, held: dict[str, "Claimed"]) -> None:
        self._held = held

    def claim(self, name: str) -> bool:
        return self._held.setdefault(name, self) is self

    def release(self, name: str) -> None:
        if self._held.get(name) is self:
            del self._held[name]


def together(count: int, *, hear: bool = True, **fields: Any) -> list[World]:
    """Workers of one gateway, whose claims exclude each other; with `hear` they follow each other's
    transitions at once.
    """
    held: dict[str, Claimed] = {}
    worlds = [World(claims=Claimed(held), seed=seed, **fields) for seed in range(count)]

    def tell(sender: World, transition: Transition) -> None:
        for world in worlds:
            if world is not sender:
                world.router.apply(transition, world.now)

    if hear:
        for world in worlds:
            world.router.subscribe(partial(tell, world))
    return worlds
