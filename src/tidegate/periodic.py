"""Work that is done again and again while the gateway runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

__all__ = ["Periodic"]

log = logging.getLogger("tidegate")


class Periodic:
    """Runs rounds of work with pauses in between, until it is closed. A round that fails ends no other.

    Of failures in a row, each that is of another kind than the one before it is logged.
    """

    def __init__(
        self,
        name: str,
        every_s: float,
        work: Callable[[], Awaitable[object]],
        *,
        problem: str,
        expected: type[Exception] | tuple[type[Exception], ...] = (),
        expected_level: int = logging.WARNING,
        at_once: bool = False,
    ) -> None:
        """`work` is a round, and `every_s` the seconds after each. `problem` says in the log what does not
        work while rounds fail. Exceptions that are `expected` are logged in one line at `expected_level`, all
        others with a traceback. The first round begins `at_once`, or after the first pause.
        """
        self._name = name
        self._every_s = every_s
        self._work = work
        self._problem = problem
        self._expected = expected
        self._expected_level = expected_level
        self._at_once = at_once
        self._task: asyncio.Task[None] | None = None
        self._failure: type[Exception] | None = None
        """The kind of failure that was logged last, while rounds fail."""

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    @property
    def failing(self) -> bool:
        """Whether the last round failed."""
        return self._failure is not None

    async def close(self) -> None:
        """Stop; a round under way is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        if self._at_once:
            await self._round()
        while True:
            await asyncio.sleep(self._every_s)
            await self._round()

    async def _round(self) -> None:
        try:
            await self._work()
        except Exception as error:
            if type(error) is not self._failure:
                expected = isinstance(error, self._expected)
                level = self._expected_level if expected else logging.ERROR
                log.log(level, "%s: %s", self._problem, error, exc_info=not expected)
            self._failure = type(error)
        else:
            self._failure = None
