"""Callers by JSON Web Tokens (RFC 7519) of issuers: Supabase, or any that follows OpenID Connect.

A token is verified with the public keys of the issuer that it names, or with a secret that both share. Its
algorithm has to be one of the key's: nothing is verified with `none`, or with a public key as a secret. A
token that was verified is held in memory by its digest for a minute at most, because a signature takes 50 to
130 µs.

The id of a user is `sub` for an issuer without a name, and `name:sub` for one with a name. A `sub` of the one
without a name that begins with another's name is refused: two issuers never have the same user.
"""

import binascii
import logging
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from time import time
from typing import Any, NamedTuple, TypeVar

import jwt
import msgspec
from jwt.algorithms import has_crypto
from msgspec import Struct
from msgspec.structs import replace

from tidegate.config import Config
from tidegate.protocols.errors import Unauthenticated

from .caller import Caller
from .issuers import Fetch, Issuer, KeysAt, issuers_of
from .jwks import ALGORITHMS, Key, KeySet
from .users import Users

__all__ = ["SHARED", "Issuer", "Tokens", "Verifier", "open_tokens"]

log = logging.getLogger("tidegate")

MAX_TOKEN = 8192
"""Maximum characters of a token."""
MAX_USER = 200
"""Maximum characters of a user's id: it is part of other names in the store."""
LEEWAY_S = 10
"""Seconds by which the clocks of the issuer and of this machine may differ."""
KEPT_S = 60.0
"""Seconds for which a verified token is not verified again."""
MOST = 10_000
"""Verified tokens held in memory."""
SHARED = "HS256"
"""The algorithm of tokens that are verified with a secret."""

P = TypeVar("P")

NOT_VALID = "this token is not valid for this gateway"


class _Header(Struct):
    alg: str
    kid: str | None = None


class _Named(Struct):
    iss: Any = None


class _Expiring(Struct):
    exp: float


class _Verified(Struct, frozen=True):
    user: str
    admin: bool
    until: float
    """In seconds since 1970."""


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_named = msgspec.json.Decoder(_Named).decode
_decode_expiring = msgspec.json.Decoder(_Expiring).decode

_EXPIRED = "token_expired"
"""The code of errors about tokens that were valid, or will be."""
_REASONS: tuple[tuple[type[jwt.PyJWTError], str, str | None], ...] = (
    (jwt.ExpiredSignatureError, "this token has expired", _EXPIRED),
    (jwt.ImmatureSignatureError, "this token is not valid yet", _EXPIRED),
    (jwt.InvalidAudienceError, "the audience of this token is not one that this gateway accepts", None),
    (jwt.InvalidIssuerError, "the issuer of this token is not the one that this gateway accepts", None),
    (jwt.MissingRequiredClaimError, "this token lacks one of the claims iss, aud, sub and exp", None),
)
"""What a client is told, and the code; everything else is `NOT_VALID`."""


