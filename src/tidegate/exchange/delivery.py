"""The answer on its way to the client: the only layer that writes to one.

After the first byte there is no other attempt and no second response: what breaks then ends the
stream with an error event of the client's dialect.
"""

import asyncio

from tidegate.protocols.errors import TidegateError

from .attempt import Attempt
from .request import JSON, Header, header_value
from .sending import expect_stream
from .state import Exchange
from .watchdog import NEVER, Waiting

__all__ = ["deliver", "send_error"]

UNBUFFERED: tuple[Header, ...] = (
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx in front must not collect the events
)

QUIET_S = 15.0
"""Seconds of silence after which a client gets a ping: proxies and clients take a silent stream for dead."""


async def deliver(this: Exchange, first: bytes) -> None:
    """Send the opened answer, whose first bytes these are. Raises ProviderError, and ClientLeft."""
    attempt = this.attempt
    assert attempt is not None
    headers = headers_of(this, attempt) + attempt.limits()
    if not this.stream:
        this.transcript.add(first)
        this.request.respond(200, [JSON, *headers], first)
        await let_client_read(this)
        return
    content_type = (b"content-type", this.operation.streams_as)
    this.request.begin_stream(200, [content_type, *UNBUFFERED, *headers], attempt.abort_stream)
    await stream(this, attempt, first)


async def stream(this: Exchange, attempt: Attempt, first: bytes) -> None:
    """Pass a stream: every piece goes out as it comes in, or the provider waits for the client."""
    request, watch, transcript = this.request, this.watch, this.transcript
    watch.heartbeat = Heartbeat(this) if this.operation.heartbeat else None

    def write(piece: bytes) -> bool:
        transcript.add(piece)
        return request.write(piece)

    out = first
    while not attempt.complete:
        if out:
            write(out)
        if request.congested:
            await let_client_read(this)
            expect_stream(watch, this.gateway)
        out = await attempt.read_on(watch, write)
    watch.heartbeat = None
    transcript.add(out)
    request.finish(out)
    await let_client_read(this)


class Heartbeat:
    """Writes a ping of the client's dialect into each gap of `QUIET_S` seconds in a stream.

    The watchdog looks four times a second, so that the pieces of a stream cost nothing. What a conduit writes
    are whole events, so a ping never stands inside of one; before the first of them there is no stream.
    """

    __slots__ = ("_exchange", "_quiet_since", "_size")

    def __init__(self, this: Exchange) -> None:
        self._exchange = this
        self._size = -1
        self._quiet_since = 0.0

    def look(self, now: float) -> None:
        """See watchdog.Heartbeat."""
        this = self._exchange
        if this.transcript.size != self._size or this.request.congested:
            self._size, self._quiet_since = this.transcript.size, now
        elif now - self._quiet_since >= QUIET_S and not this.request.done:
            self._quiet_since = now
            this.request.write(this.operation.heartbeat)


async def let_client_read(this: Exchange) -> None:
    """Wait for a client that does not keep up, but not for ever. Raises ClientLeft."""
    if not this.request.congested:
        return
    this.watch.expect(Waiting.CLIENT, this.gateway.config.server.write_s, NEVER)
    try:
        await this.request.drain()
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None


def headers_of(this: Exchange, attempt: Attempt) -> list[Header]:
    """How the answer, or the failure, came about."""
    candidate = attempt.candidate
    headers = [
        (b"x-tidegate-provider", header_value(candidate.service.name)),
        (b"x-tidegate-model", header_value(candidate.model)),
        (b"x-tidegate-attempts", b"%d" % (len(this.attempts) + this.resent)),
    ]
    if attempt.dropped:
        headers.append((b"x-tidegate-dropped", header_value(",".join(attempt.dropped))))
    return headers


def send_error(this: Exchange, error: TidegateError) -> None:
    """Tell the client what went wrong: as a response, or as the end of the stream it is reading."""
    request = this.request
    if not request.responded:
        reply = this.door.protocol.render_error(error, request.id)
        headers = headers_of(this, this.attempt) if this.attempt is not None else ()
        request.respond(reply.status, [*reply.headers, *headers], reply.body)
    elif not request.done and request.abort_stream is not None:
        request.finish(request.abort_stream(error))
