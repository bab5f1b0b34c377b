"""Conversion of Anthropic's events and messages to `Event`s.

A stream is a message in pieces: content blocks open, grow and close, one at a time. A complete message is
read as blocks that open and close at once, so that both use the same code.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct, structs

from tidegate.protocols.calls import nameless_call
from tidegate.protocols.contract import Call
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.envelopes import unwrapped
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import (
    Event,
    Failed,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    UsageReported,
)
from tidegate.protocols.fields import ENCODE
from tidegate.protocols.finishes import broken_finish, end_with, meaning_of
from tidegate.protocols.fitting import objects_in
from tidegate.protocols.lenient import decode_leniently
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.sound_json import make_sound
from tidegate.protocols.sse import Splitter, is_several, without_mark
from tidegate.protocols.surrogates import Surrogates, has_halves
from tidegate.protocols.wide_numbers import decode_any

from .blocks import Block, BlockDelta, Progress, open_block
from .error import has_error, parse_inner_error
from .render import MessagesCall
from .usage import merge_usage, read_served, read_usage
from .wire import FIELDS, MessageOut, StopDetails, UsageOut

__all__ = ["StreamReader", "WholeReader"]

NAME = "anthropic"

PLAIN_FINISHES = frozenset(("end_turn", "max_tokens", "tool_use"))
"""Stop reasons that are no more specific than the finish reason they map to."""

DELTA_HEAD = b"event: content_block_delta\ndata: "
HEAD_SIZE = len(DELTA_HEAD)


# --- wire types ------------------------------------------------------------------------------


class StopOut(Struct, frozen=True):
    """`message_delta.delta`."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class WholeOut(MessageOut, frozen=True, kw_only=True):
    """A complete message."""

    type: Literal["message"]


class PlainText(Struct, frozen=True, gc=False):
    """A text without citations."""

    type: Literal["text"]
    text: str
    citations: None = None


class PlainOut(Struct, frozen=True, gc=False):
    """A complete message that contains only texts, as most do."""

    type: Literal["message"]
    content: list[PlainText]
    stop_reason: Annotated[str, Meta(min_length=1)]
    stop_sequence: str | None = None
    stop_details: None = None
    id: str = ""
    model: str = ""
    usage: UsageOut | None = None


class StreamEvent(Struct, frozen=True):
    """Any event; its type determines its fields. A complete message is one too."""

    type: str = ""
    index: int = 0
    message: Raw = Raw(b"{}")
    content_block: Raw = Raw(b"{}")
    delta: Raw = Raw(b"{}")
    usage: UsageOut | None = None


_BLOCK_DELTA = msgspec.json.Decoder(BlockDelta)
_EVENT = msgspec.json.Decoder(StreamEvent)
_MESSAGE = msgspec.json.Decoder(MessageOut)
_PLAIN = msgspec.json.Decoder(PlainOut).decode
_WHOLE = msgspec.json.Decoder(WholeOut).decode
_STOP = msgspec.json.Decoder(StopOut)


# --- the readers -----------------------------------------------------------------------------


class StreamReader:
    """Reads an event stream."""

    __slots__ = ("_answer", "_between", "_splitter", "skip_text")

    def __init__(self, call: Call) -> None:
        self._answer = _Answer(call)
        self.skip_text = self._answer.skip_text
        """See FramedReader."""
        self._splitter = Splitter()
        self._between = True
        """Whether the input so far ended with an event, so that the splitter holds nothing back."""

    @property
    def done(self) -> bool:
        """Whether `message_stop` has arrived."""
        return self._answer.closed

    @property
    def lacks_half(self) -> bool:
        """See Bridge.close."""
        return self._splitter.lacks_half

    def feed(self, data: bytes) -> list[Event]:
        """See contract.Reader."""
        # The usual case: exactly one delta.
        if self._between and data.startswith(DELTA_HEAD) and data.find(b"\n\n") == len(data) - 2:
            events = self._answer.take_delta(data[HEAD_SIZE:])
            return self._feed_piece(data) if events is None else events
        if self._between and data.endswith(b"\n\n") and data.find(b"\r") < 0:
            return [event for block in data.split(b"\n\n") for event in self._feed_block(block)]
        return self._feed_piece(data)

    def text_of(self, data: bytes) -> str | None:
        """See FramedReader."""
        if not self._between or not data.startswith(DELTA_HEAD) or data.find(b"\n\n") != len(data) - 2:
            return None
        return self._answer.text_of(data[HEAD_SIZE:])

    def _feed_block(self, block: bytes) -> list[Event]:
        """Read one complete event, without the empty line after it."""
        events = self._answer.take_delta(block[HEAD_SIZE:]) if block.startswith(DELTA_HEAD) else None
        if events is not None or not block:
            return events or []
        return self._feed_piece(block + b"\n\n")

    def _feed_piece(self, data: bytes) -> list[Event]:
        self._between = data.endswith(b"\n\n")
        try:
            found = self._splitter.feed(data)
        except ProviderBroke as error:
            return self._answer.fail(error)
        return [event for one in found for event in self._answer.take(one.data, one.name)]

    def close(self) -> list[Event]:
        """See contract.Reader."""
        events = [event for one in self._splitter.close() for event in self._answer.take(one.data, one.name)]
        return events + self._answer.close()


