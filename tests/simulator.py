"""A provider on a real socket that does what a test tells it, faults included.

    async with Simulator() as provider:
        provider.answer(refusal(429, retry_after="7"), json({"id": "1"}))
        ... the first request gets the 429, all further ones the JSON ...
        assert provider.requests[0].json["model"] == "x"

A `Script` says how one request is answered. Its pieces are bytes to send, numbers (seconds to
wait) and events (`asyncio.Event`, to wait for: `gate = asyncio.Event()`, then a test needs no
clock). Faults are fields of every script:

    stream([b"data: 1\\n\\n", gate, b"data: 2\\n\\n"])       waits for the test in mid-stream
    stream(events, gap_s=0.02)                              pauses between the pieces
    stream(events, cut_at=100)                              closes after 100 bytes of the body
    stream(events, cut_at=100, ending="reset")              resets the connection there
    stream(events, cut_at=100, ending="hang")               falls silent there
    json(value, declares=10_000)                            promises more than it sends
    json(value, framing="close")                            no length, the end is the close
    json(value, head_after=gate)                            a slow head
    json(value, ending="close")                             closes a connection that looked kept
    json(value, compressed=True)                            gzip
    stream(repeat(b"x" * 65536))                            endless
    Script(cut_head_at=9)                                   half a status line
    Script(head=b"SSH-2.0-x\\r\\n", ending="close")          no HTTP
    drop(), never()                                         no answer: closed, or silent

What happened is in `Simulator.requests`: what arrived, how much was sent (bytes that the kernel
took: it stops growing when the peer stops reading), and when the peer closed.
"""

import asyncio
import gzip
import json as jsonlib
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

__all__ = [
    "Answering",
    "Script",
    "Seen",
    "Simulator",
    "drop",
    "html",
    "json",
    "never",
    "nowhere",
    "refusal",
    "stream",
]

Pause: TypeAlias = "float | asyncio.Event"
Piece: TypeAlias = "bytes | Pause"

SLICE = 64 * 1024
"""Bytes written at once; also the socket's send buffer, so that a full socket is full soon."""


# --- scripts ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Script:
    """How one request is answered."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pieces: Iterable[Piece] = ()
    """An iterator serves one request; a list or tuple serves any number."""
    framing: Literal["length", "chunked", "close"] = "length"
    declares: int | None = None
    """A content-length other than the true one."""
    compressed: bool = False
    gap_s: float = 0.0
    """A pause before each piece of bytes but the first."""
    head: bytes | None = None
    """Sent in place of the head that the fields above describe."""
    head_after: Pause = 0.0
    cut_head_at: int | None = None
    """Bytes of the head after which `ending` comes."""
    cut_at: int | None = None
    """Bytes of the body after which `ending` comes."""
    ending: Literal["keep", "close", "reset", "hang"] = "keep"
    """What becomes of the connection; a cut answer is never kept."""
    before_body: bool = False
    """Whether to answer when the head of the request is there, without reading its body."""


Answering: TypeAlias = "Script | Callable[[Seen], Script]"


def json(value: Any, status: int = 200, headers: dict[str, str] | None = None, **script: Any) -> Script:
    """A JSON body; bytes are sent as they are."""
    body = value if isinstance(value, bytes) else jsonlib.dumps(value).encode()
    named = (("content-type", "application/json"), *(headers or {}).items())
    return Script(status, named, (body,), **script)


def stream(pieces: Iterable[Piece], headers: dict[str, str] | None = None, **script: Any) -> Script:
    """A body that comes piece by piece, each in its own chunk."""
    named = (("content-type", "text/event-stream"), *(headers or {}).items())
    return Script(headers=named, pieces=pieces, **({"framing": "chunked"} | script))


def refusal(status: int, message: str = "simulated", retry_after: str | None = None, **script: Any) -> Script:
    """An error in OpenAI's shape."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    error = {"message": message, "type": "simulated_error", "param": None, "code": "simulated"}
    return json({"error": error}, status, headers, **script)


def html(status: int, text: str = "<html><body><h1>Bad gateway</h1></body></html>", **script: Any) -> Script:
    """An error page of something in front of the provider."""
    return Script(status, (("content-type", "text/html"),), (text.encode(),), **script)


def drop(*, reset: bool = False) -> Script:
    """The connection ends without an answer: what a stale pooled connection looks like."""
    return Script(cut_head_at=0, ending="reset" if reset else "close")


def never() -> Script:
    """No answer, the connection stays open."""
    return Script(cut_head_at=0, ending="hang")


