"""Which web pages may call the gateway, and the headers for their browsers.

A browser sends a page's request first and hides the response afterwards: CORS restricts what a page can read,
not what the request costs. A page that may not call is therefore rejected before anything else happens. It is
recognized by headers that only browsers send:

- `Origin`: with every request of a script or form to another origin, and with every POST.
- `Sec-Fetch-Site: cross-site`, also without `Origin`: an image, link or form on another site.
- `Host`: a page whose own host name was rebound to this machine's address is same-origin; only the name in
  `Host` gives it away. It is checked only by a gateway without client keys, as such a page has no key.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from tidegate.config import Config
from tidegate.exchange import Header, Request
from tidegate.exchange.request import safe_value
from tidegate.http.contract import ServerRequest
from tidegate.http.lines import render_lines
from tidegate.protocols.errors import BrowserRefused

__all__ = ["VARY", "BrowserPolicy"]

_OWN = (
    *("x-request-id", "retry-after", "link"),
    *(
        f"x-tidegate-{name}"
        for name in ("provider", "model", "attempts", "dropped", "estimated", "cost-usd", "explained")
    ),
)
_LIMITS = tuple(
    name
    for kind in ("requests", "tokens")
    for part in ("limit", "remaining", "reset")
    for name in (f"x-ratelimit-{part}-{kind}", f"anthropic-ratelimit-{kind}-{part}")
)
EXPOSED = ", ".join((*_OWN, *_LIMITS)).encode()
"""Response headers that scripts of pages may read."""
VARY = b"vary: origin\r\n"
ALLOWED_METHODS = b"GET, POST, OPTIONS"
PREFLIGHT_AGE_S = b"86400"
PRIVATE_NETWORK: Header = (b"access-control-allow-private-network", b"true")
"""Chromium requires this if a page from the internet calls a private address."""

MOST_REMEMBERED = 256
"""Maximum number of cached values of `Host` that are known to be valid."""

_HOST = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]*)(?::\d*)?")
"""A host (in brackets if it is an IPv6 address) and a port."""


class BrowserPolicy:
    """Which web pages may call, decided when the configuration loads."""

    def __init__(self, config: Config) -> None:
        server, keys = config.server, config.auth.mode == "keys"
        origins = ("*",) if server.cors_origins == "auto" and keys else server.cors_origins
        self._loopback = origins == "auto"
        """Whether only pages on this machine may call."""
        self._origins = frozenset(origin.encode() for origin in origins if origins != "auto")
        self._any = b"*" in self._origins
        names = frozenset(_own_names(server.host, server.hosts))
        self._names = None if keys or "*" in names else names
        """The allowed host names, in addition to IP addresses; None: any."""
        self._right_hosts: set[bytes] = {b""}
        """Valid values of `Host`. It is optional in HTTP/1.0, and browsers always send it."""

    def admit(self, client: ServerRequest) -> bytes | None:
        """The response headers for browsers, rendered; None if the request is rejected (see `refusal`)."""
        find = client.named.get
        host, origin = find(b"host", b""), find(b"origin")
        if self._names is not None and host not in self._right_hosts and not self._is_right(host):
            return None
        if self._any:
            return ANY if origin else b""
        if origin:
            return self._for_origin(origin, host)
        if find(b"sec-fetch-site") == b"cross-site" and not _is_navigation(client):
            return None
        return VARY

    def _for_origin(self, origin: bytes, host: bytes) -> bytes | None:
        if origin in self._origins or (self._loopback and _is_loopback(origin)):
            return _render(origin) + VARY
        same_origin = origin.partition(b"://")[2] == host != b""
        return VARY if same_origin else None

    def _is_right(self, host: bytes) -> bool:
        assert self._names is not None, "the host is not checked otherwise"
        name = _name_of(host.decode("latin-1"))
        if not (_is_address(name) or name in self._names or name.endswith(".localhost")):
            return False
        if len(self._right_hosts) < MOST_REMEMBERED:
            self._right_hosts.add(host)
        return True

    def refusal(self, client: ServerRequest) -> BrowserRefused:
        """The error for a rejected request, with what the operator can do about it."""
        host = client.named.get(b"host", b"")
        if self._names is not None and not self._is_right(host):
            return _unknown_host(_name_of(_show(host)))
        origin = client.named.get(b"origin")
        who, what = ("this page", "its origin") if origin is None else (f"pages of {_show(origin)}", "it")
        return BrowserRefused(
            f"{who} may not call this gateway from a browser. To allow it, the operator adds {what} to "
            "cors_origins in [server] (TIDEGATE_SERVER_CORS_ORIGINS)"
        )

    @staticmethod
    def preflight(request: Request) -> Sequence[Header]:
        """The additional headers of a response to a preflight."""
        wanted = request.header(b"access-control-request-headers") or b"*"
        private = request.header(b"access-control-request-private-network") is not None
        return [
            (b"access-control-allow-methods", ALLOWED_METHODS),
            (b"access-control-allow-headers", safe_value(wanted)),
            (b"access-control-max-age", PREFLIGHT_AGE_S),
            *([PRIVATE_NETWORK] if private else ()),
        ]


def _render(origin: bytes) -> bytes:
    headers = [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]
    return render_lines(headers)


ANY = _render(b"*")
"""For every origin."""


def _own_names(host: str, listed: Iterable[str]) -> Iterator[str]:
    """The gateway's host names: localhost, the machine's name with and without its domain, the configured
    host, and those listed by the operator.
    """
    machine = socket.gethostname().lower().rstrip(".")
    short = machine.partition(".")[0]
    yield from ("localhost", machine, short, f"{short}.local", host.lower(), *listed)


def _name_of(host: str) -> str:
    """The name or address in a `Host` header, without its port; empty if it is malformed."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").removesuffix(".").lower() if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(origin: bytes) -> bool:
    """Whether an origin is a server on this machine."""
    try:
        parts = urlsplit(origin.decode("ascii"))
        name = parts.hostname or ""
        if parts.scheme not in ("http", "https") or parts.path or parts.username is not None:
            return False
        return name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_navigation(client: ServerRequest) -> bool:
    """Whether a user follows a link to this gateway. The other site cannot read the page, and no GET is
    billed.
    """
    return client.method in ("GET", "HEAD") and (b"sec-fetch-mode", b"navigate") in client.headers


def _show(value: bytes) -> str:
    return value.decode("latin-1")


def _unknown_host(name: str) -> BrowserRefused:
    return BrowserRefused(
        f'this gateway is not known as "{name}". Without client keys it accepts requests for an IP address, '
        "localhost or this machine's name only. The operator adds other names to hosts in [server] "
        "(TIDEGATE_SERVER_HOSTS), or sets client keys (TIDEGATE_API_KEYS)",
        code="host_not_allowed",
    )
