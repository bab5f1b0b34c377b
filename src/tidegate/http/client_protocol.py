"""A client connection to a server, used for one request after another.

The parser is llhttp (by httptools), in strict mode; this module decides what the parser does not: the maximum
size of a head, the end of a body, and when a connection can be reused. A connection is *busy* from sending a
request until its response is complete. Data that arrives while it is not busy belongs to no request, and
closes it.
"""

import asyncio
import select
from typing import Any

import httptools

from .address import Origin
from .answer_heads import KnownHead, know
from .client_response import Failure, Response
from .contract import Header
from .decode import decoder_for
from .direct import Arrival
from .errors import AnswerCut, BadAnswer, RequestFailed, ServerDisconnected

__all__ = ["Connection"]

MAX_HEAD = 64 * 1024
"""The maximum size in bytes of a response head including informational responses; also of trailers, and of
the data between two chunks."""
MAX_HEADERS = 256
"""The maximum number of headers of a response; trailers are counted separately."""
MAX_INFORMATIONAL = 32
"""The maximum number of 1xx responses before the final one."""
READ_BUFFER = 256 * 1024
"""Bytes that may wait to be read before reading from the server pauses."""
JOINED = 64 * 1024
"""The maximum size in bytes of a body that is sent together with the head."""
AT_ONCE = 1024 * 1024
"""The maximum size in bytes of a body that is passed to the transport at once."""
PIECE = 256 * 1024
"""Bytes of a larger body that are sent before other tasks get a turn."""

REMEMBERED = 3
"""The number of heads of a connection that are remembered, one after another: if the next responses do not
have them, too, those after them will not either."""

NO_BODY = (204, 205, 304)