def nowhere() -> str:
    """A base URL at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# --- what happened ---------------------------------------------------------------------------


@dataclass(eq=False)
class Seen:
    """One request, and what became of its answer."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case; of a repeated header the values joined by a comma."""
    connection: int
    """The number of the connection, from 0."""
    body: bytes = b""
    sent: int = 0
    """Bytes of the answer, head included, that the kernel took."""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the answer has been sent to its end."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the peer has closed the connection, or one of both has reset it."""
    closed_at: float | None = None
    """The loop's time of that."""

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return jsonlib.loads(self.body)

    async def closed_after(self, moment: float) -> float:
        """Await the peer's close; the seconds from a moment (of the loop's clock) until then."""
        await self.closed.wait()
        assert self.closed_at is not None
        return self.closed_at - moment


class _PeerLeft(Exception):
    """The peer has closed the connection."""


# --- the server ------------------------------------------------------------------------------


class Simulator:
    """A scripted provider on 127.0.0.1, to be used with `async with`."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.connections = 0
        """How many connections were ever made."""
        self._scripts: list[Answering] = [json({"error": "the simulator was given no script"}, 501)]
        self._arrival = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def answer(self, *scripts: Answering) -> None:
        """Script the next requests, one each; the last script stays for all that follow.

        A function instead of a script gets the request and makes its script.
        """
        assert scripts, "at least one script"
        self._scripts = list(scripts)

    def stream(self, pieces: Iterable[Piece], **script: Any) -> None:
        """Answer all requests with this stream."""
        self.answer(stream(pieces, **script))

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        assert self._server is not None, "the simulator is not running"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._tasks)

    async def seen(self, count: int = 1) -> Seen:
        """Await the arrival of the request with this number, counted from 1."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def settled(self, seen: Seen, quiet_s: float = 0.2) -> int:
        """Await that nothing more of an answer can be sent; the bytes sent until then."""
        while True:
            sent = seen.sent
            await asyncio.sleep(quiet_s)
            if sent == seen.sent:
                return sent

    async def __aenter__(self) -> Self:
        listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio then sets TCP_NODELAY
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SLICE)
        listener.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._connected, sock=listener, backlog=2048)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        if error is None:
            for result in ended:
                if isinstance(result, Exception):
                    raise result

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, self.connections, reader, writer)
        self.connections += 1
        task = asyncio.ensure_future(connection.serve())
        self._tasks.add(task)
        task.add_done_callback(self._disconnected)

    def _disconnected(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)  # a failed one is kept until its error can be raised

    def next_script(self) -> Answering:
        """The script of the request that begins now."""
        return self._scripts[0] if len(self._scripts) == 1 else self._scripts.pop(0)

    async def note(self, seen: Seen) -> None:
        """Note a request that has arrived."""
        async with self._arrival:
            self.requests.append(seen)
            self._arrival.notify_all()


