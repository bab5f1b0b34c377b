"""What a request costs, line by line: one line for each class of usage, whose amounts add up to the total."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from .amounts import divide, nano_of

__all__ = ["Bill", "Line", "Part", "bill_of"]


class Line(Struct, frozen=True, gc=False):
    """What one class costs."""

    name: str
    """The class, as in `Usage`; `requests`, `images`, or `margin`."""
    count: int
    """Tokens, searches, requests or images."""
    rate: str
    """The price in USD: per million tokens, per thousand searches or requests, per image; of a margin, the
    share."""
    amount: int
    """In nano, rounded half-even."""


class Bill(Struct, frozen=True):
    """The cost of one attempt."""

    lines: tuple[Line, ...]
    total: int
    """The sum of the lines, in nano."""

    def with_margin(self, margin: Decimal) -> "Bill":
        """The bill with a margin on top: 0.2 adds a fifth, -0.1 is a discount of a tenth."""
        if not margin:
            return self
        line = Line("margin", 1, f"{margin:f}", nano_of(Decimal(self.total) * margin / 1_000_000_000))
        return Bill((*self.lines, line), self.total + line.amount)


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
    lines = tuple(Line(part.name, part.count, f"{part.rate:f}", _amount(part)) for part in parts)
    return Bill(lines, sum(line.amount for line in lines))


def _amount(part: Part) -> int:
    key = (part.rate, part.per)
    fraction = _FRACTIONS.get(key)
    if fraction is None:
        if len(_FRACTIONS) >= MOST_FRACTIONS:
            _FRACTIONS.clear()
        numerator, denominator = part.rate.as_integer_ratio()
        fraction = _FRACTIONS[key] = (numerator * 1_000_000_000, denominator * part.per)
    return divide(part.count * fraction[0], fraction[1])


MOST_FRACTIONS = 4096
_FRACTIONS: dict[tuple[Decimal, int], tuple[int, int]] = {}
"""Rates as fractions of nano, computed once: `Decimal` arithmetic costs ten times as much."""


def rows_of(bill: Bill) -> list[Mapping[str, object]]:
    """The lines for JSON."""
    return [
        {"name": line.name, "count": line.count, "rate": line.rate, "amount": line.amount}
        for line in bill.lines
    ]
