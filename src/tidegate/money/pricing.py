"""Prices, and the cost of usage.

There are four sources, of which the first that has the model is used: what the operator has set in the store
(`operator_prices.py`), the operator's `[prices]`, the package genai-prices (through `catalog/prices.json`),
and the catalog's own rows, for what the package does not price. The operator's prices are final; the others
depend on how an answer was served (`terms.py`, `catalog/adjustments.toml`).

Each class of tokens is priced at its own rate, or at that of the class which contains it: see `CHAINS`. If a
class occurs that has no rate, the whole cost is unknown.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import compress
from types import MappingProxyType
from typing import Literal, NamedTuple

from msgspec.structs import astuple

from tidegate.catalog import ImagePrice, Rate, Tiered, adjusted, model_named, priced_model
from tidegate.config import Config, PriceConfig
from tidegate.protocols.usage import Usage

from .amounts import divide
from .bill import Bill, Line, Part, bill_of, exact
from .operator_prices import OperatorPrices

__all__ = [
    "CHAINS",
    "PRICED",
    "Found",
    "PriceList",
    "RateTable",
    "Source",
    "bill_by",
    "parts_of",
    "price_of_image",
    "table_of",
]

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

CLASSES = tuple(CHAINS)
assert Usage.__struct_fields__ == CLASSES, "usages are taken apart in this order"
PRICED = frozenset([*CHAINS, "requests"])
"""All that can have a rate."""

PER: Mapping[str, int] = MappingProxyType(
    {name: 1_000 if name == "searches" else 1_000_000 for name in CHAINS}
)
"""The number of units that a rate of a class is for."""

Context = Mapping[str, str]
NO_CONTEXT: Context = MappingProxyType({})

Source = Literal["store", "file", "genai-prices", "catalog"]
"""Where a price comes from: set with the admin API, `[prices]` of the configuration, or built in."""


class Found(NamedTuple):
    """The prices of a model at a moment."""

    rates: Mapping[str, Rate]
    """By class; empty if unknown."""
    images: tuple[ImagePrice, ...]
    """By size and quality; empty if images are billed by token, or unknown."""
    source: Source | None
    """None: nobody knows a price."""

    @property
    def is_operators(self) -> bool:
        """Whether the operator has decided it."""
        return self.source in ("store", "file")


class PriceList:
    """The prices of one Config's providers."""

    def __init__(self, config: Config, operator: OperatorPrices | None = None) -> None:
        """`operator` is what the store has."""
        self.operator = operator if operator is not None else OperatorPrices()
        self._own = {name: _own_rates(price) for name, price in config.prices.items()}
        self._own_images = {name: _own_images(price) for name, price in config.prices.items()}
        self._kinds = {name: provider.kind for name, provider in config.providers.items()}

    def find(self, provider: str, model: str, at: datetime, context: Context = NO_CONTEXT) -> Found:
        """The prices at a moment, and where they come from.

        `provider` is a configured provider, `model` its own name for the model. `context` describes the
        answer as the provider reported it: `service_tier` (flex, priority, …), `processing` (batch), `speed`,
        `inference_geo`, `search_context_size`.
        """
        if self.operator:
            set_ = self.operator.in_force(provider, model, int(at.timestamp() * 1000))
            if set_ is not None and not set_.default:
                return Found(set_.rates, set_.images, "store")
        own = self._own.get(f"{provider}/{model}")
        if own is not None:
            return Found(own, self._own_images[f"{provider}/{model}"], "file")
        kind = self._kinds.get(provider, "")
        listed = model_named(kind, model)
        images = listed.images if listed is not None else ()
        known = priced_model(kind, (listed.priced_as if listed is not None else None) or model)
        rates = known.rates(at, context) if known is not None else {}
        source: Source = "genai-prices"
        if not rates:
            rates, source = listed.prices if listed is not None else {}, "catalog"
        return Found(adjusted(kind, model, rates, context), images, source if rates or images else None)

    def rates(
        self, provider: str, model: str, at: datetime, context: Context = NO_CONTEXT
    ) -> Mapping[str, Rate]:
        """The rates at a moment, by class; empty if unknown (see `find`)."""
        return self.find(provider, model, at, context).rates

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

    def image_prices(self, provider: str, model: str, at: datetime) -> tuple[ImagePrice, ...]:
        """The prices of images by size and quality; empty if they are billed by token, or unknown."""
        return self.find(provider, model, at).images


_Row = tuple[str, int, int, str]
"""A class, and its rate as in Exact: numerator, denominator, and how it is written."""


