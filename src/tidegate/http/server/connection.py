"""A client's connection: it parses requests and serves them one after another.

Its states: waiting for a head → reading a request → serving it → waiting again; finally lingering (the last
response is sent, the sending side is shut down, and further input is discarded) and closed.
"""

import asyncio
from functools import lru_cache
from time import perf_counter
from typing import Protocol as Interface
from typing import cast
from urllib.parse import unquote_to_bytes

import httptools

from .limits import Limits
from .refusals import HEAD_TOO_LARGE, Refusal, examine, malformed
from .repeated import RepeatedHead, remember
from .request import Request

__all__ = ["Connection"]

METHODS = {name.encode(): name for name in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")}
DEEP = 8
"""The number of queued requests at which reading pauses. It is more than one, because a paused socket does
not report that its client has disconnected."""
CACHED_TARGET = 200
"""The length in bytes of the longest request target whose parts are cached."""
REMEMBERED = 3
"""The number of heads of a connection that are remembered, one after another: if the next requests do not
repeat them, those after them will not either."""


class _Stop(Exception):
    """Stops the parser from inside a callback; the reason is in `_refusal`."""


class Host(Interface):
    """The parts of its server that a connection needs."""

    limits: Limits
    stopping: bool
    """Whether every response is the last of its connection."""
    date: bytes
    """The `date` header of the current second."""

    def add(self, connection: "Connection") -> None:
        """Add a connection."""
        ...

    def remove(self, connection: "Connection") -> None:
        """Remove a closed connection."""
        ...

    def run(self, request: Request) -> None:
        """Serve a request in a task of its own. It begins at once: the response may be complete before this
        returns.
        """
        ...


class Connection(asyncio.Protocol):
    """Reads requests, keeps their order, and closes as HTTP requires."""

    __slots__ = (
        "_bare",
        "_current",
        "_drained",
        "_feed",
        "_head_since",
        "_head_size",
        "_headers",
        "_heard_at",
        "_in_head",
        "_is_1_1",
        "_lingers_since",
        "_parser",
        "_paused",
        "_queue",
        "_reading",
        "_refusal",
        "_remembered",
        "_repeated",
        "_resumed",
        "_silenced",
        "_stall",
        "_url",
        "_waits_since",
        "congested_since",
        "loop",
        "peer",
        "served",
        "server",
        "transport",
    )

    def __init__(self, server: Host, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop
        self.peer = ""
        # Reading.
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head = False
        """Whether an incomplete head is being read."""
        self._repeated: RepeatedHead | None = None
        """The head that the next request may repeat."""
        self._remembered = 0
        """How many heads were remembered."""
        self._is_1_1 = False
        """Whether the head that has begun is certainly of HTTP/1.1: asking the parser takes as long as
        parsing two headers."""
        self._head_size = 0
        """The size of the packets of an incomplete head."""
        self._bare = 0
        """Bytes of chunk framing since the last content."""
        self._reading: Request | None = None
        """The request whose body is arriving."""
        self._resumed: Request | None = None
        """A request with an upgrade header that is processed without the upgrade."""
        self._refusal: Refusal | None = None
        """The response that ends this connection after all others."""
        self._silenced = False
        """Whether input is discarded."""
        self._paused = False
        """Whether reading is paused."""
        # Serving.
        self._current: Request | None = None
        """The request to be answered next; its task may not have started, or may have ended."""
        self._queue: list[Request] = []
        """The requests after it."""
        self._drained: asyncio.Future[None] | None = None
        self.congested_since: float | None = None
        """Since when too much data is waiting for the client, by `perf_counter`."""
        # Times by `perf_counter`; 0 means not set.
        self._waits_since = perf_counter()
        self._head_since = 0.0
        self.served = False
        """Whether a request has been answered."""
        self._lingers_since = self._heard_at = 0.0
        self._stall = (0, 0.0)
        """The number of bytes waiting for the client, and since when it has not decreased."""

    # --- transport callbacks ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transport does not inherit from it
        address = transport.get_extra_info("peername")
        self.peer = address[0] if isinstance(address, tuple) else ""
        self._renew_parser()
        self.server.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._silenced = True
        del self._feed, self._parser  # they refer to this connection
        current, self._current = self._current, None
        self._queue.clear()
        self._reading = self._resumed = None
        self.resume_writing()
        self.server.remove(self)
        if current is not None:
            current.leave()

    def eof_received(self) -> None:
        """See asyncio.Protocol. A client that shuts down its sending side counts as disconnected: the
        transport closes.
        """
        if self._current is not None:
            self._current.leave()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._silenced:
            self._heard_at = perf_counter()
            return
        if self._repeated is not None and self._current is None and self._take_repeated(data):
            return
        size = self._head_size = self._head_size + len(data)
        if not self._in_head and self._reading is None:
            self._is_1_1 = data.startswith(b" HTTP/1.1\r", data.find(b"\r\n") - 9)
        try:
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as stop:
            self._feed_on(data, stop)
        if self._in_head:
            self._await_head(size)
        elif self._reading is not None:
            self._await_body(len(data))
        else:
            self._head_size = 0
            if self._queue:
                self.update_reading()
        current = self._current
        if current is not None and not current.begun:
            if self.served and self._remembered < REMEMBERED and current.arrived:
                self._remember(data, current)
            self.server.run(current)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.congested_since = perf_counter()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.congested_since = None
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # --- parser callbacks ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """See httptools."""
        if self._silenced:
            raise _Stop
        self._in_head = True
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Called for trailers too, after the headers have been taken."""
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """See httptools. A request begins."""
        self._in_head = False
        self._head_since = 0.0
        if self._resumed is not None:
            self._reading, self._resumed = self._resumed, None
            return
        url, headers, parser = self._url, self._headers, self._parser
        self._headers = []
        version = "1.1" if self._is_1_1 else parser.get_http_version()
        self._is_1_1 = False  # of the next head in this packet nothing is known
        method = parser.get_method()
        named = dict(headers)
        upgrades = parser.should_upgrade()
        if (
            version != "1.1"
            or upgrades
            or len(named) != len(headers)
            or b"host" not in named
            or b"transfer-encoding" in named
            or self._head_size > self.server.limits.head_bytes
        ):
            self._examine(version, method, headers, upgrades)
            named = dict(reversed(headers))  # of several with one name, the first
        target = _cached_target(url) if len(url) <= CACHED_TARGET else split_target(url)
        verb = METHODS.get(method) or method.decode("ascii")
        request = Request(self, verb, target, headers, named, parser.should_keep_alive(), version == "1.0")
        if upgrades:
            self._resumed = request
        else:
            self._reading = request
        if self._current is None:
            self._current = request
        else:
            self._enqueue(request)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        assert self._reading is not None
        self._bare = 0
        self._reading.add(body)

    def on_message_complete(self) -> None:
        """See httptools. A request with an upgrade header is reported as complete after
        its head, and is not.
        """
        request, self._reading = self._reading, None
        if request is not None:
            request.arrive()
            if not request.keep:
                self._silenced = True  # the parser would report an error

    # --- reading ---------------------------------------------------------------------------------

    def _take_repeated(self, data: bytes) -> bool:
        """Serve a request whose head is the remembered one; return whether it is."""
        head = self._repeated
        if head is None or self._in_head or self._reading is not None:
            return False
        body = head.body_of(data)
        if body is None:
            return False
        self._current = request = Request(
            self, head.method, head.target, head.headers, head.named, True, False, body, head.memory
        )
        self.server.run(request)
        return True

    def _remember(self, data: bytes, request: Request) -> None:
        """Remember the head of a request that has arrived with its body, if nothing else has."""
        if self._in_head or self._queue or not request.keep:
            return
        self._remembered += 1
        target = request.path, request.query
        self._repeated = remember(data, request.method, target, request.headers, request.named)

    def _renew_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._feed = self._parser.feed_data

    def _examine(
        self, version: str, method: bytes, headers: list[tuple[bytes, bytes]], upgrades: bool
    ) -> None:
        self._refusal = examine(version, method, headers, upgrades)
        size = len(self._url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > self.server.limits.head_bytes:
            self._refusal = HEAD_TOO_LARGE
        if self._refusal is not None:
            raise _Stop

    def _enqueue(self, request: Request) -> None:
        """Queue a request; the last one allowed ends the connection."""
        self._queue.append(request)
        if len(self._queue) >= self.server.limits.pipelined:
            request.keep = False

    def _feed_on(self, data: bytes, stop: Exception) -> None:
        """Handle what stopped the parser: an upgrade request, or a malformed one."""
        while isinstance(stop, httptools.HttpParserUpgrade):
            data = self._without_upgrade(data[stop.args[0] :])
            try:
                self._feed(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as next_stop:
                stop = next_stop
            else:
                return
        if not self._silenced:
            self._stop_reading(self._refusal or malformed(str(stop)))

    def _without_upgrade(self, rest: bytes) -> bytes:
        """Let a new parser continue a request whose head asks for another protocol.

        The parser treats everything after such a head as data of that protocol. The new parser receives a
        head with only the framing of the body.
        """
        request = self._resumed
        assert request is not None
        framing = (b"content-length", b"transfer-encoding")
        lines = [b"%b: %b" % header for header in request.headers if header[0] in framing]
        if not request.keep:
            lines.append(b"connection: close")
        self._renew_parser()
        return b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", rest])

    def _await_head(self, size: int) -> None:
        """Track an incomplete head: its size, and its start time."""
        if self._head_since == 0.0:
            self._head_since = perf_counter()
            # Earlier data in the same packet does not count.
            known = len(self._url) + sum(len(name) + len(value) for name, value in self._headers)
            self._head_size = min(size, known) if self._current is not None else size
        if self._head_size > self.server.limits.head_bytes:
            self._stop_reading(HEAD_TOO_LARGE)

    def _await_body(self, size: int) -> None:
        """Track an incomplete body: unread bytes, and framing without content."""
        self._head_size = 0
        self._bare += size
        if self._bare - size > self.server.limits.framing_bytes:
            self._stop_reading(malformed("too many bytes of chunk extensions or trailers"))
        self.update_reading()

    def update_reading(self) -> None:
        """Pause or resume reading, depending on the queue and the unread body."""
        reading = self._reading
        pause = not self._silenced and (
            len(self._queue) >= DEEP
            or (reading is not None and reading.unread > self.server.limits.unread_bytes)
        )
        if pause is not self._paused and not self.transport.is_closing():
            self._paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _stop_reading(self, refusal: Refusal) -> None:
        """Stop reading after an invalid request."""
        self._silenced = True
        self._in_head = False
        self._refusal = refusal
        broken, self._reading = self._reading or self._resumed, None
        self._resumed = None
        if broken is not None and broken is self._current and broken.responded:
            self.transport.close()
            return
        if broken is not None and broken is self._current:
            self._current = None
            broken.leave()
        elif broken is not None:
            self._queue.pop()
        last = self._queue[-1] if self._queue else self._current
        if last is not None:
            last.keep = False
        else:
            self.write(refusal.render())
            self.linger()

    # --- serving ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send, unless the client has disconnected."""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def complete(self, request: Request) -> None:
        """Continue with the next request: the response to this one is complete."""
        if request is not self._current:
            return  # it was refused in the meantime, or its client has disconnected
        self._current = None
        self.served = True
        if not request.keep or not request.arrived or self.server.stopping:
            self.linger()
            return
        self._waits_since = perf_counter()
        if self._in_head:
            self._head_since = self._waits_since
        if self._queue:
            self._current = self._queue.pop(0)
            self.server.run(self._current)
        if self._paused:
            self.update_reading()

    def cut(self, request: Request) -> None:
        """Close the connection of a request whose response will never be complete."""
        if request is self._current:
            self.transport.close()

    def drained(self) -> "asyncio.Future[None]":
        """Return a future that resolves when the client has read enough, or has disconnected."""
        if self._drained is None:
            self._drained = self.loop.create_future()
        return self._drained

    # --- closing ---------------------------------------------------------------------------------

    def linger(self) -> None:
        """Close the connection gracefully: shut down the sending side, and discard further input."""
        self._silenced = True
        self._queue.clear()
        self._lingers_since = self._heard_at = perf_counter()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.update_reading()
        elif self._reading is None:
            self.transport.close()  # TLS cannot be shut down on one side
        else:
            self.update_reading()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    def is_busy(self, now: float) -> bool:
        """Return whether a request is being served, or is about to arrive."""
        if self._current is not None:
            return True
        since = self._head_since or (0.0 if self.served else self._waits_since)
        return not self._lingers_since and now - since < self.server.limits.fresh_s

    def close_idle(self, now: float) -> None:
        """Close an idle connection, because the server is shutting down."""
        if not self._lingers_since and not self.is_busy(now):
            self.transport.close()

    def look(self, now: float) -> None:
        """Check whether the client takes too long."""
        limits = self.server.limits
        waiting = self.transport.get_write_buffer_size()
        # While the application keeps writing, an undiminished buffer means nothing.
        writing = self._current is not None and self.congested_since is None
        if waiting >= self._stall[0] > 0 and not writing:
            if now - self._stall[1] > limits.stall_s:
                self.transport.abort()
            return
        self._stall = (waiting, now)
        if waiting or self._current is not None:
            return
        if self._lingers_since:
            late = now - self._lingers_since > limits.linger_s or now - self._heard_at > limits.linger_idle_s
        elif self._head_since:
            late = now - self._head_since > limits.head_s
        else:
            patience = limits.idle_s if self.served else limits.head_s
            late = now - self._waits_since > patience
        if late:
            self.transport.close()


def split_target(target: bytes) -> tuple[str, bytes]:
    """Return the path, percent-decoded, and the query of a request target."""
    raw, _, query = target.partition(b"#")[0].partition(b"?")
    if not raw.startswith(b"/") and b"://" in raw:
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    return unquote_to_bytes(raw).decode("utf-8", "replace"), query


_cached_target = lru_cache(maxsize=256)(split_target)
