"""Where a request goes, rendered once: an `Address` of a URL, and blocks of request headers."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

__all__ = ["Address", "Origin", "is_header_name", "is_header_value", "parse_address", "render_headers"]

USUAL_PORTS = {"https": 443, "http": 80}

_UNSAFE = re.compile(r"[^!-~]|[\"<>\\^`{|}#]")
"""What may not stand in a request line unquoted."""
_SAFE = "!$%&'()*+,-./:;=?@[]_~"
"""What keeps its meaning only as it is written; a percent sign is taken for that of an escape."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Origin(NamedTuple):
    """What connections can be shared for."""

    tls: bool
    host: str
    """A name (in its ASCII form) or an IP address, without brackets."""
    port: int
    verify: bool
    """Whether the certificate must be valid."""

    @property
    def authority(self) -> str:
        """Host and port, as in CONNECT and in messages about odd ports."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def label(self) -> str:
        """What messages call it: the port is left out where it is the usual one."""
        usual = USUAL_PORTS["https" if self.tls else "http"]
        return _bracketed(self.host) if self.port == usual else self.authority


class Address(NamedTuple):
    """A URL, parsed once and ready to be sent to."""

    origin: Origin
    target: bytes
    """Path and query, as they stand in the request line."""
    head: bytes
    """The request line of a POST and the `host` header."""


def parse_address(url: str, verify: bool = True, host: str | None = None) -> Address:
    """The address of a URL; `host` replaces the `host` header that follows from it. Callers keep the
    addresses that they use again.

    Raises ValueError for what is not an http or https URL.
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
    """Whether a header may have this name."""
    return _NAME.fullmatch(name) is not None


def is_header_value(value: bytes) -> bool:
    """Whether a header may have this value: no control characters but the tab."""
    return _CONTROL.search(value) is None


def render_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A block of header lines. Control characters in a value (CR, LF and NUL among them) become
    blanks, so that a value can neither end its line nor begin another header.

    Raises ValueError for a name that is not one.
    """
    lines = []
    for name, value in headers:
        if not is_header_name(name):
            raise ValueError(f"{name!r} is not the name of a header")
        lines.append(b"%b: %b\r\n" % (name, _CONTROL.sub(b" ", value).strip()))
    return b"".join(lines)


@lru_cache(maxsize=64)
def _ascii(host: str) -> str:
    """A host's name in the form that DNS and TLS use. Hosts are the operator's: they are few."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{host!r} is not the name of a host") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
