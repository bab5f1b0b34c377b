"""The list of models that a service has of its own, in the form of OpenAI's API.

It is asked for apart from the pool: seldom, with little patience and no more than a few megabytes.
"""

from collections.abc import Mapping

import aiohttp
import msgspec
from msgspec import Struct

from tidegate.protocols.errors import ProviderBroke, ProviderRefused

from .pool import explain

__all__ = ["fetch_model_names"]

MAX_LIST = 4 * 1024 * 1024
"""Bytes of a list."""
LONGEST_NAME = 256
"""Characters of a model's name."""


class _Listed(Struct):
    id: str


class _List(Struct):
    data: list[_Listed]


_decode = msgspec.json.Decoder(_List).decode


async def fetch_model_names(
    base_url: str, headers: Mapping[str, str], patience_s: float, *, verify: bool = True
) -> tuple[str, ...]:
    """The names, each once, in the order of the list. Raises ProviderError."""
    timeout = aiohttp.ClientTimeout(total=patience_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(f"{base_url}/models", ssl=verify, allow_redirects=False) as response,
        ):
            body = await _read(response)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise explain(error) from error
    if response.status != 200:
        raise ProviderRefused(f"it answered {response.status} to GET /models", status=response.status)
    try:
        listed = _decode(body).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderBroke("its list of models cannot be read") from error
    return tuple(dict.fromkeys(one.id for one in listed if 0 < len(one.id) <= LONGEST_NAME))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_LIST:
            raise ProviderBroke(f"its list of models is larger than {MAX_LIST} bytes")
    return b"".join(pieces)
