"""Authentication at a service: a key in a header, or a signer."""

import hashlib
from collections.abc import Mapping

from tidegate.config import Kind, ProviderConfig

from .signers import Signer, signer_of

__all__ = ["Credential", "credentials_of"]

_KEY_FORM: Mapping[str, tuple[bytes, str]] = {
    "bearer": (b"authorization", "Bearer {}"),
    "x-api-key": (b"x-api-key", "{}"),
    "x-goog-api-key": (b"x-goog-api-key", "{}"),
    "api-key": (b"api-key", "{}"),
}
"""Ways to send a key → header and format of its value."""


class Credential:
    """An account at a service. Credentials are compared by identity: two with the same key are different
    accounts.
    """

    __slots__ = ("fingerprint", "header", "name", "secrets", "signer")

    def __init__(
        self,
        name: str,
        header: tuple[bytes, bytes] | None = None,
        signer: Signer | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        """Its name in records; reveals nothing of its secrets."""
        self.fingerprint = _fingerprint(header[1] if header is not None else repr(secrets).encode())
        """Identifies the credential after a reload and in other workers; reveals no secrets."""
        self.header = header
        """Sent with every request."""
        self.signer = signer
        """Signs each request; None if the header suffices."""
        self.secrets = secrets
        """Values that must never be shown."""

    def __repr__(self) -> str:
        return f"Credential({self.name!r})"


def _fingerprint(secret: bytes) -> str:
    return hashlib.sha256(b"tidegate credential " + secret).hexdigest()[:8]


def credentials_of(config: ProviderConfig, kind: Kind) -> tuple[Credential, ...]:
    """Return the credentials of a configured provider, best first; empty if it needs none."""
    secrets = tuple(secret.reveal() for secret in config.secrets)
    signer = None if config.api_keys else signer_of(config, kind)
    keys = dict.fromkeys(key for key in (config.api_key, *config.api_keys) if key is not None)
    if keys and kind.auth in _KEY_FORM:
        header, form = _KEY_FORM[kind.auth]
        headers = [(header, form.format(key.reveal()).encode()) for key in keys]
        names = ("default", *(f"key {number}" for number in range(2, len(headers) + 1)))
        pairs = zip(names, headers, strict=True)
        return tuple(Credential(name, one, signer, secrets) for name, one in pairs)
    return (Credential("default", None, signer, secrets),) if signer is not None else ()
