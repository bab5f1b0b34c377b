"""Questions to other workers, whose answers are awaited for a moment."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Questions"]

PATIENCE_S = 0.5
"""Seconds to wait for the other workers."""

A = TypeVar("A")


class _Asked(Generic[A]):
    """A question that waits for so many answers."""

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.answers: list[A] = []
        self.done = asyncio.Event()


class Questions(Generic[A]):
    """The questions of one worker, by number. How they are sent is up to who asks."""

    def __init__(self) -> None:
        self._number = 0
        self._asked: dict[int, _Asked[A]] = {}

    def __len__(self) -> int:
        """How many wait for answers."""
        return len(self._asked)

    async def ask(self, publish: Callable[[int], None], count: int) -> Sequence[A]:
        """`publish` a question under its number, and await so many whole answers: those that come in time. A
        worker that is busy or just starts is left out.
        """
        self._number += 1
        number, asked = self._number, _Asked[A](count)
        self._asked[number] = asked
        try:
            publish(number)
            await asyncio.wait_for(asked.done.wait(), PATIENCE_S)
        except TimeoutError:
            pass
        finally:
            del self._asked[number]
        return asked.answers

    def take(self, number: int, answer: A, *, whole: bool = True) -> None:
        """Accept an answer, or one that is a part, to a question that may be over by now."""
        asked = self._asked.get(number)
        if asked is None:
            return
        asked.answers.append(answer)
        asked.missing -= whole
        if asked.missing <= 0:
            asked.done.set()
