"""A connection to a server that keeps no request waiting.

What is asked is queued, and one task sends what has been queued together, so that any number of requests at
the same time costs a few round trips. Where the server does not answer in time, everything that waits fails
at once, and so does all that is asked later, until a task of its own has reached the server again. So a
server that is slow or away costs a request at most twice the time that an answer may take, and only those
that came before it was noticed.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from .errors import StoreUnavailable

__all__ = ["LISTEN_S", "Link", "describe_failure", "follow"]

log = logging.getLogger("tidegate")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Seconds between two attempts to reach it again; each pause is twice as long as the one before."""
BATCH = 200
"""The most calls that are sent together."""
MOST_WAITING = 20_000
"""The most calls that wait; more fail at once."""
AGAIN_S = 0.1
"""Seconds after which a task that has not ended is cancelled again."""
LISTEN_S = 5.0
"""Seconds without a message after which the connection for messages is tried with a question."""

C = TypeVar("C")
Answer = asyncio.Future[Any]


class Link(ABC, Generic[C]):
    """A connection for calls, and another for messages. Subclasses say what a call is and how it is sent."""

    server: ClassVar[str]
    """Its name in messages."""

    def __init__(self) -> None:
        self._queue: deque[tuple[C, Answer | None]] = deque()
        """The calls, and who waits for their answers."""
        self._queued, self._lost = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[Callable[[str | None], None]] = []
        self.failure: str | None = "it has not been reached yet"
        """Why it is not used at the moment; None while it is."""

    def watch(self, taker: Callable[[str | None], None]) -> None:
        """Call this when it fails, with the reason, and with None when it works again."""
        self._watchers.append(taker)

    async def open(self) -> None:
        """Connect, and wait for that no longer than a request would. Where it fails, it is tried again."""
        await self._try()
        work = (self._send_all(), self._recover(), self._listen())
        self._tasks = [asyncio.create_task(one, name=self.server) for one in work]

    async def close(self) -> None:
        """Send what waits, and close the connections."""
        if self._tasks and self.failure is None:
            with contextlib.suppress(StoreUnavailable):
                await self.settle()
        await self._end_tasks()
        self._fail_all("it is closed")
        await self._disconnect()

    async def _end_tasks(self) -> None:
        """Cancel the tasks until they have ended: a driver that waits with a time limit may take a
        cancellation for the limit's, and go on.
        """
        left = set(self._tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=AGAIN_S)

    @abstractmethod
    async def settle(self) -> None:
        """Wait until all that was asked so far is done. Raises StoreUnavailable."""

    # --- what servers differ in -------------------------------------------------------------------

    @abstractmethod
    async def _reach(self) -> None:
        """Connect, and try that. Raises whatever the driver does."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Close the connection for calls."""

    @abstractmethod
    async def _exchange(self, calls: Sequence[C]) -> Sequence[Any]:
        """The answers of calls, or the exceptions of those that are refused. Raises what the driver does."""

    @abstractmethod
    def _listens(self) -> bool:
        """Whether anybody takes messages."""

    @abstractmethod
    async def _hear_until_it_fails(self) -> None:
        """Take messages, on a connection of its own."""

    # --- calls ------------------------------------------------------------------------------------

    async def _ask(self, call: C) -> Any:
        """The answer of a call. Raises StoreUnavailable; it may have been done all the same."""
        answer: Answer = asyncio.get_running_loop().create_future()
        if not self._queue_up(call, answer):
            raise self._unavailable(self.failure or "too much waits")
        return await answer

    def _send(self, call: C) -> None:
        """Make a call without waiting for its answer. Where the server is away, it is not made."""
        self._queue_up(call, None)

    def _queue_up(self, call: C, answer: Answer | None) -> bool:
        if self.failure is not None or len(self._queue) >= MOST_WAITING:
            return False
        self._queue.append((call, answer))
        self._queued.set()
        return True

    async def _send_all(self) -> None:
        while True:
            await self._queued.wait()
            if not self._queue:
                self._queued.clear()
                continue
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                answers = await self._exchange([call for call, _ in batch])
            except asyncio.CancelledError:
                self._queue.extendleft(reversed(batch))
                raise
            except Exception as error:  # noqa: BLE001 the driver's own, and those of sockets and TLS
                self._queue.extendleft(reversed(batch))
                self._fail(describe_failure(error))
                continue
            for (_, waiting), answer in zip(batch, answers, strict=True):
                self._resolve(waiting, answer)

    def _resolve(self, waiting: Answer | None, answer: Any) -> None:
        if waiting is None or waiting.done():
            return
        if isinstance(answer, StoreUnavailable):
            waiting.set_exception(answer)
        elif isinstance(answer, Exception):
            refused = f"{self.server} refuses a command: {describe_failure(answer)}"
            waiting.set_exception(StoreUnavailable(refused))
        else:
            waiting.set_result(answer)

    # --- failures ---------------------------------------------------------------------------------

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self.server} is not available: {reason}")

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            log.warning("%s is not available: %s", self.server, reason)
            self._tell(reason)
        self._lost.set()
        self._fail_all(reason)

    def _fail_all(self, reason: str) -> None:
        while self._queue:
            _, waiting = self._queue.popleft()
            self._resolve(waiting, self._unavailable(reason))

    def _tell(self, reason: str | None) -> None:
        for watcher in self._watchers:
            watcher(reason)

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
        """Reach the server, if that is possible now."""
        try:
            await self._reach()
        except Exception as error:  # noqa: BLE001 as in `_send_all`
            if self.failure != describe_failure(error):
                self.failure = describe_failure(error)
                log.warning("%s cannot be reached: %s", self.server, self.failure)
            self._lost.set()
        else:
            if self._tasks:
                log.info("%s works again", self.server)
            self.failure = None
            self._tell(None)

    # --- messages ---------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while self._listens():
            if self.failure is None:
                try:
                    await self._hear_until_it_fails()
                except Exception as error:  # noqa: BLE001 as in `_send_all`
                    log.debug("the messages of %s cannot be read: %s", self.server, describe_failure(error))
            await asyncio.sleep(FIRST_PAUSE_S)


def describe_failure(error: Exception) -> str:
    """What a driver said, in its first line."""
    said = str(error).strip()
    return said.splitlines()[0][:200] if said else type(error).__name__


def follow(take: Callable[[Any], None], message: Any) -> None:
    """Take a message of another host. What cannot be followed is logged: the next one may be."""
    try:
        take(message)
    except Exception:
        log.exception("a message of another host could not be followed")
