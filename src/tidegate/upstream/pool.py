"""Calls to providers: the HTTP client with its pooled connections (`Pool`, one per worker), whose answers are
read here, and the gateway's errors for its failures.
"""

import asyncio
from collections.abc import Callable

from tidegate.http.client import Client as Pool
from tidegate.http.client_response import Response as Answer
from tidegate.http.errors import ConnectFailed, ConnectTimeout, HTTPError, ServerDisconnected
from tidegate.protocols.errors import ProviderBroke, ProviderError, ProviderTimeout, ProviderUnreachable

__all__ = ["TRANSPORT_ERRORS", "Answer", "Pool", "explain", "headers_of", "read_error", "read_whole"]

MAX_ANSWER = 256 * 1024 * 1024
"""Maximum bytes of a JSON answer; a larger one is an error (images in base64 stay far below)."""
MAX_ERROR = 256 * 1024
"""Bytes read of an error answer; the rest is discarded with the connection."""
ERROR_PATIENCE_S = 2.0
"""How long the body of an error answer may take: the status is known, and the client waits for it."""

TRANSPORT_ERRORS = (HTTPError,)
"""What sending a request and reading its answer may raise; `explain` maps it to the gateway's errors."""


async def read_whole(answer: Answer, on_data: Callable[[], None]) -> bytes:
    """The whole body; `on_data` is called for every piece of it.

    Raises `TRANSPORT_ERRORS`, and ProviderBroke if it is endless.
    """
    pieces: list[bytes] = []
    size = 0
    while data := await answer.read_any():
        on_data()
        pieces.append(data)
        size += len(data)
        if size > MAX_ANSWER:
            answer.close()
            raise ProviderBroke(f"the provider's answer is larger than {MAX_ANSWER} bytes")
    return b"".join(pieces)


async def read_error(answer: Answer, on_data: Callable[[], None]) -> bytes:
    """The body of an error, limited in size and time; a truncated one is still parsed. The answer is closed.

    Raises ProviderBroke if its status is not that of an error.
    """
    try:
        if not 400 <= answer.status < 600:
            raise ProviderBroke(_describe_status(answer.status))
        return await _read_error(answer, on_data)
    finally:
        answer.close()


async def _read_error(answer: Answer, on_data: Callable[[], None]) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(ERROR_PATIENCE_S):
            while size <= MAX_ERROR and (data := await answer.read_any()):
                on_data()
                pieces.append(data)
                size += len(data)
    except (HTTPError, TimeoutError):
        pass
    return b"".join(pieces)


def headers_of(answer: Answer) -> dict[str, str]:
    """The headers as text, names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}


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
