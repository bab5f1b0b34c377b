"""Conduits with Anthropic on both sides: bytes are forwarded, and only the fields needed for accounting are
decoded.

Incomplete events are held back: a client cannot use half an event, and no part of the provider's error event
may be sent before it is recognised, because the gateway reports the error itself.
"""

from contextlib import suppress
from typing import Literal

import msgspec
from msgspec import Struct

from tidegate.protocols.conduits import BodyConduit, OtherForm, StreamConduit
from tidegate.protocols.decode import MALFORMED, require_json
from tidegate.protocols.errors import ProviderBroke, TidegateError
from tidegate.protocols.finishes import meaning_of
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.sound_json import with_halves_kept
from tidegate.protocols.sse import Blocks, frame, parse_event

from .blocks import OTHER_NAMES
from .error import parse_inner_error, render_error_body
from .usage import merge_usage, read_served, read_usage
from .wire import UsageOut

__all__ = ["BodySplice", "StreamSplice"]


class StopPart(Struct, frozen=True):
    """`message_delta.delta`; other deltas have none of these fields."""

    stop_reason: str | None = None


class HeadPart(Struct, frozen=True):
    """`message_start.message`."""

    id: str = ""
    model: str = ""
    usage: UsageOut | None = None


class EventPart(Struct, frozen=True):
    """The fields of an event that accounting needs."""

    type: str
    message: HeadPart | None = None
    delta: StopPart | None = None
    usage: UsageOut | None = None


class FirstForm(Struct, frozen=True):
    """The first event of a stream that has one."""

    type: str


class BlockForm(Struct, frozen=True):
    """A block, as clients read it."""

    type: str
    text: str = ""
    thinking: str = ""
    name: str = ""


class WholeForm(Struct, frozen=True):
    """A message, as clients read it."""

    type: Literal["message", "error"]
    content: list[BlockForm] = []


class WholePart(Struct, frozen=True):
    """The fields of a message that accounting needs."""

    type: str = ""
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: UsageOut | None = None


_EVENT = msgspec.json.Decoder(EventPart)
_WHOLE = msgspec.json.Decoder(WholePart)
_FORM = msgspec.json.Decoder(WholeForm)
_FIRST = msgspec.json.Decoder(FirstForm)


BLOCK_EVENTS = frozenset(
    (b"event: content_block_start", b"event: content_block_delta", b"event: content_block_stop")
)


MESSAGE_STOP = b'\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
"""Added where a server omits it after its stop reason, perhaps in the middle of a line."""


class StreamSplice(StreamConduit):
    """The conduit of a stream."""

    __slots__ = ("_first", "_usage")

    def __init__(self) -> None:
        super().__init__(Blocks())
        self._first = True
        """Whether there has been no event yet."""
        self._usage: UsageOut | None = None

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        # The usual case: one complete event about a block, in two lines.
        end = data.find(b"\ndata: {")
        if (
            data[:end] in BLOCK_EVENTS
            and data.find(b"\n", end + 1) == len(data) - 2
            and not (self._blocks.waiting or self.done)
            and self.failure is None
            and _goes_on(data[end + 7 : -2])
        ):
            return data
        return StreamConduit.feed(self, data)  # super() costs a tenth of a microsecond

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return frame(render_error_body(error), b"error")

    def _end(self) -> bytes:
        """See StreamConduit."""
        if self.tally.finish is None:
            return super()._end()
        self.done = True
        return MESSAGE_STOP

    def _take(self, block: bytes) -> bytes:
        """See StreamConduit."""
        event = parse_event(block)
        if event is None:
            return block
        if self._first:
            self._check_form(event.data)
        is_sound = self._look(event.data)
        return block if is_sound else frame(with_halves_kept(event.data), event.name)

    def _check_form(self, data: bytes) -> None:
        """Raise OtherForm if the first event is none of this format: a whole message, or wrapped."""
        try:
            kind = _FIRST.decode(data).type
        except MALFORMED:
            kind = "message"
        if kind == "message" and self.instead is not None:
            raise OtherForm
        self._first = False

    def _look(self, data: bytes) -> bool:
        """Account for an event. Returns whether it is JSON as it is. Raises ProviderError for a failure, one
        of MALFORMED if it is no JSON.
        """
        sound = require_json(data)
        if _matters(sound):
            with suppress(msgspec.ValidationError):  # unexpected types are forwarded too
                self._note(decode_view(_EVENT, sound, self.tally.leave_out), sound)
        return sound is data

    def _note(self, event: EventPart, data: bytes) -> None:
        if event.type == "error":
            raise parse_inner_error(data)
        if event.type == "message_stop":
            self.done = True
        elif event.type == "message_start" and event.message is not None:
            self.tally.id, self.tally.model = event.message.id, event.message.model
            self._count(event.message.usage)
        elif event.type == "message_delta":
            if event.delta is not None and event.delta.stop_reason is not None:
                self.tally.finish = meaning_of(event.delta.stop_reason)
            self._count(event.usage)

    def _count(self, usage: UsageOut | None) -> None:
        if usage is not None:
            self._usage = merge_usage(self._usage, usage)
            self.tally.usage = read_usage(self._usage)
            self.tally.note(read_served(self._usage))


def _matters(data: bytes) -> bool:
    """Return whether the data may contain an event that matters here: quotes inside texts are escaped."""
    return b'"message_' in data or b'"error"' in data


def _goes_on(data: bytes) -> bool:
    """Return whether this is a valid event that does not matter here."""
    if _matters(data):
        return False
    try:
        require_json(data)
    except MALFORMED:
        return False
    return True


class BodySplice(BodyConduit):
    """The conduit of a complete message, held back until it is known to be valid."""

    __slots__ = ()

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return render_error_body(error)

    def _take(self, body: bytes) -> bytes:
        """See BodyConduit."""
        sound = require_json(body)
        message = decode_view(_WHOLE, sound, self.tally.leave_out)
        if message.type == "error":
            raise parse_inner_error(body)
        if self.instead is not None:
            _check_form(sound)
        if message.type != "message":
            raise ProviderBroke("the provider's answer is not a message")
        self.tally.id, self.tally.model = message.id, message.model
        if message.usage is not None:
            self.tally.usage = read_usage(message.usage)
            self.tally.note(read_served(message.usage))
        if message.stop_reason is not None:
            self.tally.finish = meaning_of(message.stop_reason)
        return body if sound is body else with_halves_kept(body)


def _check_form(body: bytes) -> None:
    """Raise OtherForm for a message that clients cannot read, but that may be readable."""
    try:
        form = _FORM.decode(body)
    except MALFORMED:
        raise OtherForm from None
    if any(block.type in FOREIGN for block in form.content):
        raise OtherForm


FOREIGN = frozenset({"", "output_text", "input_text", *OTHER_NAMES})
"""Types of blocks of other formats."""
