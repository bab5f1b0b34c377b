"""Identifiers made here, for answers and calls to which a provider gave none."""

import os
from itertools import count

__all__ = ["new_id"]

_PREFIX = os.urandom(6).hex()
_COUNTER = count(int.from_bytes(os.urandom(3)))


def new_id(prefix: str = "") -> str:
    """A name that no other answer of this process has, and hardly one of another."""
    return f"{prefix}{_PREFIX}{next(_COUNTER):08x}"
