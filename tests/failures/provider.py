"""The provider that does what the table of faults says, on real sockets: one for each fault.

A request's path begins with the wire format in which the provider answers. Waits are events: a script that
falls silent reports to `Providers.hands`, so that the test can move the clock instead of waiting.
"""

import asyncio
import itertools
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from byte_server import Peer, serving
from certificates import server_side, write_certificate
from simulator import Piece, Script, Seen, Simulator, drop, html, json, nowhere, stream

from .speech import NOTHING_YET, SPEECHES, Speech

__all__ = ["Hand", "Providers"]

DRIP_S = 0.001
"""Seconds between two bytes of an answer that drips."""


class Hand(asyncio.Event):
    """A place in a script at which the provider waits for a time that is to pass."""

    def __init__(self, queue: "asyncio.Queue[Hand]", seen: Seen, *, drips: bool = False) -> None:
        super().__init__()
        self._queue = queue
        self.seen = seen
        self.drips = drips
        """Whether bytes come all the time: then only a deadline can end it."""

    async def wait(self) -> Any:
        self._queue.put_nowait(self)
        return None if self.drips else await super().wait()


class Telling:
    """One request, and how to answer it."""

    def __init__(self, providers: "Providers", seen: Seen) -> None:
        self.providers = providers
        self.seen = seen
        self.speech: Speech = SPEECHES[seen.path.split("/")[1]]
        self.streamed = "streamGenerateContent" in seen.path or bool(seen.json.get("stream"))

    # --- pieces ---

    @property
    def silence(self) -> Hand:
        return Hand(self.providers.hands, self.seen)

    @property
    def delivered(self) -> asyncio.Event:
        """Set when the client has the beginning of a stream."""
        return self.providers.delivered

    def drip(self, data: bytes) -> Iterator[Piece]:
        yield Hand(self.providers.hands, self.seen, drips=True)
        yield from itertools.repeat(data)

    # --- scripts ---

    def well(self) -> Script:
        last = self.seen.json.get("messages", [{}])[-1]
        if last.get("role") == "assistant":  # the beginning is given
            return stream(self.speech.stream[2 if last["content"] == "Hello" else 1 :])
        return stream(self.speech.stream) if self.streamed else json(self.speech.plain)

    def ok(self, *pieces: Piece, **script: Any) -> Script:
        """A stream or a body of these pieces, that ends as a body should."""
        kind = "text/event-stream" if self.streamed else "application/json"
        return Script(headers=(("content-type", kind),), pieces=pieces, framing="chunked", **script)

    def cut(self, *pieces: Piece, ending: str = "close") -> Script:
        """A body that ends after these pieces as no body should."""
        size = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
        return self.ok(*pieces, cut_at=size, ending=ending)

    def begun(self, *pieces: Piece, **script: Any) -> Script:
        """A stream whose first text the client has before these pieces come."""
        return self.ok(self.speech.first, self.delivered, *pieces, **script)


def error(status: int, code: str = "simulated", retry_after: str | None = None) -> "Does":
    headers = {} if retry_after is None else {"retry-after": retry_after}
    body = {"error": {"message": "no", "type": "simulated_error", "param": None, "code": code}}
    return lambda _: json(body, status, headers)


Does = Callable[[Telling], Script]

