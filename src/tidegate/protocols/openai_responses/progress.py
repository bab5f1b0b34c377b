"""How far a stream of this format has come: what is finished, and what is open."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.continuation import CannotContinue
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.sse import Splitter

__all__ = ["Message", "Part", "Progress"]

OVER = frozenset({"completed", "incomplete", "failed"})
"""The events that end a stream, without their prefix."""


class ItemHead(Struct, frozen=True):
    """The fields of an item that identify it."""

    type: str = ""
    id: str = ""


class Step(Struct, frozen=True):
    """The fields of an event that say what is open."""

    type: str = ""
    sequence_number: int | None = None
    output_index: int = 0
    item: Raw = Raw()
    part: Raw = Raw()
    annotation: Raw = Raw()
    logprobs: list[Raw] = []
    delta: Any = None


_STEP = Decoder(Step)
_ITEM = Decoder(ItemHead)


class Message:
    """The open message."""

    def __init__(self, index: int, id: str) -> None:  # noqa: A002 the dialect's own name for it
        self.index = index
        self.id = id
        self.parts: list[Raw] = []
        """Finished parts."""
        self.part: Part | None = None
        """The open part."""


class Part:
    """The open part of a message."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.annotations: list[Raw] = []
        self.logprobs: list[Raw] = []
        self.done = False
        """Whether its text has been repeated as finished."""


class Progress:
    """What is finished in a stream, and what is open."""

    def __init__(self, delivered: bytes) -> None:
        """Raises CannotContinue."""
        self.sequence = 0
        """The number of the next event."""
        self.output: dict[int, Raw] = {}
        """Finished items by index."""
        self.next = 0
        """The index of the next item."""
        self.open = ""
        """The type of the open item; "" between items."""
        self.message: Message | None = None
        self.ended = False
        for event in Splitter().feed(delivered):
            try:
                self._take(_STEP.decode(event.data))
            except MALFORMED:
                raise CannotContinue("what was delivered cannot be read") from None

    def _take(self, step: Step) -> None:
        given = step.sequence_number
        self.sequence = (self.sequence if given is None else given) + 1
        kind = step.type.removeprefix("response.")
        if kind == "output_item.added":
            self._open(step)
        elif kind == "output_item.done":
            self.output[step.output_index] = step.item
            self.open, self.message = "", None
        elif self.message is not None:
            self._grow(self.message, kind, step)
        self.ended = self.ended or kind in OVER

    def _open(self, step: Step) -> None:
        item = _ITEM.decode(step.item)
        self.open = item.type
        self.message = Message(step.output_index, item.id) if item.type == "message" else None
        self.next = max(self.next, step.output_index + 1)

    def _grow(self, message: Message, kind: str, step: Step) -> None:
        part = message.part
        if kind == "content_part.added":
            message.part = Part()
        elif kind == "content_part.done":
            message.parts.append(step.part)
            message.part = None
        elif part is None:
            return
        elif kind == "output_text.delta":
            part.pieces.append(step.delta)
            part.logprobs += step.logprobs
        elif kind == "output_text.annotation.added":
            part.annotations.append(step.annotation)
        elif kind == "output_text.done":
            part.done = True
