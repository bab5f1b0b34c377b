"""Memory goes back to the system once after each peak of open requests."""

import subprocess
import sys

import pytest

from tidegate.process.memory import MemoryReturn, find_trim

ALLOCATE = """
import ctypes, threading
from pathlib import Path
from tidegate.process.memory import tune_allocator
print(tune_allocator())
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_size_t, [ctypes.c_size_t]
found = []
thread = threading.Thread(target=lambda: found.append(malloc(1000)))
thread.start()
thread.join()
heap = next(line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]"))
begin, end = (int(place, 16) for place in heap.split()[0].split("-"))
print(begin <= found[0] < end)
"""


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


@pytest.mark.skipif(find_trim() is None, reason="this C library has no arenas")
def test_threads_obtain_memory_from_the_same_place_as_the_loop() -> None:
    ran = subprocess.run([sys.executable, "-c", ALLOCATE], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True"]


BODIES = """
import resource
from tidegate.process.memory import tune_allocator

tune_allocator()

def faults():
    bodies = [b"a" * 300_000 for _ in range(8)]
    del bodies
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

faults()
before = faults()
print(max(faults() for _ in range(100)) - before)
"""


@pytest.mark.skipif(find_trim() is None, reason="this C library has no such limits")
def test_what_bodies_took_is_kept_for_the_next_ones() -> None:
    ran = subprocess.run([sys.executable, "-c", BODIES], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 100  # returned each time, it would be obtained again by 26,000 page faults
