"""Delivery of the answer: the only layer that writes to the client.

After the first byte there is no second response, and no other attempt but one that carries the stream on
(`continuation`, if that is switched on): any other failure ends the stream with an error event in the
client's dialect.
"""

import asyncio

from tidegate.protocols.errors import ProviderError, TidegateError

from .accounting import cost_line
from .attempt import Attempt
from .beginning import until_begun
from .continuation import carry_on, keep_delivered
from .explaining import explanation
from .own_limits import limits_beside, own_limits
from .request import header_value
from .sending import expect_stream
from .settlement import conclude
from .shown_cost import shows_cost, with_cost_of, write_with_cost
from .state import Exchange
from .watchdog import NEVER, Waiting

__all__ = ["deliver", "send_error"]

UNBUFFERED = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"
"""The second keeps an nginx in front from buffering the events."""

ONE_ATTEMPT = b"x-tidegate-attempts: 1\r\n"

AS_JSON = b"content-type: application/json\r\n"

QUIET_S = 15.0
"""Seconds of silence after which a client gets a ping: proxies and clients give up on a silent stream."""


async def deliver(this: Exchange, first: bytes) -> None:
    """Send the opened answer, whose first bytes these are. Raises ProviderError, and ClientLeft."""
    attempt = this.attempt
    assert attempt is not None
    own, headers = limits_beside(this, attempt)
    lines = lines_of(this, attempt) + own
    if this.explains:
        headers += explanation(this)
    if not this.stream:
        this.transcript.add(first)
        if this.ticket is not None:
            record = conclude(this)
            lines += cost_line(record)
            first = with_cost_of(first, record) if shows_cost(this) else first
        this.request.respond(200, headers, first, lines + AS_JSON)
        if this.request.congested:
            await let_client_read(this)
        return
    keep_delivered(this, attempt)
    lines = b"%b%bcontent-type: %b\r\n" % (lines, UNBUFFERED, this.operation.streams_as)
    this.request.begin_stream(200, headers, attempt.abort_stream, lines)
    await stream(this, attempt, first)


async def stream(this: Exchange, attempt: Attempt, first: bytes) -> None:
    """Pass a stream on: each piece is sent as it arrives; a slow client makes the provider wait."""
    request, watch, transcript = this.request, this.watch, this.transcript
    watch.beside = Heartbeat(this) if this.operation.heartbeat else None

    def write_and_keep(piece: bytes) -> bool:
        transcript.add(piece)
        return send(piece)

    def write_and_count(piece: bytes) -> bool:
        transcript.size += len(piece)
        return send(piece)

    show = write_with_cost(this) if shows_cost(this) else None
    send = request.write if show is None else lambda piece: request.write(show(piece))
    write = until_begun(watch, first, write_and_keep if transcript.keeps else write_and_count)

    out = first
    while not attempt.complete:
        if out:
            write(out)
        if request.congested:
            await let_client_read(this)
            expect_stream(watch, this.gateway, slow=attempt.slow)
        try:
            out = await attempt.read_on(watch, write)
        except ProviderError as error:
            if not this.continuations_left:
                raise
            attempt, out = await carry_on(this, attempt, error)
    watch.beside = None
    transcript.add(out)
    if this.ticket is not None:
        conclude(this)
    request.finish(out if show is None else show(out))
    if request.congested:
        await let_client_read(this)


class Heartbeat:
    """Writes a ping in the client's dialect into each gap of `QUIET_S` seconds in a stream.

    The watchdog checks four times a second, so the pieces of a stream cost nothing. A conduit writes whole
    events, so a ping never splits one; before the first event there is no stream.
    """

    __slots__ = ("_exchange", "_quiet_since", "_size")

    def __init__(self, this: Exchange) -> None:
        self._exchange = this
        self._size = -1
        self._quiet_since = 0.0

    def look(self, now: float) -> None:
        """See watchdog.Looked."""
        this = self._exchange
        if this.transcript.size != self._size or this.request.congested:
            self._size, self._quiet_since = this.transcript.size, now
        elif now - self._quiet_since >= QUIET_S and not this.request.done:
            self._quiet_since = now
            this.request.write(this.operation.heartbeat)


async def let_client_read(this: Exchange) -> None:
    """Wait for a slow client, up to a limit. Raises ClientLeft."""
    this.watch.expect(Waiting.CLIENT, this.gateway.config.server.write_s, NEVER)
    try:
        await this.request.drain()
    except asyncio.CancelledError:
        raise this.watch.take_cancel_cause() from None


def lines_of(this: Exchange, attempt: Attempt) -> bytes:
    """Response headers that describe how the answer, or the failure, came about; rendered."""
    if len(this.attempts) == 1 and not attempt.resent:
        lines = attempt.candidate.lines + ONE_ATTEMPT
    else:
        number = len(this.attempts) + this.resent
        lines = b"%bx-tidegate-attempts: %d\r\n" % (attempt.candidate.lines, number)
    if attempt.dropped:
        lines += b"x-tidegate-dropped: %b\r\n" % header_value(",".join(attempt.dropped))
    return lines


def send_error(this: Exchange, error: TidegateError) -> None:
    """Send the error to the client: as a response, or as the end of the open stream."""
    request = this.request
    if not request.responded:
        reply = this.door.protocol.render_error(error, request.id)
        lines = lines_of(this, this.attempt) if this.attempt is not None else b""
        headers = [*reply.headers, *error.headers, *own_limits(this, error), *explanation(this)]
        request.respond(reply.status, headers, reply.body, lines)
        if this.capture is not None:
            this.capture.response.add(reply.body)
    elif not request.done and request.abort_stream is not None:
        request.finish(request.abort_stream(error))
