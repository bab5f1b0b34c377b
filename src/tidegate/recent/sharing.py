"""Items of other workers: they are asked for those that this one does not have.

All workers are asked over the bus, on all hosts, how much they have of what is wanted, then one of them for
all of it, in pages, because messages and their queues are small. What is found is kept as if it had been
written here. Callers stay separate everywhere: what is wanted is named by its caller and its id.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tidegate.bus import Bus, Questions
from tidegate.protocols.ids import new_id

from .items import Entry, RecentItems

__all__ = ["SharedItems"]

MOST_IDS, LONGEST_ID = 1000, 512
"""Ids that are asked for at once, and the characters of one."""
QUESTION_BYTES = 32 * 1024
"""The most that a question takes; longer ones are not asked."""
PIECE_BYTES = 32 * 1024
"""Bytes in one message."""
PIECES = 8
"""Pieces of one page."""
LARGEST_FIND = 4 * 1024 * 1024
"""Bytes of all that is found at once; a worker that has more says that it has nothing."""
QUESTION, ANSWER = "recent.question", "recent.answer"


class _Question(Struct, frozen=True, array_like=True):
    asker: str
    number: int
    caller: str
    ids: list[str]
    holder: str | None = None
    """The worker that is asked for a page; None for all workers, which say how much they have."""
    offset: int = 0


class _Answer(Struct, frozen=True, array_like=True):
    asker: str
    number: int
    holder: str
    total: int
    """Bytes that the holder has of what was asked for."""
    offset: int = 0
    piece: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode_question = msgspec.msgpack.Decoder(_Question).decode
_decode_answer = msgspec.msgpack.Decoder(_Answer).decode
_decode_entries = msgspec.msgpack.Decoder(list[Entry]).decode


class SharedItems:
    """What the workers remember of responses, for all of them."""

    def __init__(self, bus: Bus) -> None:
        self.own = RecentItems()
        """Those that this worker has written or found."""
        self._bus = bus
        self._name = new_id("")
        """Among the workers of all hosts."""
        self._questions = Questions[_Answer]()
        if not bus.alone:
            bus.subscribe(QUESTION, self._answer)
            bus.subscribe(ANSWER, self._collect)

    @property
    def shared(self) -> bool:
        """Whether anybody else may have what is not here."""
        return self._bus.others > 0

    async def find(self, caller: str | None, ids: Sequence[str]) -> None:
        """Look for items elsewhere, with what they need, and keep what is found."""
        name = caller or ""
        for entry in reversed(await self._ask_all(name, ids)):  # an item is used after what it needs
            self.own.remember((name, entry.id), entry.item, entry.after)

    # --- asking -----------------------------------------------------------------------------------

    async def _ask_all(self, caller: str, ids: Sequence[str]) -> list[Entry]:
        wanted = [one for one in dict.fromkeys(ids) if len(one) <= LONGEST_ID][:MOST_IDS]
        question = _Question(self._name, 0, caller, wanted)
        if not wanted or len(_encode(question)) > QUESTION_BYTES:
            return []
        answers = await self._ask(question, self._bus.others)
        best = max(answers, key=lambda one: one.total, default=None)
        if best is None or best.total == 0:
            return []
        whole = await self._read(question, best)
        return [] if whole is None else _decode_entries(whole)

    async def _read(self, question: _Question, best: _Answer) -> bytes | None:
        """All that a worker has; None if it does not go on, or if that has changed meanwhile."""
        whole = b""
        while len(whole) < best.total:
            page = msgspec.structs.replace(question, holder=best.holder, offset=len(whole))
            count = min(PIECES, -(-(best.total - len(whole)) // PIECE_BYTES))
            answers = await self._ask(page, count)
            if len(answers) < count:
                return None
            for one in answers:  # those of one worker arrive in order
                if one.total != best.total or one.offset != len(whole) or not one.piece:
                    return None
                whole += one.piece
        return whole

    async def _ask(self, question: _Question, count: int) -> Sequence[_Answer]:
        """Ask, and await so many answers, for as long as one may wait."""

        def publish(number: int) -> None:
            self._bus.publish(QUESTION, _encode(msgspec.structs.replace(question, number=number)))

        return await self._questions.ask(publish, count)

    def _collect(self, data: bytes) -> None:
        answer = _decode_answer(data)
        if answer.asker == self._name:
            self._questions.take(answer.number, answer)

    # --- answering --------------------------------------------------------------------------------

    def _answer(self, data: bytes) -> None:
        question = _decode_question(data)
        if question.holder not in (None, self._name):
            return
        entries = self.own.entries(question.caller, question.ids)
        whole = _encode(entries) if entries else b""
        total = len(whole) if len(whole) <= LARGEST_FIND else 0
        head = _Answer(question.asker, question.number, self._name, total)
        if question.holder is None:
            self._bus.publish(ANSWER, _encode(head))
            return
        for offset in range(question.offset, total, PIECE_BYTES)[:PIECES]:
            piece = whole[offset : offset + PIECE_BYTES]
            self._bus.publish(ANSWER, _encode(msgspec.structs.replace(head, offset=offset, piece=piece)))
