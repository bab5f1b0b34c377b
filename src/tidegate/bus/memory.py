"""Memory that all workers of a gateway share, under one lock.

It is an unnamed file that the workers have inherited, so no other process can read or change it. It begins
with zeros and outlives each worker. The lock is the kernel's: it ends with the process that holds it, even
after `kill -9`.
"""

import mmap
import os

__all__ = ["Memory"]


class Memory:
    """The shared memory, as one worker sees it."""

    def __init__(self, file: int, place: int, places: int) -> None:
        """`file` must stay open while the process lives: closing any descriptor of it ends the lock."""
        self._file = file
        self.place = place
        """The worker's number, from 0."""
        self.places = places
        """How many workers there are."""

    def map(self, size: int) -> memoryview:
        """The memory, made as large as this in bytes. All workers ask for the same size."""
        if os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)
        return memoryview(mmap.mmap(self._file, size))

    def lock(self) -> bool:
        """Try to obtain the lock. Returns whether this process holds it."""
        import fcntl  # Windows has none, and no supervisor either

        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except OSError:
            return False
        return True

    def wait(self) -> None:
        """Obtain the lock, however long that takes."""
        import fcntl

        fcntl.lockf(self._file, fcntl.LOCK_EX, 1)

    def unlock(self) -> None:
        """Release the lock."""
        import fcntl

        fcntl.lockf(self._file, fcntl.LOCK_UN, 1)
