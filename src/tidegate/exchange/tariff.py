"""Prices as exchanges need them: looked up once a minute for each provider and model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from time import time
from typing import NamedTuple

from msgspec import Struct

from tidegate.config import Config
from tidegate.money import STANDARD, Bill, Found, OperatorPrices, PriceList, Terms
from tidegate.money.greatest import Greatest, Wish, greatest_of, wishes_at
from tidegate.money.pricing import RateTable, bill_by, table_of
from tidegate.money.terms import Fields
from tidegate.protocols.contract import Tally
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate
from tidegate.providers.rows import kinds

__all__ = ["PLAIN", "Drawing", "Tariff"]

FRESH_S = 60
"""Seconds for which prices are kept, from a full minute on: some change with the time of day."""
MOST_KEPT = 4096
END = 1024
"""Bytes of a request's beginning and of its end in which its settings are looked for."""


class Drawing(NamedTuple):
    """What a request says about the images that it wants; None: the provider may choose."""

    size: str | None = None
    quality: str | None = None


PLAIN = Drawing()


class _Kept(Struct, frozen=True):
    """Prices, and how long they are the same."""

    since: float
    until: float
    generation: int
    """That of the operator's prices."""
    found: Found
    table: RateTable | None
    """What the rates come to, where a bill can be made by a table."""


class _KeptGreatest(Struct, frozen=True):
    """The greatest prices of a model, and what can raise them."""

    until: float
    generation: int
    wishes: tuple[Wish, ...]
    usual: Greatest | None


class Tariff:
    """The prices of one Config, and of the store."""

    def __init__(self, config: Config, operator: OperatorPrices | None = None) -> None:
        """`operator` is what the store has; it may change at any time."""
        self.prices = PriceList(config, operator)
        self._trust = config.billing.provider_cost
        self._exact = {name for name, one in config.providers.items() if _is_exact(one.kind)}
        self._found: dict[tuple[str, str, Fields], _Kept] = {}
        self._greatest: dict[tuple[str, str], _KeptGreatest] = {}
        self._chosen: dict[tuple[object, ...], tuple[Sequence[Candidate], Sequence[Candidate]]] = {}
        self.matches = lru_cache(MOST_KEPT)(_matches)
        """Whether a model matches one pattern of each list."""

    def find(self, service: str, model: str, terms: Terms = STANDARD, at: float | None = None) -> Found:
        """The prices of a model for answers served on these terms: now, or at a moment before, in seconds
        since 1970. A request costs what it cost when it began.
        """
        kept = self._find(service, model, terms)
        if at is None or at >= kept.since:
            return kept.found
        return self.prices.find(service, model, datetime.fromtimestamp(at, UTC), terms.context())

    def _find(self, service: str, model: str, terms: Fields) -> _Kept:
        kept, now = self._found.get((service, model, terms)), time()
        if kept is None or now >= kept.until or kept.generation != self.prices.operator.generation:
            kept = self._look_up(service, model, Terms(*terms), now)
        return kept

    def _look_up(self, service: str, model: str, terms: Terms, now: float) -> "_Kept":
        """Prices change with the minute (at some hours of the day), or when the operator says so."""
        operator, minute = self.prices.operator, now // FRESH_S * FRESH_S
        changes = (operator.next_change(int(minute * 1000) - 1), operator.next_change(int(now * 1000)))
        since, until = minute, minute + FRESH_S
        if changes[0] is not None and changes[0] <= now * 1000:
            since = now
        if changes[1] is not None:
            until = min(until, changes[1] / 1000)
        found = self.prices.find(service, model, datetime.fromtimestamp(now, UTC), terms.context())
        if len(self._found) >= MOST_KEPT:
            self._found.clear()
        kept = _Kept(since, until, operator.generation, found, table_of(found.rates))
        self._found[service, model, terms] = kept
        return kept

    def bill(
        self, candidate: Candidate, served: Tally, usage: Usage | None, at: float, drawing: Drawing = PLAIN
    ) -> Bill | None:
        """What an answer costs; None where a part of it has no known price. `served` is how it was served,
        `usage` what it used, `at` when the request began, `drawing` what images it requested.
        """
        service, model = candidate.service.name, candidate.model
        terms = served.service_tier, served.speed, served.inference_geo, served.search_context_size
        kept = self._find(service, model, terms)
        if kept.table is not None and usage is not None and not served.images and at >= kept.since:
            found, bill = kept.found, kept.table.bill(usage)
        else:
            found = self.find(service, model, Terms(*terms), at)
            bill = bill_by(found, usage, served.images, *drawing)
        if served.provider_cost is None:
            return bill
        return self._as_reported(service, served.provider_cost, bill, found)

    def _as_reported(self, service: str, cost: int, bill: Bill | None, found: Found) -> Bill | None:
        """A bill of what the provider says that the answer costs, where that is to be used."""
        if found.is_operators or self._trust == "never":
            return bill
        if bill is None:
            return Bill.as_reported(cost)
        return bill.with_reported(cost) if self._trust == "always" or service in self._exact else bill

    def greatest(self, service: str, model: str, body: bytes) -> Greatest | None:
        """What the parts of an answer may cost at most, if the request gets what its body asks for; None if
        no price is known.
        """
        generation, now = self.prices.operator.generation, time()
        known = self._greatest.get((service, model))
        if known is None or now >= known.until or known.generation != generation:
            known = self._look_up_greatest(service, model, now)
        if not known.wishes:
            return known.usual
        ends = body if len(body) <= 2 * END else body[:END] + body[-END:]
        asked = tuple(one for one in known.wishes if one.sign in ends)
        return greatest_of(partial(self.find, service, model), asked) if asked else known.usual

    def _look_up_greatest(self, service: str, model: str, now: float) -> "_KeptGreatest":
        def find(terms: Terms) -> Found:
            return self.find(service, model, terms)

        usual = greatest_of(find, ())
        if len(self._greatest) >= MOST_KEPT:
            self._greatest.clear()
        kept = self._found[service, model, STANDARD]
        known = _KeptGreatest(kept.until, kept.generation, wishes_at(find), usual)
        self._greatest[service, model] = known
        return known

    def with_prices(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The candidates whose prices are known; all of them if there is none: the refusal says so."""
        known = tuple(one for one in candidates if self.find(one.service.name, one.model).source is not None)
        if len(known) == len(candidates):
            return candidates
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


def _is_exact(kind: str) -> bool:
    row = kinds().get(kind)
    return row is not None and row.exact_cost


def _matches(model: str, lists: Sequence[Sequence[str]]) -> bool:
    return all(any(fnmatchcase(model, pattern) for pattern in patterns) for patterns in lists)
