"""Amounts of money: integers of 10⁻⁹ USD, called *nano*. 64 bits hold nine billion dollars."""

import re
from decimal import ROUND_HALF_EVEN, Decimal

__all__ = ["MOST_NANO", "NANO", "decimal_of", "divide", "in_usd", "nano_of", "parse_usd", "show_usd", "usd"]

NANO = 1_000_000_000
"""Nano of one US dollar."""
MOST_NANO = 2**53
"""The largest amount in one transaction, some nine million USD: JSON numbers are exact up to here."""

LEAST_USD = Decimal(1) / NANO
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
"""Numbers as people and JSON write them. Decimal also reads `1_0`, the digits of other scripts, and exponents
that arithmetic then fails with."""


def divide(numerator: int, denominator: int) -> int:
    """An integer quotient, rounded half-even. The denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


def nano_of(usd: Decimal) -> int:
    """An amount in USD as nano, rounded half-even."""
    return int((usd * NANO).to_integral_value(ROUND_HALF_EVEN))


def in_usd(nano: int) -> float:
    """An amount in USD, for JSON: its shortest form is exact to the last nano up to MOST_NANO."""
    return nano / NANO


def usd(nano: int) -> Decimal:
    """An amount in USD, exact to the last nano."""
    return Decimal(nano).scaleb(-9).normalize() + 0


def show_usd(nano: int) -> str:
    """An amount for people, in USD with at least two decimals: `12.50`, `-0.000018`."""
    whole, _, decimals = f"{Decimal(nano) / NANO:.9f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def decimal_of(text: str) -> Decimal:
    """A number that somebody wrote, exactly. Raises ValueError."""
    if NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a number, such as 25 or 0.50")
    return Decimal(text)


def parse_usd(text: str) -> int:
    """A positive amount that somebody wrote in USD, such as `25` or `0.5`, as nano. Raises ValueError."""
    try:
        usd = decimal_of(text.strip().removeprefix("$"))
    except ValueError:
        raise ValueError(f"{text!r} is not an amount in USD, such as 25 or 0.50") from None
    if usd <= 0:
        raise ValueError("the amount must be above zero")
    if usd > LEAST_USD * MOST_NANO:
        raise ValueError(f"the amount must be at most {show_usd(MOST_NANO)} USD")
    if usd.quantize(LEAST_USD) != usd:  # a product would be rounded to 28 digits first
        raise ValueError("the amount must have at most nine decimals")
    return nano_of(usd)
