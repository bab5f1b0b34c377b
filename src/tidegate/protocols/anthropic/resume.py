"""What a client has received of a message whose stream broke, and the writer that goes on in it."""

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.continuation import CannotContinue, Delivered, delivered_text
from tidegate.protocols.contract import Call, Writer
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.events import Event, Finished, Started
from tidegate.protocols.sse import Splitter

from .reader import StreamReader
from .writer import StreamWriter

__all__ = ["read_delivered"]


class BlockHead(Struct, frozen=True):
    """The type of a block."""

    type: str = ""


class EventHead(Struct, frozen=True):
    """The fields of an event that say which block is open."""

    type: str = ""
    index: int = 0
    content_block: BlockHead | None = None


_HEAD = Decoder(EventHead)


CARRIED = frozenset(("text", "thinking", "redacted_thinking"))
"""Blocks that may precede the break."""


class Blocks:
    """The blocks of a message: the last one, and whether it is open."""

    __slots__ = ("ended", "index", "kind")

    def __init__(self, delivered: bytes) -> None:
        """Raises CannotContinue."""
        self.index = -1
        self.kind: str | None = None
        """The type of the open block; None between blocks."""
        self.ended = False
        for event in Splitter().feed(delivered):
            try:
                self._take(_HEAD.decode(event.data))
            except MALFORMED:
                raise CannotContinue("what was delivered cannot be read") from None

    def _take(self, event: EventHead) -> None:
        if event.type == "content_block_start" and event.content_block is not None:
            self.index, self.kind = event.index, event.content_block.type
            if self.kind not in CARRIED:
                raise CannotContinue(f"it contains a block of type {self.kind}")
        elif event.type == "content_block_stop":
            self.kind = None
        elif event.type in ("message_delta", "message_stop"):
            self.ended = True


def read_delivered(delivered: bytes) -> Delivered:
    """Read the events. Raises CannotContinue."""
    events: list[Event] = StreamReader(Call("", b"", stream=True)).feed(delivered)
    blocks = Blocks(delivered)
    text = delivered_text([*events, Finished("stop")] if blocks.ended else events)
    if blocks.kind not in (None, "text"):
        raise CannotContinue("the model was thinking")
    started = next((event for event in events if type(event) is Started), None)

    def resume(model: str) -> Writer:
        writer = StreamWriter(model)
        if started is not None:
            writer.resume(started, blocks.index, blocks.kind)
        return writer

    return Delivered(text, resume, started=started is not None)
