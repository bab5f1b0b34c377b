"""Limits that are looked at together say what each of them says alone, and what the definition says."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tidegate.accounts.gcra import Rate, Want, correct, take, take_both, units_left

NOW = 1_800_000_000.0
RATES = st.builds(Rate, st.integers(1, 10**9), st.just(60.0))
WANTS = st.lists(st.tuples(RATES, st.integers(0, 10**9), st.floats(-100, 70)), max_size=5)


@given(WANTS)
def test_each_is_weighed_as_alone(given: list[tuple[Rate, int, float]]) -> None:
    wants = [Want(f"w{place}", rate, units) for place, (rate, units, _) in enumerate(given)]
    arrivals = {f"w{place}": NOW + ahead for place, (_, _, ahead) in enumerate(given)}
    said, after, refused = take(wants, arrivals, NOW)
    alone = [take([want], arrivals, NOW) for want in wants]
    assert said == [one for (one,), _, _ in alone]
    assert after == {name: number for _, numbers, _ in alone for name, number in numbers.items()}
    waits = [one.retry_s for one in said]
    assert refused == (waits.index(max(waits)) if any(waits) else None)


ONE = st.tuples(RATES, st.integers(0, 10**9) | st.integers(0, 100), st.none() | st.floats(-100, 70))


@given(ONE, ONE)
def test_two_are_weighed_together_as_any_number(
    first: tuple[Rate, int, float | None], second: tuple[Rate, int, float | None]
) -> None:
    given = [first, second]
    wants = [Want(f"w{place}", rate, units) for place, (rate, units, _) in enumerate(given)]
    arrivals = {f"w{place}": NOW + ahead for place, (_, _, ahead) in enumerate(given) if ahead is not None}
    said, after, refused = take(wants, arrivals, NOW)
    moved = dict(arrivals)
    both = take_both(wants[0], wants[1], moved, NOW)
    assert both == (tuple(said) if refused is None else None)
    assert moved == (arrivals | after if refused is None else arrivals)


@given(RATES, st.integers(0, 10**9), st.floats(-100, 70))
def test_a_limit_says_what_its_definition_says(rate: Rate, units: int, ahead: float) -> None:
    arrival = NOW + ahead
    (said,), after, refused = take([Want("w", rate, units)], {"w": arrival}, NOW)
    interval = Fraction(60) / rate.units
    start = max(Fraction(arrival), Fraction(NOW))
    moved = start + units * interval
    room = Fraction(NOW) + 60 - moved
    if abs(room) > Fraction(1, 10**6):  # closer to the bound than times are exact
        assert (refused is None) == (room > 0)
    number = moved if refused is None else start
    assert abs(after["w"] - float(number)) < 1e-6
    assert (said.limit, said.reset_s) == (rate.units, after["w"] - NOW)
    assert abs(said.remaining - max(0, (Fraction(NOW) + 60 - number) / interval)) <= 1 + rate.units * 1e-8
    if refused is not None:
        wait = float(-room) if units <= rate.units else float("inf")
        assert said.retry_s == wait or abs(said.retry_s - wait) < 1e-6


def test_what_is_not_known_is_unused() -> None:
    assert (
        take([Want("w", Rate(60, 60.0), 1)], {}, NOW)[0]
        == take([Want("w", Rate(60, 60.0), 1)], {"w": 0.0}, NOW)[0]
    )
    assert units_left(60, 60.0, 0.0) == 60
    assert correct(Rate(60, 60.0), 0.0, NOW, -5) == NOW
