"""Names that at most one process of a host holds.

A claim is a lock on one byte of a file without a name that all workers have inherited; the byte's place is a
hash of the claim's name. The kernel frees the locks of a process that ends, also by `kill -9`. A process
holds a lock only once, so that a repeated claim is granted.
"""

import os
import tempfile
from hashlib import blake2b

__all__ = ["Claims", "new_claims_file"]


def new_claims_file() -> int:
    """The descriptor of an empty file that only its heirs can reach."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tidegate-claims", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Claims:
    """The claims of one process."""

    def __init__(self, file: int) -> None:
        """`file` must stay open while the process lives: to close any descriptor of it frees all claims."""
        self._file = file

    def claim(self, name: str) -> bool:
        """Whether this process holds the claim, now or already."""
        import fcntl  # Windows has none, and no supervisor either

        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
        except OSError:
            return False
        return True

    def release(self, name: str) -> None:
        """Let another process have the claim."""
        import fcntl

        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))


def _place(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 2
