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
    signer = signer_of(config, kind)
    header = None
    if config.api_key is not None and kind.auth in _KEY_FORM:
        name, form = _KEY_FORM[kind.auth]
        header = (name, form.format(config.api_key.reveal()).encode())
    if header is None and signer is None:
        return ()
    return (Credential("default", header, signer, secrets),)
