"""A connection to PostgreSQL of which requests ask something while they wait for nothing else.

What is asked while an answer is under way is asked together afterwards, in one statement, so that any number
of requests at the same time costs a few round trips. Where PostgreSQL does not answer within `WAIT_S`,
everything that waits fails at once, and so does all that is asked later, until a task of its own has reached
it again (`valkey.Valkey` does the same).
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .database import connection_arguments
from .errors import StoreUnavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["Call", "PostgresLink"]

log = logging.getLogger("tidegate")

WAIT_S = 2.0
"""How long an answer may take, in seconds."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Seconds between two attempts to reach it again; each pause is twice as long as the one before."""
BATCH = 200
"""The most calls in one statement."""
MOST_WAITING = 20_000
"""The most calls that wait; more fail at once."""
LISTEN_S = 5.0
"""Seconds without a message after which the connection for messages is tried with a question."""

T = TypeVar("T")
Render = Callable[[Sequence["Call"]], tuple[str, Sequence[Any]]]


class Call(NamedTuple):
    """Something that is asked."""

    rows: Sequence[str]
    """The names of the rows that it changes."""
    words: Sequence[Any]
    """What is asked, to be encoded as JSON."""


class PostgresLink:
    """A connection for calls, and another for messages."""

    def __init__(self, url: str, wait_s: float = WAIT_S) -> None:
        """Raises ValueError (see Database)."""
        self._arguments = connection_arguments(url)
        self._wait_s = wait_s
        self._connection: AsyncConnection[Any] | None = None
        self._is_made, self._make = "", tuple[str, ...]()
        self._render: Render | None = None
        self._channel: str | None = None
        self._taker: Callable[[str], None] | None = None
        self._queue: deque[tuple[Call, asyncio.Future[Any] | None]] = deque()
        self._queued, self._lost = asyncio.Event(), asyncio.Event()
        self._using = asyncio.Lock()
        """One statement after another."""
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[Callable[[str | None], None]] = []
        self.failure: str | None = "it has not been reached yet"
        """Why it is not used at the moment; None while it is."""

    def prepare(self, is_made: str, make: tuple[str, ...], render: Render) -> None:
        """How calls become a statement, which needs what `make` makes unless `is_made` says so. Only before
        `open`.
        """
        self._is_made, self._make, self._render = is_made, make, render

    def listen(self, channel: str, take: Callable[[str], None]) -> None:
        """Register the callback for messages on a channel. Only before `open`."""
        self._channel, self._taker = channel, take

    def watch(self, taker: Callable[[str | None], None]) -> None:
        """Call this when it fails, with the reason, and with None when it works again."""
        self._watchers.append(taker)

    # --- start and stop ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, and wait for that no longer than a request would. Where it fails, it is tried again."""
        await self._try()
        self._tasks = [
            asyncio.create_task(one, name="limits")
            for one in (self._send_all(), self._recover(), self._hear())
        ]

    async def close(self) -> None:
        """Send what waits, and close the connections."""
        if self.failure is None:
            with contextlib.suppress(StoreUnavailable):
                await self.settle()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._fail_all("it is closed")
        await self._disconnect()

    async def settle(self) -> None:
        """Wait until all that was asked so far is done. Raises StoreUnavailable."""
        await self.run(Call((), ()))

    # --- calls ------------------------------------------------------------------------------------

    async def run(self, call: Call) -> Any:
        """Ask something. Raises StoreUnavailable; it may have been done all the same."""
        answer = asyncio.get_running_loop().create_future()
        if not self._queue_up(call, answer):
            raise StoreUnavailable(f"PostgreSQL is not available: {self.failure or 'too much waits'}")
        return await answer

    def send(self, call: Call) -> None:
        """Ask something without waiting for it. Where PostgreSQL is away, it is not done."""
        self._queue_up(call, None)

    def _queue_up(self, call: Call, answer: "asyncio.Future[Any] | None") -> bool:
        if self.failure is not None or len(self._queue) >= MOST_WAITING:
            return False
        self._queue.append((call, answer))
        self._queued.set()
        return True

    async def execute(self, statement: str) -> None:
        """Execute a statement that returns nothing. Raises StoreUnavailable."""
        try:
            async with self._using:
                await self._ask(statement, ())
        except Exception as error:
            self._fail(_describe(error))
            raise StoreUnavailable(f"PostgreSQL is not available: {_describe(error)}") from error

    async def _send_all(self) -> None:
        assert self._render is not None, "it is prepared"
        while True:
            await self._queued.wait()
            async with self._using:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                if not batch:
                    self._queued.clear()
                    continue
                try:
                    (answers,) = await self._ask(*self._render([call for call, _ in batch])) or ((),)
                except asyncio.CancelledError:
                    self._queue.extendleft(reversed(batch))
                    raise
                except Exception as error:  # noqa: BLE001 the library's own, and those of sockets and TLS
                    self._queue.extendleft(reversed(batch))
                    self._fail(_describe(error))
                    continue
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)

    async def _ask(self, statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """Execute a statement; the first row of its answer, if it has any."""
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("it is closed")

        async def ask() -> tuple[Any, ...] | None:
            cursor = await connection.execute(statement.encode(), values or None)
            return await cursor.fetchone() if cursor.description is not None else None

        return await self._within(ask(), connection)

    async def _within(self, work: Awaitable[T], connection: "AsyncConnection[Any]") -> T:
        """Wait no longer than is allowed. The driver would wait for a server that hangs to confirm that it
        cancels, so it is told by its socket instead that there is no answer.
        """
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait([task], timeout=self._wait_s)
        except asyncio.CancelledError:
            _cut(connection)
            await asyncio.wait([task])
            raise
        if done:
            return task.result()
        _cut(connection)
        await asyncio.wait([task])
        task.exception()
        raise TimeoutError(f"no answer within {self._wait_s:g} seconds")

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            log.warning("limits cannot be counted in PostgreSQL: %s", reason)
            for watcher in self._watchers:
                watcher(reason)
        self._lost.set()
        self._fail_all(reason)

    def _fail_all(self, reason: str) -> None:
        while self._queue:
            _, waiting = self._queue.popleft()
            if waiting is not None and not waiting.done():
                waiting.set_exception(StoreUnavailable(f"PostgreSQL is not available: {reason}"))

    # --- connections ------------------------------------------------------------------------------

    async def _recover(self) -> None:
        while True:
            await self._lost.wait()
            self._lost.clear()
            pause_s = FIRST_PAUSE_S
            while self.failure is not None:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                await self._try()

    async def _try(self) -> None:
        """Reach it, if that is possible now."""
        try:
            async with self._using:
                await self._disconnect()
                self._connection = await self._connect()
                await self._make_what_is_missing(self._connection)
        except Exception as error:  # noqa: BLE001 as in `_send_all`
            if self.failure != _describe(error):
                self.failure = _describe(error)
                log.warning("limits cannot be counted in PostgreSQL: %s", self.failure)
            self._lost.set()
            return
        if self._tasks:
            log.info("limits are counted in PostgreSQL again")
        self.failure = None
        for watcher in self._watchers:
            watcher(None)

    async def _connect(self) -> "AsyncConnection[Any]":
        from psycopg import AsyncConnection

        async with asyncio.timeout(self._wait_s):
            return await AsyncConnection.connect(autocommit=True, **self._arguments)

    async def _make_what_is_missing(self, connection: "AsyncConnection[Any]") -> None:
        if await self._ask(self._is_made, ()) == (True,):
            return

        async def make() -> None:
            async with connection.transaction():
                for statement in self._make:
                    await connection.execute(statement.encode())

        await self._within(make(), connection)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    # --- messages ---------------------------------------------------------------------------------

    async def _hear(self) -> None:
        if self._channel is None:
            return
        while True:
            if self.failure is None:
                await self._hear_until_it_fails(self._channel)
            await asyncio.sleep(FIRST_PAUSE_S)

    async def _hear_until_it_fails(self, channel: str) -> None:
        connection = None
        try:
            connection = await self._connect()
            await self._within(connection.execute(f"LISTEN {channel}".encode()), connection)
            while True:
                async for message in connection.notifies(timeout=LISTEN_S):
                    self._take(message.payload)
                await self._within(connection.execute(b"SELECT 1"), connection)
        except Exception as error:  # noqa: BLE001 as in `_send_all`
            log.debug("the messages of PostgreSQL cannot be read: %s", _describe(error))
        finally:
            if connection is not None:
                await connection.close()

    def _take(self, message: str) -> None:
        try:
            assert self._taker is not None
            self._taker(message)
        except Exception:
            log.exception("a message of another host could not be followed")


def _cut(connection: "AsyncConnection[Any]") -> None:
    """Let the driver see that the connection has ended."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as one:
        one.shutdown(socket.SHUT_RDWR)


def _describe(error: Exception) -> str:
    said = str(error).strip()
    return said.splitlines()[0][:200] if said else type(error).__name__