class RateTable:
    """Rates of text and tools for any prompt, each class with its own: a bill by them takes a third of the
    time of `parts_of` and `bill_of`, and is the same.
    """

    __slots__ = ("_request", "_rows", "_usual")

    def __init__(self, rates: Mapping[str, Decimal]) -> None:
        """`rates` have no tiers, and none for images of an answer (see `table_of`)."""
        chosen = {
            name: next((rates[key] for key in keys if key in rates), None) for name, keys in CHAINS.items()
        }
        self._rows: tuple[_Row | None, ...] = tuple(
            (name, *exact(rate, PER[name])[2:]) if rate is not None else None for name, rate in chosen.items()
        )
        self._request = exact(rates["requests"], 1_000) if "requests" in rates else None
        self._usual = self._request is None and self._of_input_and_output()
        """What a token of input and of output costs in nano, and how that is written, where those are whole
        numbers and all that there is to pay."""

    def _of_input_and_output(self) -> tuple[int, str, int, str] | Literal[False]:
        read, written = self._rows[CLASSES.index("input")], self._rows[CLASSES.index("output")]
        if read is None or written is None or read[2] != 1 or written[2] != 1:
            return False
        return read[1], read[3], written[1], written[3]

    def bill(self, usage: Usage) -> Bill | None:
        """What a usage costs; None where `parts_of` is None."""
        if usage.input is None or usage.output is None:
            return None
        counts = astuple(usage)
        usual = self._usual
        if usual:
            own, read, written, hour, audio, image, text, thought, spoken, drawn, searched = counts
            rest = read or written or hour or audio or image or thought or spoken or drawn or searched
            if own and text and not rest:
                rate, written_rate, rate_out, written_out = usual
                first, second = own * rate, text * rate_out
                lines = Line("input", own, written_rate, first), Line("output", text, written_out, second)
                return Bill(lines, first + second)
        return self._bill_each(counts)

    def _bill_each(self, counts: Sequence[int]) -> Bill | None:
        lines: list[Line] = []
        total = 0
        for row, count in compress(zip(self._rows, counts, strict=True), counts):
            if row is None:
                return None
            name, numerator, denominator, rate = row
            amount = divide(count * numerator, denominator)
            lines.append(Line(name, count, rate, amount))
            total += amount
        if self._request is not None:
            amount = divide(self._request.numerator, self._request.denominator)
            lines.append(Line("requests", 1, self._request.written, amount))
            total += amount
        return Bill(tuple(lines), total)


def table_of(rates: Mapping[str, Rate]) -> RateTable | None:
    """The rates as a table; None where a price depends on more than its class."""
    flat = {name: rate for name, rate in rates.items() if not isinstance(rate, Tiered)}
    if not flat or len(flat) < len(rates) or "output_image" in rates:
        return None
    return RateTable(flat)


def price_of_image(
    rows: Sequence[ImagePrice], size: str | None = None, quality: str | None = None
) -> Decimal | None:
    """The price of an image; None if this size or quality has no known price. Where a request leaves the size
    or quality to the provider, the first row that fits is its default.
    """
    return next((row.price for row in rows if row.fits(size, quality)), None)


def bill_by(
    found: Found,
    usage: Usage | None,
    images: int | None = None,
    size: str | None = None,
    quality: str | None = None,
) -> Bill | None:
    """What a usage, or so many images of this size and quality, cost by these prices; None where a part has
    no known price.
    """
    if images and found.images:
        price = price_of_image(found.images, size, quality)
        return None if price is None else bill_of([Part("images", images, price, 1)])
    parts = parts_of(usage, found.rates) if usage is not None else None
    return None if parts is None else bill_of(parts)


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
    if not rates or usage.input is None or usage.output is None:
        return None
    if "output_image" in rates and usage.output_image is None and usage.completion_tokens:
        return None  # text and images have different prices, but the provider's count does not separate them
    parts: list[Part] = []
    counts = astuple(usage)
    for name, count in compress(zip(CLASSES, counts, strict=True), counts):
        for key in CHAINS[name]:
            if key in rates:
                break
        else:
            return None
        rate = rates[key]
        if isinstance(rate, Tiered):
            rate = _at(rate, usage.prompt_tokens or 0)
        parts.append(Part(name, count, rate, PER[name]))
    if "requests" in rates:
        parts.append(Part("requests", 1, _at(rates["requests"], 0), 1_000))
    return parts


def _at(rate: Rate, prompt: int) -> Decimal:
    """The rate for a prompt of this length, including cached tokens."""
    if not isinstance(rate, Tiered):
        return rate
    fitting = [tier.price for tier in rate.tiers if prompt > tier.above]
    return fitting[-1] if fitting else rate.base
