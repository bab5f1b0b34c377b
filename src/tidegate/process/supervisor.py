"""Several workers behind the same sockets.

The supervisor serves no requests itself. Its workers inherit the sockets, so any free worker accepts the
next connection, and those of the bus, by which they hear from each other (see `tidegate.bus`). A worker that
dies or hangs is replaced. Signals are passed on. Workers notice that the supervisor is gone, however it
ended, by a pipe whose other end it held.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass

from tidegate.bus import Links
from tidegate.config import Baseline

from .listeners import Listeners
from .source import Source
from .worker import CANNOT_START, SERVES, WORKER, Assignment

__all__ = ["supervise"]

log = logging.getLogger("tidegate")

START_S = 60.0
"""How long a worker may take to start serving."""
SILENCE_S = 10.0
"""How long a worker may go without a heartbeat; its loop sends one a second."""
PAUSE_S = 1.0
"""The delay before replacing a worker that never started serving."""


def supervise(source: Source, listeners: Listeners, workers: int, baseline: Baseline) -> int:
    """Keep this many workers serving until a signal ends them. Returns the exit status."""
    return asyncio.run(_Supervisor(source, listeners, baseline, workers).run())


@dataclass
class _Worker:
    process: Process
    reports: asyncio.StreamReader
    ready: bool = False


class _Supervisor:
    def __init__(self, source: Source, listeners: Listeners, baseline: Baseline, count: int) -> None:
        self._source = source
        self._baseline = baseline
        self._listeners = listeners
        self._count = count
        self._links = Links(count)
        self._workers: dict[int, _Worker] = {}
        """By slot number."""
        self._stop = asyncio.Event()
        self._all_ready = asyncio.Event()
        self._failed = False
        self._lifeline, self._held = os.pipe()

    async def run(self) -> int:
        """See `supervise`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        places = [asyncio.create_task(self._keep(place)) for place in range(self._count)]
        await asyncio.gather(*places)
        os.close(self._lifeline)
        os.close(self._held)
        self._links.close()
        return CANNOT_START if self._failed else 0

    async def _keep(self, place: int) -> None:
        """Keep a worker running in this slot until shutdown."""
        predecessor = None
        while not self._stop.is_set():
            worker = self._workers[place] = await self._start(place)
            await self._follow(worker, predecessor)
            await self._bury(worker)
            predecessor = worker.process.pid
            if self._stop.is_set():
                return
            if not self._all_ready.is_set():
                self._failed = True
                self._end()
                return
            log.warning("worker %d has died; another takes its place", predecessor)
            if not worker.ready:
                await asyncio.sleep(PAUSE_S)

    async def _start(self, place: int) -> _Worker:
        reading, writing = os.pipe()
        sockets = [listener.fileno() for listener in self._listeners.sockets]
        seat = self._links.seat(place)
        assignment = Assignment(
            self._source.to_json(), self._baseline, sockets, self._lifeline, writing, seat
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tidegate.process",
            env={**os.environ, WORKER: assignment.to_json()},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(*sockets, self._lifeline, writing, *seat.descriptors),
            process_group=0,  # Ctrl-C reaches the supervisor, which passes it on once
        )
        os.close(writing)
        reports = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reports), os.fdopen(reading, "rb")
        )
        worker = _Worker(process, reports)
        if self._stop.is_set():  # the signals arrived before it could handle them
            process.terminate()
        return worker

    async def _follow(self, worker: _Worker, predecessor: int | None) -> None:
        """Read a worker's heartbeats until the last."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_S if worker.ready else START_S):
                    signs = await worker.reports.read(64)
            except TimeoutError:
                log.error("worker %d gives no sign of life: it is killed", worker.process.pid)
                return
            if not signs:
                return
            if not worker.ready and SERVES in signs:
                worker.ready = True
                self._announce(worker, predecessor)

    def _announce(self, worker: _Worker, predecessor: int | None) -> None:
        if predecessor is not None:
            log.info("worker %d has taken the place of worker %d", worker.process.pid, predecessor)
        elif sum(one.ready for one in self._workers.values()) == self._count:
            self._all_ready.set()
            log.info("serving on %s", self._listeners.address)

    @staticmethod
    async def _bury(worker: _Worker) -> None:
        """Await the end of a process that has nothing more to report."""
        try:
            async with asyncio.timeout(SILENCE_S):
                await worker.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()

    def _end(self) -> None:
        """Stop gracefully; a second signal stops at once."""
        self._stop.set()
        self._listeners.close()  # the workers still accept the connections in their queues
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.terminate()

    def _pass_on(self, number: int) -> None:
        for worker in self._workers.values():
            if worker.ready:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(number)
