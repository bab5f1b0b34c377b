"""A service's model list, in the format of OpenAI's API."""

import msgspec
from msgspec import Struct

from tidegate.http.address import Address
from tidegate.protocols.errors import ProviderBroke, ProviderRefused

from .document import fetch_document

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
    status, body = await fetch_document(address, headers, patience_s, MAX_LIST, "model list")
    if status != 200:
        raise ProviderRefused(f"it answered {status} to GET /models", status=status)
    try:
        listed = _decode(body).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderBroke("its model list cannot be read") from error
    return tuple(dict.fromkeys(one.id for one in listed if 0 < len(one.id) <= LONGEST_NAME))
