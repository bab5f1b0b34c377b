"""A server of ours, or uvicorn, in the test's loop, around a small application; and a raw client."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from byte_client import Client
from tidegate.http.asgi import serve_scope
from tidegate.http.contract import Application, ServerRequest
from tidegate.http.server import Limits, Server

__all__ = ["Client", "echo", "native", "under_uvicorn"]


async def echo(request: ServerRequest) -> None:
    """Answer with the body, in the way that the path names."""
    body = b""
    if request.path == "/early":
        request.respond(401, [(b"content-type", b"text/plain")], b"no key")
        return
    if (whole := request.take_body()) is not None:
        body = whole
    else:
        while piece := await request.read():
            body += piece
    if request.path == "/stream":
        request.start(200, [(b"content-type", b"text/plain")])
        for start in range(0, len(body), 50_000):
            request.write(body[start : start + 50_000])
            if request.congested:
                await request.drain()
        request.finish()
    elif request.path == "/raise":
        raise ValueError("meant")
    elif request.path == "/break":
        request.start(200, [])
        request.write(b"half")
        raise ValueError("meant")
    elif request.path == "/odd":
        request.respond(999, [(b"retry-after", b"1\r\nx-injected: 1\x00"), (b"bad name", b"x")], b"odd")
    elif request.path == "/nothing":
        request.respond(204, [], b"")
    else:
        request.respond(200, [(b"content-type", b"text/plain")], body)


def bound() -> socket.socket:
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


@contextlib.asynccontextmanager
async def native(application: Application = echo, limits: Limits | None = None) -> AsyncIterator[int]:
    """The port of a server of ours."""
    server, listener = Server(application, limits), bound()
    port: int = listener.getsockname()[1]
    await server.listen(listener)
    try:
        yield port
    finally:
        await server.shutdown(0)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the test runner keeps its own


@contextlib.asynccontextmanager
async def under_uvicorn(application: Application = echo) -> AsyncIterator[int]:
    """The port of uvicorn around the same application."""

    async def app(scope, receive, send) -> None:
        await serve_scope(application, scope, receive, send)

    server = _Uvicorn(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    listener = bound()
    port: int = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving
