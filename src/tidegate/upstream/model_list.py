"""A service's model list, in the format of OpenAI's API.

It is requested outside the pool: rarely, with a short timeout and a limit of a few megabytes.
"""

import asyncio

import msgspec
from msgspec import Struct

from tidegate.http.address import Address
from tidegate.http.errors import HTTPError
from tidegate.protocols.errors import ProviderBroke, ProviderRefused, ProviderTimeout

from .pool import Pool, explain

__all__ = ["fetch_model_names"]

MAX_LIST = 4 * 1024 * 1024
"""Maximum bytes of a list."""
LONGEST_NAME = 256
"""Maximum characters of a model's name."""


class _Listed(Struct):
    id: str


class _List(Struct):
    data: list[_Listed]


_decode = msgspec.json.Decoder(_List).decode


async def fetch_model_names(address: Address, headers: bytes, patience_s: float) -> tuple[str, ...]:
    """The distinct names, in the order of the list. Raises ProviderError."""
    pool = Pool()
    pool.open()
    try:
        async with asyncio.timeout(patience_s):
            status, body = await _fetch(pool, address, headers, patience_s)
    except HTTPError as error:
        raise explain(error) from error
    except TimeoutError as error:
        raise ProviderTimeout(f"no model list within {patience_s:g} seconds") from error
    finally:
        await pool.close()
    if status != 200:
        raise ProviderRefused(f"it answered {status} to GET /models", status=status)
    try:
        listed = _decode(body).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderBroke("its model list cannot be read") from error
    return tuple(dict.fromkeys(one.id for one in listed if 0 < len(one.id) <= LONGEST_NAME))


async def _fetch(pool: Pool, address: Address, headers: bytes, connect_s: float) -> tuple[int, bytes]:
    answer = await pool.get(address, headers, connect_s)
    pieces, size = [], 0
    try:
        while piece := await answer.read_any():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_LIST:
                raise ProviderBroke(f"its model list is larger than {MAX_LIST} bytes")
    finally:
        answer.close()
    return answer.status, b"".join(pieces)
