"""Normal forms of values, and checks that types cannot express."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from .schema import MAX_CANDIDATES, ImagePriceConfig, IssuerConfig, PriceConfig
from .secret import Secret, SecretUrl

__all__ = ["NORMAL_FORMS", "PROVIDER_NAME", "is_loopback"]

PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
"""Valid provider names: they are used in `provider/model` and in headers."""

LONGEST_ISSUER_NAME = 40
"""Characters of an issuer's name: it is part of its users' ids."""
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
_KEY = re.compile(r"[\x21-\x7e]+")
_SERVICE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S")
_PLACE = re.compile(r"(\[[^\]]*\]|[^:/?\[]*)(:[0-9]*)?([/?]|\Z)")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)
_TAKEN = frozenset(
    ["v1", "v1beta", "api", "chat", "models", "responses", "health", "docs", "redoc", "metrics"]
)
_FORBIDDEN_HEADERS = frozenset(["host", "content-length", "transfer-encoding", "connection"])


def is_loopback(host: str) -> bool:
    """Whether an address is only reachable from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url(text: str | None) -> str | None:
    """A base URL without a trailing slash. Raises ValueError."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected a URL that starts with https:// or http://")
    if not parts.hostname or re.search(r"[\s\x00-\x1f\x7f<>\"{}|\\^`]", text):
        raise ValueError("expected a URL such as https://api.example.com/v1")
    if port == 0:
        raise ValueError("port 0 is not valid in a URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not contain a user or password; use api_key or headers")
    if "?" in text or "#" in text:
        raise ValueError("a base URL must not contain ? or #; it is the part before the API's paths")
    return text.rstrip("/")


def alert_urls(urls: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """The destinations of alerts. Raises ValueError, which does not quote the URL: it may contain a token."""
    for place, one in enumerate(urls, 1):
        if not _SERVICE_URL.match(one.reveal()):
            raise ValueError(f"entry {place} is not an Apprise URL, such as ntfys://ntfy.sh/topic")
    return urls


def store_url(secret: Secret | None) -> Secret | None:
    """The URL of the store. Raises ValueError, which does not quote the URL: it may contain a password.

    An `@` that is not the end of user and password is refused, because what follows it would be taken for the
    host, and appear in errors.
    """
    if secret is None or not secret.reveal().strip():
        return None
    text = secret.reveal().strip()
    if text.startswith("sqlite://"):
        return SecretUrl(text)
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("expected a URL such as sqlite:///tidegate.db or postgresql://user@host/name")
    if text.count("@") > 1 or "@" in text.partition("?")[2]:
        raise ValueError("an @ or ? in a user, password or option must be written as %40 or %3F")
    if not _PLACE.match(text.partition("://")[2].rpartition("@")[2]):
        raise ValueError("expected host, port and name as in postgresql://user@host:5432/name")
    return SecretUrl(text)


def valkey(secret: Secret | None) -> Secret | None:
    """The URL of Valkey. Raises ValueError, which does not quote the URL: it may contain a password."""
    if secret is None or not secret.reveal().strip():
        return None
    text = secret.reveal().strip()
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname or parts.scheme == "unix") and parts.port != 0
        # What follows a / in a password that is not encoded.
        valid = valid and "@" not in text.partition("://")[2].removeprefix(parts.netloc)
    except ValueError:
        valid = False
    if not valid or parts.scheme not in ("valkey", "valkeys", "redis", "rediss", "unix"):
        raise ValueError("expected a URL such as valkey://host:6379/0, or valkeys:// for TLS")
    return SecretUrl(text)


def host(text: str) -> str:
    """An address to listen on. Raises ValueError."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not _HOST.fullmatch(bare):
        raise ValueError("expected a host name or an IP address, without http:// and without a port")
    return bare


def hosts(given: tuple[str, ...]) -> tuple[str, ...]:
    """Host names of this gateway, or "*". Raises ValueError."""
    return tuple("*" if name == "*" else host(name).lower().removesuffix(".") for name in given)


def networks(given: tuple[str, ...]) -> tuple[str, ...]:
    """Networks of proxies, or "unix". Raises ValueError."""
    return tuple("unix" if name == "unix" else _network(name) for name in given)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        raise ValueError('expected a network such as 10.0.0.0/8, an address, or "unix"') from None


def origins(given: tuple[str, ...] | str) -> tuple[str, ...] | str:
    """Web origins as browsers send them, or "auto". Raises ValueError."""
    if isinstance(given, str):
        return given
    for origin in given:
        parts = urlsplit(origin)
        if origin != "*" and (not parts.netloc or parts.path.strip("/") or parts.query or parts.fragment):
            raise ValueError('expected "*" or an origin such as https://app.example.com')
    return tuple(origin.rstrip("/").lower() for origin in given)


def key(secret: Secret | None) -> Secret | None:
    """A key that can be sent in a header. Raises ValueError, which does not show the key."""
    if secret is None:
        return None
    text = secret.reveal().strip()
    if not text:
        raise ValueError("is empty")
    if not _KEY.fullmatch(text):
        raise ValueError("a key must not contain spaces or non-ASCII characters")
    return Secret(text)


