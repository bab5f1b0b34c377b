"""The client towards providers.

It sends what it is given and follows nothing: no redirects, no cookies, no retries but one. That one
is for a connection that was idle: where it ends without a byte of an answer, the server closed it
before it saw the request (or as it saw it, which cannot be told apart), and the request is sent once
more, on a new connection. Never after any byte of an answer, and never on a new connection.

Deadlines are the caller's, but for that of connecting: cancelling a task that awaits an answer ends
its connection.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

from .address import Address, Origin
from .client_protocol import Connection
from .client_response import Response
from .connect import Connector
from .pool import Route
from .proxy import Proxies, environment
from .tls import Contexts

__all__ = ["Client"]

SWEEP_S = 5.0
"""How often idle connections are looked through."""


class Client:
    """Sends requests, over connections that it keeps."""

    __slots__ = ("_connections", "_connector", "_environ", "_loop", "_proxies", "_routes", "_timer")

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """`environ` names proxies and authorities; by default it is the environment of the process."""
        self._environ = environ
        self._routes: dict[Origin, Route] = {}
        """The operator's configuration decides which there are: they are few, and stay."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: Connector | None = None
        self._proxies: Proxies | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Make ready; needs a running event loop."""
        environ = environment() if self._environ is None else self._environ
        self._loop = asyncio.get_running_loop()
        self._connector = Connector(self._loop, Contexts(environ))
        self._proxies = Proxies(environ)
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Close all idle connections, and await that they are. Those in use end with their answers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for route in self._routes.values():
            route.close()
        self._routes.clear()
        await asyncio.sleep(0)

    async def post(
        self,
        address: Address,
        headers: bytes,
        body: bytes,
        connect_s: float,
        on_resend: Callable[[], None] | None = None,
    ) -> Response:
        """Send a request; the head of the answer has arrived when this returns.

        `headers` is a block of `render_headers`, without `host` and `content-length`. `on_resend` is called
        where the request is sent a second time (see above), before that is known to succeed. Raises
        RequestFailed.
        """
        route = self._routes.get(address.origin) or self._open_route(address.origin)
        head = address.head if route.proxy is None or address.origin.tls else _to_proxy(address, route)
        head = b"%b%bcontent-length: %d\r\n\r\n" % (head, headers, len(body))
        return await self._send(route, head, body, connect_s, on_resend)

    async def get(self, address: Address, headers: bytes, connect_s: float) -> Response:
        """The same for a GET."""
        route = self._routes.get(address.origin) or self._open_route(address.origin)
        head = address.head if route.proxy is None or address.origin.tls else _to_proxy(address, route)
        return await self._send(
            route, b"%b%b\r\n" % (head.replace(b"POST", b"GET", 1), headers), b"", connect_s
        )

    async def _send(
        self,
        route: Route,
        head: bytes,
        body: bytes,
        connect_s: float,
        on_resend: Callable[[], None] | None = None,
    ) -> Response:
        idle = route.take()
        if idle is not None:
            response = await _exchange(idle, head, body)
            if response is not None:
                return response
            if not idle.silent:
                _raise_failure(idle)
        connection = await self._connect(route, connect_s)
        if idle is not None and on_resend is not None:
            on_resend()
        response = await _exchange(connection, head, body)
        if response is None:
            _raise_failure(connection)
        return response

    async def _connect(self, route: Route, connect_s: float) -> Connection:
        assert self._loop is not None, "the client is not open"
        assert self._connector is not None
        make = partial(Connection, self._loop, route.origin, route.idle)
        return await self._connector.connect(route.origin, route.proxy, make, connect_s)

    def _open_route(self, origin: Origin) -> Route:
        assert self._proxies is not None, "the client is not open"
        route = self._routes[origin] = Route(origin, self._proxies.proxy_for(origin))
        return route

    def _sweep(self) -> None:
        assert self._loop is not None
        now = self._loop.time()
        for route in self._routes.values():
            route.sweep(now)
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)


async def _exchange(connection: Connection, head: bytes, body: bytes) -> Response | None:
    """Send a request and await the head of its answer; None where the connection failed."""
    waiter = connection.send(head, body)
    try:
        return await waiter
    except asyncio.CancelledError:
        if waiter.cancelled():
            connection.abort()
        elif (response := waiter.result()) is not None:
            response.close()  # it may be complete, and the connection another request's by now
        raise


def _raise_failure(connection: Connection) -> NoReturn:
    assert connection.failure is not None
    kind, message = connection.failure
    raise kind(message)


def _to_proxy(address: Address, route: Route) -> bytes:
    """The head of a request to a proxy, which has to see the whole address."""
    assert route.proxy is not None
    whole = b"http://" + address.origin.authority.encode() + address.target
    return address.head.replace(address.target, whole, 1) + route.proxy.headers
