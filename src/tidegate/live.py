"""Open requests over all workers of a host: whoever is asked asks the others, and waits a moment."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec import Struct

from tidegate.accounts.live import LiveRequest
from tidegate.bus import Bus, Questions

__all__ = ["LiveRequests"]

MOST = 500
"""Requests that one worker reports: the latest."""
PART_BYTES = 32 * 1024
"""Bytes of requests in one message; the bus takes a few more."""
QUESTION, ANSWER = "live.question", "live.answer"


class _Question(Struct, frozen=True, array_like=True):
    group: str
    """The workers of one host; those of others do not answer."""
    asker: int
    number: int


class _Answer(Struct, frozen=True, array_like=True):
    """A part of a worker's answer."""

    question: _Question
    rows: list[LiveRequest]
    last: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_question = msgspec.msgpack.Decoder(_Question).decode
_decode_answer = msgspec.msgpack.Decoder(_Answer).decode


class LiveRequests:
    """The open requests of this worker, and of the others if it is asked for all."""

    def __init__(self, bus: Bus, own: Callable[[], Sequence[LiveRequest]]) -> None:
        self._bus = bus
        self._own = own
        self._questions = Questions[list[LiveRequest]]()
        if not bus.alone:
            bus.subscribe(QUESTION, self._answer)
            bus.subscribe(ANSWER, self._collect)

    async def __call__(self) -> Sequence[LiveRequest]:
        """The open requests of all workers that answer in time, the latest first."""
        rows = list(self._own()[:MOST])
        memory = self._bus.memory
        if memory is not None and memory.places > 1:
            group, place = self._bus.group, memory.place

            def publish(number: int) -> None:
                self._bus.publish(QUESTION, _encode(_Question(group, place, number)))

            for part in await self._questions.ask(publish, memory.places - 1):
                rows += part
        return sorted(rows, key=lambda one: one.time, reverse=True)

    def _answer(self, data: bytes) -> None:
        question = _decode_question(data)
        if question.group != self._bus.group:
            return
        for rows, last in _parts(self._own()[:MOST]):
            self._bus.publish(ANSWER, _encode(_Answer(question, rows, last)))

    def _collect(self, data: bytes) -> None:
        answer, memory = _decode_answer(data), self._bus.memory
        question = answer.question
        if memory is not None and (question.group, question.asker) == (self._bus.group, memory.place):
            self._questions.take(question.number, answer.rows, whole=answer.last)


def _parts(rows: Sequence[LiveRequest]) -> Iterator[tuple[list[LiveRequest], bool]]:
    """The rows in parts that fit into messages, and whether each is the last."""
    part: list[LiveRequest] = []
    size = 0
    for row in rows:
        length = len(_encode(row))
        if part and size + length > PART_BYTES:
            yield part, False
            part, size = [], 0
        part.append(row)
        size += length
    yield part, True