class _Connection:
    """One connection: requests come in, scripts are played."""

    def __init__(
        self, simulator: Simulator, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._simulator = simulator
        self._number = number
        self._reader = reader
        self._writer = writer
        self._received = bytearray()
        self._news = asyncio.Condition()
        self._peer_left = asyncio.Event()
        self._current: Seen | None = None
        writer.transport.set_write_buffer_limits(0)  # so that `drain` means: the kernel has it

    async def serve(self) -> None:
        """Answer requests until one side ends the connection."""
        listening = asyncio.ensure_future(self._listen())
        try:
            while await self._answer_one():
                pass
        except (_PeerLeft, ConnectionError):
            pass
        finally:
            listening.cancel()
            self._writer.transport.abort()

    async def _listen(self) -> None:
        """Take in whatever comes, and notice when the peer leaves."""
        try:
            while data := await self._reader.read(SLICE):
                self._received += data
                async with self._news:
                    self._news.notify_all()
        except ConnectionError:
            pass
        self._note_close()
        async with self._news:
            self._news.notify_all()

    def _note_close(self) -> None:
        self._peer_left.set()
        if self._current is not None:
            self._current.closed_at = asyncio.get_running_loop().time()
            self._current.closed.set()

    async def _answer_one(self) -> bool:
        """Read a request and play its script; whether the connection goes on."""
        seen = await self._read_head()
        self._current = seen
        answering = self._simulator.next_script()
        early = isinstance(answering, Script) and answering.before_body
        if not early:
            seen.body = await self._read_body(seen.headers)
        await self._simulator.note(seen)
        script = answering if isinstance(answering, Script) else answering(seen)
        whole = await self._play(script, seen)
        if whole:
            seen.complete.set()
        if script.ending == "keep" and whole and script.framing != "close":
            return True
        await self._end(script)
        return False

    async def _end(self, script: Script) -> None:
        if script.ending == "hang":
            await self._peer_left.wait()
        elif script.ending == "reset":
            linger = struct.pack("ii", 1, 0)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._note_close()
        else:
            self._writer.write_eof()
            await self._peer_left.wait()  # a close with bytes unread would be a reset

    # --- reading ---

    async def _read_head(self) -> Seen:
        head = await self._read_until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Seen(method, path, headers, self._number)

    async def _read_body(self, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await self._read_exactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int((await self._read_until(b"\r\n")).split(b";")[0], 16):
            body += (await self._read_exactly(size + 2))[:-2]
        await self._read_until(b"\r\n")
        return body

    async def _read_until(self, mark: bytes) -> bytes:
        await self._wait_until(lambda: mark in self._received)
        end = self._received.index(mark)
        found = bytes(self._received[:end])
        del self._received[: end + len(mark)]
        return found

    async def _read_exactly(self, size: int) -> bytes:
        await self._wait_until(lambda: len(self._received) >= size)
        found = bytes(self._received[:size])
        del self._received[:size]
        return found

    async def _wait_until(self, there: Callable[[], bool]) -> None:
        async with self._news:
            await self._news.wait_for(lambda: there() or self._peer_left.is_set())
        if not there():
            raise _PeerLeft

    # --- playing ---

    async def _play(self, script: Script, seen: Seen) -> bool:
        """Send the answer; whether to its end."""
        pieces = script.pieces
        if script.compressed:
            pieces = (gzip.compress(b"".join(_bytes_of(pieces))),)
        await self._pause(script.head_after)
        head = _head(script, pieces) if script.head is None else script.head
        await self._send(seen, head[: script.cut_head_at])
        if script.cut_head_at is not None:
            return False
        room = script.cut_at
        first = True
        for piece in pieces:
            if not isinstance(piece, bytes):
                await self._pause(piece)
                continue
            if not first:
                await self._pause(script.gap_s)
            first = False
            await self._send_framed(seen, piece[:room], script)
            if room is not None:
                room -= len(piece)
                if room <= 0:
                    return False
        if script.framing == "chunked":
            await self._send(seen, b"0\r\n\r\n")
        return script.declares is None

    async def _send_framed(self, seen: Seen, data: bytes, script: Script) -> None:
        if script.framing != "chunked":
            await self._send(seen, data)
        elif data:
            await self._send(seen, b"%x\r\n%b\r\n" % (len(data), data))

    async def _send(self, seen: Seen, data: bytes) -> None:
        for start in range(0, len(data), SLICE):
            if self._peer_left.is_set():
                raise _PeerLeft
            part = data[start : start + SLICE]
            self._writer.write(part)
            await self._flush()
            seen.sent += len(part)

    async def _flush(self) -> None:
        """Wait until the kernel has taken what was written."""
        if self._writer.transport.get_write_buffer_size():
            await self._unless_peer_left(self._writer.drain())

    async def _pause(self, pause: Pause) -> None:
        if isinstance(pause, asyncio.Event):
            await self._unless_peer_left(pause.wait())
        elif pause:
            await self._unless_peer_left(asyncio.sleep(pause))

    async def _unless_peer_left(self, waiting: Any) -> None:
        """Await something, or raise when the peer leaves meanwhile."""
        wanted = asyncio.ensure_future(waiting)
        leaving = asyncio.ensure_future(self._peer_left.wait())
        try:
            await asyncio.wait((wanted, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        if not wanted.done():
            wanted.cancel()
            raise _PeerLeft
        wanted.result()


_REASONS = {int(status): status.phrase for status in HTTPStatus}


def _head(script: Script, pieces: Iterable[Piece]) -> bytes:
    reason = _REASONS.get(script.status, "Unknown")
    lines = [f"HTTP/1.1 {script.status} {reason}", *(f"{name}: {value}" for name, value in script.headers)]
    if script.compressed:
        lines.append("content-encoding: gzip")
    if script.framing == "chunked":
        lines.append("transfer-encoding: chunked")
    elif script.framing == "length":
        size = sum(map(len, _bytes_of(pieces))) if script.declares is None else script.declares
        lines.append(f"content-length: {size}")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def _bytes_of(pieces: Iterable[Piece]) -> Iterator[bytes]:
    return (piece for piece in pieces if isinstance(piece, bytes))
