"""Cases that are run as one test are all run, and those that fail are named."""

import pytest

from cases import each


def test_all_cases_are_run_and_those_that_fail_are_named() -> None:
    seen = []

    @each("number, word", [(1, "one"), pytest.param(2, "two", id="the second"), (3, "three")])
    def test(number: int, word: str) -> None:
        seen.append(word)
        assert number == 1

    with pytest.raises(ExceptionGroup) as raised:
        test()
    assert seen == ["one", "two", "three"]
    assert "2 of 3 cases failed\ncase: the second\ncase: (3, 'three')" in str(raised.value)
    assert len(raised.value.exceptions) == 2


def test_a_case_may_skip_itself_and_without_cases_the_test_is_skipped() -> None:
    @each("number", [1])
    def test_one(number: int) -> None:
        pytest.skip("not this one")

    @each("number", [])
    def test_none(number: int) -> None:
        """There is nothing to test."""

    test_one()
    assert [mark.name for mark in test_none.pytestmark] == ["skip"]


@pytest.fixture
def two() -> int:
    return 2


@each("number", [4, 6])
def test_fixtures_are_there_beside_the_cases(two: int, number: int) -> None:
    assert number % two == 0


@each("number", [4, 6])
async def test_coroutines_are_awaited(number: int) -> None:
    assert number > 3
