"""One worker: a loop, the application, a server; from start to graceful shutdown.

Several workers are processes of `python -m tidegate.process`, whose supervisor passes their settings in the
environment.
"""

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from tidegate.bus import ALONE, Bus, Seat, SocketBus
from tidegate.config import Baseline, Config, ConfigError, refusals
from tidegate.http.server import Server
from tidegate.observe.log_files import start_logging
from tidegate.wording import counted

from .application import make_app
from .descriptors import FileLimit, open_missing_streams, raise_file_limit
from .listeners import load_certificate
from .memory import MemoryReturn, find_trim, tune_allocator
from .source import Source

__all__ = ["CANNOT_START", "SERVES", "WORKER", "Assignment", "Worker", "ignore_hangups", "main"]

log = logging.getLogger("tidegate")

CANNOT_START = 3
"""The exit status of a gateway that could not start."""
WORKER = "TIDEGATE_WORKER"
"""The variable that holds a worker's `Assignment`."""
BEAT_S = 1.0
"""Seconds between two heartbeats to the supervisor."""
SERVES, WAITS = b".", b"?"
"""The heartbeats: of a worker that serves, and of one that starts or waits for a valid configuration."""


class Assignment(Struct, frozen=True):
    """What a supervisor passes to a worker: inherited descriptors, and the configuration's source."""

    source: str
    """See `Source.to_json`."""
    baseline: Baseline
    """What the configuration that the supervisor started with closes."""
    sockets: list[int]
    lifeline: int
    """Becomes readable when the supervisor is gone."""
    reports: int
    """Receives the heartbeats, one a second."""
    seat: Seat
    """The worker's share of the bus."""

    def to_json(self) -> str:
        """For the environment."""
        return msgspec.json.encode(self).decode()

    def report(self, sign: bytes) -> None:
        """Send a heartbeat."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self.reports, sign)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


class Worker:
    """Serves with a configuration and its reloads."""

    def __init__(
        self, config: Config, source: Source, *, exposed: bool, assignment: Assignment | None = None
    ) -> None:
        self._config = config
        self._assignment = assignment
        self._tls = load_certificate(config.server)
        bus: Bus = ALONE if assignment is None else SocketBus(assignment.seat)
        self._app, self._reloader = make_app(
            config, source, exposed=exposed, before_reload=self._renew_certificate, bus=bus
        )
        self._stop = asyncio.Event()
        self._limit = FileLimit()
        self._sign = WAITS
        """The heartbeat: a start that has much to move into the store takes its time, and is not killed."""
        self._memory = MemoryReturn(find_trim())

    def serve(self, sockets: Sequence[socket.socket], on_ready: Callable[[], None]) -> int:
        """Serve until a signal ends it. Returns the exit status. `on_ready` is called once requests are
        accepted.
        """
        tune_allocator()
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(self._run(sockets, on_ready))

    async def _run(self, sockets: Sequence[socket.socket], on_ready: Callable[[], None]) -> int:
        loop = asyncio.get_running_loop()
        server = self._server = Server(self._app.serve)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, server)
        self._beat()
        try:
            await self._app.startup()
        except Exception:
            log.exception("the gateway cannot start")
            return CANNOT_START
        with contextlib.suppress(NotImplementedError):  # Windows has no SIGHUP
            loop.add_signal_handler(signal.SIGHUP, self._reloader.request)
        for listener in sockets:
            await server.listen(listener, self._tls)
        if self._assignment is not None:
            loop.add_reader(self._assignment.lifeline, self._lose_supervisor, server)
        on_ready()
        self._sign = SERVES
        if self._assignment is not None:
            self._assignment.report(SERVES)
        await self._stop.wait()
        await server.shutdown(self._config.server.grace_s)
        await self._app.shutdown()
        return 0

    def _end(self, server: Server) -> None:
        """Stop gracefully; a second signal stops at once."""
        if self._stop.is_set():
            server.hurry()
        elif count := server.open_requests:
            log.info(
                "shutting down: waiting up to %s for %s; a second signal ends %s",
                counted(self._config.server.grace_s, "second"),
                counted(count, "open request"),
                "it" if count == 1 else "them",
            )
        self._stop.set()

    def _lose_supervisor(self, server: Server) -> None:
        """Stop: an orphaned worker would keep the port."""
        assert self._assignment is not None
        asyncio.get_running_loop().remove_reader(self._assignment.lifeline)
        self._end(server)

    def _beat(self) -> None:
        self._limit.look()
        self._memory.look(self._server.open_requests)
        if self._assignment is not None:
            self._assignment.report(self._sign)
        asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    async def _renew_certificate(self, config: Config) -> None:
        if self._tls is not None:
            # Tried in a separate context first: a certificate that does not match its key leaves a context
            # without a key.
            load_certificate(config.server)
            load_certificate(config.server, self._tls)


def ignore_hangups() -> None:
    """Ignore SIGHUP until there is a configuration to reload: by default it would end the process."""
    if hasattr(signal, "SIGHUP"):  # Windows has none
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def main() -> int:
    """Serve for a supervisor. Returns the exit status."""
    ignore_hangups()
    open_missing_streams()
    assignment = msgspec.json.decode(os.environ.pop(WORKER), type=Assignment)
    os.set_blocking(assignment.reports, False)
    source = Source.from_json(assignment.source)
    config = await_config(source, assignment)
    if config is None:
        return CANNOT_START
    start_logging(config.logs, source.directory)
    raise_file_limit()
    sockets = [socket.socket(fileno=descriptor) for descriptor in assignment.sockets]
    worker = Worker(config, source, exposed=assignment.baseline.exposed, assignment=assignment)
    return worker.serve(sockets, lambda: None)


def await_config(source: Source, assignment: Assignment) -> Config | None:
    """Wait for a configuration that is valid and requires authentication wherever the supervisor's did: a
    replacement worker reads the current file, which may be broken or empty. None if the supervisor is gone.
    """
    logged: tuple[str, ...] = ()
    while isinstance(found := _read_closed(source, assignment.baseline), tuple):
        if found != logged:
            for line in (*found, "this worker serves once the configuration is right"):
                log.error("%s", line)
            logged = found
        assignment.report(WAITS)
        if select.select([assignment.lifeline], [], [], BEAT_S)[0]:
            return None
    return found


def _read_closed(source: Source, baseline: Baseline) -> Config | tuple[str, ...]:
    """The configuration, or the reason why a worker must not start with it."""
    try:
        config = source.read()
    except ConfigError as error:
        return error.lines
    return tuple(refusals(baseline, config)) or config
