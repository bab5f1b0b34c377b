"""Pooled connections to providers: the HTTP client, with its failures mapped to the gateway's errors."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from tidegate.http.address import Address
from tidegate.http.client import Client
from tidegate.http.client_response import Response, Sink
from tidegate.http.contract import Header
from tidegate.http.errors import ConnectFailed, ConnectTimeout, HTTPError, ServerDisconnected
from tidegate.protocols.errors import ProviderBroke, ProviderError, ProviderTimeout, ProviderUnreachable

__all__ = ["TRANSPORT_ERRORS", "Answer", "Pool", "explain"]

MAX_ANSWER = 256 * 1024 * 1024
"""Maximum bytes of a JSON answer; a larger one is an error (images in base64 stay far below)."""
MAX_ERROR = 256 * 1024
"""Bytes read of an error answer; the rest is discarded with the connection."""
ERROR_PATIENCE_S = 2.0
"""How long the body of an error answer may take: the status is known, and the client waits for it."""

TRANSPORT_ERRORS = (HTTPError,)
"""What reading an answer in pieces may raise; `explain` maps it to the gateway's errors."""


class Answer:
    """A provider's answer: status and headers have arrived, the body is read on demand."""

    __slots__ = ("_response", "ok", "raw_headers", "status")

    def __init__(self, response: Response) -> None:
        self._response = response
        self.status = response.status
        self.ok = 200 <= response.status < 300
        """Whether the status is a success."""
        self.raw_headers: list[Header] = response.headers
        """Names are lower case."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers}

    def read_any(self) -> Awaitable[bytes]:
        """Await the next bytes; b"" is the end. Raises `TRANSPORT_ERRORS`."""
        return self._response.read_any()

    def read_into(self, sink: Sink) -> Awaitable[bool]:
        """Call a function with the bytes as they arrive, until it returns False or the body ends. Returns
        whether the body has ended. Raises `TRANSPORT_ERRORS`.
        """
        return self._response.read_into(sink)

    def close(self) -> None:
        """End the answer. If its body is incomplete, the connection is closed too."""
        self._response.close()

    def take(self) -> bytes | None:
        """The whole body if it has arrived; None if it has to be read."""
        return self._response.take()

    async def read(self, on_data: Callable[[], None]) -> bytes:
        """The whole body; `on_data` is called for every piece of it.

        Raises ProviderBroke if it is cut off or endless.
        """
        body = self._response.take()
        if body is not None:
            on_data()
            return body
        try:
            return await self._read(on_data)
        except HTTPError as error:
            raise explain(error) from error

    async def _read(self, on_data: Callable[[], None]) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while data := await self.read_any():
            on_data()
            pieces.append(data)
            size += len(data)
            if size > MAX_ANSWER:
                self.close()
                raise ProviderBroke(f"the provider's answer is larger than {MAX_ANSWER} bytes")
        return b"".join(pieces)

    async def read_error(self, on_data: Callable[[], None]) -> bytes:
        """The body of an error, limited in size and time; a truncated one is still parsed."""
        body = self._response.take()
        if body is not None:
            on_data()
            return body[:MAX_ERROR]
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(ERROR_PATIENCE_S):
                while size <= MAX_ERROR and (data := await self.read_any()):
                    on_data()
                    pieces.append(data)
                    size += len(data)
        except (HTTPError, TimeoutError):
            pass
        self.close()
        return b"".join(pieces)


class Pool:
    """Connections to all providers of one worker."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """`environ` names proxies and authorities; by default it is the environment of the process."""
        self._client = Client(environ)

    def open(self) -> None:
        """Open the pool; needs a running event loop."""
        self._client.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def post(
        self,
        address: Address,
        headers: bytes,
        body: bytes,
        connect_s: float,
        on_resend: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and await the head of the answer. Its status may be a success or an error.

        `on_resend` is called if the request is sent again because a reused connection was dead.
        Raises ProviderUnreachable, ProviderTimeout (while connecting) or ProviderBroke.
        """
        try:
            response = await self._client.post(address, headers, body, connect_s, on_resend)
        except HTTPError as error:
            raise explain(error) from error
        if 200 <= response.status < 300 or 400 <= response.status < 600:
            return Answer(response)
        response.close()
        raise ProviderBroke(_describe_status(response.status))

    async def get(self, address: Address, headers: bytes, connect_s: float) -> Answer:
        """GET a list of an API; behaves like `post`."""
        try:
            return Answer(await self._client.get(address, headers, connect_s))
        except HTTPError as error:
            raise explain(error) from error


def _describe_status(status: int) -> str:
    if 300 <= status < 400:  # following it would send the key to its target
        return f"the provider answered with a redirect (status {status}), which is not followed"
    return f"the provider answered with status {status}, which is neither a success nor an error"


def explain(error: BaseException) -> ProviderError:
    """Map a transport failure to a gateway error; the message names the host and the cause."""
    if isinstance(error, ProviderError):
        return error
    for kind, meaning in _MEANINGS:
        if isinstance(error, kind):
            return meaning(str(error))
    return ProviderBroke("the provider's answer cannot be read")


_MEANINGS: tuple[tuple[type[HTTPError], type[ProviderError]], ...] = (
    (ConnectTimeout, ProviderTimeout),
    (ConnectFailed, ProviderUnreachable),
    (ServerDisconnected, ProviderUnreachable),
    (HTTPError, ProviderBroke),
)
"""Most specific first."""
