"""Prices for people and programs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tidegate.catalog import ImagePrice, Rate, Tiered

__all__ = ["render_prices", "word_prices"]

PER_THOUSAND = frozenset(["searches", "requests"])


def render_prices(rates: Mapping[str, Rate], images: tuple[ImagePrice, ...]) -> dict[str, Any] | None:
    """Prices as JSON objects; None if there are none."""
    if not rates and not images:
        return None
    tokens = {name: rate for name, rate in rates.items() if name not in PER_THOUSAND}
    counted = {name: _base(rate) for name, rate in rates.items() if name in PER_THOUSAND}
    found = {
        "per_million_tokens": {name: _base(rate) for name, rate in tokens.items()},
        "above": _tiers(tokens),
        "per_thousand": counted,
        "per_image": [
            {key: getattr(row, key) for key in ("size", "quality", "price") if getattr(row, key) is not None}
            for row in images
        ],
    }
    return {"currency": "USD", **{key: value for key, value in found.items() if value}}


def word_prices(rates: Mapping[str, Rate], images: tuple[ImagePrice, ...]) -> str:
    """Prices in one line of text."""
    words = [
        f"{name} {_base(rate):f}{' and more for long prompts' if isinstance(rate, Tiered) else ''}"
        f"{' per thousand' if name in PER_THOUSAND else ''}"
        for name, rate in rates.items()
    ]
    if images:
        low, high = min(row.price for row in images), max(row.price for row in images)
        words.append(f"an image {low:f}" if low == high else f"an image {low:f} to {high:f}")
    return f"{', '.join(words)} (USD, tokens per million)" if words else "unknown"


def _base(rate: Rate) -> Decimal:
    return rate.base if isinstance(rate, Tiered) else rate


def _tiers(rates: Mapping[str, Rate]) -> list[dict[str, Any]]:
    """The tiers for longer prompts: the number of tokens, and the prices that change."""
    tiered = {name: rate for name, rate in rates.items() if isinstance(rate, Tiered)}
    bounds = sorted({tier.above for rate in tiered.values() for tier in rate.tiers})
    return [{"prompt_tokens": bound, "per_million_tokens": _of_tier(tiered, bound)} for bound in bounds]


def _of_tier(rates: Mapping[str, Tiered], bound: int) -> dict[str, Decimal]:
    return {name: tier.price for name, rate in rates.items() for tier in rate.tiers if tier.above == bound}
