"""Amounts that people and programs write."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each
from tidegate.money import MOST_NANO, parse_usd
from tidegate.money.operator_prices import check_price

RIGHT = {
    "25": 25 * 10**9, "0.5": 5 * 10**8, ".5": 5 * 10**8, "5.": 5 * 10**9, "$3": 3 * 10**9, " 7 ": 7 * 10**9,
    "+1": 10**9, "1e3": 10**12, "1E-9": 1, "0.10000000000": 10**8,
    "9007199.254740992": MOST_NANO,
}  # fmt: skip


@each("text", RIGHT)
def test_an_amount_is_read_to_the_last_nano(text: str) -> None:
    assert parse_usd(text) == RIGHT[text]


WRONG = {
    "0": "above zero", "-1": "above zero", "-1e999": "above zero",
    "9007199.254740993": "at most", "1e9999": "at most", "9" * 5000: "at most",
    "1e-10": "nine decimals", "1e-9999": "nine decimals", "0.1" + "0" * 40 + "1": "nine decimals",
    "": "is not", "much": "is not", "NaN": "is not", "inf": "is not", "1_000": "is not", "1,5": "is not",
    "٣": "is not", "1e999999": "is not", "1e-999999": "is not", "0x10": "is not", "1 000": "is not",
}  # fmt: skip


@each("text", WRONG)
def test_what_is_no_amount_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(ValueError, match=WRONG[text]):
        parse_usd(text)


@given(st.text("0123456789.eE+-_ \u0663", max_size=12))
def test_whatever_is_written_is_an_amount_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 < parse_usd(text) <= MOST_NANO


@each("price", ["0", "1000000", "0.000000000001", "0.1500000000000000"])
def test_a_price_has_at_most_twelve_decimals(price: str) -> None:
    assert check_price(Decimal(price)) == Decimal(price)


@each("price", ["1e-13", "1000000." + "0" * 30 + "1", "0.1" + "0" * 40 + "1", "1000000.1", "NaN", "-0.1"])
def test_a_price_that_would_be_rounded_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match="a price"):
        check_price(Decimal(price))
