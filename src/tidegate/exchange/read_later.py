"""Requests that refer to what has to be looked for before they can be parsed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .operation import OperationRequest
from .state import Exchange

__all__ = ["ReadLater", "parse_when_ready"]

P = TypeVar("P", bound=OperationRequest)


class ReadLater(Exception):
    """A request refers to what is not here: look for it, and parse again."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.look = look


async def parse_when_ready(this: Exchange, parse: Callable[[bytes], P], body: bytes) -> P:
    """The parsed request; what it refers to is looked for first, if it is not here. Raises InvalidRequest,
    and what has cancelled the request meanwhile, such as ClientLeft.
    """
    try:
        return parse(body)
    except ReadLater as wanted:
        look = wanted.look
    try:
        await look()
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None
    return parse(body)
