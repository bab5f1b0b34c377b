"""Encryption of what the store keeps and must not reveal: keys of providers.

A text is encrypted with AES-256-GCM, by a key that is derived (HKDF-SHA256) from a secret of the operator.
What it is about is authenticated with it, so a value cannot be moved to another row. There may be several
secrets: the first encrypts, and each decrypts what it has encrypted, so that they can be replaced one by one.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

__all__ = ["CannotDecrypt", "Cipher", "is_installed"]

VERSION = "v1"
NONCE_BYTES = 12
ID_CHARS = 12
PURPOSE = b"tidegate: secrets in the store"


class CannotDecrypt(Exception):
    """A value cannot be decrypted; the message says why."""


def is_installed() -> bool:
    """Whether the library for encryption is there."""
    from importlib.util import find_spec

    return find_spec("cryptography") is not None


class Cipher:
    """Encrypts and decrypts with the operator's secrets."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """There is at least one secret; the first one encrypts."""
        self._keys = {_id_of(key): key for key in map(_derive, secrets)}
        self._first = next(iter(self._keys))

    def encrypt(self, text: str, about: str) -> str:
        """A text, encrypted: `version.key.data`, in ASCII."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        data = nonce + AESGCM(self._keys[self._first]).encrypt(nonce, text.encode(), about.encode())
        return f"{VERSION}.{self._first}.{urlsafe_b64encode(data).decode()}"

    def decrypt(self, encrypted: str, about: str) -> str:
        """The text again. Raises CannotDecrypt."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        version, _, rest = encrypted.partition(".")
        name, _, encoded = rest.partition(".")
        if version != VERSION:
            raise CannotDecrypt("it was encrypted by another version of Tidegate")
        key = self._keys.get(name)
        if key is None:
            raise CannotDecrypt("it was encrypted with a secret that is not configured any more")
        try:
            data = urlsafe_b64decode(encoded)
            nonce, tagged = data[:NONCE_BYTES], data[NONCE_BYTES:]
            return AESGCM(key).decrypt(nonce, tagged, about.encode()).decode()
        except (ValueError, InvalidTag):
            raise CannotDecrypt("it was changed, or belongs to something else") from None

    def is_current(self, encrypted: str) -> bool:
        """Whether the first secret has encrypted a value."""
        return encrypted.startswith(f"{VERSION}.{self._first}.")


def _derive(secret: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, None, PURPOSE).derive(secret.encode())


def _id_of(key: bytes) -> str:
    """What names a key without revealing anything of it."""
    return sha256(PURPOSE + key).hexdigest()[:ID_CHARS]
