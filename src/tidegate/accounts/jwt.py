"""Callers by JSON Web Tokens (RFC 7519) of one issuer: Supabase, or any that follows OpenID Connect.

A token is verified with the issuer's public keys, or with a secret that both share. Its algorithm has to be
one of the key's: nothing is verified with `none`, or with a public key as a secret. A token that was verified
is held in memory by its digest for a minute at most, because a signature takes 50 to 130 µs.
"""

import binascii
import logging
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import time
from typing import Any

import jwt
import msgspec
from jwt.algorithms import has_crypto
from msgspec import Struct
from msgspec.structs import replace

from tidegate.config import Config
from tidegate.protocols.errors import Unauthenticated

from .caller import Caller
from .jwks import ALGORITHMS, MAX_DOCUMENT, Key, KeySet
from .users import Users

__all__ = ["SHARED", "Issuer", "Tokens", "open_tokens"]

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
PATIENCE_S = 5.0
"""Seconds for which the issuer's keys are waited for."""
SUPABASE_ISSUER = "/auth/v1"
SUPABASE_KEYS = "/auth/v1/.well-known/jwks.json"
SUPABASE_AUDIENCE = "authenticated"
"""Of the tokens of users who have signed in. The keys of a project (`anon`, `service_role`) are tokens too,
but without an audience or a user, so they are not valid here."""
SHARED = "HS256"
"""The algorithm of tokens that are verified with a secret."""

NOT_VALID = "this token is not valid for this gateway"


class Issuer(Struct, frozen=True, kw_only=True):
    """Whose tokens are accepted."""

    issuer: str | None
    """`iss` of its tokens; None if it is not checked, as only the issuer has the secret."""
    audiences: tuple[str, ...]
    """A token has to be for one of them (`aud`)."""
    secret: bytes | None = None
    """For tokens with `SHARED`."""
    algorithms: tuple[str, ...] = ()
    """Those that are accepted, of those that fit a key; none: all."""
    admin_claim: str | None = None
    """The claim of administrators, as `claim=value`."""


class _Header(Struct):
    alg: str
    kid: str | None = None


class _Claims(Struct):
    exp: float


class _Verified(Struct, frozen=True):
    user: str
    admin: bool
    until: float
    """In seconds since 1970."""


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_claims = msgspec.json.Decoder(_Claims).decode

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


class Tokens:
    """Verifies the tokens of clients."""

    def __init__(
        self, issuer: Issuer, keys: KeySet | None, users: Users, now: Callable[[], float] = time
    ) -> None:
        """`keys` is None if tokens are verified with the secret only; `now` is in seconds since 1970."""
        self._issuer = issuer
        self.keys = keys
        self._users = users
        self._now = now
        self._shared = False
        """Whether others have the keys too."""
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
        if self.keys is not None and not self._shared:
            await self.keys.close()

    def share_keys(self, url: str) -> KeySet | None:
        """The keys from a URL, for others to use as well; None if there are none."""
        if self.keys is None or self.keys.url != url:
            return None
        self._shared = True
        return self.keys

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
        part = token.split(".")[1]
        return _decode_claims(urlsafe_b64decode(part + "=" * (-len(part) % 4))).exp

    def _remember(self, digest: bytes, claims: dict[str, Any]) -> _Verified:
        until = min(claims["exp"] + LEEWAY_S, self._now() + KEPT_S)
        self._verified.pop(digest, None)
        if len(self._verified) >= MOST:
            self._verified.pop(next(iter(self._verified)))
        found = self._verified[digest] = _Verified(claims["sub"], self._is_admin(claims), until)
        return found

    def _is_admin(self, claims: dict[str, Any]) -> bool:
        """Whether the claims include that of administrators: as a text, or in a list of texts."""
        if self._issuer.admin_claim is None:
            return False
        name, _, wanted = self._issuer.admin_claim.partition("=")
        value: Any = claims.get(name)
        if value is None:  # not a name with dots
            value = claims
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
        return value == wanted or (isinstance(value, list) and wanted in value)

    async def _verify(self, token: str) -> dict[str, Any]:
        header = _parse_header(token)
        if self._issuer.algorithms and header.alg not in self._issuer.algorithms:
            raise Unauthenticated(NOT_VALID)
        if header.alg == SHARED and self._issuer.secret is not None:
            return self._claims(token, self._issuer.secret, SHARED)
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
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._issuer.audiences,
                issuer=self._issuer.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "sub", "aud", *(["iss"] if self._issuer.issuer else [])]},
            )
        except jwt.PyJWTError as error:
            raise _refusal(error) from None
        except (ValueError, TypeError, OverflowError, RecursionError):  # claims of unexpected types
            raise Unauthenticated(NOT_VALID) from None
        if not isinstance(claims["exp"], int | float):
            raise Unauthenticated(NOT_VALID)
        user = claims["sub"]
        if not isinstance(user, str) or not 0 < len(user) <= MAX_USER or not user.isprintable():
            raise Unauthenticated("the sub of this token is not the id of a user")
        return claims


def _refusal(error: jwt.PyJWTError) -> Unauthenticated:
    for kind, words, code in _REASONS:
        if isinstance(error, kind):
            return Unauthenticated(words, code=code)
    return Unauthenticated(NOT_VALID)


def _digest(token: str) -> bytes:
    return sha256(token.encode("latin-1", "replace")).digest()


def _parse_header(token: str) -> _Header:
    """The header of a token. Raises Unauthenticated."""
    part = token.partition(".")[0]
    try:
        return _decode_header(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise Unauthenticated(NOT_VALID) from None


def open_tokens(
    config: Config,
    users: Users,
    fetch: Callable[[str, float, int, str], Awaitable[bytes]],
    old: Tokens | None,
) -> Tokens:
    """What verifies the tokens of a configuration, with the keys that `old` has if they are those of the same
    issuer.
    """
    auth = config.auth
    supabase = auth.supabase_url
    issuer = Issuer(
        issuer=auth.jwt_issuer or (f"{supabase}{SUPABASE_ISSUER}" if supabase else None),
        audiences=auth.jwt_audience or (SUPABASE_AUDIENCE,),
        secret=auth.jwt_secret.reveal().encode() if auth.jwt_secret is not None else None,
        algorithms=auth.jwt_algorithms,
        admin_claim=auth.jwt_admin_claim,
    )
    url = auth.jwt_jwks_url or (f"{supabase}{SUPABASE_KEYS}" if supabase else None)
    keys = None
    if url is not None and not has_crypto:
        log.warning("tokens are verified only with auth.jwt_secret: signatures with keys need the extra jwt")
    elif url is not None:
        keys = old.share_keys(url) if old is not None else None
        keys = keys or KeySet(url, lambda: fetch(url, PATIENCE_S, MAX_DOCUMENT, "key set"))
    users.open()
    return Tokens(issuer, keys, users)
