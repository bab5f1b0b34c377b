"""Who is waited for, and how long: deadlines of providers and clients that leave.

One `Watchdog` per worker looks at all open exchanges four times a second. That is precise enough
for deadlines of seconds and costs a running exchange next to nothing: no timer per request, no
timer per event, and a task that listens for the client's leaving only for those exchanges that
last longer than one look.

An exchange that has to end is cancelled; `Watch.cancel_cause` then says why.
"""

import asyncio
from time import perf_counter
from types import TracebackType
from typing import Self

from tidegate.exchange.http import ClientLeft, Request
from tidegate.protocols.errors import BodyTimeout, DeadlineExceeded, ProviderTimeout, ShutDown

__all__ = ["LOOK_S", "Watch", "Watchdog"]

LOOK_S = 0.25
"""Seconds between two looks: how imprecise deadlines are, and a part of the second within which a
provider notices that a client has left."""


class Watch:
    """One exchange under watch; a context manager around its life."""

    __slots__ = (
        "_deadline",
        "_listener",
        "_patience",
        "_quiet_since",
        "_request",
        "_task",
        "_watchdog",
        "_what",
        "cancel_cause",
        "heard",
        "listening",
    )

    def __init__(self, watchdog: "Watchdog", request: Request, deadline_s: float, body_s: float) -> None:
        self._watchdog = watchdog
        self._request = request
        self._task = asyncio.current_task()
        self._listener: asyncio.Task[None] | None = None
        self._deadline = request.began + deadline_s
        self._patience = body_s
        self._what: str | None = None
        """What the provider is to do; None while the client's body is awaited."""
        self._quiet_since = request.began
        self.listening = False
        """Whether the provider is being waited for, and not the client."""
        self.heard = False
        """Set when the provider was heard; each look takes note and resets it."""
        self.cancel_cause: Exception | None = None
        """Why the exchange was cancelled."""

    def __enter__(self) -> Self:
        self._watchdog.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.remove(self)
        if self._listener is not None:
            self._listener.cancel()
            # Kept, it would hold the whole exchange in a cycle, which only the collector can end.
            self._listener = None
        if kind is asyncio.CancelledError:
            raise self.take_cancel_cause() from None

    def expect(self, what: str, patience_s: float) -> None:
        """From now on the provider may be silent for this long; `what` is what it is to do."""
        self._what = what
        self._patience = patience_s
        self._quiet_since = perf_counter()
        self.heard = False
        self.listening = True

    def mark_activity(self) -> None:
        """Take note that the provider was heard."""
        self.heard = True

    def take_cancel_cause(self) -> Exception:
        """Why the exchange was cancelled, as the error that it ends with.

        A cancellation that this watch did not order is the server's: its grace time is over.
        """
        cancel_cause, self.cancel_cause = self.cancel_cause, None
        if cancel_cause is None:
            return ShutDown("the gateway is shutting down")
        if self._task is not None:
            self._task.uncancel()
        return cancel_cause

    def look(self, now: float) -> None:
        """Judge whether the exchange may go on."""
        if self._what is None:
            self._look_at_body(now)
            return
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        if self.heard or not self.listening:
            self.heard = False
            self._quiet_since = now
        if now > self._deadline:
            self.end(DeadlineExceeded("the request took longer than its whole deadline"))
        elif now - self._quiet_since > self._patience:
            self.end(ProviderTimeout(f"the provider did not {self._what} within {self._patience:g} seconds"))

    def _look_at_body(self, now: float) -> None:
        """While the body comes in there is nobody else to listen: the reading notices who leaves."""
        if now - self._request.body_at > self._patience:
            self.end(BodyTimeout(f"the body did not go on for {self._patience:g} seconds"))

    def end(self, cancel_cause: Exception) -> None:
        """Cancel the exchange for this reason. The first reason counts."""
        if self.cancel_cause is None and self._task is not None:
            self.cancel_cause = cancel_cause
            self._task.cancel()

    async def _listen(self) -> None:
        while self._watchdog.watches(self):
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                if not self._request.done:
                    self.end(ClientLeft())
                return


class Watchdog:
    """Looks at all open exchanges of a worker."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, request: Request, deadline_s: float, body_s: float) -> Watch:
        """Watch the current task, which serves this request."""
        return Watch(self, request, deadline_s, body_s)

    def watches(self, watch: Watch) -> bool:
        """Whether this exchange is still open."""
        return watch in self._open

    def __len__(self) -> int:
        return len(self._open)

    async def drain(self, patience_s: float) -> None:
        """Await the end of all exchanges, but not longer than this."""
        end = perf_counter() + patience_s
        while self._open and perf_counter() < end:
            await asyncio.sleep(0.01)

    def add(self, watch: Watch) -> None:
        """Begin to look at an exchange."""
        self._open.add(watch)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def remove(self, watch: Watch) -> None:
        """Look no more at an exchange."""
        self._open.discard(watch)

    def _look(self) -> None:
        self._timer = None
        if not self._open:
            return  # nobody is there: the next exchange starts the clock again
        now = perf_counter()
        for watch in list(self._open):
            watch.look(now)
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
