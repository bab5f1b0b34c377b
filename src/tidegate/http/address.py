"""Request targets, rendered once: an `Address` for a URL, and blocks of request headers."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

__all__ = ["Address", "Origin", "is_header_name", "is_header_value", "parse_address", "render_headers"]

USUAL_PORTS = {"https": 443, "http": 80}

_UNSAFE = re.compile(r"[^!-~]|[\"<>\\^`{|}#]")
"""Characters that must be quoted in a request line."""
_SAFE = "!$%&'()*+,-./:;=?@[]_~"
"""Characters that must not be quoted, because quoting changes their meaning; a percent sign is assumed to
start an escape."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Origin(NamedTuple):
    """The key for sharing connections."""

    tls: bool
    host: str
    """A host name (in ASCII form) or an IP address, without brackets."""
    port: int
    verify: bool
    """Whether the certificate must be valid."""

    @property
    def authority(self) -> str:
        """Host and port, as in CONNECT and in messages about unusual ports."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def label(self) -> str:
        """The name used in messages: without the default port."""
        usual = USUAL_PORTS["https" if self.tls else "http"]
        return _bracketed(self.host) if self.port == usual else self.authority


class Address(NamedTuple):
    """A URL, parsed once and ready for requests."""

    origin: Origin
    target: bytes
    """Path and query, as in the request line."""
    head: bytes
    """The request line of a POST and the `host` header."""


def parse_address(url: str, verify: bool = True, host: str | None = None) -> Address:
    """Return the address of a URL; `host` replaces the `host` header derived from it. Callers cache the
    addresses that they reuse.

    Raises ValueError for anything except an http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in USUAL_PORTS or not parts.hostname:
        raise ValueError("expected a URL that begins with https:// or http://")
    name, usual = _ascii(parts.hostname), USUAL_PORTS[parts.scheme]
    origin = Origin(parts.scheme == "https", name, parts.port or usual, verify)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if _UNSAFE.search(target):
        target = quote(target, safe=_SAFE)
    line = render_headers([(b"host", (host or origin.label).encode())])
    return Address(origin, target.encode(), b"POST %b HTTP/1.1\r\n%b" % (target.encode(), line))


def is_header_name(name: bytes) -> bool:
    """Return whether this is a valid header name."""
    return _NAME.fullmatch(name) is not None


def is_header_value(value: bytes) -> bool:
    """Return whether this is a valid header value: no control characters except tabs."""
    return _CONTROL.search(value) is None


def render_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a block of header lines. Control characters in a value (including CR, LF and NUL) become blanks,
    so that a value can neither end its line nor start another header.

    Raises ValueError for an invalid name.
    """
    lines = []
    for name, value in headers:
        if not is_header_name(name):
            raise ValueError(f"{name!r} is not the name of a header")
        lines.append(b"%b: %b\r\n" % (name, _CONTROL.sub(b" ", value).strip()))
    return b"".join(lines)


@lru_cache(maxsize=64)
def _ascii(host: str) -> str:
    """Return a host name in the form that DNS and TLS use. Hosts come from the operator, so there are few."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{host!r} is not the name of a host") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
