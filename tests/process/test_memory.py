"""Memory goes back to the system once after each peak of open requests."""

import pytest

from tidegate.process.memory import MemoryReturn, find_trim


@pytest.mark.parametrize(
    ("opened", "trims"),
    [
        pytest.param([0, 50, 99, 0, 0], 0, id="never many"),
        pytest.param([0, 100, 500, 400, 126], 0, id="still a peak"),
        pytest.param([0, 100, 500, 99, 50, 0, 0, 3], 1, id="one peak"),
        pytest.param([400, 100, 40, 400, 0, 0], 2, id="two peaks"),
        pytest.param([2000, 400, 100, 25, 0], 3, id="in steps"),
    ],
)
def test_memory_is_returned_after_a_peak(opened: list[int], trims: int) -> None:
    done: list[int] = []
    memory = MemoryReturn(lambda: done.append(1))
    for number in opened:
        memory.look(number)
    assert len(done) == trims


def test_without_such_a_function_nothing_happens() -> None:
    memory = MemoryReturn(None)
    memory.look(1000)
    memory.look(0)


def test_the_function_of_this_system_can_be_called() -> None:
    trim = find_trim()
    if trim is None:
        pytest.skip("this C library has no malloc_trim")
    trim()