class WholeReader:
    """Reads a complete message."""

    __slots__ = ("_call", "_pieces")
    done = False

    def __init__(self, call: Call) -> None:
        self._call = call
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        """See contract.Reader."""
        self._pieces.append(data)
        return []

    def close(self) -> list[Event]:
        """See contract.Reader."""
        body = without_mark(b"".join(self._pieces))
        try:
            return _read_plain(_PLAIN(body))
        except MALFORMED:
            if is_several(body):
                stream = StreamReader(self._call)
                return [*stream.feed(body), *stream.close()]
            answer = _Answer(self._call)
            return answer.take_whole(body) + answer.close()


def _read_plain(message: PlainOut) -> list[Event]:
    """Return the events of a message of texts only, the same ones that `_Answer` returns, which handles
    everything.
    """
    events: list[Event] = [Started(message.id, message.model)]
    events += [TextDelta(block.text) for block in message.content if block.text]
    meaning = meaning_of(message.stop_reason)
    if meaning == "error":
        return [*events, Failed(broken_finish(message.stop_reason))]
    reason = end_with(meaning, calls=False)
    events.append(_finished(reason, message.stop_reason, message.stop_sequence, None))
    if message.usage is not None:
        events.append(UsageReported(read_usage(message.usage), read_served(message.usage)))
    return events


def _finished(reason: FinishReason, native: str, stop_sequence: str | None, detail: str | None) -> Finished:
    return Finished(reason, 0, None if native in PLAIN_FINISHES else native, stop_sequence, detail)


