"""What a request may cost at most: the highest rates that its answer could be billed by.

What a client asks for is looked for in the bytes of its request, whatever its dialect: a word that stands
there for another reason makes the hold larger than needed, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from msgspec import Struct

from tidegate.catalog import ImagePrice, Rate, Tiered

from .pricing import Found, price_of_image
from .terms import STANDARD, Terms

__all__ = ["Greatest", "Wish", "greatest_of", "wishes_at"]


class Wish(NamedTuple):
    """Something that a request may ask for, and that costs more than usual."""

    sign: bytes
    """How it looks in a request."""
    term: str | None = None
    value: str | None = None
    """A field of Terms, and its value."""
    rate: str | None = None
    """Or a class of tokens that the request may then have."""


WISHES = (
    Wish(b'"priority"', "service_tier", "priority"),
    Wish(b'"fast"', "service_tier", "fast"),
    Wish(b'"fast"', "speed", "fast"),
    Wish(b'"us"', "inference_geo", "us"),
    Wish(b'"1h"', rate="cache_write_1h"),
    Wish(b"audio", rate="input_audio"),
    Wish(b"audio", rate="output_audio"),
)

PROMPTS = frozenset(["input", "cache_write", "input_image"])
ANSWERS = frozenset(["output", "reasoning", "output_image"])
"""Classes that any request may have."""

Finder = Callable[[Terms], Found]
"""The prices of a model on some terms."""


class Greatest(Struct, frozen=True):
    """The highest price of each part of a request, in nano."""

    prompt: float | None
    """Of a token of the prompt; None: unknown, as for models that are billed by the image."""
    answer: float | None
    """Of a token of the answer; None: unknown, or the answer has none (embeddings)."""
    request: float
    images: tuple[ImagePrice, ...]
    """Prices of images, if they are billed by the image."""
    search: float = 0.0
    """Of a web search that the provider runs; 0 where it has no price."""

    def cost(self, prompt: float, answer: float, searches: int = 0) -> float | None:
        """The most that so many tokens and searches cost, in nano; None if that is unknown."""
        if self.prompt is None or (answer and self.answer is None):
            return None
        tokens = prompt * self.prompt + answer * (self.answer or 0.0)
        return tokens + self.request + searches * self.search

    def cost_of_images(self, count: int, size: str | None, quality: str | None) -> float | None:
        """What so many images cost, in nano; None if that is unknown."""
        price = price_of_image(self.images, size, quality)
        return None if price is None else float(price) * 1e9 * count


def wishes_at(find: Finder) -> tuple[Wish, ...]:
    """The wishes that make a difference to a model."""
    usual = find(STANDARD).rates
    return tuple(one for one in WISHES if _matters(one, usual, find))


def _matters(wish: Wish, usual: Mapping[str, Rate], find: Finder) -> bool:
    if wish.rate is not None:
        return wish.rate in usual
    return find(STANDARD._replace(**{str(wish.term): wish.value})).rates != usual


def greatest_of(find: Finder, wishes: Sequence[Wish]) -> Greatest | None:
    """The highest prices of a request with these wishes; None if no price is known."""
    found = [find(terms) for terms in _terms_of(wishes)]
    if found[0].source is None:
        return None
    more = {wish.rate for wish in wishes if wish.rate is not None}
    prompt = PROMPTS | {name for name in more if not name.startswith("output")}
    answer = ANSWERS | {name for name in more if name.startswith("output")}
    rates = [one.rates for one in found]
    flat = _highest(rates, "requests", frozenset(["requests"]))
    return Greatest(
        _highest(rates, "input", prompt),
        _highest(rates, "output", answer),
        (flat or 0.0) * 1e3,
        found[0].images,
        (_highest(rates, "searches", frozenset(["searches"])) or 0.0) * 1e3,
    )


def _terms_of(wishes: Sequence[Wish]) -> list[Terms]:
    """All terms on which an answer may be served, the standard ones first."""
    choices: dict[str, list[str | None]] = {name: [None] for name in Terms._fields}
    for wish in wishes:
        if wish.term is not None:
            choices[wish.term].append(wish.value)
    return [Terms(*values) for values in product(*choices.values())]


def _highest(rates: Sequence[Mapping[str, Rate]], required: str, names: frozenset[str]) -> float | None:
    """The highest rate of these classes, in nano for one of a million; None without the first."""
    if not all(required in one for one in rates):
        return None
    return max(float(_top(rate)) for one in rates for name, rate in one.items() if name in names) * 1e3


def _top(rate: Rate) -> Decimal:
    """A rate for the longest prompts."""
    return max([rate.base, *(tier.price for tier in rate.tiers)]) if isinstance(rate, Tiered) else rate
