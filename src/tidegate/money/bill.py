"""What a request costs, line by line: one line for each class of usage, whose amounts add up to the total."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from msgspec import Struct

from .amounts import NANO, divide, nano_of, show_usd

__all__ = ["Bill", "Exact", "Line", "Part", "bill_of", "exact"]


REPORTED, DIFFERENCE = "provider_cost", "provider_difference"
"""Lines for a cost that the provider reports: the whole cost, or what it differs by from the lines before."""


class Line(Struct, frozen=True, gc=False):
    """What one class costs."""

    name: str
    """The class, as in `Usage`; `requests`, `images`, `margin`, `provider_cost` or `provider_difference`."""
    count: int
    """Tokens, searches, requests or images."""
    rate: str
    """The price in USD: per million tokens, per thousand searches or requests, per image; of a margin, the
    share; of the last two, the cost that the provider reports."""
    amount: int
    """In nano, rounded half-even."""


class Bill(Struct, frozen=True):
    """The cost of one attempt."""

    lines: tuple[Line, ...]
    total: int
    """The sum of the lines, in nano."""
    by_prices: int | None = None
    """What the usage costs by prices, where lines were added to that: for the provider's own figure, or a
    margin. In nano; None if no price is known."""

    @classmethod
    def as_reported(cls, cost: int) -> "Bill":
        """The bill of an answer that only the provider knows the cost of, in nano."""
        return cls((Line(REPORTED, 1, show_usd(cost), cost),), cost)

    def with_reported(self, cost: int) -> "Bill":
        """The bill that comes to what the provider says the answer costs, in nano: a line has the difference
        from what it costs by prices.
        """
        if cost == self.total:
            return self
        line = Line(DIFFERENCE, 1, show_usd(cost), cost - self.total)
        return Bill((*self.lines, line), cost, self.total)

    @property
    def listed(self) -> int | None:
        """What the usage costs by prices, in nano; None if no price is known."""
        if self.by_prices is not None or (self.lines and self.lines[0].name == REPORTED):
            return self.by_prices
        return self.total

    def with_margin(self, margin: Decimal) -> "Bill":
        """The bill with a margin on top: 0.2 adds a fifth, -0.1 is a discount of a tenth."""
        if not margin:
            return self
        line = Line("margin", 1, f"{margin:f}", nano_of(Decimal(self.total) * margin / 1_000_000_000))
        return Bill((*self.lines, line), self.total + line.amount, self.listed)


class Part(Struct, frozen=True, gc=False):
    """A class of usage that occurs, and its price."""

    name: str
    count: int
    rate: Decimal
    """USD per `per`."""
    per: int
    """1,000,000 for tokens, 1,000 for searches and requests, 1 for images."""


def bill_of(parts: Sequence[Part]) -> Bill:
    """The bill of these parts. Each is rounded once; the total is the sum of the rounded amounts."""
    lines, total = [], 0
    for part in parts:
        _, _, numerator, denominator, written = exact(part.rate, part.per)
        amount = divide(part.count * numerator, denominator)
        lines.append(Line(part.name, part.count, written, amount))
        total += amount
    return Bill(tuple(lines), total)


class Exact(NamedTuple):
    """A rate as a fraction of nano per unit, in its lowest terms, and in writing: `Decimal` arithmetic costs
    ten times as much.
    """

    rate: Decimal
    per: int
    numerator: int
    denominator: int
    written: str


def exact(rate: Decimal, per: int) -> Exact:
    """A rate as a fraction."""
    known = _KNOWN.get(id(rate))
    if known is None or known.rate is not rate or known.per != per:
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        share = Fraction(rate) * NANO / per
        known = _KNOWN[id(rate)] = Exact(rate, per, share.numerator, share.denominator, f"{rate:f}")
    return known


MOST_KNOWN = 4096
_KNOWN: dict[int, Exact] = {}
"""By the identity of the rate, which an entry keeps alive: to hash a `Decimal` takes as long as the rest."""


def rows_of(bill: Bill) -> list[Mapping[str, object]]:
    """The lines for JSON."""
    return [
        {"name": line.name, "count": line.count, "rate": line.rate, "amount": line.amount}
        for line in bill.lines
    ]
