"""A server of bytes on a real socket: it reads one request at a time and does what the test tells it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tidegate.http.address import Address, parse_address, render_headers
from tidegate.http.client import Client
from tidegate.http.client_response import Response

__all__ = ["BODY", "HEADERS", "OK", "Peer", "Script", "ask", "opened", "plain", "serving", "whole"]

HEADERS = render_headers([(b"content-type", b"application/json")])
BODY = b'{"question":1}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []

    async def request(self) -> bytes:
        """Read one request; its head."""
        head = await self.head()
        (length,) = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")
        ] or [0]
        self.bodies.append(await self.reader.readexactly(length))
        return head

    async def head(self) -> bytes:
        """Read the head of a request."""
        self.heads.append(await self.reader.readuntil(b"\r\n\r\n"))
        return self.heads[-1]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """Close in order: the other side gets all that was sent."""
        self.writer.close()

    def reset(self) -> None:
        """Drop the connection."""
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[Any]]


class Server:
    """What was seen, and where."""

    def __init__(self, port: int, tls: bool) -> None:
        self.port = port
        self.peers: list[Peer] = []
        self._tls = tls

    @property
    def requests(self) -> int:
        return sum(len(peer.heads) for peer in self.peers)

    def address(self, path: str = "/v1/chat", host: str = "127.0.0.1", verify: bool = True) -> Address:
        return parse_address(f"http{'s' if self._tls else ''}://{host}:{self.port}{path}", verify)


@asynccontextmanager
async def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server whose first connection plays the first script; the last script stays for all others."""
    tasks: set[asyncio.Task[None]] = set()

    async def play(peer: Peer) -> None:
        try:
            await scripts[min(peer.number, len(scripts) - 1)](peer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the client is gone
        finally:
            peer.writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(server.peers))
        server.peers.append(peer)
        task = asyncio.ensure_future(play(peer))
        tasks.add(task)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=1 << 26, backlog=1024)
    server = Server(listener.sockets[0].getsockname()[1], tls is not None)
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def plain(*answers: bytes) -> Script:
    """Answers the requests of a connection one by one, and then closes it."""

    async def play(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)

    return play


def always(answer: bytes = OK) -> Script:
    """Answers every request of a connection."""

    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answer)

    return play


@asynccontextmanager
async def opened(environ: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
    client = Client(environ or {})
    client.open()
    try:
        yield client
    finally:
        await client.close()


async def whole(response: Response) -> bytes:
    """The body, read piece by piece."""
    pieces = []
    while data := await response.read_any():
        pieces.append(data)
    return b"".join(pieces)


async def ask(
    client: Client, server: Server, body: bytes = BODY, address: Address | None = None
) -> tuple[int, bytes]:
    """Status and body of an answer."""
    response = await client.post(address or server.address(), HEADERS, body, 5)
    try:
        return response.status, await whole(response)
    finally:
        response.close()
