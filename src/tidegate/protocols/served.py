"""How an answer was served, as reported by the provider: what its price depends on besides the tokens.

Nothing here can break an answer: values of an unexpected type or size count as not reported.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from msgspec import Struct

from .usage import Usage

__all__ = ["Served", "nano_usd", "served", "with_upstream", "word"]

LONGEST_WORD = 64
"""Maximum length of a tier, speed or region, in characters; longer values are ignored."""
MOST_USD = 1_000_000
"""The maximum plausible cost of an answer; higher values are ignored."""
NANO_PER_USD = 1_000_000_000
NANO_PER_TICK = Decimal("0.1")
"""xAI's tick is 10⁻¹⁰ USD (docs.x.ai, `cost_in_usd_ticks`)."""
MOST_TICKS = MOST_USD * NANO_PER_USD * 10


class Served(Struct, frozen=True, gc=False):
    """How an answer was served. `None` means not reported."""

    service_tier: str | None = None
    """`default`, `flex`, `priority`, `standard`, `batch`, …, with the provider's name."""
    speed: str | None = None
    """Anthropic's `usage.speed`: `standard` or `fast`."""
    inference_geo: str | None = None
    """Anthropic's `usage.inference_geo`: where the model ran."""
    cost: int | None = None
    """The answer's cost according to the provider, in 10⁻⁹ USD (OpenRouter, Perplexity, xAI)."""
    search_context_size: str | None = None
    """How much of the web the answer was given to read: `low`, `medium` or `high` (Perplexity)."""
    billed: Usage | None = None
    """The tokens that are billed, if they are not those that the model read and wrote (Cohere)."""


NOT_REPORTED = Served()


def served(
    service_tier: Any = None,
    speed: Any = None,
    inference_geo: Any = None,
    cost: int | None = None,
    search_context_size: Any = None,
) -> Served | None:
    """The plausible ones of these values, which may be anything; None if there are none."""
    if speed is None and inference_geo is None and search_context_size is None:  # most providers
        tier = word(service_tier)
        return None if tier is None and cost is None else Served(tier, None, None, cost)
    found = Served(word(service_tier), word(speed), word(inference_geo), cost, word(search_context_size))
    return None if found == NOT_REPORTED else found


def word(value: Any) -> str | None:
    """A tier, speed or region; None if the value is not one."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_WORD else None


def nano_usd(cost: Any = None, ticks: Any = None) -> int | None:
    """A provider's cost in 10⁻⁹ USD, rounded half-even: `cost` in USD, as a number or as the `total_cost` of
    an object (Perplexity), or `ticks` (xAI).
    """
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    amount = _decimal(cost)
    if amount is not None:
        return _bounded(amount * NANO_PER_USD)
    counted = _decimal(ticks)
    return None if counted is None else _bounded(counted * NANO_PER_TICK)


def with_upstream(cost: int | None, details: Any) -> int | None:
    """The whole cost of an answer for which a gateway used its customer's own key (OpenRouter's `is_byok`):
    its `cost` is only the fee, and the provider's bill is among the details.
    """
    upstream = nano_usd(details.get("upstream_inference_cost")) if isinstance(details, dict) else None
    return cost if cost is None or upstream is None else cost + upstream


def _decimal(value: Any) -> Decimal | None:
    """A number with exactly the digits that were sent."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TICKS:
        return None
    return Decimal(repr(value))


def _bounded(nano: Decimal) -> int | None:
    if nano > MOST_USD * NANO_PER_USD:
        return None
    return int(nano.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
