"""Fetching of what clients link to, for providers that take bytes only.

The address is the client's, so it must not lead where the client itself could not go: only http and
https, only public addresses, and what was checked is what is connected to. A name is resolved once
per hop and the connection is made to the addresses that passed; the socket is made under the same
check, so that nothing in between can change them. Redirects are followed by hand, each hop checked
anew. What comes back is judged by its content, not by what the server calls it.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tidegate import __version__

__all__ = ["Budget", "Fetched", "Fetcher", "NotFetched", "is_public", "type_of_content"]

Address = IPv4Address | IPv6Address

MAX_REDIRECTS = 3
MAX_URL = 8192
"""Characters of an address."""

NOT_ALLOWED = "the address is not allowed"
"""The same words for what is forbidden and for what has no address at all: the difference would tell
which names exist in the gateway's own network."""


class NotFetched(Exception):
    """Why something was not fetched, in words for the client."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched."""

    media_type: str
    """By its content."""
    data: bytes


@dataclass(slots=True)
class Budget:
    """How many bytes may still be fetched."""

    left: int

    def spend(self, size: int) -> None:
        """Take `size` bytes out of it. Raises NotFetched where there are not as many."""
        self.left -= size
        if self.left < 0:
            raise NotFetched("it is larger than the gateway fetches for one request")


# --- where one may go ------------------------------------------------------------------------

GLOBAL_6 = IPv6Network("2000::/3")
"""All of IPv6 that is routed publicly. Mapped IPv4 (::ffff:0:0/96), NAT64 (64:ff9b::/96 and
64:ff9b:1::/48), unique local, link-local and multicast addresses lie outside of it."""

FORBIDDEN_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, which holds IPv4 addresses, and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds IPv4 addresses
        "3fff::/20",  # documentation
    )
)

FORBIDDEN_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT; Alibaba's metadata service is in it
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host of a virtual machine
        "169.254.0.0/16",  # link-local; most metadata services are in it
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service is in it
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""The upper half of an interface identifier that holds an IPv4 address in its lower half."""


def is_public(address: Address) -> bool:
    """Whether an address is anybody's to reach: global, and nothing that stands for another address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in FORBIDDEN_4)
    if address not in GLOBAL_6 or any(address in network for network in FORBIDDEN_6):
        return False
    return (int(address) >> 32) & 0xFFFF_FFFF not in ISATAP


class CheckedResolver(AbstractResolver):
    """A resolver that answers with allowed addresses only."""

    def __init__(self, inner: AbstractResolver, allowed: Callable[[Address], bool]) -> None:
        self._inner = inner
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of a name. Raises OSError where there is none."""
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if self._allowed(ip_address(one["host"]))]
        if not allowed:
            raise OSError(NOT_ALLOWED)
        return allowed

    async def close(self) -> None:
        """Close the resolver beneath."""
        await self._inner.close()


_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\x21-\x7e]")


def parse_address(text: str, allowed: Callable[[Address], bool]) -> URL:
    """An address that may be asked, as far as that can be told before its name is resolved.

    Raises NotFetched.
    """
    if len(text) > MAX_URL:
        raise NotFetched("its address is too long")
    try:
        # What is ASCII is sent as it is written: signatures hang on it.
        url = URL(text, encoded=_UNSAFE.search(text) is None)
        host, _ = url.host, url.port
    except (ValueError, LookupError):  # yarl: an IndexError for `http://[]@`
        raise NotFetched("its address is no URL") from None
    if url.scheme not in ("http", "https") or not host:
        raise NotFetched("only http and https addresses are fetched")
    if url.raw_user is not None or url.raw_password is not None:
        raise NotFetched("an address with a user or a password is not fetched")
    _check_literal(host, allowed)
    return url


def _check_literal(host: str, allowed: Callable[[Address], bool]) -> None:
    """Check a host that is an address itself. Other spellings of IPv4 (octal, hexadecimal, one number)
    are read differently by different programs, so they are no addresses here.
    """
    try:
        literal = ip_address(host)
    except ValueError:
        if _NUMERIC.search(host.rpartition(".")[2] or host):
            raise NotFetched(NOT_ALLOWED) from None
        return
    if not allowed(literal):
        raise NotFetched(NOT_ALLOWED)


# --- what one may bring back -----------------------------------------------------------------

SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("application/pdf", re.compile(rb"%PDF-")),
)
"""How the files of a type begin."""


def type_of_content(data: bytes) -> str | None:
    """The media type of a file by its first bytes; None for what is none of those known here."""
    return next((name for name, begin in SIGNATURES if begin.match(data)), None)


# --- the way there and back ------------------------------------------------------------------


class Fetcher:
    """Fetches for all requests of a worker. Nothing is kept: no connection, no cookie, no name."""

    def __init__(
        self, allowed: Callable[[Address], bool] = is_public, resolver: AbstractResolver | None = None
    ) -> None:
        self._allowed = allowed
        """Which addresses may be reached."""
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, address: str, types: frozenset[str], timeout_s: float, budget: Budget) -> Fetched:
        """What is at an address, if its content is of one of the types. Raises NotFetched."""
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._follow(address, types, budget)
        except TimeoutError:
            raise NotFetched(f"it did not arrive within {timeout_s:g} seconds") from None
        except aiohttp.ClientConnectorDNSError:
            raise NotFetched(NOT_ALLOWED) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise NotFetched("its server cannot be reached, or does not speak HTTP") from None
        media_type = type_of_content(data)
        if media_type not in types:
            raise NotFetched(f"it is none of {', '.join(sorted(types))}")
        return Fetched(media_type, data)

    async def _follow(self, address: str, types: frozenset[str], budget: Budget) -> bytes:
        url = parse_address(address, self._allowed)
        for _ in range(MAX_REDIRECTS + 1):
            async with self._open().get(
                url, headers={"accept": ", ".join(sorted(types))}, allow_redirects=False
            ) as response:
                if response.status not in (301, 302, 303, 307, 308):
                    return await _read(response, budget)
                target = url.join(URL(response.headers.get("location", "")))
                url = parse_address(str(target), self._allowed)
        raise NotFetched(f"its server redirects more than {MAX_REDIRECTS} times")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = self._resolver or aiohttp.ThreadedResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(resolver, self._allowed),
                    socket_factory=self._make_socket,
                    use_dns_cache=False,
                    force_close=True,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": f"tidegate/{__version__}", "accept-encoding": "identity"},
                auto_decompress=False,  # a small body cannot become a large one
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    def _make_socket(self, info: Any) -> socket.socket:
        """The socket of a connection. Raises OSError unless it goes to an allowed address: whatever
        way an address came here, this is the last look at it.
        """
        family, kind, protocol, _, place = info
        if not self._allowed(ip_address(place[0])):
            raise OSError(NOT_ALLOWED)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _read(response: aiohttp.ClientResponse, budget: Budget) -> bytes:
    if response.status != 200:
        raise NotFetched(f"its server answered with status {response.status}")
    declared = response.content_length
    if declared is not None and declared > budget.left:
        budget.spend(declared)
    pieces = []
    while data := await response.content.readany():
        budget.spend(len(data))
        pieces.append(data)
    return b"".join(pieces)
