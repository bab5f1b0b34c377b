"""Tasks that run where something happens, instead of in a turn of the event loop after it.

Most requests wait once, for the head of a provider's answer. As an asyncio task, such a request begins a turn
after it was received, and goes on a turn after the head has arrived; making the task and scheduling it costs
more than parsing the request. A `DirectTask` begins at once, and an `Arrival` resumes it at once; whatever
else it awaits resumes it like any task.

`asyncio.current_task` returns it, so that `asyncio.timeout` and the like work (see "Extending" in asyncio's
documentation). It has a weaker interface than `asyncio.Task`: nobody can await it, and nothing lists it.
"""

import asyncio
from asyncio import AbstractEventLoop
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

__all__ = ["Arrival", "DirectTask"]

T = TypeVar("T")


class Arrival(Generic[T]):
    """A value that arrives from outside of all tasks; a future, as far as tasks are concerned."""

    __slots__ = ("_asyncio_future_blocking", "_loop", "_result", "_waiting", "_woken_by", "cancelled", "done")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False
        """Whether a task has just begun to wait: how asyncio's tasks recognize futures."""
        self._result: T | None = None
        self._waiting: DirectTask | None = None
        """Who is resumed at once."""
        self._woken_by: tuple[Callable[[Any], object], Context | None] | None = None
        """How any other task is resumed, in a turn of its own."""
        self.done = False
        """Whether it has arrived, or nobody waits for it any more."""
        self.cancelled = False

    def arrive(self, result: T) -> None:
        """The value has arrived. Whoever waits for it goes on before this returns, so call it last."""
        if self.done:
            return
        self.done = True
        self._result = result
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.go_on()
        else:
            self._wake()

    def cancel(self, msg: object = None) -> bool:
        """See asyncio.Future."""
        if self.done:
            return False
        self.done = self.cancelled = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._loop.call_soon(waiting.go_on)
        else:
            self._wake()
        return True

    def result(self) -> T:
        """See asyncio.Future."""
        if self.cancelled:
            raise asyncio.CancelledError
        assert self.done, "it has not arrived"
        return self._result  # type: ignore[return-value]  # None may be the value

    def __await__(self) -> Generator["Arrival[T]", None, T]:
        if not self.done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    # --- for the task that waits ----------------------------------------------------------------

    def resume(self, task: "DirectTask") -> None:
        """Resume this task, once it has arrived."""
        self._waiting = task

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """See asyncio.Future."""
        self._woken_by = callback, context
        if self.done:
            self._wake()

    def get_loop(self) -> AbstractEventLoop:
        """See asyncio.Future."""
        return self._loop

    def _wake(self) -> None:
        woken_by, self._woken_by = self._woken_by, None
        if woken_by is not None:
            self._loop.call_soon(woken_by[0], self, context=woken_by[1])


class DirectTask:
    """Runs a coroutine that raises nothing."""

    __slots__ = (
        "__weakref__",
        "_cancellations",
        "_context",
        "_coroutine",
        "_loop",
        "_must_cancel",
        "_waits_for",
    )

    def __init__(self, coroutine: Coroutine[Any, Any, None], loop: AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._context = copy_context()
        self._waits_for: Any = None
        self._cancellations = 0
        self._must_cancel = False

    def go_on(self) -> None:
        """Begin, or go on at once: what it waits for has happened."""
        self._context.run(self._step)

    def _step(self, _: object = None) -> None:
        """Run until it waits again. This runs in its context; within another task, in a turn of its own."""
        loop = self._loop
        try:
            _enter_task(loop, self)  # type: ignore[arg-type]
        except RuntimeError:
            loop.call_soon(self._step, context=self._context)
            return
        self._waits_for = None
        try:
            if self._must_cancel:
                self._must_cancel = False
                future = self._coroutine.throw(asyncio.CancelledError())
            else:
                future = self._coroutine.send(None)
        except (StopIteration, asyncio.CancelledError):  # the latter if it has not even begun
            return
        finally:
            _leave_task(loop, self)  # type: ignore[arg-type]
        self._wait_for(future)

    def _wait_for(self, future: Any) -> None:
        self._waits_for = future
        if type(future) is Arrival:
            future.resume(self)
        elif future is None:  # a turn for the others
            self._loop.call_soon(self._step, context=self._context)
        else:
            future._asyncio_future_blocking = False  # how a task says that it waits
            future.add_done_callback(self._step, context=self._context)
        if self._must_cancel and future is not None and future.cancel():
            self._must_cancel = False

    # --- see asyncio.Task -----------------------------------------------------------------------

    def cancel(self, msg: object = None) -> bool:
        """See asyncio.Task."""
        self._cancellations += 1
        if self._waits_for is None or not self._waits_for.cancel():
            self._must_cancel = True
        return True

    def uncancel(self) -> int:
        """See asyncio.Task."""
        self._cancellations = max(0, self._cancellations - 1)
        return self._cancellations

    def cancelling(self) -> int:
        """See asyncio.Task."""
        return self._cancellations
