"""The model of a service that has no fixed ones: the first of its own list."""

import aiohttp
import msgspec
from msgspec import Struct

from tidegate.upstream import explain

from .plan import Check
from .reading import Fault

__all__ = ["find_model"]

PATIENCE_S = 10.0
"""For the list. It comes at once or not at all."""


class Listed(Struct):
    """A model of the list."""

    id: str


class Listing(Struct):
    """OpenAI's list of models, which all services have that people run themselves."""

    data: list[Listed]


decode = msgspec.json.Decoder(Listing).decode


async def find_model(check: Check) -> str:
    """The name of a model that can be asked for. Raises Fault."""
    service = check.service
    advice = f"name a model with --model {check.provider}/MODEL"
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=service.headers_for((), "")) as session,
            session.get(f"{service.base_url}/models", ssl=service.verify) as response,
        ):
            listing = decode(await response.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Fault(f"{explain(error).message}, so its models are not known; {advice}") from error
    except msgspec.MsgspecError as error:
        raise Fault(f"its list of models cannot be read; {advice}", status=response.status) from error
    if not listing.data:
        raise Fault(f"its list of models is empty; {advice}")
    return listing.data[0].id
