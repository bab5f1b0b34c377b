"""Proxies from the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

Lower-case variables take precedence, as in curl. NO_PROXY is a list of names (which include their
subdomains), addresses and networks, each with an optional port; `*` matches everything. This machine itself
is never reached through a proxy.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from .address import Origin, render_headers
from .errors import ConnectFailed

__all__ = ["Proxies", "Proxy", "environment"]


def environment() -> Mapping[str, str]:
    """Return the process environment, where proxies and certificate authorities are set."""
    return os.environ


class Proxy(NamedTuple):
    """A proxy, used over plain HTTP."""

    host: str
    port: int
    headers: bytes
    """The encoded `proxy-authorization` header; empty if the proxy URL has no user."""

    @property
    def label(self) -> str:
        """The name used in messages."""
        return f"{self.host}:{self.port}"


class Proxies:
    """The proxies of an environment."""

    __slots__ = ("_by_scheme", "_exempt")

    def __init__(self, environ: Mapping[str, str]) -> None:
        every = _variable(environ, "all_proxy")
        self._by_scheme = {
            scheme: _variable(environ, f"{scheme}_proxy") or every for scheme in ("http", "https")
        }
        self._exempt = [entry.strip().lower() for entry in _variable(environ, "no_proxy").split(",")]

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy for an origin; None for a direct connection. Raises ConnectFailed."""
        text = self._by_scheme["https" if origin.tls else "http"]
        if not text or self._is_exempt(origin):
            return None
        return _parse(text)

    def _is_exempt(self, origin: Origin) -> bool:
        if origin.host == "localhost" or _is_loopback(origin.host):
            return True
        return any(_matches(entry, origin) for entry in self._exempt if entry)


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(entry: str, origin: Origin) -> bool:
    if entry == "*":
        return True
    try:
        return ip_address(origin.host) in ip_network(entry, strict=False)
    except ValueError:
        pass  # one of the two is a name
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit():
        if int(port) != origin.port:
            return False
        entry = name.strip("[]")
    entry = entry.removeprefix("*").removeprefix(".")
    return origin.host == entry or origin.host.endswith(f".{entry}")


def _parse(text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise ConnectFailed("the address of the proxy in the environment is not a URL")
    if parts.scheme != "http":
        raise ConnectFailed(f"the proxy {host} cannot be used: only http:// proxies are supported")
    headers = b""
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers = render_headers([(b"proxy-authorization", b"Basic " + b64encode(user))])
    return Proxy(host, port or 80, headers)
