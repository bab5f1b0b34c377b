"""A request's linked media, fetched once for all candidates that accept only bytes."""

import asyncio
from time import perf_counter

from tidegate.protocols.errors import BytesWanted

from .fetching import with_bytes
from .operation import WithBytes
from .state import Exchange
from .watchdog import Waiting

__all__ = ["fetch_linked"]


async def fetch_linked(this: Exchange, refusal: BytesWanted) -> None:
    """Fill in the request with its links replaced by the fetched bytes.

    Raises Unsupported if a link cannot be fetched, and the original refusal if fetching is disabled.
    """
    gateway, parsed = this.gateway, this.parsed
    if not gateway.config.images.fetch:
        raise refusal
    this.watch.expect(Waiting.FETCH, gateway.config.routing.deadline_s)
    began = perf_counter()
    try:
        turn = await with_bytes(parsed.turn(), parsed.body, gateway.fetcher, gateway.config.images)
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None
    this.waited_s += perf_counter() - began
    this.fetched = WithBytes(parsed, turn)
