"""The public keys of an issuer of tokens (a JSON Web Key Set, RFC 7517).

The document is requested when a key is needed that is not known, and when it is older than 15 minutes; never
twice at a time, and not again within half a minute, whatever tokens clients send. While the issuer is away,
the keys that are known go on to work.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from msgspec import Struct

from tidegate.protocols.errors import ProviderBroke, ProviderError

__all__ = ["ALGORITHMS", "MAX_DOCUMENT", "Key", "KeySet", "parse_keys"]

log = logging.getLogger("tidegate")

AGE_S = 900.0
"""Seconds after which the keys are read again."""
PAUSE_S = 30.0
"""Seconds until the keys are requested again for a key that was not among them, or after a failure."""
MAX_DOCUMENT = 256 * 1024
"""Maximum bytes of a key set."""
MAX_KEYS = 100
"""Keys of a set that are read."""
SHORTEST_RSA = 2048
LONGEST_RSA = 8192
"""Sizes of RSA keys, in bits: shorter ones are not safe, and longer ones take long to verify with."""
LARGEST_EXPONENT = 2**32
_PUBLIC = ("kty", "crv", "n", "e", "x", "y")
"""Fields of public keys."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_TYPE: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""The algorithms of each type of key (RFC 7518, RFC 8037). There is none for secrets (`oct`): they are not
published."""
ALGORITHMS = frozenset(name for names in _BY_TYPE.values() for name in names)
"""Algorithms with public keys."""


class Key(Struct, frozen=True):
    """A public key."""

    id: str | None
    algorithms: tuple[str, ...]
    """The only algorithms that it is used with."""
    key: Any
    """As the library for tokens takes it."""


class _JWK(Struct):
    kty: str
    kid: str | None = None
    alg: str | None = None
    use: str | None = None
    crv: str | None = None


class _Document(Struct):
    keys: list[msgspec.Raw]


_decode_document = msgspec.json.Decoder(_Document).decode
_decode_key = msgspec.json.Decoder(_JWK).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode


def parse_keys(document: bytes) -> tuple[Key, ...]:
    """The usable keys of a key set; others are skipped. Raises ProviderBroke if it is none."""
    try:
        listed = _decode_document(document).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProviderBroke("it is not a JSON Web Key Set") from None
    return tuple(key for key in map(_parse_key, listed[:MAX_KEYS]) if key is not None)


def _parse_key(raw: msgspec.Raw) -> Key | None:
    try:
        about, fields = _decode_key(raw), _decode_any(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    curve = about.crv if about.kty != "RSA" else None
    algorithms = _BY_TYPE.get((about.kty, curve), ())
    if about.alg is not None:
        algorithms = tuple(name for name in algorithms if name == about.alg)
    if not algorithms or about.use not in (None, "sig"):
        return None
    public: dict[str, Any] = {
        name: fields[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in fields
    }
    try:
        key = PyJWK(public, algorithms[0]).key
    except (PyJWTError, ValueError, TypeError, KeyError, OverflowError):
        return None
    if about.kty == "RSA" and not _is_sound(key):
        return None
    return Key(about.kid, algorithms, key)


def _is_sound(key: Any) -> bool:
    """Whether an RSA key is neither weak nor made to keep the gateway busy."""
    return bool(SHORTEST_RSA <= key.key_size <= LONGEST_RSA and key.public_numbers().e < LARGEST_EXPONENT)


class KeySet:
    """The keys of one issuer, as this worker knows them."""

    def __init__(
        self, url: str, fetch: Callable[[], Awaitable[bytes]], now: Callable[[], float] = monotonic
    ) -> None:
        """`fetch` requests the document at the URL and raises ProviderError; `now` is in seconds."""
        self.url = url
        self._fetch = fetch
        self._now = now
        self._keys: tuple[Key, ...] = ()
        self._read_at: float | None = None
        self._asked_at: float | None = None
        self._failing = False
        self._request: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        """Whether the keys could ever be read."""
        return self._read_at is not None

    async def find(self, id: str | None, algorithm: str) -> Key | None:  # noqa: A002
        """The key with an id that is used with an algorithm; None if there is none. A token without an id is
        for the only key of its algorithm.
        """
        found = self._among(id, algorithm)
        if found is None:
            await self._refresh()
            return self._among(id, algorithm)
        if self._read_at is not None and self._now() - self._read_at > AGE_S:
            if self._failing:  # the issuer is away: nobody waits for it twice
                self._begin()
            else:
                await self._refresh()
                return self._among(id, algorithm)
        return found

    async def close(self) -> None:
        """Cancel a request for the keys."""
        if self._request is not None:
            self._request.cancel()
            await asyncio.wait([self._request])

    def _among(self, id: str | None, algorithm: str) -> Key | None:  # noqa: A002
        found = [key for key in self._keys if algorithm in key.algorithms and id in (key.id, None)]
        return found[0] if len(found) == 1 or (found and id is not None) else None

    async def _refresh(self) -> None:
        """Request the keys, unless that was done just now; requests at the same time wait for the same."""
        request = self._begin()
        if request is not None:
            await asyncio.shield(request)

    def _begin(self) -> "asyncio.Task[None] | None":
        if self._request is not None:
            return self._request
        now = self._now()
        if self._asked_at is not None and now - self._asked_at < PAUSE_S:
            return None
        self._asked_at = now
        self._request = asyncio.create_task(self._read(), name="jwks")
        return self._request

    async def _read(self) -> None:
        try:
            keys = parse_keys(await self._fetch())
            if not keys and self._keys:
                raise ProviderBroke("it has no key that can be used")
        except ProviderError as error:
            if not self._failing:
                log.warning("the keys for tokens at %s cannot be read: %s", self.url, error)
            self._failing = True
        else:
            if self._failing:
                log.info("the keys for tokens at %s can be read again", self.url)
            self._keys, self._read_at, self._failing = keys, self._now(), False
        finally:
            self._request = None
