"""Requests that refer to what has to be looked for before they can be parsed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tidegate.protocols.depth import within_depth

from .operation import OperationRequest
from .state import Exchange

__all__ = ["ReadLater", "parse_later"]

P = TypeVar("P", bound=OperationRequest)


class ReadLater(Exception):
    """A request refers to what is not here: look for it, and parse again."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.look = look


async def parse_later(this: Exchange, parse: Callable[[bytes], P], body: bytes, wanted: ReadLater) -> P:
    """The parsed request, once what it refers to has been looked for. Raises InvalidRequest, and what has
    cancelled the request meanwhile, such as ClientLeft.
    """
    try:
        await wanted.look()
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None
    return within_depth(parse)(body)
