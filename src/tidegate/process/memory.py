"""Gives memory back to the system after many requests at once.

The C library keeps what it has once obtained. After a peak it is asked to give back what is free; Python's
own allocator keeps its share, unless `PYTHONMALLOC=malloc` leaves everything to the C library (see
docs/operations.md).
"""

import ctypes
from collections.abc import Callable

__all__ = ["MemoryReturn", "find_trim", "share_one_arena"]

ARENA_MAX = -8
"""glibc's name for the number of its arenas (`M_ARENA_MAX` of malloc.h)."""

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


def share_one_arena() -> bool:
    """Let all threads obtain memory from one place, before any is started. Otherwise each keeps some of its
    own; and as most of them run only one at a time, they hardly wait for each other. Returns whether the C
    library does that.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt  # glibc
    except (OSError, TypeError, AttributeError):
        return False
    return bool(mallopt(ARENA_MAX, 1))


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
