"""The keys of administrators, which no client has."""

import hmac
from collections.abc import Iterable

from .api_keys import digest_of, split_name

__all__ = ["AdminKeys"]


class AdminKeys:
    """The admin keys of a Config."""

    def __init__(self, keys: Iterable[str]) -> None:
        """`keys` may have names, as those of clients: `ops:key`."""
        self._digests = [(digest_of(secret), name) for name, secret in map(_named, keys)]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def name_of(self, key: str) -> str | None:
        """Whose key it is; None for a key that is none. It takes equally long for every key."""
        return self.name_of_digest(digest_of(key))

    def name_of_digest(self, given: bytes) -> str | None:
        """Whose key has this digest."""
        found = None
        for digest, name in self._digests:
            if hmac.compare_digest(digest, given):
                found = name
        return found


def _named(key: str) -> tuple[str, str]:
    name, secret = split_name(key)
    return name or f"admin-{digest_of(secret).hex()[:8]}", secret