class _Answer:
    """The state of one answer."""

    __slots__ = (
        "_blocks", "_failed", "_finished", "_halves", "_progress", "_started", "_usage", "closed", "in_text",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        parsed = call if isinstance(call, MessagesCall) else None
        self._progress = Progress(
            parsed.answer_tool if parsed is not None else None,
            parsed.custom_tools if parsed is not None else frozenset(),
        )
        self.in_text = False
        """Whether a text block is the only open one."""
        self._blocks: dict[int, Block] = {}
        self._usage: UsageOut | None = None
        self._started = False
        self._finished = False
        self.closed = False
        """Whether `message_stop` has arrived."""
        self._failed = False
        self._halves = Surrogates()

    def take(self, data: bytes, name: bytes = b"") -> list[Event]:
        """Return the events of an event of the stream, whose name is used if the type is missing, or of a
        complete message.
        """
        if self._failed or self.closed or data == b"[DONE]":
            return []
        if has_halves(data):
            data = self._halves.join(data)
        events: list[Event] = []
        try:
            try:
                event = _EVENT.decode(data)
            except MALFORMED:
                data = make_sound(data)
                event = decode_leniently(_EVENT, data, events)
            read = _READ.get(event.type) or _READ.get(_kind_of(event, name, data))
            if read is not None:
                read(self, event, data, events)
                return events
            suspect = not event.type or b'"error"' in data
            reported = error_of_event(name, data) if suspect else None
            if reported is not None:
                return self.fail(reported)
            inner = None if event.type else _inside(decode_any(data))
            return events if inner is None else self.take(ENCODE(inner), name)
        except ProviderBroke as error:
            return [*events, *self.fail(error)]
        except MALFORMED as error:
            reported = error_of_event(name, data)
            return self.fail(reported or malformed("the provider's answer", error))

    def take_whole(self, data: bytes) -> list[Event]:
        """Return the events of a complete message."""
        try:
            message = _WHOLE(data)
        except MALFORMED:  # something else, or malformed: reported below
            return self.take(data)
        events: list[Event] = []
        try:
            self._read_whole(message, events)
        except ProviderBroke as error:
            return [*events, *self.fail(error)]
        except MALFORMED as error:
            return self.fail(malformed("the provider's answer", error))
        return events

    def take_delta(self, data: bytes) -> list[Event] | None:
        """Return the events of a `content_block_delta`; None if it has to be read as any event: it may have
        several lines, or half a surrogate pair.
        """
        try:
            grown = _BLOCK_DELTA.decode(data)
        except MALFORMED:
            return None
        delta = grown.delta
        if self.in_text and delta.type == "text_delta":
            self._progress.chars += len(delta.text)
            return [TextDelta(delta.text)] if delta.text else []
        return self._grow(grown, data)

    def text_of(self, data: bytes) -> str | None:
        """The text of a delta for the open block, if that is a text and the only one."""
        try:
            delta = _BLOCK_DELTA.decode(data).delta
        except MALFORMED:
            return None
        return delta.text if self.in_text and delta.type == "text_delta" else None

    def skip_text(self, text: str) -> None:
        """Go on as after a delta of this text."""
        self._progress.chars += len(text)

    def _grow(self, grown: BlockDelta, data: bytes) -> list[Event]:
        block = self._blocks.get(grown.index) or self._block_for(grown.delta.type)
        if block is not None:
            return list(block.grow(grown.delta, data))
        if self.closed or self._failed:
            return []
        if self._finished:
            return self.fail(ProviderBroke("the provider sent a delta after the end of its answer"))
        if grown.delta.type == "input_json_delta":
            return self.fail(nameless_call())
        return self._imply(grown, data)

    def _block_for(self, kind: str) -> Block | None:
        """Return the open block that a delta of this kind belongs to, although its index is another."""
        return next((block for block in reversed(self._blocks.values()) if kind in block.grows_by), None)

    def _imply(self, grown: BlockDelta, data: bytes) -> list[Event]:
        """Open the block of a delta that came without its start, or after its end."""
        begin = _IMPLIED.get(grown.delta.type)
        if begin is None:
            return []
        events: list[Event] = []
        self._read_block_start(StreamEvent(index=grown.index, content_block=begin), data, events)
        return [*events, *self._blocks[grown.index].grow(grown.delta, data)]

    def close(self) -> list[Event]:
        """End the input."""
        if self._failed or self._finished:  # all that some servers omit is `message_stop`
            return []
        return self.fail(ProviderBroke("the provider's answer ended before it was complete"))

    def fail(self, error: ProviderError) -> list[Event]:
        """Fail the answer; no events follow."""
        if self._failed:
            return []
        self._failed = True
        self.in_text = False
        self._blocks.clear()
        return [Failed(error)]

    # --- one method per type of event

    def _read_start(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        message = decode_leniently(_MESSAGE, event.message, out)
        self._start(message, out)
        self._read_content(message, out)

    def _read_message(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        self._read_whole(decode_leniently(_MESSAGE, data, out), out)

    def _read_whole(self, message: MessageOut, out: list[Event]) -> None:
        self._start(message, out)
        self._read_content(message, out)
        if not message.stop_reason:  # a complete message is always finished
            message = structs.replace(message, stop_reason="end_turn")
        self._finish(message, out)
        self._report(None, out)
        self.closed = True

    def _start(self, message: MessageOut, out: list[Event]) -> None:
        if not self._started:
            self._started = True
            out.append(Started(message.id, message.model))
        if message.usage is not None and message.stop_reason is None:
            self._report(message.usage, out)
        else:
            self._usage = message.usage

    def _read_content(self, message: MessageOut, out: list[Event]) -> None:
        for raw in objects_in(message.content or (), "content", out):
            block = open_block(self._progress, raw, out)
            out += block.open()
            out += block.close()

    def _read_block_start(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        if not self._started:
            self._start(MessageOut(), out)
        self._open(event.index, event.content_block, out)

    def _read_block_delta(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        out += self._grow(decode_leniently(_BLOCK_DELTA, data, out), data)

    def _read_block_stop(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        self._shut(event.index, out)

    def _open(self, index: int, raw: Raw, out: list[Event]) -> None:
        blocks = objects_in((raw,), "content", out)
        if not blocks:
            return  # its deltas tell what it is
        block = self._blocks[index] = open_block(self._progress, blocks[0], out)
        self.in_text = len(self._blocks) == 1 and block.is_text
        out += block.open()

    def _shut(self, index: int, out: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        self.in_text = False
        if block is not None:
            out += block.close()

    def _read_message_delta(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        self._finish(decode_leniently(_STOP, event.delta, out), out)
        self._report(event.usage, out)

    def _finish(self, stop: "StopOut | MessageOut", out: list[Event]) -> None:
        native = stop.stop_reason
        if not native or self._finished:
            return
        self._finished = True
        for index in list(self._blocks):
            self._shut(index, out)
        meaning = meaning_of(native)
        detail = stop.stop_details.explanation if stop.stop_details is not None else None
        if meaning == "error":
            out += self.fail(broken_finish(native, detail))
        else:
            reason = end_with(meaning, calls=self._progress.calls > 0)
            out.append(_finished(reason, native, stop.stop_sequence, detail))

    def _report(self, usage: UsageOut | None, out: list[Event]) -> None:
        if usage is not None:
            self._usage = merge_usage(self._usage, usage)
        if self._usage is not None:
            out.append(UsageReported(read_usage(self._usage), read_served(self._usage)))

    def _read_stop(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        if self._progress.chars or self._progress.calls:  # without a reason for it, the end is still one
            self._finish(StopOut("end_turn"), out)
        self.closed = True
        self.in_text = False
        self._blocks.clear()

    def _read_error(self, event: StreamEvent, data: bytes, out: list[Event]) -> None:
        out += self.fail(parse_inner_error(data))


_READ: dict[str, Callable[[_Answer, StreamEvent, bytes, list[Event]], None]] = {
    "message_start": _Answer._read_start,
    "content_block_start": _Answer._read_block_start,
    "content_block_delta": _Answer._read_block_delta,
    "content_block_stop": _Answer._read_block_stop,
    "message_delta": _Answer._read_message_delta,
    "message_stop": _Answer._read_stop,
    "message": _Answer._read_message,
    "error": _Answer._read_error,
}
"""Pings and unknown types produce no events."""


def _kind_of(event: StreamEvent, name: bytes, data: bytes) -> str:
    """Return the type of an event that has none, or an unknown one: its name, or what its fields tell."""
    if has_error(data):
        return "error"
    named = name.decode("utf-8", "replace")
    if event.type or named:
        return named
    fields = FIELDS.decode(data)
    if "role" in fields and "content" in fields:
        return "message"
    objects = {field for field, value in fields.items() if bytes(memoryview(value)[:1]) in (b"{", b"[")}
    return next((kind for field, kind in _BY_FIELD if field in objects), "")


_BY_FIELD = (
    ("content_block", "content_block_start"),
    ("message", "message_start"),
    ("content", "message"),
    ("delta", "content_block_delta"),
)
"""The type of an event by one of its fields."""


def _inside(value: Any) -> Any:
    """Return the event or the message that another object wraps; None if there is none."""
    inside = [one for one in value.values() if isinstance(one, dict)] if isinstance(value, dict) else []
    typed = next((one for one in inside if one.get("type") in _READ), None)
    return unwrapped(inside, MARKS) if typed is None else typed


MARKS = frozenset({"content"})
"""What only a message has."""

_IMPLIED = {
    "text_delta": Raw(b'{"type":"text"}'),
    "citations_delta": Raw(b'{"type":"text"}'),
    "thinking_delta": Raw(b'{"type":"thinking"}'),
    "signature_delta": Raw(b'{"type":"thinking"}'),
}
"""The start of a block by the type of its deltas."""
