"""The process: uvicorn around the application, its signals, its workers.

One worker runs in this process. Several are forked by a supervisor that shares the listening
socket, restarts a worker that dies, and hands SIGHUP on to all of them.
"""

import asyncio
import contextlib
import json
import logging
import math
import multiprocessing
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors.multiprocess import Multiprocess

from tidegate.config import Baseline, Config, ConfigError, Reloader, baseline_of, is_loopback, load, refusals
from tidegate.observe import NonBlockingWriter, RequestLog
from tidegate.observe.logs import RENDERERS, configure_logging, line_format

from .app import Tidegate

__all__ = ["Source", "make_app", "serve"]

log = logging.getLogger("tidegate")

MAX_HEADER_BYTES = 64 * 1024
"""All header lines of a request together, names and values."""
HEAD_PATIENCE_S = 30.0
"""How long a client may take to send a whole head, and a new connection to begin one."""
LINGER_S = 5.0
"""How long a client may go on to send a body that was answered before its end. Closing at once would
reset the connection, and the client would never read the answer."""
KEEP_ALIVE_S = 75
"""How long an idle client connection is kept: longer than the 60 s of most load balancers in front."""
BACKLOG = 4096
CONFIG_PATIENCE_S = 1.0
"""How often a worker that cannot start reads the configuration again."""

HEAD_TOO_LARGE = (
    b'{"error":{"message":"the headers are larger than %d KB","type":"invalid_request_error",'
    b'"param":null,"code":"headers_too_large"}}' % (MAX_HEADER_BYTES // 1024)
)

WORKER = "TIDEGATE_WORKER"
"""How the supervisor tells its workers what the command line said: JSON in the environment."""


@dataclass(frozen=True)
class Source:
    """Where the configuration comes from: all that is needed to read it again."""

    path: Path | None
    """The file named on the command line; None looks for `tidegate.toml` in the directory."""
    directory: Path
    overrides: Mapping[str, Any]
    """`section.key` → value, from the command line; they hold over reloads."""

    def read(self) -> Config:
        """The configuration as it is now. Raises ConfigError."""
        return load(self.path, os.environ, self.directory, self.overrides)

    def to_json(self) -> str:
        """For a worker's environment."""
        path = str(self.path) if self.path else None
        return json.dumps({"path": path, "directory": str(self.directory), "overrides": dict(self.overrides)})

    @classmethod
    def from_json(cls, text: str) -> "Source":
        """What `to_json` wrote."""
        told = json.loads(text)
        path = Path(told["path"]) if told["path"] else None
        return cls(path, Path(told["directory"]), told["overrides"])


class WorkerOrder(msgspec.Struct, frozen=True):
    """What the supervisor passes to its workers."""

    source: str
    """A Source, as JSON."""
    baseline: Baseline
    """What the configuration that the supervisor started with closes."""


class JoinedWrites:
    """A transport that sends the head of a response together with the first piece of its body.

    uvicorn writes them apart: two system calls and two packets, a twentieth of the processor time
    of a small answer. A head without a body goes out at the end of the loop's turn.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send, or hold back until there is more."""
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            self._loop.call_soon(self.flush)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send what is held back."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def write_eof(self) -> None:
        """Say that nothing more comes, once all is sent."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close, once all is sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a limit to what a client may cost us.

    The parser keeps a head of any size for as long as it keeps coming; here one that is too large
    is refused with 431, and a connection that does not complete one is closed. So is one whose
    request was answered while its body was still coming.
    """

    head_patience_s = HEAD_PATIENCE_S
    _head_bytes = 0
    """What has been read of a head that is not complete."""
    _in_head = True
    _in_body = False
    _refused = False
    """Whether nothing more is read of what comes."""
    _head_timer: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    """The request that is being answered; `cycle` is the one that was read last."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock, and tell the request that is being answered: uvicorn tells the one behind it."""
        self._stop_clock()
        super().connection_lost(exc)
        answering = self._answering
        if answering is not None and not answering.response_complete:
            answering.disconnected = True
            answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Count what is read while a head is open."""
        if self._refused:
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head:
            self._head_bytes = 0
        elif self._head_bytes > MAX_HEADER_BYTES:
            self._refuse_head()
        elif self._head_timer is None:
            self._start_clock()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Let the request begin, unless its head is too large."""
        self._in_head, self._in_body = False, True
        self._stop_clock()
        if self._head_bytes > MAX_HEADER_BYTES and self._size_of_head() > MAX_HEADER_BYTES:
            self._refuse_head()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass the body on, unless nobody is there to take it."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request, unless it never began."""
        self._in_body = False
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, unless this one's body is in the way."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete and not self.transport.is_closing():
            self._refused = True
            self.transport.write_eof()
            self._head_timer = self.loop.call_later(LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP: after the first byte of an answer, by ending it."""
        answering = self._answering
        if answering is not None and answering.response_started and not answering.response_complete:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _start_clock(self) -> None:
        self._head_timer = self.loop.call_later(self.head_patience_s, self.transport.close)

    def _stop_clock(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse_head(self) -> None:
        self._refused = True
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(HEAD_TOO_LARGE), HEAD_TOO_LARGE)
        )
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server, for which to stop when a signal says so is a success: exit status 0."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop with grace; a second interrupt stops at once."""
        # uvicorn would note the signal here, and kill the process with it after a good end.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


class Workers(Multiprocess):
    """uvicorn's supervisor, but SIGHUP reloads the configuration instead of restarting the workers."""

    def terminate_all(self) -> None:
        """Let the workers finish what is open, and take no new connections into a queue meanwhile."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def handle_hup(self) -> None:
        """Hand the signal on."""
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)


def serve(source: Source) -> None:
    """Serve until a signal says stop. Raises ConfigError before anything is opened."""
    overhear_hangups()
    config = source.read()
    configure_logging(config.logs)
    raise_file_limit()
    listeners = open_listeners(config.server.host, config.server.port)
    exposed = is_exposed(listeners)
    if config.server.workers > 1:
        order = WorkerOrder(source.to_json(), baseline_of(config, exposed=exposed))
        os.environ[WORKER] = msgspec.json.encode(order).decode()
        settings = uvicorn_settings(config, "tidegate.server:make_worker", factory=True)
        settings.workers = config.server.workers
        Workers(settings, listeners).run()
    else:
        server = Server(uvicorn_settings(config, make_app(config, source, exposed=exposed)))
        server.run(listeners)
        if not server.started:
            sys.exit(STARTUP_FAILURE)


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of this host. Ends the process where none can be had."""
    shown = f"[{host}]" if ":" in host else host
    listeners: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            # "localhost" may have an address of a family that this machine does not use.
            with contextlib.suppress(OSError) if listeners else contextlib.nullcontext():
                listeners.append(bind(family, (address[0], port, *address[2:])))
                port = listeners[0].getsockname()[1]
    except OSError as error:
        sys.exit(f"cannot listen on {shown}:{port}: {error.strerror}")
    log.info("serving on http://%s:%d", shown, port)
    return listeners


def bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    """A socket of this address. Raises OSError."""
    # Only where the protocol is said does asyncio switch Nagle's algorithm off.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def is_exposed(listeners: Iterable[socket.socket]) -> bool:
    """Whether any of these sockets is reached from other machines."""
    return not all(is_loopback(listener.getsockname()[0]) for listener in listeners)


def make_worker() -> Tidegate:
    """The application of one of several workers; the supervisor's environment says from what."""
    overhear_hangups()
    order = msgspec.json.decode(os.environ[WORKER], type=WorkerOrder)
    source = Source.from_json(order.source)
    config = await_config(source, order.baseline)
    configure_logging(config.logs)
    app = make_app(config, source, exposed=order.baseline.exposed)
    app.on_startup.append(follow_the_supervisor)
    return app


def await_config(source: Source, baseline: Baseline) -> Config:
    """The configuration, once it is right and closes what the supervisor was started with: a worker that is
    replaced finds the file as it is now, which may be broken or empty.
    """
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None, "a worker is started by its supervisor"
    # Nothing is open yet, so a signal that ends the process may do so at once.
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGINT)}
    logged: tuple[str, ...] = ()
    while isinstance(found := read_closed(source, baseline), tuple):
        if found != logged:
            for line in (*found, "this worker serves once the configuration is right"):
                log.error("%s", line)
            logged = found
        supervisor.join(CONFIG_PATIENCE_S)
        if not supervisor.is_alive():
            sys.exit(STARTUP_FAILURE)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return found


