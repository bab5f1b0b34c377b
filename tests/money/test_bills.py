"""The lines of a bill add up to what is charged, and what is charged is booked to the last digit."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tidegate.money import Bill, bill_of
from tidegate.money.bill import Part
from tidegate.money.ledger import REVENUE, WRITE_OFF, charges, wallet_of

MOST = 10**12

parts = st.lists(
    st.builds(
        Part,
        st.sampled_from(["input", "output", "cache_read", "searches", "images"]),
        st.integers(0, 10**7),
        st.decimals(min_value=0, max_value=1000, places=8),
        st.sampled_from([1, 1_000, 1_000_000]),
    ),
    max_size=6,
)
margins = st.decimals(min_value=-1, max_value=100, places=12)


@given(parts, st.none() | st.integers(0, MOST), margins)
def test_the_lines_add_up_to_the_total(some: list[Part], reported: int | None, margin: Decimal) -> None:
    bill = bill_of(some)
    listed = bill.total
    if reported is not None:
        bill = bill.with_reported(reported)
        assert bill.total == reported
    before = bill.total
    bill = bill.with_margin(margin)
    assert bill.total == sum(line.amount for line in bill.lines)
    assert bill.total - before == round(Fraction(margin) * before)  # once, and half to even
    assert bill.listed == listed
    assert bill.total >= 0


@given(st.integers(0, MOST), margins)
def test_a_cost_that_only_the_provider_knows_is_one_line(reported: int, margin: Decimal) -> None:
    bill = Bill.as_reported(reported).with_margin(margin)
    assert (bill.lines[0].amount, bill.listed) == (reported, None)
    assert bill.total == sum(line.amount for line in bill.lines) >= 0


def test_half_a_nano_is_rounded_to_the_even_neighbour() -> None:
    for total, margin, added in (
        (5, "0.1", 0),
        (15, "0.1", 2),
        (25, "0.1", 2),
        (5, "-0.1", 0),
        (15, "-0.1", -2),
    ):
        bill = bill_of([Part("input", total, Decimal(1000), 1_000_000_000_000)])
        assert bill.total == total
        assert bill.with_margin(Decimal(margin)).total == total + added


@given(st.integers(0, MOST), st.integers(0, MOST), st.integers(-MOST, MOST))
def test_what_is_charged_is_paid_by_the_wallet_or_written_off(cost: int, held: int, room: int) -> None:
    sums: dict[str, int] = {}
    for transaction in charges("alice", "req_1", 0, cost, held, room):
        assert sum(entry.amount for entry in transaction.entries) == 0
        for entry in transaction.entries:
            sums[entry.account] = sums.get(entry.account, 0) + entry.amount
    assert sums.get(REVENUE, 0) == cost
    assert -sums.get(wallet_of("alice"), 0) == min(cost, held + max(0, min(room, cost - min(cost, held))))
    assert sums.get(WRITE_OFF, 0) <= 0
