"""The expected cost of a request at an endpoint, in USD.

It is used for ranking, not for billing: prices are floats, and unknown properties of the request are
estimated.
"""

from collections.abc import Mapping

from msgspec import Struct

from tidegate.catalog import Rate, Tiered

__all__ = ["EXPECTED_OUTPUT", "Card", "card_of", "expected_output"]

EXPECTED_OUTPUT = 300
"""The assumed number of completion tokens if nothing is known."""
PER_MILLION, PER_THOUSAND = 1e-6, 1e-3


class Card(Struct, frozen=True, gc=False):
    """The prices of an endpoint for prompts of a length, in USD per token."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    request: float = 0.0
    """The flat price of a request."""

    def cost(self, prompt: int, cached: int, output: float, writes: bool = False) -> float:
        """The cost of a request. `cached` prompt tokens are read from a cache; with `writes`, the rest is
        written to it.
        """
        rest = self.cache_write if writes else self.input
        return (prompt - cached) * rest + cached * self.cache_read + output * self.output + self.request

    def saved(self, read: int, written: int, written_1h: int = 0) -> float:
        """The savings by a prompt cache: the discount for reads minus the premium for writes. Negative if it
        cost more than it saved.
        """
        premium = written * (self.cache_write - self.input) + written_1h * (self.cache_write_1h - self.input)
        return read * (self.input - self.cache_read) - premium


def card_of(rates: Mapping[str, Rate], prompt: int, *, writes: bool = True) -> Card | None:
    """The card for a prompt of this length; None if the prices of text are unknown. A model that does not
    write (embeddings) needs no price for completions.
    """
    if "input" not in rates or (writes and "output" not in rates):
        return None
    read = _first(rates, prompt, "cache_read", "input")
    write = _first(rates, prompt, "cache_write", "input")
    return Card(
        _first(rates, prompt, "input"),
        _first(rates, prompt, "output") if "output" in rates else 0.0,
        read,
        write,
        _first(rates, prompt, "cache_write_1h", "cache_write", "input"),
        _at(rates["requests"], prompt) * PER_THOUSAND if "requests" in rates else 0.0,
    )


def expected_output(known: float | None, max_output: int | None, choices: int) -> float:
    """The expected completion tokens: `known` from earlier answers, at most the request's limit, times the
    number of choices.
    """
    one = EXPECTED_OUTPUT if known is None else known
    return choices * (one if max_output is None or one <= max_output else max_output)


def _first(rates: Mapping[str, Rate], prompt: int, *names: str) -> float:
    return next(_at(rates[name], prompt) for name in names if name in rates) * PER_MILLION


def _at(rate: Rate, prompt: int) -> float:
    if not isinstance(rate, Tiered):
        return float(rate)
    return float(next((tier.price for tier in reversed(rate.tiers) if prompt > tier.above), rate.base))