SCRIPTS: Mapping[str, Does] = {
    "well": Telling.well,
    "down": error(503),
    # before the headers
    "closes": lambda _: drop(),
    "resets": lambda _: drop(reset=True),
    "cut_head": lambda _: Script(cut_head_at=20, ending="close"),
    "no_http": lambda _: Script(head=b"SSH-2.0-OpenSSH_9.9\r\n", framing="close", ending="close"),
    "redirect": lambda _: json({}, 307, {"location": "http://127.0.0.1:9/elsewhere"}),
    "silent": lambda play: Script(head=b"", pieces=[play.silence]),
    "slow_head": lambda play: Script(
        head=b"HTTP/1.1 200 OK\r\nx-slow: ", pieces=play.drip(b"z"), framing="close", gap_s=DRIP_S
    ),
    # an error as the answer
    **{str(status): error(status) for status in (400, 413, 422, 403, 429, 408, 500, 529)},
    "401": error(401, "invalid_api_key"),
    "402": error(402, "insufficient_funds"),
    "404": error(404, "model_not_found"),
    "quota": error(429, "insufficient_quota"),
    "429_wait": error(429, "rate_limit_exceeded", "7"),
    "503_wait": error(503, retry_after="7"),
    "html": lambda _: html(502),
    "endless_error": lambda _: Script(500, framing="length", declares=100, ending="hang"),
    # a body that is no answer
    "cut_body": lambda play: play.cut(play.speech.plain[:40]),
    "reset_body": lambda play: play.cut(play.speech.plain[:40], ending="reset"),
    "stalled_body": lambda play: play.ok(play.speech.plain[:40], play.silence),
    "drip_body": lambda play: Script(pieces=play.drip(b" "), framing="chunked", gap_s=DRIP_S),
    "failed": lambda play: json(play.speech.failed),
    "empty": lambda _: json(b""),
    "no_json": lambda _: json(b'{"id": "chatcmpl-1", "obj'),
    "page": lambda _: html(200),
    "no_answer": lambda _: json({"object": "list", "data": []}),
    "error_body": lambda play: json(play.speech.error),
    # a stream, before its first event
    "stream_cut": lambda _: Script(cut_head_at=10_000, framing="chunked", ending="close"),
    "stream_silent": lambda play: play.ok(play.silence),
    "pings": lambda play: Script(pieces=play.drip(b": ping\n\n"), framing="chunked", gap_s=DRIP_S),
    "dies_begun": lambda play: play.cut(NOTHING_YET, play.delivered, b"data: {"),
    "garbage_first": lambda play: play.ok(b"data: {\n\n", *play.speech.stream),
    "error_first": lambda play: play.ok(play.speech.error_event),
    "failed_first": lambda play: play.ok(play.speech.failed_finish),
    # a stream, after its first text
    "dies": lambda play: play.cut(play.speech.first, play.delivered, b"data: {"),
    "resets_stream": lambda play: play.cut(play.speech.first, play.delivered, b"data: {", ending="reset"),
    "ends": lambda play: play.begun(play.speech.second),
    "dies_in_call": lambda play: play.cut(play.speech.tool, play.delivered, b"data: {"),
    "stalls": lambda play: play.begun(play.silence),
    "endless": lambda play: Script(pieces=play.drip(play.speech.second), framing="chunked", gap_s=DRIP_S),
    "garbage_later": lambda play: play.begun(b"data: {\n\n", play.speech.finish, play.speech.end),
    "error_later": lambda play: play.begun(play.speech.error_event),
    "failed_later": lambda play: play.begun(play.speech.failed_finish, play.speech.end),
    # a stream, after its finish
    "dies_finished": lambda play: play.cut(*play.speech.stream[:3], b": "),
    "stalls_finished": lambda play: play.ok(*play.speech.stream[:3], play.silence),
    "open_after_end": lambda play: play.ok(*play.speech.stream, asyncio.Event()),
    "garbage_after_end": lambda play: play.ok(*play.speech.stream, b"data: {\n\n", play.speech.error_event),
    "dies_after_end": lambda play: play.cut(*play.speech.stream),
}
"""What the provider of each fault does with a request."""

SUFFIXES = {"openai_chat": "/v1", "openai_responses": "/v1", "anthropic": "", "gemini": ""}


class Providers:
    """The providers: by the key of their fault."""

    def __init__(self) -> None:
        self.hands: asyncio.Queue[Hand] = asyncio.Queue()
        """The waits that have begun."""
        self.delivered = asyncio.Event()
        self._stack = AsyncExitStack()
        self._urls: dict[str, str] = {}
        self.simulators: dict[str, Simulator] = {}

    def url(self, fault: str, speech: str) -> str:
        """The base URL of the provider with this fault, in this wire format."""
        return f"{self._urls[fault]}/{speech}{SUFFIXES[speech]}"

    def requests(self) -> list[Seen]:
        """All requests so far, of one provider after another."""
        return [seen for one in self.simulators.values() for seen in one.requests]

    def forget(self) -> None:
        """Begin anew."""
        self.delivered = asyncio.Event()
        for simulator in self.simulators.values():
            simulator.requests.clear()

    async def __aenter__(self) -> Self:
        for key, does in SCRIPTS.items():
            simulator = self.simulators[key] = await self._stack.enter_async_context(Simulator())
            simulator.answer(lambda seen, does=does: does(Telling(self, seen)))
            self._urls[key] = simulator.url
        self._urls["refused"] = nowhere()
        self._urls["dns"] = "http://api.example.invalid"
        folder = Path(self._stack.enter_context(TemporaryDirectory()))
        await self._serve("tls_none", speak_http)
        await self._serve("tls_closed", hang_up)
        await self._serve("tls_silent", stay_silent)
        await self._serve("tls_untrusted", stay_silent, server_side(write_certificate(folder)))
        return self

    async def _serve(self, key: str, script: Any, tls: ssl.SSLContext | None = None) -> None:
        server = await self._stack.enter_async_context(serving(script, tls=tls))
        self._urls[key] = f"https://127.0.0.1:{server.port}"

    async def __aexit__(self, *error: object) -> None:
        await self._stack.__aexit__(*error)


async def hang_up(peer: Peer) -> None:
    """Close when the first bytes are there."""
    await peer.reader.read(1)


async def stay_silent(peer: Peer) -> None:
    """Send nothing, until the peer leaves."""
    await peer.reader.read()


async def speak_http(peer: Peer) -> None:
    """Answer whatever comes in plain HTTP."""
    await peer.reader.read(1)
    await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
