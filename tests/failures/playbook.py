"""Dialogues without sockets: what arrives at the gateway and what it sends, in order.

    await play('''
        client: a stream
        gateway > a: request
        a: 429
        gateway > b: request
        b: stream "Hel"
        gateway > client: 200 from b, attempt 2
        gateway > client: "Hel"
        b: cut
        gateway > client: error provider_broke
        gateway > client: end
    ''')

The lines of the client, the providers and the clock are played one after another; after each of them the
gateway runs until it waits for something. The whole dialogue must be as it is written: nothing is sent
that is not there, nor earlier or later. Everything is the real gateway but the sockets: providers send bytes
of HTTP to the HTTP client's connections, and the client is a `ServerRequest`.

    client: a request | a stream | leaves
    a: 500 | 429 retry-after 7            an error
    a: "Hello"                            a whole answer
    a: stream "Hel" finish done end       the head of a stream, and what comes with it in the same read
    a: "lo"                               more of the stream; also `comment`, `error`, `call`
    a: end | cut                          the end of the body, of the connection
    a: refuses                            no connection from now on
    clock: 20 s                           so much time passes
"""

import asyncio
import json
import re
import textwrap
from collections.abc import Awaitable, Callable, Iterable
from tempfile import TemporaryDirectory
from typing import Any, Self

from running import Gateway
from tidegate.http.address import Origin
from tidegate.http.errors import ClientDisconnected, ConnectFailed
from tidegate.http.lines import split_lines

from .speech import SPEECHES, chunk
from .world import KEY, Clock

__all__ = ["Play", "play"]

QUIET_TURNS = 25
"""Turns of the event loop without an event after which the gateway waits for something."""

CHAT = SPEECHES["openai_chat"]
HEAD = b"HTTP/1.1 %d X\r\ncontent-type: %b\r\n"
EVENTS = {
    "finish": CHAT.finish,
    "done": CHAT.end,
    "comment": b": keep-alive\n\n",
    "error": CHAT.error_event,
    "call": CHAT.tool,
}


