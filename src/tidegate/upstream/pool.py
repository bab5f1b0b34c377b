"""Pooled connections to providers, over aiohttp."""

import asyncio
import io
import ssl
from collections.abc import Callable
from functools import lru_cache

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tidegate.protocols.errors import ProviderBroke, ProviderError, ProviderTimeout, ProviderUnreachable

__all__ = ["TRANSPORT_ERRORS", "Answer", "Pool", "explain"]

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of a JSON answer; a larger one is not an answer (images in base64 stay far below)."""
MAX_ERROR = 256 * 1024
"""Bytes of an error answer that are read; what follows is thrown away with the connection."""
KEEP_ALIVE_S = 55.0
"""How long an idle connection is kept: shorter than the 60 s after which most load balancers close
theirs, so that a request is rarely sent into a closing connection."""
READ_BUFFER = 256 * 1024
"""Bytes that may wait for a slow client before reading from the provider pauses."""

LARGE = 1024 * 1024
"""Bytes of a body beyond which it is sent piece by piece, so that other requests get their turn."""

TRANSPORT_ERRORS = (aiohttp.ClientError, OSError)
"""What reading an answer piece by piece may raise; `explain` says what it means."""


class Answer:
    """A provider's answer: status and headers have arrived, the body comes as it is read."""

    __slots__ = ("_response", "raw_headers", "read_any", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.raw_headers = response.raw_headers
        self.read_any = response.content.readany
        """Awaits the next bytes; b"" is the end. Raises `TRANSPORT_ERRORS`."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def read(self, on_data: Callable[[], None]) -> bytes:
        """The whole body; `heard` is called for every piece of it.

        Raises ProviderBroke where it is cut or endless.
        """
        return await self._read(MAX_ANSWER, on_data, cut=False)

    async def read_error(self, on_data: Callable[[], None]) -> bytes:
        """As much of an error's body as is worth reading; a cut one is still read."""
        return await self._read(MAX_ERROR, on_data, cut=True)

    async def _read(self, limit: int, on_data: Callable[[], None], *, cut: bool) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            while data := await self.read_any():
                on_data()
                pieces.append(data)
                size += len(data)
                if size > limit:
                    self.close()
                    if cut:
                        break
                    raise ProviderBroke(f"the provider's answer is larger than {limit} bytes")
        except aiohttp.ClientError as error:
            if not cut:
                raise explain(error) from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """End the answer. A body that was not read to its end takes the connection with it."""
        self._response.close()


class Pool:
    """Connections to all providers of one worker."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the session; needs a running event loop."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            read_bufsize=READ_BUFFER,
            timeout=aiohttp.ClientTimeout(total=None),
            max_line_size=65536,
            max_field_size=65536,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self, url: str, headers: "CIMultiDict[str]", body: bytes, connect_s: float, *, verify: bool = True
    ) -> Answer:
        """Send a request and await the head of the answer.

        Raises ProviderUnreachable, ProviderTimeout (while connecting) or ProviderBroke.
        """
        assert self._session is not None, "the pool is not open"
        try:
            response = await self._session.post(
                parse_url(url),
                data=body if len(body) <= LARGE else io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
                timeout=_timeout(connect_s),
                ssl=verify,
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise explain(error) from error
        return Answer(response)


@lru_cache(maxsize=4096)
def parse_url(url: str) -> URL:
    """The URL, parsed once: the same few are asked again and again."""
    return URL(url, encoded=True)


@lru_cache(maxsize=64)
def _timeout(connect_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect_s)


def explain(error: BaseException) -> ProviderError:
    """What a failure of the transport means, without addresses or keys."""
    if isinstance(error, ProviderError):
        return error
    for kinds, meaning, words in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(words)
    return ProviderBroke("the provider's answer cannot be read")


_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], type[ProviderError], str], ...] = (
    (
        (aiohttp.ServerTimeoutError, asyncio.TimeoutError),
        ProviderTimeout,
        "no connection to the provider in time",
    ),
    (
        (aiohttp.ClientConnectorCertificateError, ssl.SSLError),
        ProviderUnreachable,
        "the provider's certificate is not trusted",
    ),
    ((aiohttp.ClientConnectorDNSError,), ProviderUnreachable, "the provider's name cannot be resolved"),
    ((aiohttp.ClientConnectorError,), ProviderUnreachable, "the provider cannot be reached"),
    (
        (aiohttp.ServerDisconnectedError,),
        ProviderUnreachable,
        "the provider closed the connection before it answered",
    ),
    ((aiohttp.ClientPayloadError,), ProviderBroke, "the provider's answer was cut off"),
    ((aiohttp.ClientOSError,), ProviderUnreachable, "the connection to the provider was lost"),
    ((aiohttp.ClientResponseError,), ProviderBroke, "the provider does not speak HTTP"),
)
"""Most specific first."""
