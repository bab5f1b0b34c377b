"""Prices of models by name, from the package genai-prices: `prices.json`, loaded on first use.

The file is written by `scripts/build_prices.py` and follows that package's rules. Prices are in USD per
million tokens, and per thousand searches or requests.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType

import msgspec
from msgspec import Struct
from msgspec.structs import replace

__all__ = ["Price", "PricedModel", "Rate", "Tier", "Tiered", "priced_model", "source"]


class Tier(Struct, frozen=True, array_like=True):
    """The price for prompts above a number of tokens."""

    above: int
    price: Decimal


class Tiered(Struct, frozen=True):
    """A price that depends on the prompt's length. One tier applies to all tokens."""

    base: Decimal
    tiers: tuple[Tier, ...]
    """The lowest first."""


Rate = Decimal | Tiered


class Price(Struct, frozen=True, kw_only=True):
    """The prices of a model while a condition holds."""

    rates: Mapping[str, Rate]
    """By class: the names of `Usage`, and `requests`."""
    since: date | None = None
    """The first day, in UTC."""
    between: tuple[str, str] | None = None
    """Hours of the day in UTC, `HH:MM`: start (inclusive) and end. They may span midnight."""

    def holds(self, at: datetime) -> bool:
        """Whether the price applies at this moment."""
        moment = at.astimezone(UTC)
        if self.since is not None and moment.date() < self.since:
            return False
        if self.between is None:
            return True
        begin, end = map(time.fromisoformat, self.between)
        now = moment.time()
        return begin <= now < end if begin <= end else now >= begin or now < end


class Variant(Price, frozen=True, kw_only=True):
    """Different prices for some requests (`service_tier` flex, `processing` batch)."""

    when: Mapping[str, str]


class Match(Struct, frozen=True, kw_only=True, rename={"any_of": "or", "all_of": "and"}):
    """A pattern of model names. One field is set."""

    equals: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: str | None = None
    regex: str | None = None
    any_of: tuple["Match", ...] | None = None
    all_of: tuple["Match", ...] | None = None

    def fits(self, name: str) -> bool:
        """Whether a name, in lower case, matches."""
        if self.any_of is not None:
            return any(one.fits(name) for one in self.any_of)
        if self.all_of is not None:
            return all(one.fits(name) for one in self.all_of)
        return (
            name == self.equals
            or (self.starts_with is not None and name.startswith(self.starts_with))
            or (self.ends_with is not None and name.endswith(self.ends_with))
            or (self.contains is not None and self.contains in name)
            or (self.regex is not None and re.search(self.regex, name) is not None)
        )


class PricedModel(Struct, frozen=True, kw_only=True):
    """A model in the package."""

    id: str
    match: Match
    name: str | None = None
    context: int | None = None
    deprecated: bool = False
    prices: tuple[Price, ...] = ()
    """The last that applies is used, else the first. Empty: the model is billed in units that are not
    counted."""
    variants: tuple[Variant, ...] = ()

    def rates(self, at: datetime, context: Mapping[str, str] = MappingProxyType({})) -> Mapping[str, Rate]:
        """The prices at a moment; `context` describes the request."""
        if not self.prices:
            return {}
        standard = next((price for price in reversed(self.prices) if price.holds(at)), self.prices[0])
        if not (context and self.variants):
            return standard.rates
        fitting = [
            variant
            for variant in self.variants
            if variant.holds(at) and variant.when.items() <= context.items()
        ]
        changed = {name: rate for variant in reversed(fitting) for name, rate in variant.rates.items()}
        return {**standard.rates, **changed}


class Seller(Struct, frozen=True, kw_only=True):
    """A provider of the package."""

    models: tuple[PricedModel, ...]
    fallback: tuple[str, ...] = ()
    """Other providers whose models it sells at their prices."""


class Table(Struct, frozen=True, kw_only=True):
    """The whole file."""

    source: str
    providers: Mapping[str, Seller]


SELLERS: Mapping[str, str] = MappingProxyType(
    {
        "openai": "openai",
        "azure": "azure",
        "anthropic": "anthropic",
        "gemini": "google",
        "vertex": "google",
        "mistral": "mistral",
        "cohere": "cohere",
        "deepseek": "deepseek",
        "xai": "x-ai",
        "perplexity": "perplexity",
        "together": "together",
        "groq": "groq",
        "openrouter": "openrouter",
        "fireworks": "fireworks",
        "bedrock": "aws",
    }
)
"""Kind of provider → its name in the package, which has no prices for other kinds."""

COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
"""`-20251211`, which others write `-2025-12-11`."""


@lru_cache(maxsize=1024)
def priced_model(kind: str, model: str) -> PricedModel | None:
    """The model of a kind of provider with this name; None if the package does not have it."""
    seller = _table().providers.get(SELLERS.get(kind, ""))
    if seller is None:
        return None
    others = [_table().providers[name] for name in seller.fallback]
    name = model.lower()
    for spelling in dict.fromkeys((name, COMPACT_DATE.sub(r"-\1-\2-\3", name))):
        for one in (seller, *others):
            found = next((row for row in one.models if row.match.fits(spelling)), None)
            if found is not None:  # special rates only apply at the original seller
                return found if one is seller else replace(found, variants=())
    return None


def source() -> str:
    """The package and its version."""
    return _table().source


@cache
def _table() -> Table:
    text = (resources.files("tidegate") / "catalog" / "prices.json").read_bytes()
    return msgspec.json.decode(text, type=Table)
