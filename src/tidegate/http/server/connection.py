"""One client's connection: what it sends becomes requests, served one after another.

Its life: waiting for a head → reading a request → serving it → waiting again; at the end lingering (the
last response is sent, the sending side is shut, what still comes is discarded) and gone.
"""

import asyncio
from collections import deque
from functools import lru_cache
from time import perf_counter
from typing import Protocol as Interface
from typing import cast
from urllib.parse import unquote_to_bytes

import httptools

from .limits import Limits
from .refusals import HEAD_TOO_LARGE, Refusal, examine, malformed
from .request import Request

__all__ = ["Connection"]

METHODS = {name.encode(): name for name in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")}
DEEP = 8
"""Requests in the queue that pause reading. Not the first one: a paused socket does not tell that its client
has left."""
CACHED_TARGET = 200
"""Bytes of the longest target whose parts are remembered."""


class _Stop(Exception):
    """Ends the parser's work inside a callback; why is in `_refusal`."""


class Host(Interface):
    """What a connection needs of its server."""

    limits: Limits
    stopping: bool
    """Whether every response is the last of its connection."""
    date: bytes
    """The `date` header of this second."""

    def add(self, connection: "Connection") -> None:
        """Look after a connection."""
        ...

    def remove(self, connection: "Connection") -> None:
        """Forget a connection that is gone."""
        ...

    def run(self, request: Request) -> None:
        """Serve a request in a task of its own."""
        ...


class Connection(asyncio.Protocol):
    """Reads requests, keeps their order, and ends as HTTP wants it."""

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
        "_lingers_since",
        "_parser",
        "_paused",
        "_queue",
        "_reading",
        "_refusal",
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
        """Whether a head has begun and is not complete."""
        self._head_size = 0
        """Of the packets that an incomplete head takes."""
        self._bare = 0
        """Bytes of a body's framing since its last content."""
        self._reading: Request | None = None
        """The request whose body is still arriving."""
        self._resumed: Request | None = None
        """A request that asks for an upgrade and is read on without it."""
        self._refusal: Refusal | None = None
        """What ends this connection once nothing else is to be answered."""
        self._silenced = False
        """Whether what comes is discarded."""
        self._paused = False
        """Whether reading is paused."""
        # Serving.
        self._current: Request | None = None
        """The request that is answered next; its task may have ended or not have begun."""
        self._queue: deque[Request] = deque()
        """Those behind it."""
        self._drained: asyncio.Future[None] | None = None
        self.congested_since: float | None = None
        """Since when more waits for the client than should, by `perf_counter`."""
        # Times, by `perf_counter`; 0 means not now.
        self._waits_since = perf_counter()
        self._head_since = 0.0
        self.served = False
        """Whether a request was answered."""
        self._lingers_since = self._heard_at = 0.0
        self._stall = (0, 0.0)
        """Bytes that wait for the client, and since when they have not become fewer."""

    # --- the transport's side --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        address = transport.get_extra_info("peername")
        self.peer = address[0] if isinstance(address, tuple) else ""
        self._renew_parser()
        self.server.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._silenced = True
        del self._feed, self._parser  # they hold this connection
        current, self._current = self._current, None
        self._queue.clear()
        self._reading = self._resumed = None
        self.resume_writing()
        self.server.remove(self)
        if current is not None:
            current.leave()

    def eof_received(self) -> None:
        """See asyncio.Protocol. A client that sends no more is taken to have left: the transport closes."""
        if self._current is not None:
            self._current.leave()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._silenced:
            self._heard_at = perf_counter()
            return
        size = self._head_size = self._head_size + len(data)
        try:
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as stop:
            self._feed_on(data, stop)
        current = self._current
        if current is not None and not current.begun:
            self.server.run(current)
        if self._in_head:
            self._await_head(size)
        elif self._reading is not None:
            self._await_body(len(data))
        else:
            self._head_size = 0
            if self._queue:
                self.update_reading()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.congested_since = perf_counter()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.congested_since = None
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # --- the parser's side -----------------------------------------------------------------------

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
        """See httptools. Trailers come here as well, when their request has taken its headers."""
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """See httptools: a request begins."""
        self._in_head = False
        self._head_since = 0.0
        if self._resumed is not None:
            self._reading, self._resumed = self._resumed, None
            return
        url, headers, parser = self._url, self._headers, self._parser
        self._headers = []
        version, method = parser.get_http_version(), parser.get_method()
        names = [name for name, _ in headers]
        upgrades = parser.should_upgrade()
        if (
            version != "1.1"
            or upgrades
            or names.count(b"host") != 1
            or b"transfer-encoding" in names
            or self._head_size > self.server.limits.head_bytes
        ):
            self._examine(version, method, headers, upgrades)
        target = _cached_target(url) if len(url) <= CACHED_TARGET else split_target(url)
        verb = METHODS.get(method) or method.decode("ascii")
        request = Request(self, verb, target, headers, parser.should_keep_alive(), version == "1.0")
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
        """See httptools. A request that asks for an upgrade seems complete behind its head, and is not."""
        request, self._reading = self._reading, None
        if request is not None:
            request.arrive()
            if not request.keep:
                self._silenced = True  # the parser would call it an error

    # --- reading ---------------------------------------------------------------------------------

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
        """Let a request wait; the last that may ends the connection."""
        self._queue.append(request)
        if len(self._queue) >= self.server.limits.pipelined:
            request.keep = False

    def _feed_on(self, data: bytes, stop: Exception) -> None:
        """See to what has stopped the parser: a request to upgrade, or a malformed one."""
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
        """Let a new parser read a request on whose head asks for another protocol.

        The parser takes what follows such a head for that protocol. A head that says no more than the
        framing of the body makes the new one read it.
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
        """Take note of a head that is not complete: how long it is, and since when it comes."""
        if self._head_since == 0.0:
            self._head_since = perf_counter()
            # What came before it in the same packet does not count.
            known = len(self._url) + sum(len(name) + len(value) for name, value in self._headers)
            self._head_size = min(size, known) if self._current is not None else size
        if self._head_size > self.server.limits.head_bytes:
            self._stop_reading(HEAD_TOO_LARGE)

    def _await_body(self, size: int) -> None:
        """Take note of a body that is not complete: how much of it waits, and how much is none."""
        self._head_size = 0
        self._bare += size
        if self._bare - size > self.server.limits.framing_bytes:
            self._stop_reading(malformed("too many bytes of chunk extensions or trailers"))
        self.update_reading()

    def update_reading(self) -> None:
        """Pause the socket, or let it go on: as the queue and the unread body demand."""
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
        """Read nothing more: what came is no acceptable request."""
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
        """Send, unless the client is gone."""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def complete(self, request: Request) -> None:
        """Go on to the next request: the response to this one is complete."""
        if request is not self._current:
            return  # it was refused meanwhile, or its client has left
        self._current = None
        self.served = True
        if not request.keep or not request.arrived or self.server.stopping:
            self.linger()
            return
        self._waits_since = perf_counter()
        if self._in_head:
            self._head_since = self._waits_since
        if self._queue:
            self._current = self._queue.popleft()
            self.server.run(self._current)
        if self._paused:
            self.update_reading()

    def cut(self, request: Request) -> None:
        """End the connection of a request that will never have a whole response."""
        if request is self._current:
            self.transport.close()

    def drained(self) -> "asyncio.Future[None]":
        """Resolved when the client has read enough, or is gone."""
        if self._drained is None:
            self._drained = self.loop.create_future()
        return self._drained

    # --- the end ---------------------------------------------------------------------------------

    def linger(self) -> None:
        """End the connection in order: say that nothing more comes, and discard what still does."""
        self._silenced = True
        self._queue.clear()
        self._lingers_since = self._heard_at = perf_counter()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.update_reading()
        elif self._reading is None:
            self.transport.close()  # TLS cannot be shut on one side
        else:
            self.update_reading()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    def is_busy(self, now: float) -> bool:
        """Whether a request is being served, or should be here any moment."""
        if self._current is not None:
            return True
        since = self._head_since or (0.0 if self.served else self._waits_since)
        return not self._lingers_since and now - since < self.server.limits.fresh_s

    def close_idle(self, now: float) -> None:
        """Close a connection that has nothing to do: the server is shutting down."""
        if not self._lingers_since and not self.is_busy(now):
            self.transport.close()

    def look(self, now: float) -> None:
        """Judge whether the client takes too long."""
        limits = self.server.limits
        waiting = self.transport.get_write_buffer_size()
        # While the application goes on writing, that nothing becomes less says nothing.
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
    """The path, percent-decoded, and the query of a request's target."""
    raw, _, query = target.partition(b"#")[0].partition(b"?")
    if not raw.startswith(b"/") and b"://" in raw:
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    return unquote_to_bytes(raw).decode("utf-8", "replace"), query


_cached_target = lru_cache(maxsize=256)(split_target)
