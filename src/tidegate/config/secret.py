"""Values that must never be shown."""

import hmac
import re
from typing import Any, NoReturn

__all__ = ["Secret"]

LONG_ENOUGH = 16
"""Minimum length of a secret whose last characters may be shown."""
_PREFIX = re.compile(r"[A-Za-z]{2,4}[-_]", re.ASCII)


class Secret:
    """A key. `repr`, `str`, formatting, JSON, copies and pickles do not reveal it; `reveal` returns it."""

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def masked(self) -> str:
        """A form that may be shown, such as `sk-…7a92`: at most the last four characters, and nothing of a
        short key.
        """
        value = self.reveal()
        if len(value) < LONG_ENOUGH:
            return "…"
        prefix = _PREFIX.match(value)
        return f"{prefix[0] if prefix else ''}…{value[-4:]}"

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(("Secret", self.reveal()))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("secrets are immutable")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: Any) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("secrets cannot be serialized")