class Wire:
    """A connection to a provider: the transport of the HTTP client's protocol."""

    def __init__(self, name: str, log: Callable[[str], None], connection: Any) -> None:
        self._name = name
        self._log = log
        self._connection = connection
        self._received = b""
        self.requests: list[Any] = []
        self.closed = False
        self.waits = False
        """Whether there is a request whose answer has not ended."""
        connection.connection_made(self)

    # --- as the provider ---

    def send(self, data: bytes, *, ends: bool = False) -> None:
        if ends:
            self.waits = False
        self._connection.data_received(data)

    def cut(self) -> None:
        self.closed, self.waits = True, False
        self._connection.connection_lost(ConnectionResetError())

    # --- as asyncio's transport ---

    def write(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        size = int(re.findall(rb"content-length: (\d+)", head)[0])
        if len(body) >= size:
            self._received = body[size:]
            self.requests.append(json.loads(body[:size]))
            self.waits = True
            self._log(f"gateway > {self._name}: request")

    def writelines(self, pieces: Iterable[bytes]) -> None:
        self.write(b"".join(pieces))

    def abort(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self.waits:
            self._log(f"gateway > {self._name}: hangs up")
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None: ...


class Visitor:
    """A client and its request: see tidegate.http.contract.ServerRequest."""

    method, path, query, peer = "POST", "/v1/chat/completions", b"", "127.0.0.1"
    congested, congested_since, memory = False, None, None

    def __init__(self, body: dict[str, Any], now: float, log: Callable[[str], None]) -> None:
        self.headers = [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {KEY}".encode()),
        ]
        self.named = dict(self.headers)
        self._body: bytes | None = json.dumps(body).encode()
        self._log = log
        self.received_at = self.body_at = now
        self.disconnected = False
        self.on_disconnect: Callable[[], None] | None = None

    def leave(self) -> None:
        self.disconnected = True
        if self.on_disconnect is not None:
            self.on_disconnect()

    def take_body(self) -> bytes | None:
        body, self._body = self._body, None
        return body

    async def read(self) -> bytes:
        return b""

    def respond(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, lines: bytes = b""
    ) -> None:
        answer = json.loads(body)
        if status == 200:
            outcome = f'"{answer["choices"][0]["message"]["content"]}"'
        else:
            outcome = answer["error"]["code"] or answer["error"]["type"]
        self._log(f"gateway > client: {status} {outcome}{self._from([*headers, *split_lines(lines)])}")

    def start(self, status: int, headers: Iterable[tuple[bytes, bytes]], lines: bytes = b"") -> None:
        self._log(f"gateway > client: {status}{self._from([*headers, *split_lines(lines)])}")

    def write(self, data: bytes) -> bool:
        for block in data.split(b"\n\n"):
            if block:
                self._log(f"gateway > client: {told_by(block)}")
        return True

    def finish(self, data: bytes = b"") -> None:
        self.write(data)
        self._log("gateway > client: end")

    async def drain(self) -> None:
        if self.disconnected:
            raise ClientDisconnected

    def abort(self) -> None:
        self._log("gateway > client: hangs up")

    def _from(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        named = {name: value.decode() for name, value in headers}
        if b"x-tidegate-provider" not in named:
            return ""
        wait = f", retry-after {named[b'retry-after']}" if b"retry-after" in named else ""
        return f" from {named[b'x-tidegate-provider']}, attempt {named[b'x-tidegate-attempts']}{wait}"


def told_by(block: bytes) -> str:
    """An event of a stream in a word."""
    if block.startswith(b":"):
        return "comment" if block == b": keep-alive" else block.decode()
    data = block.removeprefix(b"data: ")
    if data == b"[DONE]":
        return "done"
    event = json.loads(data)
    if "error" in event:
        return f"error {event['error']['code']}"
    (choice,) = event["choices"] or [{"delta": {}, "finish_reason": "usage"}]
    return (
        f'"{choice["delta"]["content"]}"' if choice["delta"].get("content") else str(choice["finish_reason"])
    )


class Play:
    """A gateway before providers `a`, `b` and `c`, which all serve `m`, and what has happened."""

    def __init__(
        self,
        clock: Clock,
        *,
        names: str = "abc",
        routing: str = "retries = 0",
        model: str = "",
        price: float | None = None,
        know: Callable[["Play"], None] | None = None,
    ) -> None:
        """With a `price`, in USD per million tokens, the gateway keeps accounts. `know` says what the gateway
        has seen of its providers before.
        """
        self._clock, self._know = clock, know
        self._folder = TemporaryDirectory()
        lines = [f"[models.m]\ncandidates = {[f'{name}/m' for name in names]!r}\n{model}"]
        for name in names:
            lines.append(
                f'[providers.{name}]\nkind = "openai_compatible"\napi_key = "sk-upstream-0123456789"'
            )
            lines.append(f'base_url = "http://{name}.test/v1"\ndialect = {{ continues = true }}')
            if price is not None:
                lines.append(f'[prices."{name}/m"]\ninput = {price}\noutput = {price}')
        if price is not None:
            lines.append(f'[store]\nurl = "sqlite:///{self._folder.name}/accounts.db"')
            lines.append(f'[auth]\nkeys = ["{KEY}"]')
        self.gateway = Gateway(more="\n".join(lines), routing=routing)
        self.log: list[str] = []
        self.wires: dict[str, list[Wire]] = {name: [] for name in names}
        self._refusing: set[str] = set()
        self._streaming: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._visitor: Visitor | None = None

    async def __aenter__(self) -> Self:
        app: Any = self.gateway.app
        await app.startup()
        app._pool._connector = self  # all that is replaced: what opens connections
        if self._know is not None:
            self._know(self)
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.gateway.app.shutdown()
        self._folder.cleanup()

    async def connect(self, origin: Origin, proxy: Any, make: Callable[[], Any], timeout_s: float) -> Any:
        """See tidegate.http.connect.Connector."""
        name = origin.host.removesuffix(".test")
        if name in self._refusing:
            raise ConnectFailed(f"{origin.label}: the connection was refused")
        connection = make()
        self.wires[name].append(Wire(name, self.log.append, connection))
        return connection

    def ask(self, *, stream: bool = False) -> Visitor:
        """Send a request of a client."""
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
        visitor = self._visitor = Visitor(body, self._clock(), self.log.append)
        serving: Awaitable[None] = self.gateway.app.serve(visitor)
        self._tasks.append(asyncio.ensure_future(serving))
        return visitor

    async def settle(self) -> None:
        """Let the gateway run until it waits for something."""
        quiet, length = 0, len(self.log)
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if length == len(self.log) else 0
            length = len(self.log)

    def asked(self, who: str) -> int:
        """How many requests a provider has received so far."""
        return sum(len(wire.requests) for wire in self.wires[who])

    async def answer_all(self, who: str, line: str) -> None:
        """Let a provider answer every request that waits for it."""
        for wire in [one for one in self.wires[who] if one.waits]:
            self._answer(wire, who, line)
        await self.settle()

    # --- lines ---

    async def say(self, line: str) -> None:
        """Play a line of somebody but the gateway."""
        who, _, what = line.partition(": ")
        self.log.append(line)
        if who == "clock":
            self._clock.passed += float(what.removesuffix(" s"))
        elif what == "leaves":
            assert self._visitor is not None
            self._visitor.leave()
        elif who == "client":
            self.ask(stream=what == "a stream")
        elif what == "refuses":
            self._refusing.add(who)
        else:
            assert self.wires[who], "\n".join(self.log)
            self._answer(self.wires[who][-1], who, what)
        await self.settle()

    def _answer(self, wire: Wire, who: str, what: str) -> None:
        first, *rest = re.findall(r'"[^"]*"|\S+', what)
        if first.isdigit():
            wire.send(refusal(int(first), rest), ends=True)
        elif first == "cut":
            self._streaming.discard(who)
            wire.cut()
        elif first == "stream":
            self._streaming.add(who)
            head = HEAD % (200, b"text/event-stream") + b"transfer-encoding: chunked\r\n\r\n"
            self._send_events(wire, who, rest, head)
        elif who in self._streaming:
            self._send_events(wire, who, [first, *rest])
        else:
            body = CHAT.plain.replace(b'"Hello"', first.encode())
            wire.send(HEAD % (200, b"application/json") + sized(body), ends=True)

    def _send_events(self, wire: Wire, who: str, words: list[str], head: bytes = b"") -> None:
        ends = "end" in words
        if ends:
            words.remove("end")
            self._streaming.discard(who)
        wire.send(head + chunked(words) + (b"0\r\n\r\n" if ends else b""), ends=ends)


def chunked(words: list[str]) -> bytes:
    """Events of a stream in one chunk."""
    data = b"".join(chunk({"content": word[1:-1]}) if word[0] == '"' else EVENTS[word] for word in words)
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def refusal(status: int, rest: list[str]) -> bytes:
    """An error, and perhaps a header with its value."""
    head = HEAD % (status, b"application/json")
    if rest:
        head += f"{rest[0]}: {rest[1]}\r\n".encode()
    return head + sized(CHAT.error)


def sized(body: bytes) -> bytes:
    return b"content-length: %d\r\n\r\n%b" % (len(body), body)


async def play(clock: Clock, dialogue: str, **settings: Any) -> Any:
    """Play a dialogue, and compare what happens with it; returns the last record."""
    lines = textwrap.dedent(dialogue).strip().split("\n")
    async with Play(clock, **settings) as stage:
        for line in lines:
            if not line.startswith("gateway"):
                await stage.say(line)
        records = stage.gateway.records
        assert stage.log == lines, "\n".join(stage.log)
    return records[-1] if records else None
