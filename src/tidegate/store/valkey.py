"""A connection to Valkey (or Redis) that keeps no request waiting.

Commands are queued, and one task sends what has been queued together, so that any number of requests at the
same time costs a few round trips. Where Valkey does not answer within `WAIT_S`, everything that waits fails
at once, and so does every later command, until a task of its own has reached it again. So a Valkey that is
slow or away costs a request at most twice that time, and only those that came before it was noticed.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha1
from typing import Any, NamedTuple, TypeAlias

from .errors import StoreUnavailable

__all__ = ["Script", "Valkey"]

log = logging.getLogger("tidegate")

WAIT_S = 1.0
"""How long an answer may take, in seconds; `socket_timeout` in the URL overrides it."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Seconds between two attempts to reach it again; each pause is twice as long as the one before."""
BATCH = 200
"""The most commands that are sent together."""
MOST_WAITING = 20_000
"""The most commands that wait; more fail at once."""
LISTEN_S = 5.0
"""Seconds without a message after which the connection for messages is tried with a ping."""

Value: TypeAlias = str | bytes | int | float


class Script:
    """A script in Lua, which Valkey runs as a whole."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()


class _Command(NamedTuple):
    words: tuple[Value, ...]
    script: Script | None
    answer: "asyncio.Future[Any] | None"
    """None where nobody waits for it."""


class Valkey:
    """A connection for commands, and another for messages."""

    def __init__(self, url: str) -> None:
        """Raises ValueError for a URL that is none, or where the library is missing."""
        try:
            from valkey.asyncio import Valkey as Client
            from valkey.asyncio.retry import Retry
            from valkey.backoff import NoBackoff
        except ModuleNotFoundError as error:
            raise ValueError('store.valkey needs the extra "valkey": install tidegate[valkey]') from error
        self._client = Client.from_url(
            url, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S, retry=Retry(NoBackoff(), 0),
            max_connections=2, client_name="tidegate",
        )  # fmt: skip
        self._queue: deque[_Command] = deque()
        self._queued = asyncio.Event()
        self._lost = asyncio.Event()
        """Set where a new connection has to be made."""
        self._takers: dict[str, Callable[[bytes], None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[Callable[[str | None], None]] = []
        self.failure: str | None = "it has not been reached yet"
        """Why it is not used at the moment; None while it is."""

    # --- start and stop ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, and wait for that no longer than a request would. Where it fails, it is tried again."""
        await self._try()
        self._tasks = [
            asyncio.create_task(one, name="valkey") for one in (self._send(), self._recover(), self._listen())
        ]

    async def close(self) -> None:
        """Send what waits, and close the connections."""
        if self._tasks and self.failure is None:
            with contextlib.suppress(StoreUnavailable):
                await self.run("PING")
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._fail_all("it is closed")
        await self._client.aclose()

    def watch(self, taker: Callable[[str | None], None]) -> None:
        """Call this when it fails, with the reason, and with None when it works again."""
        self._watchers.append(taker)

    # --- commands ---------------------------------------------------------------------------------

    async def run(self, *words: Value) -> Any:
        """Run a command. Raises StoreUnavailable."""
        return await self._queue_up(_Command(words, None, asyncio.get_running_loop().create_future()))

    async def run_script(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        """Run a script. Raises StoreUnavailable; it may have been run all the same."""
        answer = asyncio.get_running_loop().create_future()
        return await self._queue_up(_Command((len(keys), *keys, *values), script, answer))

    def send_script(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> None:
        """Run a script without waiting for its answer. Where Valkey is away, it is not run."""
        self._send_soon(_Command((len(keys), *keys, *values), script, None))

    def publish(self, channel: str, message: bytes) -> None:
        """Send a message to all who listen. Where Valkey is away, it is dropped."""
        self._send_soon(_Command(("PUBLISH", channel, message), None, None))

    def subscribe(self, channel: str, take: Callable[[bytes], None]) -> None:
        """Register the callback for messages on a channel. Only before `open`."""
        self._takers[channel] = take

    def _send_soon(self, command: _Command) -> bool:
        if self.failure is not None or len(self._queue) >= MOST_WAITING:
            return False
        self._queue.append(command)
        self._queued.set()
        return True

    async def _queue_up(self, command: _Command) -> Any:
        assert command.answer is not None
        if not self._send_soon(command):
            raise StoreUnavailable(f"Valkey is not available: {self.failure or 'too many commands wait'}")
        return await command.answer

    # --- the connection for commands --------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            await self._queued.wait()
            if not self._queue:
                self._queued.clear()
                continue
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                answers = await self._exchange(batch)
            except asyncio.CancelledError:
                self._queue.extendleft(reversed(batch))
                raise
            except Exception as error:  # noqa: BLE001 the library's own, and those of sockets and TLS
                self._queue.extendleft(reversed(batch))
                self._fail(_describe(error))
                continue
            for command, answer in zip(batch, answers, strict=True):
                _resolve(command, answer)

    async def _exchange(self, batch: Sequence[_Command]) -> list[Any]:
        """Send commands, and return their answers. A script that Valkey does not know is sent whole."""
        from valkey.exceptions import NoScriptError

        answers = await self._execute(
            [("EVALSHA", one.script.sha, *one.words) if one.script else one.words for one in batch]
        )
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            sent = [batch[place] for place in unknown]
            again = await self._execute(
                [("EVAL", one.script.source, *one.words) for one in sent if one.script]
            )
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return answers

    async def _execute(self, commands: Sequence[tuple[Value, ...]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for words in commands:
                pipeline.execute_command(*words)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            log.warning("Valkey is not available: %s", reason)
            self._tell(reason)
        self._lost.set()
        self._fail_all(reason)

    def _fail_all(self, reason: str) -> None:
        while self._queue:
            _resolve(self._queue.popleft(), StoreUnavailable(f"Valkey is not available: {reason}"))

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
        """Reach it, if that is possible now."""
        try:
            await self._execute_ping()
        except Exception as error:  # noqa: BLE001 as in `_send`
            if self.failure != _describe(error):
                self.failure = _describe(error)
                log.warning("Valkey cannot be reached: %s", self.failure)
            self._lost.set()
        else:
            if self._tasks:
                log.info("Valkey works again")
            self.failure = None
            self._tell(None)

    async def _execute_ping(self) -> None:
        answer = (await self._execute([("PING",)]))[0]
        if isinstance(answer, Exception):
            raise answer

    # --- the connection for messages --------------------------------------------------------------

    async def _listen(self) -> None:
        if not self._takers:
            return
        while True:
            if self.failure is None:
                await self._hear_until_it_fails()
            await asyncio.sleep(FIRST_PAUSE_S)

    async def _hear_until_it_fails(self) -> None:
        pubsub = self._client.pubsub()
        try:
            await pubsub.subscribe(*self._takers)
            asked = False
            while True:
                message = await pubsub.get_message(timeout=LISTEN_S)
                if message is not None:
                    asked = False
                    self._take(message)
                elif asked:
                    return
                else:
                    asked = True
                    await pubsub.ping()
        except Exception as error:  # noqa: BLE001 as in `_send`
            log.debug("the messages of Valkey cannot be read: %s", _describe(error))
        finally:
            await _close(pubsub.aclose())

    def _take(self, message: dict[str, Any]) -> None:
        take = self._takers.get(bytes(message["channel"] or b"").decode())
        if message["type"] == "message" and take is not None:
            try:
                take(message["data"])
            except Exception:
                log.exception("a message of another host could not be followed")


async def _close(closing: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(Exception):
        await closing


def _resolve(command: _Command, answer: Any) -> None:
    if command.answer is None or command.answer.done():
        return
    if isinstance(answer, StoreUnavailable):
        command.answer.set_exception(answer)
    elif isinstance(answer, Exception):
        command.answer.set_exception(StoreUnavailable(f"Valkey refuses a command: {_describe(answer)}"))
    else:
        command.answer.set_result(answer)


def _describe(error: Exception) -> str:
    said = str(error).strip()
    return said.splitlines()[0][:200] if said else type(error).__name__