class Connection(asyncio.Protocol):
    """A connection, over TLS or not."""

    __slots__ = (
        "_busy",
        "_complete",
        "_excess",
        "_feed",
        "_headers",
        "_heard",
        "_heard_1_1",
        "_idle",
        "_in_head",
        "_informational",
        "_kept",
        "_known",
        "_opened",
        "_overhead",
        "_parser",
        "_paused",
        "_poll",
        "_refusal",
        "_remembered",
        "_response",
        "_trailers",
        "_transport",
        "_unsent",
        "_until_eof",
        "_waiter",
        "closed",
        "failure",
        "held",
        "idle_since",
        "label",
        "loop",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, idle: "dict[Connection, None]"
    ) -> None:
        self.loop = loop
        self.label = origin.label
        self.closed = False
        self.idle_since = 0.0
        """Since when it is idle, by the event loop's clock."""
        self.failure: Failure | None = None
        """Why there was no response."""
        self._idle = idle
        """The idle connections of the origin, to which this one is added after each response."""
        self._transport: Any = None
        self._poll: Any = None
        self._parser: Any = None
        self._feed: Any = None
        # The current request.
        self._busy = False
        self._waiter: Arrival[Response | None] | None = None
        self._unsent: memoryview | None = None
        self._paused = False
        # Its response.
        self._heard = False
        self._heard_1_1 = False
        """Whether the response that has begun is certainly of HTTP/1.1: asking the parser takes as long as
        parsing a few headers."""
        self._in_head = True
        self._overhead = 0
        """Bytes since the start of the request or the last byte of a body."""
        self._informational = 0
        self._headers: list[Header] = []
        self._trailers = 0
        self._refusal: str | None = None
        self._response: Response | None = None
        self._opened: Response | None = None
        """A response that nobody has been told of yet."""
        self.held = False
        self._until_eof = False
        self._complete = False
        self._excess = False
        self._kept = False
        self._known: KnownHead | None = None
        """The head that the next response may have, too."""
        self._remembered = 0
        """How many heads were remembered."""

    # --- for the client ------------------------------------------------------------------------

    def send(self, head: bytes, body: bytes) -> "Arrival[Response | None]":
        """Send a request. The response arrives with its head; it is None if the connection failed before (see
        `failure`).
        """
        self._busy = True
        self._heard = self._excess = self._until_eof = False
        self._in_head = True
        self._overhead = self._informational = self._trailers = 0
        self._headers = []
        waiter: Arrival[Response | None] = Arrival(self.loop)
        self._waiter = waiter
        if len(body) <= JOINED:
            self._transport.write(head + body)
        elif len(body) <= AT_ONCE:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._write_more()
        return waiter

    @property
    def silent(self) -> bool:
        """Whether no byte of a response has arrived."""
        return not self._heard

    def is_usable(self) -> bool:
        """Return whether a request can be sent on this idle connection. Pending input (an unrequested
        response, or the end) makes it unusable, even if the event loop has not read it yet.
        """
        if self.closed or self._busy or self._transport.is_closing():
            return False
        return self._poll is None or not self._poll.poll(0)

    def go_on(self) -> None:
        """Resume reading, if it has paused."""
        if self.held:
            self.held = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection, including the current request."""
        self._busy = False
        self._response = self._opened = self._waiter = self._unsent = None
        self._idle.pop(self, None)
        if not self.closed:
            self._transport.abort()

    # --- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._feed = self._parser.feed_data
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if not self._busy:
            return self.abort()
        if not self._heard:
            if self._known is not None and self._take_known(self._known, data):
                return None
            self._heard = True
            self._heard_1_1 = data.startswith(b"HTTP/1.1 ")
        self._overhead += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                return self._fail(BadAnswer, f"not a valid HTTP answer ({self._refusal or error})")
            self._excess = True
        if self._complete:
            if self._opened is not None and self._remembered < REMEMBERED:
                self._remember(data, self._opened)
            self._settle()
        elif self._overhead > MAX_HEAD:
            self._fail(BadAnswer, "the answer's headers are too large")
        elif (response := self._response) is not None and response.pieces:
            response.arrive()
        if self._opened is not None:
            self._tell()
        return None

    def eof_received(self) -> bool:
        """See asyncio.Protocol."""
        if self._busy and self._until_eof and self._response is not None:
            self._finish(self._response, keep=False)
            self._settle()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.closed = True
        self._idle.pop(self, None)
        self._transport = self._poll = self._parser = self._feed = None
        if self._busy:
            self._fail(*self._explain_loss())

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._paused = True

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._paused = False
        self._write_more()

    # --- httptools' callbacks ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A message begins; after a complete response there should be none."""
        if self._complete:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the head or, after the body, a trailer: trailers are counted and dropped."""
        if self._in_head:
            self._headers.append((name.lower(), value.rstrip(b" \t")))
        elif not self._complete:
            self._trailers += 1
            if self._trailers > MAX_HEADERS:
                self._refuse("too many trailers")

    def on_headers_complete(self) -> None:
        """The head is complete, possibly that of an informational response."""
        if self._complete:
            return
        status, headers = self._parser.get_status_code(), self._headers
        if self._overhead > MAX_HEAD:
            self._check_size(headers)
        if len(headers) > MAX_HEADERS:
            self._refuse("too many headers")
        if status < 200:
            self._skip_informational(status)
            return
        version = "1.1" if self._heard_1_1 else self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refuse("not HTTP/1.1")
        self._begin(status, headers, version)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._overhead = 0
        response = self._response
        if response is None:
            self._excess = True
            return
        response.pieces.append(data)
        response.size += len(data)
        if response.size > READ_BUFFER and not self.held:
            self.held = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The response is complete (or an informational one, which the final response follows)."""
        if self._response is not None:
            self._finish(self._response, keep=self._parser.should_keep_alive())

    # --- response ------------------------------------------------------------------------------

    def _begin(self, status: int, headers: list[Header], version: str) -> None:
        self._in_head = False
        named = dict(headers)
        chunked = b"transfer-encoding" in named
        if chunked:
            self._check_transfer_encoding(headers)
            self._excess = version == "1.0"  # it has no chunks: do not reuse the connection
        encoding = named.get(b"content-encoding")
        decoder = decoder_for(encoding) if encoding is not None else None
        self._response = self._opened = response = Response(self, status, headers, decoder)
        self._headers = []
        if not chunked and b"content-length" not in named:
            if status == 205:  # the parser would wait for the end of the connection
                self._finish(response, keep=False)
            self._until_eof = status not in NO_BODY
        if status >= 400 and self._unsent is not None:
            self._unsent = None  # rejected before it was sent completely: the rest is not needed
            self._excess = True

    def _skip_informational(self, status: int) -> None:
        self._informational += 1
        if status == 101:
            self._refuse("it switches protocols")
        if status < 100:
            self._refuse("an invalid status")
        if self._informational > MAX_INFORMATIONAL:
            self._refuse("endless informational responses")
        self._headers = []
        self._heard_1_1 = False

    def _check_size(self, headers: list[Header]) -> None:
        if sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD:
            self._refuse("its headers are too large")

    def _check_transfer_encoding(self, headers: list[Header]) -> None:
        codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
        if codings != [b"chunked"]:
            self._refuse("an unknown transfer encoding")

    def _refuse(self, reason: str) -> None:
        """Stop the parser: `data_received` handles the exception that it raises."""
        self._refusal = reason
        raise ValueError(reason)

    def _finish(self, response: Response, *, keep: bool) -> None:
        self._response = None
        self._complete = True
        self._kept = keep
        response.finish()

    def _take_known(self, known: KnownHead, data: bytes) -> bool:
        """Take a whole response whose head is known; return whether it is."""
        body = known.body_of(data)
        if body is None:
            return False
        self._heard = self._kept = True
        self._opened = response = Response(self, 200, known.headers, None)
        if body:
            response.pieces.append(body)
            response.size = len(body)
        response.finish()
        self._settle()
        self._tell()
        return True

    def _remember(self, data: bytes, response: Response) -> None:
        """Remember the head of a response that has arrived as a whole, if nothing else has."""
        if self._kept and not self._excess and response.status == 200 and not response.is_encoded:
            self._remembered += 1
            self._known = know(data, response.headers)

    def _settle(self) -> None:
        """Become idle after a complete response, or close. Excess data makes the connection unusable."""
        self._busy = self._complete = False
        self.go_on()
        unsent = self._unsent is not None or self._transport.get_write_buffer_size()
        if not self._kept or self._excess or unsent:
            self._unsent = None
            self._transport.abort()
            return
        self.idle_since = self.loop.time()
        self._idle[self] = None

    def _fail(self, kind: type[RequestFailed], message: str) -> None:
        self._busy = self._complete = False
        self._unsent = None
        failure = (kind, f"{self.label}: {message}")
        response, self._response = self._response, None
        if response is not None:
            response.fail(failure)
        else:
            self.failure = failure
        if not self.closed:
            self._transport.abort()
        self._tell()

    def _tell(self) -> None:
        """Let whoever waits for a response go on, with the one that has begun, or with none. What they do is
        done before this returns, and may be a further request on this connection.
        """
        opened, self._opened = self._opened, None
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.arrive(opened)

    def _explain_loss(self) -> Failure:
        if self._response is not None:
            return AnswerCut, "the answer was cut off by the end of the connection"
        stage = "in the head of the answer" if self._heard else "before it answered"
        return ServerDisconnected, f"the connection was closed {stage}"

    # --- large requests ------------------------------------------------------------------------

    def _write_more(self) -> None:
        """Send the next piece of a large body when the transport has room, and schedule the one after it."""
        unsent = self._unsent
        if unsent is None or self._paused:
            return
        rest = unsent[PIECE:]
        self._unsent = rest if len(rest) else None
        self._transport.write(unsent[:PIECE])
        if self._unsent is not None and not self._paused:
            self.loop.call_soon(self._write_more)
