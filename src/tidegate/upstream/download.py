"""Downloads of files that clients link to. Imported on the first fetch, because aiohttp takes longer to
import than the whole data plane.
"""

import re
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from tidegate import __version__

from .allowed import NOT_ALLOWED, Address, Budget, NotFetched

__all__ = ["CheckedResolver", "Downloader", "parse_address"]

MAX_REDIRECTS = 3
MAX_INFORMATIONAL = 32
"""Maximum number of informational responses (1xx) before the final one."""
MAX_URL = 8192
"""Maximum characters of an address."""


class CheckedResolver(AbstractResolver):
    """A resolver that returns only allowed addresses."""

    def __init__(self, inner: AbstractResolver, allowed: Callable[[Address], bool]) -> None:
        self._inner = inner
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of a name. Raises OSError if there are none."""
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if self._allowed(ip_address(one["host"]))]
        if not allowed:
            raise OSError(NOT_ALLOWED)
        return allowed

    async def close(self) -> None:
        """Close the underlying resolver."""
        await self._inner.close()


class LimitedResponse(aiohttp.ClientResponse):
    """A response with a limit on informational responses before it. aiohttp itself has no limit, and would
    use a whole processor until the timeout.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """See aiohttp. Raises NotFetched."""
        protocol = connection.protocol
        assert protocol is not None
        read_message, left = protocol.read, MAX_INFORMATIONAL

        async def read() -> Any:
            nonlocal left
            message, payload = await read_message()
            left -= message.code < 200
            if left < 0:
                raise NotFetched("its server sends endless informational responses")
            return message, payload

        protocol.read = read  # type: ignore[method-assign]  # of this connection, which is not used again
        return await super().start(connection)


_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\x21-\x7e]")


def parse_address(text: str, allowed: Callable[[Address], bool]) -> URL:
    """Check an address, as far as possible before its name is resolved.

    Raises NotFetched.
    """
    if len(text) > MAX_URL:
        raise NotFetched("its URL is too long")
    try:
        # ASCII is sent unchanged, because signatures depend on it.
        url = URL(text, encoded=_UNSAFE.search(text) is None)
        host, _ = url.host, url.port
    except (ValueError, LookupError):  # yarl: an IndexError for `http://[]@`
        raise NotFetched("it is not a valid URL") from None
    if url.scheme not in ("http", "https") or not host:
        raise NotFetched("only http and https URLs are fetched")
    if url.raw_user is not None or url.raw_password is not None:
        raise NotFetched("URLs with a user or password are not fetched")
    _check_literal(host, allowed)
    return url


def _check_literal(host: str, allowed: Callable[[Address], bool]) -> None:
    """Check a host that is an address itself. Other spellings of IPv4 (octal, hexadecimal, one number)
    are parsed differently by different programs, so they are not accepted as addresses here.
    """
    try:
        literal = ip_address(host)
    except ValueError:
        if _NUMERIC.search(host.rpartition(".")[2] or host):
            raise NotFetched(NOT_ALLOWED) from None
        return
    if not allowed(literal):
        raise NotFetched(NOT_ALLOWED)


class Downloader:
    """Downloads for all requests of a worker. Nothing is kept: no connection, no cookie, no name."""

    def __init__(self, allowed: Callable[[Address], bool], resolver: AbstractResolver | None) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def download(self, address: str, types: frozenset[str], budget: Budget) -> bytes:
        """The bytes at an address. Raises NotFetched."""
        try:
            return await self._follow(address, types, budget)
        except aiohttp.ClientConnectorDNSError:
            raise NotFetched(NOT_ALLOWED) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise NotFetched("its server cannot be reached, or does not speak HTTP") from None

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
                response_class=LimitedResponse,
                auto_decompress=False,  # a small body cannot expand to a large one
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    def _make_socket(self, info: Any) -> socket.socket:
        """The socket of a connection. Raises OSError unless it goes to an allowed address: however an
        address got here, this is the final check.
        """
        family, kind, protocol, _, place = info
        if not self._allowed(ip_address(place[0])):
            raise OSError(NOT_ALLOWED)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def close(self) -> None:
        """Close the session."""
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
