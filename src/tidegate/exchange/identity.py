"""Authentication: a key in any of the headers that clients of the various dialects use."""

from tidegate.accounts import Caller, Directory
from tidegate.protocols.errors import Unauthenticated

from .request import Request

__all__ = ["Keyring", "key_of"]

KEY_HEADERS = (b"x-api-key", b"x-goog-api-key", b"api-key")
"""Headers whose value is just a key: Anthropic's, Google's and Azure's."""


class Keyring:
    """Finds out who calls; without any keys, the gateway is open to everyone."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def identify(self, request: Request) -> Caller:
        """The caller. Raises Unauthenticated."""
        directory = self._directory
        key = key_of(request)
        if not directory.required:  # SDKs send some key always
            known = directory.find(key) if key is not None and directory.has_keys else None
            return known or directory.anonymous(request.peer)
        if key is None:
            raise Unauthenticated("no API key: send it as Authorization: Bearer … or X-API-Key")
        caller = directory.find(key)
        if caller is None:
            raise Unauthenticated("this API key is not valid for this gateway")
        return caller


def key_of(request: Request) -> str | None:
    """The key of the request. X-API-Key wins, because SDKs set Authorization on their own."""
    find = request.named.get
    for name in KEY_HEADERS:
        value = find(name)
        if value:
            return value.decode("latin-1").strip()
    scheme, _, token = find(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return None
