"""Claims: names that at most one process of a host holds.

A claim is a lock on one byte of an unnamed file that all workers have inherited; the byte's position is a
hash of the claim's name. The kernel releases the locks of a process that ends, even after `kill -9`.
Repeating a claim succeeds.
"""

import os
import tempfile
from hashlib import blake2b

__all__ = ["Claims", "new_unnamed_file"]


def new_unnamed_file(purpose: str) -> int:
    """The descriptor of an empty file that only processes which inherit it can access."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"tidegate-{purpose}", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Claims:
    """The claims of one process."""

    def __init__(self, file: int) -> None:
        """`file` must stay open while the process lives: closing any descriptor of it releases all."""
        self._file = file

    def claim(self, name: str) -> bool:
        """Try to obtain a claim. Returns whether this process holds it."""
        import fcntl  # Windows has none, and no supervisor either

        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
        except OSError:
            return False
        return True

    def release(self, name: str) -> None:
        """Release a claim."""
        import fcntl

        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))


def _place(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 2
