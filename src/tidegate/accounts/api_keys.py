"""API keys: random, shown once, and stored as a digest.

A key has 256 random bits, so a plain SHA-256 is enough: there is nothing to guess faster by. The digest is
also what a key is looked up by, which leaks no timing information about how much of a key matched.
"""

import hashlib
import secrets
from typing import NamedTuple

from tidegate.protocols.ids import new_id

__all__ = ["PREFIX", "SHOWN", "NewKey", "beginning_of", "digest_of", "new_key", "split_name"]

PREFIX = "sk-tide-"
"""What every key begins with, so that scanners for leaked secrets recognize it."""
SHOWN = len(PREFIX) + 4
"""Characters of a key that are stored, so that its owner recognizes it in a list."""

LEAST_KEY = 16
"""Characters of a key whose beginning is shown: of a shorter one, it would be too much."""
FOREIGN = 6
"""Characters of a key that is not of our making, which may be valid elsewhere."""


class NewKey(NamedTuple):
    """A key that was just made."""

    id: str
    secret: str
    """The key itself: shown to its owner once, and stored nowhere."""
    prefix: str
    digest: str


def new_key() -> NewKey:
    """Make a key."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return NewKey(new_id("key_"), secret, secret[:SHOWN], digest_of(secret).hex())


def digest_of(secret: str) -> bytes:
    """What a key is stored and looked up by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def split_name(key: str) -> tuple[str, str]:
    """The name and the secret of a configured key, `name:secret`; the name is empty if there is none."""
    name, colon, secret = key.partition(":")
    return (name, secret) if colon and name and secret else ("", key)


def beginning_of(key: str | None) -> str:
    """What may be shown of a key that nobody has."""
    if key is None or len(key) < LEAST_KEY or not key.isascii() or not key.isprintable():
        return ""
    return key[:SHOWN] if key.startswith(PREFIX) else key[:FOREIGN]
