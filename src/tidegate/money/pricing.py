"""Prices, and the cost of usage.

There are three sources, of which the first that has the model is used: the operator's `[prices]`, the package
genai-prices (through `catalog/prices.json`), and the catalog's own rows, for providers that the package does
not cover. Each class of tokens is priced at its own rate, or at that of the class which contains it: see
`CHAINS`. If a class occurs that has no rate, the whole cost is unknown.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from tidegate.catalog import ImagePrice, Rate, Tiered, model_named, priced_model
from tidegate.config import Config, PriceConfig
from tidegate.protocols.usage import Usage

from .bill import Bill, Part, bill_of

__all__ = ["CHAINS", "PriceList"]

CHAINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "input": ("input",),
        "cache_read": ("cache_read", "input"),
        "cache_write": ("cache_write", "input"),
        "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
        "input_audio": ("input_audio", "input"),
        "input_image": ("input_image", "input"),
        "output": ("output",),
        "reasoning": ("reasoning", "output"),
        "output_audio": ("output_audio", "output"),
        "output_image": ("output_image", "output"),
        "searches": ("searches",),
    }
)
"""Class of usage → possible rates, of which the first that exists is used. A provider without a rate for
cached tokens bills them like others."""

PER: Mapping[str, int] = MappingProxyType(
    {name: 1_000 if name == "searches" else 1_000_000 for name in CHAINS}
)
"""The number of units that a rate of a class is for."""

Context = Mapping[str, str]
NO_CONTEXT: Context = MappingProxyType({})


class PriceList:
    """The prices of one Config's providers."""

    def __init__(self, config: Config) -> None:
        self._own = {name: _own_rates(price) for name, price in config.prices.items()}
        self._own_images = {name: _own_images(price) for name, price in config.prices.items()}
        self._kinds = {name: provider.kind for name, provider in config.providers.items()}

    def rates(
        self, provider: str, model: str, at: datetime, context: Context = NO_CONTEXT
    ) -> Mapping[str, Rate]:
        """The rates at a moment, by class; empty if unknown.

        `provider` is a configured provider, `model` its own name for the model. `context` describes the
        request as the provider reported it: `service_tier` (flex, priority, …), `processing` (batch).
        """
        own = self._own.get(f"{provider}/{model}")
        if own is not None:
            return own
        kind = self._kinds.get(provider, "")
        listed = model_named(kind, model)
        known = priced_model(kind, (listed.priced_as if listed is not None else None) or model)
        if known is not None:
            return known.rates(at, context)
        return listed.prices if listed is not None else {}

    def price(
        self, provider: str, model: str, usage: Usage, at: datetime, context: Context = NO_CONTEXT
    ) -> Decimal | None:
        """The exact cost of a usage; None if the prompt or the completion was not reported, or if a part has
        no known price.
        """
        return cost_of(usage, self.rates(provider, model, at, context))

    def bill(
        self, provider: str, model: str, usage: Usage, at: datetime, context: Context = NO_CONTEXT
    ) -> Bill | None:
        """What this usage costs, line by line and rounded; None where `price` is None."""
        parts = parts_of(usage, self.rates(provider, model, at, context))
        return None if parts is None else bill_of(parts)

    def bill_images(
        self, provider: str, model: str, count: int, size: str, quality: str | None = None
    ) -> Bill | None:
        """What so many images cost; None where the size or quality has no known price."""
        for row in self.image_prices(provider, model):
            if row.fits(size, quality):
                return bill_of([Part("images", count, row.price, 1)])
        return None

    def image_prices(self, provider: str, model: str) -> tuple[ImagePrice, ...]:
        """The prices of images by size and quality; empty if they are billed by token, or unknown."""
        own = self._own_images.get(f"{provider}/{model}")
        if own is not None:
            return own
        listed = model_named(self._kinds.get(provider, ""), model)
        return listed.images if listed is not None else ()

    def price_images(
        self, provider: str, model: str, count: int, size: str, quality: str | None = None
    ) -> Decimal | None:
        """The cost of `count` images; None if the size or quality has no known price."""
        for row in self.image_prices(provider, model):
            if row.fits(size, quality):
                return row.price * count
        return None


def _own_rates(price: PriceConfig) -> Mapping[str, Rate]:
    written = {name: getattr(price, name) for name in (*CHAINS, "requests")}
    return {name: rate for name, rate in written.items() if rate is not None}


def _own_images(price: PriceConfig) -> tuple[ImagePrice, ...]:
    return tuple(ImagePrice(price=row.price, size=row.size, quality=row.quality) for row in price.images)


def cost_of(usage: Usage, rates: Mapping[str, Rate]) -> Decimal | None:
    """The exact sum over all classes, not rounded; None if it is unknown (see `parts_of`)."""
    parts = parts_of(usage, rates)
    return None if parts is None else sum((part.rate * part.count / part.per for part in parts), Decimal(0))


def parts_of(usage: Usage, rates: Mapping[str, Rate]) -> list[Part] | None:
    """The classes that occur, each with its rate; None if one has no known rate, or if the prompt or the
    completion was not reported.
    """
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    if not rates or usage.input is None or usage.output is None:
        return None
    if "output_image" in rates and usage.output_image is None and completion:
        return None  # text and images have different prices, but the provider's count does not separate them
    parts: list[Part] = []
    for name, chain in CHAINS.items():
        count = getattr(usage, name)
        if not count:
            continue
        rate = next((rates[key] for key in chain if key in rates), None)
        if rate is None:
            return None
        parts.append(Part(name, count, _at(rate, prompt or 0), PER[name]))
    if "requests" in rates:
        parts.append(Part("requests", 1, _at(rates["requests"], 0), 1_000))
    return parts


def _at(rate: Rate, prompt: int) -> Decimal:
    """The rate for a prompt of this length, including cached tokens."""
    if not isinstance(rate, Tiered):
        return rate
    fitting = [tier.price for tier in rate.tiers if prompt > tier.above]
    return fitting[-1] if fitting else rate.base
