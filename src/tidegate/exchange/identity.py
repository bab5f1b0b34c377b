"""Authentication: a key in any of the headers that clients of the various dialects use."""

import hashlib
from collections.abc import Iterable

from tidegate.protocols.errors import Unauthenticated

from .request import Request

__all__ = ["Identity", "Keyring"]

KEY_HEADERS = (b"x-api-key", b"x-goog-api-key", b"api-key")
"""Headers whose value is just a key: Anthropic's, Google's and Azure's."""

Identity = str
"""What a record may say about a caller: a fingerprint of the key, never the key."""


class Keyring:
    """The keys that this gateway accepts; without any, it is open to everyone."""

    def __init__(self, keys: Iterable[str]) -> None:
        # Looking up digests leaks no timing information about how much of a key matched.
        self._names = {_digest(key): f"key-{_digest(key).hex()[:8]}" for key in keys}

    def identify(self, request: Request) -> Identity | None:
        """The caller; None if the gateway is open. Raises Unauthenticated."""
        if not self._names:
            return None
        key = _key_of(request)
        if key is None:
            raise Unauthenticated("no API key: send it as Authorization: Bearer … or X-API-Key")
        name = self._names.get(_digest(key))
        if name is None:
            raise Unauthenticated("this API key is not valid for this gateway")
        return name


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _key_of(request: Request) -> str | None:
    """The key of the request. X-API-Key wins, because SDKs set Authorization on their own."""
    for name in KEY_HEADERS:
        value = request.header(name)
        if value:
            return value.decode("latin-1").strip()
    scheme, _, token = (request.header(b"authorization") or b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return None
