"""Deadlines: for providers, for clients that stall and for clients that leave.

One `Watchdog` per worker checks all open exchanges four times a second: precise enough for deadlines in
seconds, and no timer per request or event. A client that leaves is noticed at once, by the server.

An exchange that has to end is cancelled: `Watch.cancel_cause` holds the error that explains why, and the
waiting code raises it in place of the cancellation.
"""

import asyncio
from collections.abc import Iterator
from time import perf_counter
from typing import Protocol as Interface
from typing import Self

from tidegate.protocols.errors import BodyTimeout, DeadlineExceeded, ProviderTimeout, ShutDown
from tidegate.wording import counted

from .request import ClientLeft, Request
from .waiting import BODY, Waiting

__all__ = ["LOOK_S", "NEVER", "Waiting", "Watch", "Watchdog"]

LOOK_S = 0.25
"""Seconds between two checks: the precision of deadlines."""

NEVER = float("inf")
"""The deadline of a live stream: only its silence is limited."""


class Looked(Interface):
    """Something beside a wait that is checked with it."""

    def look(self, now: float) -> None:
        """Check it; `now` is by `perf_counter`."""
        ...


class Watch:
    """What the task that serves a request waits for, and until when; a context manager around the wait."""

    __slots__ = (
        "_patience",
        "_quiet_since",
        "_request",
        "_task",
        "_waiting",
        "_watchdog",
        "active",
        "beside",
        "cancel_cause",
        "deadline",
        "ends_at",
        "exchange",
    )

    def __init__(self, watchdog: "Watchdog", request: Request, deadline_s: float, body_s: float) -> None:
        self._watchdog = watchdog
        self._request = request
        self._task = asyncio.current_task(watchdog.loop)  # to look the loop up costs a system call
        self.deadline = self.ends_at = request.received_at + deadline_s
        """Deadline for the start of the answer, by `perf_counter`; `ends_at` is that of the present wait."""
        self._waiting = BODY
        self._patience = body_s
        self._quiet_since = request.received_at
        self.active = False
        """Set on any activity; each check resets it."""
        self.cancel_cause: Exception | None = None
        """Why the task was cancelled."""
        self.beside: Looked | None = None
        """The attempts that race, or the heartbeat of the stream that is being delivered."""
        self.exchange: object | None = None
        """Whose wait this is, for those who look at open exchanges."""

    def __enter__(self) -> Self:
        self._watchdog.add(self)
        self._request.on_disconnect(self._client_left)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.remove(self)
        self._request.on_disconnect(None)
        self.beside = self.exchange = None  # they hold this watch
        self._task = None  # the task holds the frame that holds this watch

    def expect(self, waiting: Waiting, patience_s: float, deadline: float | None = None) -> None:
        """From now on wait for this, allowing this many seconds of silence.

        `deadline` ends the wait whatever the activity; None stands for the deadline of the whole request.
        """
        self._waiting = waiting
        self._patience = patience_s
        self.ends_at = self.deadline if deadline is None else deadline
        self._quiet_since = perf_counter()
        self.active = False

    @property
    def waiting(self) -> Waiting:
        """What it waits for."""
        return self._waiting

    def mark_activity(self) -> None:
        """Record activity: the other side has sent or accepted bytes."""
        self.active = True

    def take_cancel_cause(self) -> Exception:
        """Why the task was cancelled, as the error that it ends with.

        A cancellation that this watch did not cause is the server's: its grace period is over.
        """
        cause, self.cancel_cause = self.cancel_cause, None
        if cause is None:
            return ShutDown("the gateway is shutting down")
        if self._task is not None:
            self._task.uncancel()
        return cause

    def cancel(self, cause: Exception) -> None:
        """Cancel the task for this reason. The first reason counts."""
        if self.cancel_cause is None and self._task is not None:
            self.cancel_cause = cause
            self._task.cancel()

    def look(self, now: float) -> None:
        """Check whether the wait may go on."""
        if self.active:
            self.active = False
            self._quiet_since = now
        elif self._waiting is Waiting.BODY:
            self._quiet_since = max(self._quiet_since, self._request.body_at)
        if self.beside is not None:
            self.beside.look(now)
        if now > self.ends_at or now - self._quiet_since > self._patience:
            self.cancel(self._error())

    def _error(self) -> Exception:
        """The error for a wait that took too long."""
        if self._waiting is Waiting.CLIENT:
            self._request.abort()
            return ClientLeft()
        overdue = perf_counter() > self.deadline and self.ends_at is not NEVER
        if self._waiting is Waiting.BODY:
            silence = f"the client sent nothing of its body for {counted(self._patience, 'second')}"
            return BodyTimeout("the body is not complete at the request's deadline" if overdue else silence)
        if overdue:
            return DeadlineExceeded("no answer began before the request's deadline")
        cut = self._waiting is Waiting.NEXT_EVENT and perf_counter() > self.ends_at
        within = "its half of the request's deadline" if cut else counted(self._patience, "second")
        return ProviderTimeout(f"the provider did not {self._waiting.value} within {within}")

    def _client_left(self) -> None:
        self.cancel(ClientLeft())


class Watchdog:
    """Checks all open exchanges of a worker."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # set while exchanges are open

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Watch]:
        """The waits of all open exchanges."""
        return iter(tuple(self._open))

    async def drain(self, patience_s: float) -> None:
        """Wait until all exchanges have ended, up to this limit."""
        end = perf_counter() + patience_s
        while self._open and perf_counter() < end:
            await asyncio.sleep(0.01)

    def add(self, watch: Watch) -> None:
        """Start checking an exchange."""
        self._open.add(watch)
        if self._timer is None:
            self.loop = asyncio.get_running_loop()
            self._timer = self.loop.call_later(LOOK_S, self._look)

    def remove(self, watch: Watch) -> None:
        """Stop checking an exchange."""
        self._open.discard(watch)

    def _look(self) -> None:
        self._timer = None
        if not self._open or self.loop is None:
            self.loop = None  # the next exchange starts the clock again
            return
        now = perf_counter()
        for watch in list(self._open):
            watch.look(now)
        self._timer = self.loop.call_later(LOOK_S, self._look)
