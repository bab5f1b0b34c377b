"""Identifiers made here, for answers and calls to which a provider gave none of their own."""

import os
from itertools import chain, count

__all__ = ["CallIds", "new_id"]

_PREFIX = os.urandom(6).hex()
_ENDS = [f"{number:02x}" for number in range(256)]


def _numbered(block: int) -> list[str]:
    """256 ids: the prefix, and each number in hexadecimal. What they begin with is formatted once, because
    that takes as long as decoding a short request.
    """
    begin = f"{_PREFIX}{block:06x}"
    return [begin + end for end in _ENDS]


_NEXT = chain.from_iterable(map(_numbered, count(int.from_bytes(os.urandom(2))))).__next__


def new_id(prefix: str = "") -> str:
    """A name that no other answer of this process has, and hardly one of another."""
    return prefix + _NEXT()


class CallIds:
    """The ids of the calls of one answer: a result belongs to its call by the id alone, so each is unique."""

    __slots__ = ("_prefix", "_taken")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._taken: set[str] = set()

    def take(self, id_: str | None) -> str:
        """Return a call's own id, or a new one if the provider sent none or has used it before."""
        own = id_ if id_ and id_ not in self._taken else new_id(self._prefix)
        self._taken.add(own)
        return own
