"""An attempt in a task of its own, so that it can be cancelled without the exchange that waits for it."""

import asyncio

from tidegate.protocols.contract import Call
from tidegate.protocols.errors import TidegateError

from .attempt import Attempt
from .planning import is_last
from .reporting import forget_frames
from .sending import expect_answer
from .state import Exchange
from .watchdog import NEVER, Watch

__all__ = ["Runner"]


class Cancelled(Exception):
    """The attempt was cancelled: another one has answered, or nobody waits for it any more."""


class Runner:
    """An attempt that is opened in a task of its own, which never fails."""

    __slots__ = ("_watch", "attempt", "error", "first", "task")

    def __init__(self, this: Exchange, attempt: Attempt, call: Call) -> None:
        self.attempt = attempt
        self.first: bytes | None = None
        """The first bytes for the client, once the answer has begun."""
        self.error: Exception | None = None
        """What `Attempt.open` has raised; None if it was cancelled."""
        self._watch: Watch | None = None
        """Set while the task runs. `look` checks it; the watchdog knows only the watch of the exchange."""
        self.task = asyncio.get_running_loop().create_task(self._open(this, call, last=is_last(this)))

    async def _open(self, this: Exchange, call: Call, *, last: bool) -> None:
        left_s = this.watch.deadline - this.request.received_at
        watch = self._watch = Watch(this.gateway.watchdog, this.request, left_s, NEVER)
        expect_answer(watch, call, this.gateway, last=last)
        try:
            client_format = this.operation.client_format
            self.first = await self.attempt.open(this.request, client_format, this.gateway, watch)
        except Cancelled:
            pass
        except TidegateError as error:
            self.error = forget_frames(error)
        except Exception as error:  # noqa: BLE001 a defect of the gateway, which the exchange reports
            self.error = error
        finally:
            self._watch = None

    def look(self, now: float) -> None:
        """Check whether the attempt may go on."""
        if self._watch is not None:
            self._watch.look(now)

    def cancel(self) -> None:
        """Cancel the attempt, if it has not ended."""
        if self._watch is not None:
            self._watch.cancel(Cancelled())
        else:
            self.task.cancel()