class Verifier(NamedTuple):
    """An issuer, and its keys."""

    issuer: Issuer
    keys: KeySet | None
    """None if its tokens are verified with its secret only."""

    async def verify(self, token: str, header: _Header) -> dict[str, Any]:
        """The claims of a token. Raises Unauthenticated."""
        issuer = self.issuer
        if issuer.algorithms and header.alg not in issuer.algorithms:
            raise Unauthenticated(NOT_VALID)
        if header.alg == SHARED and issuer.secret is not None:
            return self._claims(token, issuer.secret, SHARED)
        if header.alg not in ALGORITHMS or self.keys is None:
            raise Unauthenticated(NOT_VALID)
        key: Key | None = await self.keys.find(header.kid, header.alg)
        if key is None and not self.keys.known:
            raise Unauthenticated(
                "this token cannot be verified: the keys of its issuer are not available",
                code="token_not_verified",
            )
        if key is None:
            raise Unauthenticated(NOT_VALID)
        return self._claims(token, key.key, header.alg)

    def _claims(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        """The claims of a token, verified and checked."""
        issuer = self.issuer
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=issuer.audiences,
                issuer=issuer.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "sub", "aud", *(["iss"] if issuer.issuer else [])]},
            )
        except jwt.PyJWTError as error:
            raise _refusal(error) from None
        except (ValueError, TypeError, OverflowError, RecursionError):  # claims of unexpected types
            raise Unauthenticated(NOT_VALID) from None
        if not isinstance(claims["exp"], int | float):
            raise Unauthenticated(NOT_VALID)
        return claims

    def is_admin(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims include that of administrators: as a text, or in a list of texts."""
        if self.issuer.admin_claim is None:
            return False
        name, _, wanted = self.issuer.admin_claim.partition("=")
        value: Any = claims.get(name)
        if value is None:  # not a name with dots
            value = claims
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
        return value == wanted or (isinstance(value, list) and wanted in value)


class Tokens:
    """Verifies the tokens of clients."""

    def __init__(self, verifiers: Sequence[Verifier], users: Users, now: Callable[[], float] = time) -> None:
        """At most one of the issuers has no `iss`, and at most one no name. `now` is in seconds since
        1970.
        """
        self._by_issuer = {one.issuer.issuer: one for one in verifiers}
        self._names = tuple(f"{one.issuer.name}:" for one in verifiers if one.issuer.name)
        self._users = users
        self._now = now
        self._shared: set[str] = set()
        """The places of keys that others use as well."""
        self._verified: dict[bytes, _Verified] = {}

    def known(self, token: str) -> Caller | None:
        """The caller of a token that was verified within the last minute; None if it has to be verified."""
        found = self._verified.get(_digest(token))
        if found is None or found.until <= self._now():
            return None
        caller = self._users.find(found.user)
        return replace(caller, admin=True) if caller is not None and found.admin else caller

    async def close(self) -> None:
        """Stop following changes."""
        await self._users.close()
        for one in self._by_issuer.values():
            if one.keys is not None and one.keys.url not in self._shared:
                await one.keys.close()

    def share_keys(self, url: str) -> KeySet | None:
        """The keys from a URL, for others to use as well; None if there are none."""
        for one in self._by_issuer.values():
            if one.keys is not None and one.keys.url == url:
                self._shared.add(url)
                return one.keys
        return None

    async def verify(self, token: str) -> Caller:
        """The caller of a token. Raises Unauthenticated, and what Users.load raises."""
        if len(token) > MAX_TOKEN:
            raise Unauthenticated(f"this token is longer than {MAX_TOKEN} characters")
        digest = _digest(token)
        found = self._verified.get(digest)
        if found is None or found.until <= self._now():
            found = self._remember(digest, await self._verify(token))
        return await self.of_user(found.user, admin=found.admin)

    async def of_user(self, user: str, *, admin: bool = False) -> Caller:
        """The caller of a user whose token was verified earlier. Raises what Users.load raises."""
        caller = await self._users.load(user)
        return replace(caller, admin=True) if admin else caller

    @staticmethod
    def expiry_of(token: str) -> float:
        """When a token that was verified expires, in seconds since 1970."""
        return _parse_part(_body_of(token), _decode_expiring).exp

    async def _verify(self, token: str) -> _Verified:
        header, named = _parse_header(token), _parse_issuer(token)
        verifier = self._by_issuer.get(named) or self._by_issuer.get(None)
        if verifier is None and len(self._by_issuer) == 1:
            verifier = next(iter(self._by_issuer.values()))  # which says what is wrong
        if verifier is None:
            raise Unauthenticated("the issuer of this token is not one that this gateway accepts")
        claims = await verifier.verify(token, header)
        until = min(claims["exp"] + LEEWAY_S, self._now() + KEPT_S)
        return _Verified(self._user(claims["sub"], verifier.issuer), verifier.is_admin(claims), until)

    def _user(self, subject: object, issuer: Issuer) -> str:
        """The id of a user, which no other issuer has. Raises Unauthenticated."""
        if isinstance(subject, str) and subject.strip() == subject != "" and subject.isprintable():
            user = f"{issuer.name}:{subject}" if issuer.name else subject
            if len(user) <= MAX_USER and (issuer.name or not subject.startswith(self._names)):
                return user
        raise Unauthenticated("the sub of this token is not the id of a user")

    def _remember(self, digest: bytes, found: _Verified) -> _Verified:
        self._verified.pop(digest, None)
        if len(self._verified) >= MOST:
            self._verified.pop(next(iter(self._verified)))
        self._verified[digest] = found
        return found


def _refusal(error: jwt.PyJWTError) -> Unauthenticated:
    for kind, words, code in _REASONS:
        if isinstance(error, kind):
            return Unauthenticated(words, code=code)
    return Unauthenticated(NOT_VALID)


def _digest(token: str) -> bytes:
    return sha256(token.encode("latin-1", "replace")).digest()


def _parse_header(token: str) -> _Header:
    """The header of a token. Raises Unauthenticated."""
    return _parse_part(token.partition(".")[0], _decode_header)


def _parse_issuer(token: str) -> str | None:
    """Who a token says has issued it, which is not verified yet. Raises Unauthenticated."""
    named = _parse_part(_body_of(token), _decode_named).iss
    return named if isinstance(named, str) else None


def _body_of(token: str) -> str:
    return token.partition(".")[2].partition(".")[0]


def _parse_part(part: str, parse: Callable[[bytes], P]) -> P:
    try:
        return parse(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise Unauthenticated(NOT_VALID) from None


def open_tokens(config: Config, users: Users, fetch: Fetch, old: Tokens | None) -> Tokens:
    """What verifies the tokens of a configuration, with the keys that `old` has of the same issuers."""
    verifiers = [Verifier(issuer, _open_keys(place, fetch, old)) for issuer, place in issuers_of(config)]
    users.open()
    return Tokens(verifiers, users)


def _open_keys(place: KeysAt | None, fetch: Fetch, old: Tokens | None) -> KeySet | None:
    if place is None:
        return None
    if not has_crypto:
        log.warning("tokens are verified only with a secret: signatures with keys need the extra jwt")
        return None
    known = old.share_keys(place.url) if old is not None else None
    return known or KeySet(place.url, lambda: place.fetch(fetch))