def keys(given: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Client keys, without duplicates. Raises ValueError."""
    return tuple(dict.fromkeys(found for found in map(key, given) if found is not None))


def headers(given: Mapping[str, Secret]) -> Mapping[str, Secret]:
    """Headers that can be sent. Raises ValueError."""
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("not a valid header name")
        if name.lower() in _FORBIDDEN_HEADERS:
            raise ValueError("this header is set by the connection")
        if not _HEADER_VALUE.fullmatch(value.reveal()):
            raise ValueError("a header's value must be a single line")
    return MappingProxyType(dict(given))


def option(text: str | None) -> str | None:
    """A name that can be used in a header or URL. Raises ValueError."""
    if text is not None and not _KEY.fullmatch(text):
        raise ValueError("expected a name without spaces, in ASCII")
    return text


def claim(text: str | None) -> str | None:
    """A claim and the value that it has to have. Raises ValueError."""
    if text is None:
        return None
    name, _, value = text.partition("=")
    if not name or not value:
        raise ValueError("expected claim=value, such as app_metadata.role=admin")
    if name.split(".")[0] == "user_metadata":
        raise ValueError("users can change their user_metadata themselves: use app_metadata")
    return text


def issuers(given: tuple[IssuerConfig, ...]) -> tuple[IssuerConfig, ...]:
    """Issuers of tokens. Raises ValueError, which names the field of the issuer."""
    return tuple(map(_issuer, given))


def _issuer(one: IssuerConfig) -> IssuerConfig:
    fields: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("name", _issuer_name), ("issuer", option), ("audience", _audience), ("jwks_url", url),
        ("secret", key), ("admin_claim", claim),
    )  # fmt: skip
    values = {}
    for name, normal in fields:
        try:
            values[name] = normal(getattr(one, name))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return replace(one, **values)


def _issuer_name(text: str) -> str:
    if text and (len(text) > LONGEST_ISSUER_NAME or not PROVIDER_NAME.fullmatch(text)):
        raise ValueError("expected a short name of letters, digits, dots, dashes and underscores")
    return text


def _audience(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        raise ValueError("is empty: tokens for other applications would be accepted")
    return given


def prefix(text: str) -> str:
    """A path prefix, with a leading and without a trailing slash. Raises ValueError."""
    bare = text.strip("/")
    if not bare or not _PREFIX.fullmatch(bare):
        raise ValueError("expected a path such as /llm-gate: letters, digits, ., _, - and slashes")
    if bare.split("/")[0] in _TAKEN:
        raise ValueError(f"/{bare.split('/')[0]} is already used by other paths")
    return f"/{bare}"


def candidates(given: tuple[str, ...]) -> tuple[str, ...]:
    """The candidates of a model. Raises ValueError."""
    if not given:
        raise ValueError("expected at least one candidate")
    if len(given) > MAX_CANDIDATES:
        raise ValueError(f"at most {MAX_CANDIDATES} candidates are allowed, got {len(given)}")
    for candidate in given:
        provider, slash, model = candidate.partition("/")
        if not (provider and slash and model) or candidate != candidate.strip():
            raise ValueError('expected "provider/model"')
    return given


def prefixes(given: tuple[str, ...]) -> tuple[str, ...]:
    """Prefixes of model names. Raises ValueError."""
    for text in given:
        if not text or text != text.strip():
            raise ValueError("expected a prefix of model names, such as gale-")
    return given


def amount(price: Decimal | None) -> Decimal | None:
    """A price. Raises ValueError."""
    if price is not None and not (price.is_finite() and price >= 0):
        raise ValueError("expected a price of zero or more")
    return price


def image_prices(rows: tuple[ImagePriceConfig, ...]) -> tuple[ImagePriceConfig, ...]:
    """Prices of images. Raises ValueError."""
    for row in rows:
        amount(row.price)
    return rows


def regexes(given: tuple[str, ...]) -> tuple[str, ...]:
    """Regular expressions. Raises ValueError."""
    for place, one in enumerate(given, 1):
        try:
            re.compile(one)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"entry {place} is not a regular expression: {error}") from None
    return given


NORMAL_FORMS: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("server", "host"): host,
    ("server", "hosts"): hosts,
    ("server", "trusted_proxies"): networks,
    ("server", "cors_origins"): origins,
    ("auth", "keys"): keys,
    ("auth", "admin_keys"): keys,
    ("auth", "supabase_url"): url,
    ("auth", "jwt_secret"): key,
    ("auth", "jwt_issuer"): option,
    ("auth", "jwt_admin_claim"): claim,
    ("auth", "jwt_jwks_url"): url,
    ("store", "url"): store_url,
    ("store", "valkey"): valkey,
    ("auth", "jwt_issuers"): issuers,
    ("store", "secret_keys"): keys,
    ("billing", "stripe_secrets"): keys,
    ("alerts", "urls"): alert_urls,
    ("metrics", "token"): key,
    ("traces", "endpoint"): url,
    ("traces", "service"): option,
    ("logs", "redact"): regexes,
    ("api", "llm_gate"): prefix,
    ("providers", "base_url"): url,
    ("providers", "api_key"): key,
    ("providers", "api_keys"): keys,
    ("providers", "headers"): headers,
    ("providers", "region"): option,
    ("providers", "project"): option,
    ("providers", "location"): option,
    ("providers", "api_version"): option,
    ("providers", "organization"): option,
    ("providers", "access_key_id"): option,
    ("providers", "secret_access_key"): key,
    ("providers", "session_token"): key,
    ("providers", "prefixes"): prefixes,
    ("providers", "strip_prefixes"): prefixes,
    ("models", "candidates"): candidates,
    **{("prices", name): amount for name in PriceConfig.__struct_fields__},
    ("prices", "images"): image_prices,
}
"""By section and key."""
