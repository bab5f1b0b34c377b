"""Values that must never be shown."""

import hmac
import re
from typing import Any, NoReturn

__all__ = ["Secret", "SecretUrl", "mask_url"]

LONG_ENOUGH = 16
"""Minimum length of a secret whose last characters may be shown."""
_PREFIX = re.compile(r"[A-Za-z]{2,4}[-_]", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://", re.ASCII)


def mask_url(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment, such as
    `postgresql://…@host/name?…`. Where a password that is not percent-encoded leaves open what is what, only
    the scheme remains; of what is no URL, nothing.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return "…"
    rest = url[scheme.end() :]
    user, at, place = rest.rpartition("@")
    if "?" in user or "#" in user:
        return f"{scheme[0]}…"
    bare, mark = re.match(r"([^?#]*)([?#]?)", place).groups()  # type: ignore[union-attr]
    return f"{scheme[0]}{'…@' if at else ''}{bare}{f'{mark}…' if mark else ''}"


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


class SecretUrl(Secret):
    """A URL that may contain a password."""

    __slots__ = ()

    def masked(self) -> str:
        """See `mask_url`."""
        return mask_url(self.reveal())
