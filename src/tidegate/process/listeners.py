"""The sockets that clients connect to, and TLS."""

import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.config import Server, is_loopback

__all__ = ["Listeners", "load_certificate", "open_listeners"]


@dataclass(frozen=True)
class Listeners:
    """Bound sockets, and their description."""

    sockets: Sequence[socket.socket]
    address: str
    """As clients write it: `http://127.0.0.1:8000`, `unix:/run/tidegate.sock`."""
    path: str | None = None
    """The file of a unix socket."""

    @property
    def exposed(self) -> bool:
        """Whether any of them can be reached from other machines."""
        return not all(
            listener.family == socket.AF_UNIX or is_loopback(listener.getsockname()[0])
            for listener in self.sockets
        )

    def close(self) -> None:
        """Close the sockets of this process."""
        for listener in self.sockets:
            listener.close()

    def remove(self) -> None:
        """Remove the file of a unix socket."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def open_listeners(server: Server) -> Listeners:
    """Bind the addresses in the configuration. On failure, ends the process with a one-line message."""
    if server.uds is not None:
        return _open_unix(server.uds)
    shown = f"[{server.host}]" if ":" in server.host else server.host
    port = server.port
    listeners: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(server.host, port, type=socket.SOCK_STREAM)
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            # "localhost" may resolve to an address family that this machine does not use.
            with contextlib.suppress(OSError) if listeners else contextlib.nullcontext():
                listeners.append(_bind(family, (address[0], port, *address[2:])))
                port = listeners[0].getsockname()[1]
    except OSError as error:
        sys.exit(f"cannot listen on {shown}:{port}: {error.strerror}")
    scheme = "https" if server.ssl_certfile is not None else "http"
    return Listeners(listeners, f"{scheme}://{shown}:{port}")


def _bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    """Bind a socket to this address. Raises OSError."""
    # asyncio disables Nagle's algorithm only if the protocol is given.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _open_unix(path: str) -> Listeners:
    """Bind a unix socket; a stale one is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_abandoned(path):
            os.unlink(path)
        listener.bind(path)
        listener.listen()
    except OSError as error:
        listener.close()
        sys.exit(f"cannot listen on unix:{path}: {error.strerror or error}")
    return Listeners([listener], f"unix:{path}", path)


def _is_abandoned(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def load_certificate(server: Server, context: ssl.SSLContext | None = None) -> ssl.SSLContext | None:
    """The TLS of new connections; None without a certificate.

    Given a context, loads the certificate into it: open connections keep theirs. Raises OSError (of which
    ssl.SSLError is one) if the files cannot be used.
    """
    if server.ssl_certfile is None:
        return None
    if context is None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(server.ssl_certfile, server.ssl_keyfile)
    return context
