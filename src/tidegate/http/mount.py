"""Runs an ASGI application under Tidegate's servers: the control plane (FastAPI)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from .asgi import Message, Scope
from .contract import ServerRequest
from .errors import ClientDisconnected

__all__ = ["NOTHING", "ASGIApplication", "serve_asgi"]

ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]
NOTHING: Mapping[str, Any] = MappingProxyType({})
CONNECTIONS_OWN = frozenset([b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"])
"""Headers of the connection, which the server sets itself."""


async def serve_asgi(
    application: ASGIApplication, request: ServerRequest, state: Mapping[str, Any] = NOTHING
) -> None:
    """Let an ASGI application respond to one request. Raises what it raises. `state` is what it is told of
    the request beside the request itself (the scope's `state`).
    """
    answer = _Answer(request)
    scope = {**scope_of(request), "state": dict(state)}
    # Frameworks rely on asyncio's own tasks (anyio on their private parts), and this may be another one.
    await asyncio.ensure_future(application(scope, answer.receive, answer.send))


def scope_of(request: ServerRequest) -> Scope:
    """Return the ASGI scope of the request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "root_path": "",
        "headers": request.headers,
        "client": (request.peer, 0) if request.peer else None,
        "server": None,
    }


class _Answer:
    """The two callables of ASGI, for a `ServerRequest`."""

    def __init__(self, request: ServerRequest) -> None:
        self._request = request
        self._whole = False
        """Whether the end of the body has been delivered."""
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        """A head that waits for its body, to be sent together with a body in one piece."""

    async def receive(self) -> Message:
        """See ASGI."""
        if self._whole:
            return {"type": "http.disconnect"}
        try:
            data = await self._request.read()
        except ClientDisconnected:
            return {"type": "http.disconnect"}
        self._whole = not data
        return {"type": "http.request", "body": data, "more_body": bool(data)}

    async def send(self, message: Message) -> None:
        """See ASGI."""
        request = self._request
        if message["type"] == "http.response.start":
            headers = [(name.lower(), value) for name, value in message.get("headers", ())]
            self._head = (message["status"], [pair for pair in headers if pair[0] not in CONNECTIONS_OWN])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._head is not None:
            (status, headers), self._head = self._head, None
            if not more and request.method != "HEAD":
                plain = [pair for pair in headers if pair[0] != b"content-length"]
                request.respond(status, plain, body)
                return
            request.start(status, headers)
        if more:
            request.write(body)
            await self._drain()
        else:
            request.finish(body)

    async def _drain(self) -> None:
        if self._request.congested:
            try:
                await self._request.drain()
            except ClientDisconnected as left:
                raise OSError("the client has left") from left