def read_closed(source: Source, baseline: Baseline) -> Config | tuple[str, ...]:
    """The configuration, or why a worker must not start with it."""
    try:
        config = source.read()
    except ConfigError as error:
        return error.lines
    return tuple(refusals(baseline, config)) or config


async def follow_the_supervisor() -> None:
    """Stop when the supervisor is gone, however it went: workers of nobody would keep the port."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None, "a worker is started by its supervisor"
    loop, gone = asyncio.get_running_loop(), supervisor.sentinel

    def stop() -> None:
        loop.remove_reader(gone)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(gone, stop)


def make_app(config: Config, source: Source, *, exposed: bool) -> Tidegate:
    """The application, with reloading when the configuration changes. `exposed` is whether it listens beyond
    loopback.
    """
    records = NonBlockingWriter(sys.stdout.fileno(), log.error)
    app = Tidegate(config, RequestLog(RENDERERS[line_format(config.logs)], records))
    reloader = Reloader(
        source.read, source.path, source.directory, app.reload, config=config, exposed=exposed
    )

    async def start() -> None:
        with contextlib.suppress(NotImplementedError):  # Windows has no SIGHUP
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.request)
        reloader.start()

    app.on_startup.append(start)
    app.on_shutdown.append(reloader.stop)
    return app


def uvicorn_settings(config: Config, app: Any, *, factory: bool = False) -> uvicorn.Config:
    """How uvicorn is to run."""
    return uvicorn.Config(
        app,
        factory=factory,
        host=config.server.host,
        port=config.server.port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=BoundedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing here asks for the peer's address
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(config.server.grace_s),
    )


def raise_file_limit() -> None:
    """Allow as many open sockets as the system lets us: a stream takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 1 << 20
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def overhear_hangups() -> None:
    """Let SIGHUP do nothing until there is a configuration to read again: it would end the process."""
    if hasattr(signal, "SIGHUP"):  # Windows has none
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
