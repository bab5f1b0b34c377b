"""Prices as exchanges need them: looked up once a minute for each provider and model."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from math import ceil
from time import time

from tidegate.catalog import Rate, Tiered
from tidegate.config import Config
from tidegate.money import Bill, PriceList, bill_of
from tidegate.money.pricing import parts_of
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate

__all__ = ["Tariff"]

FRESH_S = 60.0
"""Seconds for which rates are kept: some change with the time of day."""
MOST_KEPT = 4096


class Tariff:
    """The prices of one Config."""

    def __init__(self, config: Config) -> None:
        self._prices = PriceList(config)
        self._rates: dict[tuple[str | None, ...], tuple[float, Mapping[str, Rate]]] = {}
        self._greatest: dict[tuple[str, str], tuple[float, tuple[float, float, float] | None]] = {}
        self._chosen: dict[tuple[object, ...], tuple[Sequence[Candidate], Sequence[Candidate]]] = {}
        self.matches = lru_cache(MOST_KEPT)(_matches)
        """Whether a model matches one pattern of each list."""

    def rates(
        self, service: str, model: str, tier: str | None = None, speed: str | None = None
    ) -> Mapping[str, Rate]:
        """The rates now, by class, for answers served in this tier and at this speed; empty if unknown."""
        key, now = (service, model, tier, speed), time()
        kept = self._rates.get(key)
        if kept is not None and now < kept[0]:
            return kept[1]
        served = {"service_tier": tier, "speed": speed}
        context = {name: word for name, word in served.items() if word is not None}
        found = self._prices.rates(service, model, datetime.fromtimestamp(now, UTC), context)
        if len(self._rates) >= MOST_KEPT:
            self._rates.clear()
        self._rates[key] = now + FRESH_S, found
        return found

    def bill(
        self, service: str, model: str, usage: Usage, tier: str | None = None, speed: str | None = None
    ) -> Bill | None:
        """What a usage costs; None where a part of it has no known price."""
        parts = parts_of(usage, self.rates(service, model, tier, speed))
        return None if parts is None else bill_of(parts)

    def greatest_cost(self, candidates: Sequence[Candidate], prompt: int, output: int) -> int | None:
        """What so many tokens cost at the most expensive candidate, in nano; None if no price is known."""
        most = -1.0
        for one in candidates:
            per_token = self._per_token(one.service.name, one.model)
            if per_token is not None:
                most = max(most, prompt * per_token[0] + output * per_token[1] + per_token[2])
        return ceil(most) if most >= 0 else None

    def _per_token(self, service: str, model: str) -> tuple[float, float, float] | None:
        """What a token of the prompt, a token of the answer and a request cost at most, in nano; None if that
        is unknown.
        """
        kept, now = self._greatest.get((service, model)), time()
        if kept is not None and now < kept[0]:
            return kept[1]
        rates = self.rates(service, model)
        found = None
        if "input" in rates and "output" in rates:
            prices = [
                _highest(rates[name]) if name in rates else 0.0 for name in ("input", "output", "requests")
            ]
            found = (prices[0] * 1e3, prices[1] * 1e3, prices[2] * 1e6)
        if len(self._greatest) >= MOST_KEPT:
            self._greatest.clear()
        self._greatest[service, model] = (now + FRESH_S, found)
        return found

    def with_prices(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The candidates whose prices are known; all of them if there is none: the refusal says so."""
        if all(self.rates(one.service.name, one.model) for one in candidates):
            return candidates
        known = tuple(one for one in candidates if self.rates(one.service.name, one.model))
        return self._kept(("prices", id(candidates), tuple(map(id, known))), candidates, known or candidates)

    def at_providers(
        self, candidates: Sequence[Candidate], allowed: tuple[frozenset[str], ...]
    ) -> Sequence[Candidate]:
        """The candidates of providers that are in each set."""
        kept = self._chosen.get((id(candidates), allowed))
        if kept is not None:
            return kept[1]
        found = tuple(one for one in candidates if all(one.service.name in names for names in allowed))
        chosen = candidates if len(found) == len(candidates) else found
        return self._kept((id(candidates), allowed), candidates, chosen)

    def _kept(
        self, key: tuple[object, ...], candidates: Sequence[Candidate], chosen: Sequence[Candidate]
    ) -> Sequence[Candidate]:
        """The same object each time: the router remembers lists of candidates by what they are."""
        kept = self._chosen.get(key)
        if kept is None:
            if len(self._chosen) >= MOST_KEPT:
                self._chosen.clear()
            kept = self._chosen[key] = (candidates, chosen)
        return kept[1]


def _highest(rate: Rate) -> float:
    """A rate for the longest prompts."""
    if isinstance(rate, Tiered):
        return float(max([rate.base, *(tier.price for tier in rate.tiers)]))
    return float(rate)


def _matches(model: str, lists: Sequence[Sequence[str]]) -> bool:
    return all(any(fnmatchcase(model, pattern) for pattern in patterns) for patterns in lists)
