"""Prices that an operator has set: which of them is in force at a moment."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from running import parse_config
from tidegate.money import OperatorPrice, OperatorPrices, PriceList

FILE = "[providers.one]\nkind = 'openai'\napi_key = 'x'\n[prices.'one/gpt-4o']\ninput = 7\noutput = 8"


def price(starts_at: int, rate: int | None, number: int = 0) -> OperatorPrice:
    rates = {} if rate is None else {"input": Decimal(rate), "output": Decimal(rate)}
    return OperatorPrice(
        id=str(number), provider="one", model="gpt-4o", starts_at=starts_at, default=rate is None, rates=rates
    )


@given(
    st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(1, 99)), max_size=8), st.integers(-1, 21)
)
def test_the_last_that_has_begun_is_in_force(rows: list[tuple[int, int | None]], at: int) -> None:
    prices = OperatorPrices(price(start, rate, number) for number, (start, rate) in enumerate(rows))
    begun = [(start, number) for number, (start, _) in enumerate(rows) if start <= at]
    expected = str(max(begun)[1]) if begun else None
    found = prices.in_force("one", "gpt-4o", at)
    assert (found.id if found is not None else None) == expected
    later = [start for start, _ in rows if start > at]
    assert prices.next_change(at) == min(later, default=None)


def test_it_stands_before_all_other_sources_until_it_ends() -> None:
    prices = PriceList(
        parse_config(FILE), OperatorPrices([price(1_000, 1), price(2_000, None), price(3_000, 3)])
    )
    found = [
        prices.find("one", "gpt-4o", datetime.fromtimestamp(second, UTC)) for second in (0.5, 1, 1.999, 2, 3)
    ]
    assert [(one.rates["input"], one.source) for one in found] == [
        (7, "file"), (1, "store"), (1, "store"), (7, "file"), (3, "store"),
    ]  # fmt: skip
    assert prices.find("one", "gpt-4o-mini", datetime.now(UTC)).source == "genai-prices"


def test_every_change_makes_a_new_generation() -> None:
    prices = OperatorPrices()
    assert not prices
    before = prices.generation
    prices.replace([price(1, 1)])
    assert prices.generation > before
    assert prices
