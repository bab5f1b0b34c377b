"""New connections: DNS, the address, the proxy, TLS; and the messages for their failures."""

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Callable

from aiohappyeyeballs import start_connection

from tidegate.wording import counted

from .address import Origin
from .client_protocol import Connection
from .errors import ConnectFailed, ConnectTimeout, TLSFailed
from .proxy import Proxy
from .resolve import Resolver
from .tls import Contexts, explain_tls

__all__ = ["Connector"]

HAPPY_EYEBALLS_S = 0.25
"""How long to wait for one of several addresses before the next one is tried in parallel (RFC 8305)."""
MAX_PROXY_HEAD = 16 * 1024
"""The maximum size in bytes of a proxy's response to CONNECT."""

_REASONS = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ETIMEDOUT: "it did not answer",
    errno.ENETUNREACH: "there is no route to its network",
    errno.EHOSTUNREACH: "there is no route to the host",
    errno.ECONNRESET: "the connection was reset",
    errno.EMFILE: "this process has as many files open as it may",
    errno.ENFILE: "this machine has as many files open as it may",
}


class Connector:
    """Opens connections."""

    __slots__ = ("_contexts", "_loop", "_resolver")

    def __init__(self, loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
        self._loop = loop
        self._contexts = contexts
        self._resolver = Resolver(loop)

    async def connect(
        self, origin: Origin, proxy: Proxy | None, make: Callable[[], Connection], timeout_s: float
    ) -> Connection:
        """Return a new connection, ready for a request. Raises ConnectFailed or a subclass."""
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await self._connect(origin, proxy, make)
        except ssl.SSLError as error:
            raise TLSFailed(f"{origin.label}: {explain_tls(error)}") from error
        except OSError as error:  # includes the timeout
            if limit.expired():
                raise ConnectTimeout(
                    f"no connection to {origin.label} within {counted(timeout_s, 'second')}"
                ) from None
            raise ConnectFailed(f"{origin.label}: {_explain(error)}") from error

    async def _connect(
        self, origin: Origin, proxy: Proxy | None, make: Callable[[], Connection]
    ) -> Connection:
        context = self._contexts.context(origin.verify) if origin.tls else None
        if proxy is None:
            sock = await self._open_socket(origin.host, origin.port)
        else:
            sock = await self._open_through(proxy, origin)
        name = origin.host if context is not None else None
        try:
            _, connection = await self._loop.create_connection(
                make, sock=sock, ssl=context, server_hostname=name
            )
        except BaseException:
            sock.close()
            raise
        return connection

    async def _open_socket(self, host: str, port: int) -> socket.socket:
        addresses = await self._resolver.resolve(host, port)
        try:
            sock = await start_connection(
                addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_S, interleave=1, loop=self._loop
            )
        except OSError:
            self._resolver.forget(host, port)
            raise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    async def _open_through(self, proxy: Proxy, origin: Origin) -> socket.socket:
        try:
            sock = await self._open_socket(proxy.host, proxy.port)
        except OSError as error:
            raise ConnectFailed(f"{origin.label}: the proxy {proxy.label}: {_explain(error)}") from error
        if not origin.tls:
            return sock
        try:
            await self._request_tunnel(sock, proxy, origin)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _request_tunnel(self, sock: socket.socket, proxy: Proxy, origin: Origin) -> None:
        """Request a tunnel to the origin from the proxy. Raises ConnectFailed."""
        target = origin.authority.encode()
        request = b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (target, target, proxy.headers)
        await self._loop.sock_sendall(sock, request)
        head = b""
        while b"\r\n\r\n" not in head:
            data = await self._loop.sock_recv(sock, MAX_PROXY_HEAD)
            head += data
            if not data or len(head) > MAX_PROXY_HEAD:
                raise ConnectFailed(f"{origin.label}: the proxy {proxy.label} gave no answer to CONNECT")
        status = re.match(rb"HTTP/1\.[01] (\d{3})[ \r]", head)
        if status is None or not status[1].startswith(b"2") or not head.endswith(b"\r\n\r\n"):
            answered = f"status {status[1].decode()}" if status else "no HTTP"
            raise ConnectFailed(f"{origin.label}: the proxy {proxy.label} refused to connect ({answered})")


def _explain(error: OSError) -> str:
    reason = _REASONS.get(error.errno or 0)
    if reason is None and isinstance(error, ConnectionError):
        reason = "the connection was closed while it was made"
    if reason is None and error.errno:
        reason = os.strerror(error.errno)
    return reason or "none of its addresses can be reached"
