"""A small document of a service: a list of models, the keys of an issuer of tokens.

It is requested outside the pool of requests: rarely, with a short timeout and a limit of size.
"""

import asyncio

from tidegate.http.address import Address, parse_address, render_headers
from tidegate.http.errors import HTTPError
from tidegate.protocols.errors import ProviderBroke, ProviderRefused, ProviderTimeout
from tidegate.wording import counted

from .pool import Pool, explain

__all__ = ["fetch_document", "fetch_json"]


async def fetch_document(
    address: Address, headers: bytes, patience_s: float, limit: int, what: str
) -> tuple[int, bytes]:
    """The status and body of an answer. `limit` is in bytes; `what` names the document in messages.

    Redirects are not followed. Raises ProviderError.
    """
    pool = Pool()
    pool.open()
    try:
        async with asyncio.timeout(patience_s):
            return await _fetch(pool, address, headers, patience_s, limit, what)
    except HTTPError as error:
        raise explain(error) from error
    except TimeoutError as error:
        raise ProviderTimeout(f"no {what} within {counted(patience_s, 'second')}") from error
    finally:
        await pool.close()


async def fetch_json(url: str, patience_s: float, limit: int, what: str) -> bytes:
    """The body of a document that is JSON and needs no key. Raises ProviderError."""
    headers = render_headers([(b"accept", b"application/json"), (b"accept-encoding", b"identity")])
    status, body = await fetch_document(parse_address(url), headers, patience_s, limit, what)
    if status != 200:
        raise ProviderRefused(f"it answered {status} instead of its {what}", status=status)
    return body


async def _fetch(
    pool: Pool, address: Address, headers: bytes, connect_s: float, limit: int, what: str
) -> tuple[int, bytes]:
    answer = await pool.get(address, headers, connect_s)
    pieces, size = [], 0
    try:
        while piece := await answer.read_any():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise ProviderBroke(f"its {what} is larger than {limit} bytes")
    finally:
        answer.close()
    return answer.status, b"".join(pieces)
