"""AWS's Signature Version 4, as pure functions.

The hash of a request in canonical form is signed with a key derived for the day, region and service, and the
signature goes into the `authorization` header. What is signed must be sent unchanged: method, path, query,
body and the signed headers.
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

__all__ = ["Credentials", "Scope", "sign"]

ALGORITHM = "AWS4-HMAC-SHA256"

UNSIGNED = frozenset({"authorization", "connection", "expect", "user-agent", "x-amzn-trace-id"})
"""Headers that proxies and clients modify on the way."""


class Credentials(NamedTuple):
    """AWS credentials."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    """Only for temporary credentials."""

    def __repr__(self) -> str:
        """Keep the secrets out of logs."""
        return f"Credentials({self.access_key!r}, …)"


class Scope(NamedTuple):
    """The scope of a signature, in addition to the day."""

    region: str
    service: str


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    scope: Scope,
    now: datetime,
) -> dict[str, str]:
    """Return the headers that sign a request.

    `url` is the complete URL as it will be sent, percent-encoded; `headers` are those to be sent (`host` is
    derived from the URL if it is missing); `now` is any aware time.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token
    signed = _signed_headers({"host": _host(url), **_lower(headers), **added})
    names = ";".join(signed)
    canonical = _canonical_request(method, url, signed, names, body)
    place = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join([ALGORITHM, stamp, place, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _signing_key(credentials.secret_key, stamp[:8], scope)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    value = f"Credential={credentials.access_key}/{place}, SignedHeaders={names}, Signature={signature}"
    return {**added, "authorization": f"{ALGORITHM} {value}"}


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, scope: Scope) -> bytes:
    """Return the signing key of a day, which is the same for all of its requests."""
    key = f"AWS4{secret}".encode()
    for step in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key


def _canonical_request(method: str, url: str, signed: Mapping[str, str], names: str, body: bytes) -> str:
    parts = urlsplit(url)
    canonical = "".join(f"{name}:{value}\n" for name, value in signed.items())
    return "\n".join(
        [
            method.upper(),
            _canonical_path(parts.path),
            _canonical_query(parts.query),
            canonical,
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )


def _canonical_path(path: str) -> str:
    """Return the path as it is sent, without `.`, `..` and empty segments, and encoded once more: AWS does so
    for every service except S3. `%3A` in a model name becomes `%253A`.
    """
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    ends = "/" if steps and path.endswith(("/", "/.", "/..")) else ""
    return quote("/" + "/".join(steps) + ends, safe="/~")


def _canonical_query(query: str) -> str:
    """Return the parameters in order, as they are sent. Unlike the path, they are not encoded again."""
    pairs = sorted(pair.partition("=") for pair in query.split("&") if pair)
    return "&".join(f"{name}={value}" for name, _, value in pairs)


def _signed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the names in order, with whitespace in values normalised."""
    return {name: " ".join(headers[name].split()) for name in sorted(headers) if name not in UNSIGNED}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


_USUAL_PORTS = {"https": 443, "http": 80}


def _host(url: str) -> str:
    """Return the host header as HTTP clients write it: without the default port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = parts.port is None or parts.port == _USUAL_PORTS.get(parts.scheme)
    return host if usual else f"{host}:{parts.port}"
