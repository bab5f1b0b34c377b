"""Streams whose clients have left, read on to their end, so that they cost what their providers report.

Only where `billing.when_client_leaves = "drain"`, and where the provider charges for the whole answer anyway:
others stop when the request is cancelled. Bodies of requests are kept until then, so there are limits: of the
time, of the number of streams, and of the size of all these bodies.
"""

import asyncio
import logging

from tidegate.protocols.errors import TidegateError

from .attempt import Attempt
from .settlement import settle
from .state import Exchange

__all__ = ["Drains"]

log = logging.getLogger("tidegate")

MOST_S = 120.0
"""Seconds for the rest of a stream."""
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of the rest of a stream, as the client would have received them."""
MOST_STREAMS = 256
MOST_HELD = 64 * 1024 * 1024
"""Bytes of the requests of all these streams."""


class Drains:
    """The streams of a worker that are read on without their clients."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0

    def take(self, this: Exchange) -> bool:
        """Read the stream of an exchange to its end, and settle it then, if it is to be; returns whether."""
        attempt = this.attempt
        if attempt is None or not _goes_on(this, attempt):
            return False
        size = len(getattr(this.parsed, "body", b""))
        if len(self._tasks) >= MOST_STREAMS or self._held + size > MOST_HELD:
            return False
        self._held += size
        task = asyncio.create_task(self._drain(this, attempt, size), name=f"drain {this.request.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """Stop reading, and settle all of them by what was read."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _drain(self, this: Exchange, attempt: Attempt, size: int) -> None:
        left = MOST_BYTES

        def count(piece: bytes) -> bool:
            nonlocal left
            left -= len(piece)
            return left > 0

        try:
            async with asyncio.timeout(MOST_S):
                while not attempt.complete and left > 0:
                    await attempt.read_on(this.watch, count)
        except (TidegateError, TimeoutError, asyncio.CancelledError) as error:
            log.info("%s: the rest of the stream was not read: %r", this.request.id, error)
        except Exception:
            log.exception("%s: the rest of the stream cannot be read", this.request.id)
        finally:
            this.drained = attempt.complete
            self._held -= size
            settle(this)


def _goes_on(this: Exchange, attempt: Attempt) -> bool:
    """Whether the provider goes on with an answer, and charges for it."""
    return (
        this.ended == "client_left"
        and this.ticket is not None
        and this.gateway.config.billing.when_client_leaves == "drain"
        and this.stream is True
        and this.fetched is None  # what links lead to may be large
        and attempt.first_byte_at is not None
        and attempt.ended_at is None
        and not attempt.complete
        and not attempt.candidate.service.kind.stops_billing
    )
