"""What changes a price beside the model and the kinds of tokens, as far as genai-prices does not say so:
`adjustments.toml`.

    [[adjustment]]
    kind = "anthropic"
    when = { inference_geo = "us" }
    factor = "1.1"
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .prices import Rate, Tier, Tiered

__all__ = ["Adjustment", "adjusted", "adjustments"]

COUNTED = frozenset(["searches", "requests"])
"""Classes that are not tokens."""


class Adjustment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition, and what it does to a model's rates."""

    kind: str
    """The kind of provider."""
    models: tuple[str, ...] = ("*",)
    """Patterns of its names for models."""
    when: Mapping[str, str]
    """How an answer has to be served: what the provider reports about it."""
    factor: Decimal | None = None
    """All rates of tokens are multiplied by this."""
    rates: Mapping[str, Decimal] = {}
    """Rates that replace others, by class."""
    source: str
    """Where the provider says so."""

    def fits(self, kind: str, model: str) -> bool:
        """Whether it concerns a model."""
        return kind == self.kind and any(fnmatchcase(model.lower(), pattern) for pattern in self.models)

    def holds(self, context: Mapping[str, str]) -> bool:
        """Whether an answer was served like this."""
        return self.when.items() <= context.items()

    def apply(self, rates: Mapping[str, Rate]) -> Mapping[str, Rate]:
        """The rates of such an answer."""
        factor = self.factor
        if factor is not None:
            rates = {name: rate if name in COUNTED else _times(rate, factor) for name, rate in rates.items()}
        return {**rates, **self.rates}


def adjusted(
    kind: str, model: str, rates: Mapping[str, Rate], context: Mapping[str, str]
) -> Mapping[str, Rate]:
    """The rates of an answer that was served in this way; `rates` are those of the model."""
    if not rates or not context:
        return rates
    for one in adjustments():
        if one.fits(kind, model) and one.holds(context):
            rates = one.apply(rates)
    return rates


@cache
def adjustments() -> tuple[Adjustment, ...]:
    """The table."""
    text = (resources.files("tidegate") / "catalog" / "adjustments.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["adjustment"], tuple[Adjustment, ...])


def _times(rate: Rate, factor: Decimal) -> Rate:
    if isinstance(rate, Tiered):
        tiers = tuple(Tier(tier.above, tier.price * factor) for tier in rate.tiers)
        return replace(rate, base=rate.base * factor, tiers=tiers)
    return rate * factor
