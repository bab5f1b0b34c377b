"""What a request links to, fetched once for whichever candidates take bytes only."""

import asyncio
from time import perf_counter

from tidegate.protocols.errors import BytesWanted

from .fetching import with_bytes
from .operation import WithBytes
from .state import Exchange
from .watchdog import Waiting

__all__ = ["fetch_linked"]


async def fetch_linked(this: Exchange, refusal: BytesWanted) -> WithBytes:
    """The request with the bytes of what it links to.

    Raises Unsupported where something cannot be fetched, and the refusal itself where nothing may be.
    """
    gateway, parsed = this.gateway, this.parsed
    if not gateway.config.images.fetch:
        raise refusal
    if this.fetched is None:
        this.watch.expect(Waiting.FETCH, gateway.config.routing.deadline_s)
        began = perf_counter()
        try:
            turn = await with_bytes(parsed.turn(), parsed.body, gateway.fetcher, gateway.config.images)
        except asyncio.CancelledError:
            raise this.watch.take_cancel_cause() from None
        this.waited_s += perf_counter() - began
        this.fetched = WithBytes(parsed, turn)
    return this.fetched
