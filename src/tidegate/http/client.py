"""The HTTP client for providers.

It follows no redirects, keeps no cookies and retries only one case: if an idle connection ends without a byte
of a response, the server closed it before it received the request (or while it did, which cannot be
distinguished), and the request is sent once more, on a new connection. It never retries after a byte of a
response, nor on a new connection.

Timeouts are the caller's, except the connect timeout: cancelling a task that awaits a response closes its
connection.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NoReturn

from .address import Address, Origin
from .client_protocol import Connection
from .client_response import Response
from .connect import Connector
from .direct import Arrival
from .pool import Route
from .proxy import Proxies, environment
from .tls import Contexts

__all__ = ["Client"]

SWEEP_S = 5.0
"""The interval in seconds at which idle connections are checked."""


class Client:
    """Sends requests over pooled connections."""

    __slots__ = ("_connections", "_connector", "_environ", "_loop", "_proxies", "_routes", "_timer")

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """`environ` contains proxies and certificate authorities; the default is the process environment."""
        self._environ = environ
        self._routes: dict[Origin, Route] = {}
        """The configuration determines the origins: they are few, and are never removed."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: Connector | None = None
        self._proxies: Proxies | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start the client; requires a running event loop."""
        environ = environment() if self._environ is None else self._environ
        self._loop = asyncio.get_running_loop()
        self._connector = Connector(self._loop, Contexts(environ))
        self._proxies = Proxies(environ)
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Close all idle connections and wait until they are closed. Connections in use close after their
        responses.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for route in self._routes.values():
            route.close()
        self._routes.clear()
        await asyncio.sleep(0)

    def post(
        self,
        address: Address,
        headers: bytes,
        body: bytes,
        connect_s: float,
        on_resend: Callable[[], None] | None = None,
    ) -> Coroutine[Any, Any, Response]:
        """Send a request; awaiting it returns when the head of the response has arrived.

        `headers` is a block from `render_headers`, without `host` and `content-length`. `on_resend` is called
        when the request is sent a second time (see above), before its success is known. Raises RequestFailed.
        """
        route = self._routes.get(address.origin) or self._open_route(address.origin)
        head = address.head if route.proxy is None or address.origin.tls else _to_proxy(address, route)
        head = b"%b%bcontent-length: %d\r\n\r\n" % (head, headers, len(body))
        return self._send(route, head, body, connect_s, on_resend)

    async def get(self, address: Address, headers: bytes, connect_s: float) -> Response:
        """Send a GET request; see `post`."""
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
        connection = route.take()
        reused = connection is not None
        if connection is None:
            connection = await self._connect(route, connect_s)
        while True:
            arrival = connection.send(head, body)
            try:
                response = await arrival
            except asyncio.CancelledError:
                _give_up(connection, arrival)
                raise
            if response is not None:
                return response
            if not reused or not connection.silent:
                _raise_failure(connection)
            reused = False
            connection = await self._connect(route, connect_s)
            if on_resend is not None:
                on_resend()

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


def _give_up(connection: Connection, arrival: Arrival[Response | None]) -> None:
    """Nobody waits for a response any more."""
    if arrival.cancelled:
        connection.abort()
    elif (response := arrival.result()) is not None:
        response.close()  # it may be complete, and another request may be using the connection


def _raise_failure(connection: Connection) -> NoReturn:
    assert connection.failure is not None
    kind, message = connection.failure
    raise kind(message)


def _to_proxy(address: Address, route: Route) -> bytes:
    """Return the head of a request to a proxy, which needs the absolute URL."""
    assert route.proxy is not None
    whole = b"http://" + address.origin.authority.encode() + address.target
    return address.head.replace(address.target, whole, 1) + route.proxy.headers
