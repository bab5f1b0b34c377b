"""Gives memory back to the system after many requests at once.

The C library keeps what it has once obtained. After a peak it is asked to give back what is free; Python's
own allocator keeps its share, unless `PYTHONMALLOC=malloc` leaves everything to the C library (see
docs/operations.md).
"""

import ctypes
from collections.abc import Callable

__all__ = ["MemoryReturn", "find_trim", "tune_allocator"]

ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1
"""glibc's numbers of its settings (`M_ARENA_MAX` and so on, of malloc.h)."""
LARGE = 4 * 1024 * 1024
"""Blocks of this size and more are obtained from the system, and returned to it, each on its own."""
MOST_KEPT = 8 * 1024 * 1024
"""Free bytes that are kept. The C library would go by the largest block so far: the first large body would
make it keep up to 64 MB."""

LEAST_PEAK = 100
"""Open requests; below that there is little to give back."""
OVER = 4
"""A peak is over when at most one in so many of its requests is still open."""


def find_trim() -> Callable[[], object] | None:
    """A function that gives free memory back to the system; None where the C library has none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim  # glibc
    except (OSError, TypeError, AttributeError):
        return None
    trim.argtypes = [ctypes.c_size_t]
    return lambda: trim(0)


def tune_allocator() -> bool:
    """Tell the C library how to keep memory, before any thread is started. Returns whether it does.

    All threads obtain memory from one place. Otherwise each keeps some of its own; and as most of them run
    only one at a time, they hardly wait for each other. What the bodies of requests took is kept for the next
    ones, up to a limit: to return it after each request and to obtain it again costs a page fault for every
    4 KB, a third of the processor time of a request of 300 KB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt  # glibc
    except (OSError, TypeError, AttributeError):
        return False
    settings = ((ARENA_MAX, 1), (MMAP_THRESHOLD, LARGE), (TRIM_THRESHOLD, MOST_KEPT))
    done = [mallopt(name, value) for name, value in settings]
    return all(done)


class MemoryReturn:
    """Watches the number of open requests, and gives memory back once after each peak."""

    def __init__(self, trim: Callable[[], object] | None) -> None:
        self._trim = trim
        self._peak = 0

    def look(self, open_requests: int) -> None:
        """Call this regularly with the number of open requests."""
        self._peak = max(self._peak, open_requests)
        if self._trim is not None and self._peak >= LEAST_PEAK and open_requests * OVER <= self._peak:
            self._peak = open_requests
            self._trim()
