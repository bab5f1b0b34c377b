"""The issuers of a configuration, and where the keys of each are found."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tidegate.config import Config, IssuerConfig, Secret
from tidegate.protocols.errors import ProviderBroke

from .jwks import MAX_DOCUMENT

__all__ = ["Fetch", "Issuer", "KeysAt", "find_discovered", "issuers_of"]

Fetch = Callable[[str, float, int, str], Awaitable[bytes]]
"""Requests a document: its URL, the seconds and bytes that are allowed, and what it is. Raises
ProviderError."""

PATIENCE_S = 5.0
"""Seconds for which an issuer's keys are waited for, its configuration included."""
CONFIGURATION = "/.well-known/openid-configuration"
"""Where an issuer describes itself (OpenID Connect Discovery 1.0)."""
SUPABASE_ISSUER = "/auth/v1"
SUPABASE_KEYS = "/auth/v1/.well-known/jwks.json"
SUPABASE_AUDIENCE = "authenticated"
"""Of the tokens of users who have signed in. The keys of a project (`anon`, `service_role`) are tokens too,
but without an audience or a user, so they are not valid here."""


class Issuer(Struct, frozen=True, kw_only=True):
    """Whose tokens are accepted."""

    name: str = ""
    """What the ids of its users begin with, before a colon; empty: nothing, an id is `sub` itself."""
    issuer: str | None
    """`iss` of its tokens; None if it is not checked, as only the issuer has the secret."""
    audiences: tuple[str, ...]
    """A token has to be for one of them (`aud`)."""
    secret: bytes | None = None
    """For tokens with HS256."""
    algorithms: tuple[str, ...] = ()
    """Those that are accepted, of those that fit a key; none: all."""
    admin_claim: str | None = None
    """The claim of administrators, as `claim=value`."""


class KeysAt(Struct, frozen=True):
    """Where the keys of an issuer are."""

    url: str
    """Of the keys, or of the issuer's configuration, which names that of the keys."""
    discovered: bool
    issuer: str | None

    async def fetch(self, fetch: Fetch) -> bytes:
        """The document with the keys. Raises ProviderError."""
        if not self.discovered or self.issuer is None:
            return await fetch(self.url, PATIENCE_S, MAX_DOCUMENT, "key set")
        began = monotonic()
        document = await fetch(self.url, PATIENCE_S, MAX_DOCUMENT, "configuration")
        url = find_discovered(document, self.issuer)
        left = max(0.1, PATIENCE_S - (monotonic() - began))
        return await fetch(url, left, MAX_DOCUMENT, "key set")


class _Configuration(Struct):
    issuer: str
    jwks_uri: str


_decode = msgspec.json.Decoder(_Configuration).decode


def find_discovered(document: bytes, issuer: str) -> str:
    """The URL of the keys in an issuer's configuration. Raises ProviderBroke unless it is that issuer's, and
    the keys are protected by TLS if the configuration is.
    """
    try:
        found = _decode(document)
        parts = urlsplit(found.jwks_uri)
        host = parts.hostname
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        raise ProviderBroke("its configuration is not one of OpenID Connect") from None
    if found.issuer != issuer:
        raise ProviderBroke("its configuration is that of another issuer")
    allowed = ("https",) if issuer.startswith("https:") else ("https", "http")
    if parts.scheme not in allowed or not host or not found.jwks_uri.isprintable() or " " in found.jwks_uri:
        raise ProviderBroke(f"its configuration names no URL of keys that begins with {allowed[-1]}://")
    return found.jwks_uri


def issuers_of(config: Config) -> Sequence[tuple[Issuer, KeysAt | None]]:
    """The issuers of a configuration, each with the place of its keys; None if it has a secret only."""
    return [*_of_auth(config), *map(_of_list, config.auth.jwt_issuers)]


def _of_auth(config: Config) -> Iterator[tuple[Issuer, KeysAt | None]]:
    """The issuer of `[auth]` itself: a Supabase project, or that of `[auth.jwt]`."""
    auth = config.auth
    if not auth.has_own_issuer:
        return
    supabase = auth.supabase_url
    issuer = Issuer(
        issuer=auth.jwt_issuer or (f"{supabase}{SUPABASE_ISSUER}" if supabase else None),
        audiences=auth.jwt_audience or (SUPABASE_AUDIENCE,),
        secret=_reveal(auth.jwt_secret),
        algorithms=auth.jwt_algorithms,
        admin_claim=auth.jwt_admin_claim,
    )
    url = auth.jwt_jwks_url or (f"{supabase}{SUPABASE_KEYS}" if supabase else None)
    yield issuer, _place(url, issuer)


def _of_list(one: IssuerConfig) -> tuple[Issuer, KeysAt | None]:
    issuer = Issuer(
        name=one.name,
        issuer=one.issuer,
        audiences=one.audience,
        secret=_reveal(one.secret),
        algorithms=one.algorithms,
        admin_claim=one.admin_claim,
    )
    return issuer, _place(one.jwks_url, issuer)


def _place(url: str | None, issuer: Issuer) -> KeysAt | None:
    """Where the keys are: where it is said, else where the issuer says, unless it has a secret."""
    if url is not None:
        return KeysAt(url, False, issuer.issuer)
    if issuer.secret is not None or issuer.issuer is None:
        return None
    return KeysAt(f"{issuer.issuer.rstrip('/')}{CONFIGURATION}", True, issuer.issuer)


def _reveal(secret: Secret | None) -> bytes | None:
    return secret.reveal().encode() if secret is not None else None
