"""A link to PostgreSQL (see `link.Link`). What is asked at the same time is asked in one statement."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tidegate.wording import counted

from .database import connection_arguments
from .errors import StoreUnavailable
from .link import LISTEN_S, Link, describe_failure, follow

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["Call", "PostgresLink"]

WAIT_S = 2.0
"""How long an answer may take, in seconds."""

T = TypeVar("T")
Render = Callable[[Sequence["Call"]], tuple[str, Sequence[Any]]]


class Call(NamedTuple):
    """Something that is asked."""

    rows: Sequence[str]
    """The names of the rows that it changes."""
    words: Sequence[Any]
    """What is asked, to be encoded as JSON."""


class PostgresLink(Link[Call]):
    """See Link."""

    server = "PostgreSQL"

    def __init__(self, url: str, wait_s: float = WAIT_S) -> None:
        """Raises ValueError (see Database)."""
        super().__init__()
        self._arguments = connection_arguments(url)
        self._wait_s = wait_s
        self._connection: AsyncConnection[Any] | None = None
        self._is_made, self._make = "", tuple[str, ...]()
        self._render: Render | None = None
        self._channel: str | None = None
        self._taker: Callable[[str], None] | None = None
        self._using = asyncio.Lock()
        """One statement after another."""

    def prepare(self, is_made: str, make: tuple[str, ...], render: Render) -> None:
        """How calls become a statement, which needs what `make` makes unless `is_made` says so. Only before
        `open`.
        """
        self._is_made, self._make, self._render = is_made, make, render

    def listen(self, channel: str, take: Callable[[str], None]) -> None:
        """Register the callback for messages on a channel. Only before `open`."""
        self._channel, self._taker = channel, take

    # --- calls ------------------------------------------------------------------------------------

    async def run(self, call: Call) -> Any:
        """Ask something. Raises StoreUnavailable; it may have been done all the same."""
        return await self._ask(call)

    def send(self, call: Call) -> None:
        """Ask something without waiting for it. Where PostgreSQL is away, it is not done."""
        self._send(call)

    async def settle(self) -> None:
        """See Link."""
        await self.run(Call((), ()))

    async def execute(self, statement: str) -> None:
        """Execute a statement that returns nothing. Raises StoreUnavailable."""
        try:
            async with self._using:
                await self._execute(statement)
        except Exception as error:
            self._fail(describe_failure(error))
            raise self._unavailable(describe_failure(error)) from error

    # --- see Link ---------------------------------------------------------------------------------

    async def _exchange(self, calls: Sequence[Call]) -> Sequence[Any]:
        assert self._render is not None, "it is prepared"
        async with self._using:
            row = await self._execute(*self._render(calls))
        assert row is not None, "the statement returns the answers"
        answers: Sequence[Any] = row[0]
        return answers

    async def _reach(self) -> None:
        async with self._using:
            await self._disconnect()
            self._connection = await self._connect()
            await self._make_what_is_missing(self._connection)

    async def _connect(self) -> "AsyncConnection[Any]":
        from psycopg import AsyncConnection

        async with asyncio.timeout(self._wait_s):
            return await AsyncConnection.connect(autocommit=True, **self._arguments)

    async def _make_what_is_missing(self, connection: "AsyncConnection[Any]") -> None:
        if await self._execute(self._is_made) == (True,):
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

    async def _execute(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Execute a statement; the first row of its answer, if it has any."""
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("it is closed")

        async def execute() -> tuple[Any, ...] | None:
            cursor = await connection.execute(statement.encode(), values or None)
            return await cursor.fetchone() if cursor.description is not None else None

        return await self._within(execute(), connection)

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
        raise TimeoutError(f"no answer within {counted(self._wait_s, 'second')}")

    # --- messages ---------------------------------------------------------------------------------

    def _listens(self) -> bool:
        return self._channel is not None

    async def _hear_until_it_fails(self) -> None:
        assert self._taker is not None, "somebody listens"
        connection = await self._connect()
        try:
            await self._within(connection.execute(f"LISTEN {self._channel}".encode()), connection)
            while True:
                async for message in connection.notifies(timeout=LISTEN_S):
                    follow(self._taker, message.payload)
                await self._within(connection.execute(b"SELECT 1"), connection)
        finally:
            await connection.close()


def _cut(connection: "AsyncConnection[Any]") -> None:
    """Let the driver see that the connection has ended."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as one:
        one.shutdown(socket.SHUT_RDWR)
