"""The store of one worker, as the event loop sees it: nothing here blocks, and no request waits for the
database unless it asks it something.

Lines are appended to the journal at once. One thread moves them into the database, twice a second, and
makes all other changes, one after another. Where the database is slow or away, lines wait in the journal.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from time import monotonic, time
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from tidegate.protocols.ids import new_id

from .backlog import Backlog, Taken
from .database import Database, DatabaseError, Durability, describe
from .errors import StoreUnavailable
from .journal import Begun, Ended, Journal, Line, Place, abandoned, milliseconds
from .moving import bury, hand_over, move, move_all, move_batch
from .rollups import add_gathered
from .schema import migrate

__all__ = ["Store"]

log = logging.getLogger("tidegate")

EVERY_S = 0.5
"""Seconds between two looks at the journal: each batch costs as much as some fifty requests."""
MANY = 1024 * 1024
"""Bytes of lines, some 800 requests, that are moved at once."""
ROLL_UP_S = 5.0
"""Seconds between two times that figures are added to the rollups."""
MANY_GATHERED = 10_000
"""Requests whose figures are added at once."""
BATCHES = 4
"""Batches of a file that are moved before others may use the writer."""
PAUSE_S = 2.0
"""Seconds until a database that failed is tried again."""
ROTATE = 64 * 1024 * 1024
"""Bytes after which a journal is continued in a new file."""
READERS = 2
"""Threads for questions that change nothing."""
ANSWER_S = 15.0
"""How long anybody waits for the database, in seconds: longer than SQLite waits for another writer."""

NO_ANSWER = f"the database has not answered within {ANSWER_S:g} seconds"

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """The database and the journal of one worker."""

    def __init__(self, url: str, place: Place, durability: Durability = "process") -> None:
        """`place` has the journals of all workers of this machine with this store. Raises ValueError for a
        URL that is none, and JournalFailed.
        """
        self.database = Database(url, durability)
        self._place = place
        self.waits = durability == "disk"
        """Whether `durable` waits for the disk at all."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="store-sync")
        self._late: dict[ThreadPoolExecutor, set[Future[Any]]] = {self._writer: set(), self._readers: set()}
        """What the database has not answered in time, and may answer yet."""
        self._current = self._begin_journal()
        self._old: Journal | None = None
        """The journal before this one, while it is not moved whole."""
        self._open: dict[str, Begun] = {}
        self._gathered, self._rolled_up = 0, monotonic()
        """Requests whose figures were gathered since some were added to the rollups, and when that was."""
        self._timer: asyncio.TimerHandle | None = None
        self._moving: asyncio.Future[None] | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._synced = 0
        """The position up to which the disk has the journal."""
        self.failing_since: float | None = None
        """Since when the database has failed, in seconds since 1970; None while it works."""
        self._closed = False

    # --- start and stop ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Migrate the schema, take over what dead workers left behind, and begin to move. Raises
        StoreUnavailable and SchemaTooNew.
        """
        await self._in(self._writer, partial(migrate, self.database), within_s=None)
        await self._in(self._writer, self._take_over, within_s=None)
        self._schedule(EVERY_S)

    async def close(self) -> None:
        """Move the rest, give leases back, and close everything. What cannot be moved stays in the journal,
        for the next start.
        """
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._moving is not None:
            await self._moving
        try:
            await self._in(self._writer, self._finish)
        except StoreUnavailable:
            log.warning("the store is not available: its journal %s waits for the next start", self.id)
            self._current.journal.close()
        for pool in (self._writer, self._readers, self._syncer):
            pool.shutdown(wait=not self._late.get(pool), cancel_futures=True)
        self.database.close()

    @property
    def id(self) -> str:
        """The id of the current journal."""
        return self._current.journal.id

    @property
    def lag(self) -> int:
        """Bytes of the journal that the database does not have yet."""
        old = self._old.size if self._old is not None else 0
        return self._current.size + old

    # --- for requests -----------------------------------------------------------------------------

    def append(self, line: Line) -> None:
        """Write a line to the journal. Raises JournalFailed."""
        if isinstance(line, Begun):
            self.begin(line)
        elif isinstance(line, Ended):
            self.end(line)
        else:
            self._current.append(line)

    def begin(self, line: Begun) -> None:
        """Write the beginning of a request to the journal. Raises JournalFailed."""
        self._current.begin(line)
        self._open[line.id] = line

    def end(self, line: Ended) -> None:
        """Write the end of a request to the journal. Raises JournalFailed."""
        waiting = self._current.end(line)
        self._open.pop(line.id, None)
        if waiting > MANY and self._timer is not None and self.failing_since is None:
            self._timer.cancel()
            self._look()

    async def durable(self) -> None:
        """Wait until what was appended so far survives what the configuration says; requests that come
        together wait for one write to the disk.
        """
        position = self._current.journal.size
        while self.waits and self._synced < position:
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync())
            await asyncio.shield(self._syncing)

    async def _sync(self) -> None:
        journal = self._current.journal
        position = journal.size
        try:
            await asyncio.get_running_loop().run_in_executor(self._syncer, journal.sync)
        finally:
            self._syncing = None
        if journal is self._current.journal:
            self._synced = position

    async def change(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function in a transaction that may write. Raises StoreUnavailable, and what it raises. Where
        the database does not answer in time, it may happen all the same.
        """
        return await self._in(self._writer, self._transaction(function, *args, **kwargs))

    async def obtain(
        self,
        undo: Callable[[T], None],
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The same, for what has to be given back: `undo` receives a result that comes too late."""
        return await self._in(self._writer, self._transaction(function, *args, **kwargs), undo)

    def _transaction(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], T]:
        def work() -> T:
            with self.database.write() as connection:
                return function(connection, *args, **kwargs)

        return work

    async def ask(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that only reads. Raises StoreUnavailable, and what it raises."""

        def work() -> T:
            with self.database.read() as connection:
                return function(connection, *args, **kwargs)

        return await self._in(self._readers, work)

    async def _in(
        self,
        pool: ThreadPoolExecutor,
        function: Callable[[], T],
        undo: Callable[[T], None] | None = None,
        within_s: float | None = ANSWER_S,
    ) -> T:
        """Run this in a thread. Nobody waits for a database that hangs, and nobody waits in its queue."""
        self._check(pool)
        job = pool.submit(function)
        answer = asyncio.wrap_future(job)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            answer.cancel()
            if not job.cancelled():
                self._await_late(pool, job, undo)
            raise StoreUnavailable(NO_ANSWER) from None
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except DatabaseError as error:
            raise StoreUnavailable(describe(error)) from error

    def _check(self, pool: ThreadPoolExecutor) -> None:
        """Raises StoreUnavailable where all threads still wait for answers that are late."""
        if len(self._late[pool]) >= (READERS if pool is self._readers else 1):
            raise StoreUnavailable(NO_ANSWER)

    def _await_late(
        self, pool: ThreadPoolExecutor, job: "Future[T]", undo: Callable[[T], None] | None
    ) -> None:
        self._late[pool].add(job)
        loop = asyncio.get_running_loop()

        def arrive() -> None:
            self._late[pool].discard(job)
            if undo is not None and job.exception() is None:
                undo(job.result())

        def follow(_: "Future[T]") -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(arrive)

        job.add_done_callback(follow)

    # --- moving -----------------------------------------------------------------------------------

    async def flush(self, *, figures: bool = False) -> None:
        """Move everything that has been appended so far. With `figures`, it is in the rollups as well, and so
        is what other workers have gathered. Raises StoreUnavailable.
        """
        if self._moving is not None:
            await self._moving
        await self._in(self._writer, partial(self._move_some, self._current.take(), True))
        if figures:
            await self._in(self._writer, self._roll_up)

    def _schedule(self, pause_s: float) -> None:
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._current.size and self._old is None and not self._gathered:
            self._schedule(EVERY_S)
            return
        self._moving = asyncio.ensure_future(self._move())

    async def _move(self) -> None:
        pause_s = EVERY_S
        try:
            self._check(self._writer)  # a thread that moves the journal would be confused by another one
            if self._current.journal.size > ROTATE and self._old is None:
                self._rotate()
            await self._in(self._writer, partial(self._move_next, self._current.take()))
            if self.failing_since is not None:
                log.info("the store works again")
            self.failing_since = None
        except StoreUnavailable as error:
            pause_s = PAUSE_S
            if self.failing_since is None:
                self.failing_since = time()
                log.error("the store fails, and the journal keeps what it cannot take: %s", error)
        except Exception:
            pause_s = PAUSE_S
            log.exception("the journal %s cannot be moved", self.id)
        finally:
            self._moving = None
            self._schedule(pause_s)

    def _move_next(self, taken: Taken) -> None:
        self._move_some(taken, False)
        if self._gathered > MANY_GATHERED or (self._gathered and monotonic() - self._rolled_up > ROLL_UP_S):
            self._roll_up()

    def _roll_up(self) -> None:
        """Add what was gathered to the rollups, by other workers as well."""
        add_gathered(self.database)
        self._gathered, self._rolled_up = 0, monotonic()

    def _move_some(self, taken: Taken, everything: bool) -> None:
        """Move what was taken, and before it what the file alone has, of which there may be much: all of it,
        or a few batches. The old journal is first.
        """
        self._move_old()
        backlog, batch, start, end = taken
        if backlog is not self._current:
            return  # it was the old one, which has been moved whole
        journal, batches = backlog.journal, 0
        while backlog.moved < start:
            if batches == BATCHES and not everything:
                return
            before = backlog.moved
            backlog.moved, _ = move(self.database, journal.id, journal.path, before, milliseconds(), start)
            if backlog.moved == before:
                return  # somebody has made the file shorter
            batches += 1
        if end > start:
            move_batch(self.database, journal.id, batch, end, milliseconds(), keep=True)
            backlog.moved = end
            self._gathered += len(batch.ended)

    def _move_old(self) -> None:
        old = self._old
        if old is not None:
            move_all(self.database, old.id, old.path, milliseconds())
            hand_over(self.database, old.id, self._current.journal.id)
            old.remove()
            self._old = None

    def _rotate(self) -> None:
        """Continue in a new file, which begins with the requests that are open."""
        begun = self._begin_journal()
        for line in self._open.values():
            begun.append(line)
        self._old, self._current, self._synced = self._current.journal, begun, 0

    def _begin_journal(self) -> Backlog:
        return Backlog(Journal(self._place, new_id(f"{milliseconds():x}-{os.getpid()}-")))

    def _take_over(self) -> None:
        """Move what workers that have died left behind."""
        found = list(abandoned(self._place))
        try:
            for name, path, _ in found:
                move_all(self.database, name, path, milliseconds())
            for name, path, _ in found:
                lost = bury(self.database, name, path, milliseconds())
                path.unlink(missing_ok=True)
                if lost:
                    log.warning("a worker died with %d open requests: they are recorded as lost", lost)
            self._roll_up()
        finally:
            for _, _, descriptor in found:
                os.close(descriptor)

    def _finish(self) -> None:
        self._move_some(self._current.take(), True)
        while self._current.waiting:  # it was appended meanwhile
            self._move_some(self._current.take(), True)
        self._roll_up()
        journal = self._current.journal
        bury(self.database, journal.id, journal.path, milliseconds())
        journal.remove()
