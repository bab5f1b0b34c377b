"""Writes bodies and interactions: beside the requests, in a thread of its own, and never in their way."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tidegate.config.schema import Bodies, Logs

from .capture import Capture, Room
from .interaction import BodyText, Conversation, Interaction, prepare
from .record import Record
from .redaction import Redactor

__all__ = ["InteractionFile", "Keep", "Recorder"]

log = logging.getLogger("tidegate")

MOST_WAITING = 10_000
"""Requests that wait to be written; more are left out."""
BATCH = 32
LAST_WORDS_S = 2.0
"""How long the end of the process waits for what is not written yet."""

Keep = Callable[[Sequence[tuple[str, Mapping[str, BodyText]]]], Awaitable[None]]
"""Stores the bodies of requests, by their ids."""
InteractionFile = Callable[[Interaction], None]
"""Writes an interaction to a file. Called in the writing thread."""


class _Waiting(NamedTuple):
    record: Record
    capture: Capture | None
    answering: Sequence[int]
    talk: Conversation
    stored: bool
    """Whether the store has a record of the request."""


class Recorder:
    """What a worker keeps of requests beside their records."""

    def __init__(self, logs: Logs, secrets: Sequence[str]) -> None:
        """`secrets` are never kept."""
        self.room = Room(logs.bodies_mb * 1024 * 1024, logs.body_kb * 1024)
        self._logs = logs
        self._redactor = Redactor(secrets, logs.redact, logs.redact_fields)
        self._keep: Keep | None = None
        self._file: InteractionFile | None = None
        self._queue: deque[_Waiting] = deque()
        self._there = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self.dropped = 0
        """Requests whose bodies or interactions were left out; their records are complete."""

    def configure(self, logs: Logs, secrets: Sequence[str]) -> None:
        """Follow a new configuration."""
        self._logs = logs
        self.room.limit, self.room.most = logs.bodies_mb * 1024 * 1024, logs.body_kb * 1024
        self._redactor = Redactor(secrets, logs.redact, logs.redact_fields)

    def start(self, keep: Keep | None, file: InteractionFile | None) -> None:
        """Start writing on the running event loop."""
        self._keep, self._file = keep, file
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Write what waits, for a limited time, and stop."""
        try:
            await asyncio.wait_for(self.flush(), LAST_WORDS_S)
        except TimeoutError:
            log.warning("the bodies of %d requests were not written in time", len(self._queue))
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=False)

    async def flush(self) -> None:
        """Wait until everything that was submitted is written."""
        await self._idle.wait()

    def keeps(self, override: Bodies | None) -> bool:
        """Whether bodies are kept, by the choice of a key or the configuration."""
        return (override or self._logs.bodies) != "none"

    @property
    def keeps_interactions(self) -> bool:
        """Whether requests are written that have no bodies, too."""
        return self._file is not None

    def capture(self, override: Bodies | None, secret: str | None) -> Capture | None:
        """What will hold the bodies of a request; None if they are not kept. `override` is the choice of its
        key, `secret` that key.
        """
        if not self.keeps(override) or (self._keep is None and self._file is None):
            return None
        return Capture(self.room, override or self._logs.bodies, secret)

    def submit(
        self,
        record: Record,
        capture: Capture | None,
        answering: Sequence[int],
        talk: Conversation,
        *,
        stored: bool,
    ) -> None:
        """Write a request that has ended, soon."""
        if (capture is None or not stored) and self._file is None:
            if capture is not None:
                capture.close()
            return
        if len(self._queue) >= MOST_WAITING or self._task is None:
            self.dropped += 1
            if capture is not None:
                capture.close()
            return
        self._queue.append(_Waiting(record, capture, answering, talk, stored))
        self._idle.clear()
        self._there.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._there.wait()
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                prepared = await loop.run_in_executor(self._thread, self._prepare, batch)
                await self._store(prepared)
            except Exception:
                self.dropped += len(batch)
                log.exception("the bodies of %d requests cannot be written", len(batch))
            finally:
                for one in batch:
                    if one.capture is not None:
                        one.capture.close()
            if not self._queue:
                self._there.clear()
                self._idle.set()

    def _prepare(self, batch: Sequence[_Waiting]) -> list[Interaction]:
        """Read and redact the bodies, in the thread. Returns those for the store."""
        kept: list[Interaction] = []
        for one in batch:
            interaction = prepare(one.record, one.capture, one.answering, one.talk, self._redactor)
            if self._file is not None:
                self._file(interaction)
            if one.stored and interaction.bodies:
                kept.append(interaction)
        return kept

    async def _store(self, interactions: Sequence[Interaction]) -> None:
        if interactions and self._keep is not None:
            await self._keep([(one.record.id, one.bodies) for one in interactions])
