"""The server: its sockets, its connections, and its shutdown."""

import asyncio
import contextlib
import logging
import socket
import ssl
from time import perf_counter, time

from tidegate.http.contract import Application
from tidegate.http.direct import DirectTask

from .connection import Connection
from .head import date_line
from .limits import Limits
from .request import Request

__all__ = ["Server"]

log = logging.getLogger("tidegate")

BACKLOG = 4096
"""The maximum number of connections waiting to be accepted; the system may allow fewer."""
HANDSHAKE_S = 10.0
"""The timeout for TLS handshakes."""
LAST_WORDS_S = 1.0
"""How long cancelled requests have to end their responses, and clients to close."""


class Server:
    """Serves one application to the clients of any number of sockets, in the running event loop."""

    def __init__(self, application: Application, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.stopping = False
        """Whether every response is the last of its connection."""
        self.date = b""
        """The `date` header, as of the last check of the connections."""
        self._application = application
        self._connections: set[Connection] = set()
        self._running: dict[Request, DirectTask] = {}
        self._listening: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._tls: ssl.SSLContext | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._change: asyncio.Future[None] | None = None
        """Resolved when a request or a connection has ended, for tasks that wait for it."""
        self._hurry = False

    async def listen(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept clients of a bound socket; the server closes it at shutdown."""
        self._tls = tls
        # With a second descriptor the socket outlives asyncio's server, which would reset waiting
        # connections.
        self._sockets.append(listener.dup())
        self._listening.append(
            await self._loop.create_server(
                self.connect,
                sock=listener,
                backlog=BACKLOG,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_S if tls else None,
            )
        )

    # --- for connections -------------------------------------------------------------------------

    def connect(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self, self._loop)

    def add(self, connection: Connection) -> None:
        """Add a connection."""
        self._connections.add(connection)
        if self._timer is None:
            self._sweep()

    def remove(self, connection: Connection) -> None:
        """Remove a closed connection."""
        self._connections.discard(connection)
        self._note_change()

    def run(self, request: Request) -> None:
        """Serve a request in a task of its own, which begins at once."""
        request.begun = True
        self._running[request] = task = DirectTask(self._serve(request), self._loop)
        task.go_on()

    async def _serve(self, request: Request) -> None:
        try:
            await self._application(request)
        except asyncio.CancelledError:
            log.warning("%s %s was cancelled and sent no whole response", request.method, request.path)
        except Exception:
            log.exception("%s %s failed in the application", request.method, request.path)
        finally:
            del self._running[request]
            if not request.done:
                self._end(request)
            if self.stopping:
                self._note_change()

    @staticmethod
    def _end(request: Request) -> None:
        """End a request whose application returned without a complete response."""
        if request.disconnected:
            return
        if request.responded:
            request.cut()
        else:
            request.respond(500, [(b"content-type", b"text/plain")], b"Internal Server Error")

    def _sweep(self) -> None:
        self._timer = None
        self.date = date_line(time())
        if not self._connections:
            return
        now = perf_counter()
        for connection in list(self._connections):
            connection.look(now)
        self._timer = self._loop.call_later(self.limits.sweep_s, self._sweep)

    # --- shutdown --------------------------------------------------------------------------------

    async def shutdown(self, grace_s: float) -> None:
        """Shut down: accept no more connections, let open requests finish within the grace period, then
        cancel them.
        """
        await self._stop_accepting()
        self.stopping = True
        end = perf_counter() + grace_s
        while self._close_idle() and not self._hurry and perf_counter() < end:
            await self._wait_for_change(min(end - perf_counter(), self.limits.fresh_s))
        end = perf_counter() + LAST_WORDS_S
        for task in list(self._running.values()):
            task.cancel()
        while (self._running or self._connections) and perf_counter() < end:
            self._close_idle()
            await self._wait_for_change(end - perf_counter())
        for connection in list(self._connections):
            connection.abort()
        while self._connections:  # the event loop reports each closed connection
            await asyncio.sleep(0)
        if self._timer is not None:
            self._timer.cancel()

    @property
    def open_requests(self) -> int:
        """How many requests are being answered."""
        return len(self._running)

    def hurry(self) -> None:
        """Stop waiting for open requests during shutdown."""
        self._hurry = True
        self._note_change()

    def _close_idle(self) -> bool:
        """Close idle connections; return whether any others remain."""
        now = perf_counter()
        for connection in list(self._connections):
            connection.close_idle(now)
        return bool(self._running) or any(connection.is_busy(now) for connection in self._connections)

    async def _stop_accepting(self) -> None:
        """Close the sockets, after serving the connections that already wait in their queues."""
        for server in self._listening:
            server.close()
        await asyncio.sleep(0)
        for listener in self._sockets:
            listener.setblocking(False)
            with contextlib.suppress(OSError):
                while True:
                    await self._adopt(listener.accept()[0])
            listener.close()

    async def _adopt(self, client: socket.socket) -> None:
        client.setblocking(False)
        with contextlib.suppress(OSError):  # it has disconnected, or its handshake failed
            await self._loop.connect_accepted_socket(
                self.connect, client, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_S if self._tls else None
            )

    def _note_change(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    async def _wait_for_change(self, patience_s: float) -> None:
        self._change = self._loop.create_future()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(patience_s, 0)):
                await self._change
        self._change = None
