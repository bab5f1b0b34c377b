"""Conduits with Anthropic on both sides: bytes are forwarded, and only the fields needed for accounting are
decoded.

Incomplete events are held back: a client cannot use half an event, and no part of the provider's error event
may be sent before it is recognised, because the gateway reports the error itself.
"""

from contextlib import suppress

import msgspec
from msgspec import Struct

from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import MALFORMED, malformed, require_json
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.finishes import meaning_of
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.sse import Blocks, frame, parse_event

from .error import parse_inner_error, render_error_body
from .usage import merge_usage, read_served, read_usage
from .wire import UsageOut

__all__ = ["StreamSplice", "WholeSplice"]


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


class WholePart(Struct, frozen=True):
    """The fields of a message that accounting needs."""

    type: str
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: UsageOut | None = None


_EVENT = msgspec.json.Decoder(EventPart)
_WHOLE = msgspec.json.Decoder(WholePart)


BLOCK_EVENTS = frozenset(
    (b"event: content_block_start", b"event: content_block_delta", b"event: content_block_stop")
)


class StreamSplice:
    """The conduit of a stream."""

    __slots__ = ("_blocks", "_usage", "done", "failure", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self.done = False
        """Whether `message_stop` has arrived."""
        self._blocks = Blocks()
        self._usage: UsageOut | None = None

    def feed(self, data: bytes) -> bytes:
        """See contract.Conduit."""
        if self._is_over():
            return b""
        # The usual case: one complete event about a block, in two lines.
        end = data.find(b"\ndata: {")
        if (
            data[:end] in BLOCK_EVENTS
            and data.find(b"\n", end + 1) == len(data) - 2
            and not self._blocks.waiting
        ):
            return data if self._is_valid(data[end + 7 : -2]) else b""
        try:
            return self._pass(self._blocks.feed(data))
        except ProviderBroke as error:
            self.failure = error
            return b""

    def close(self) -> bytes:
        """See contract.Conduit."""
        if self._is_over():
            return b""
        passed = self._pass(self._blocks.close())
        if self.failure is None and not self.done:
            self.failure = ProviderBroke("the provider's stream ended before it was complete")
        return passed

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Conduit."""
        return frame(render_error_body(error), b"error")

    def _is_over(self) -> bool:
        return self.failure is not None or self.done

    def _pass(self, blocks: list[bytes]) -> bytes:
        """Return the blocks up to the event in which the provider fails or ends, if there is one."""
        passed = []
        for block in blocks:
            if not self._is_passed(block):
                break
            passed.append(block)
            if self.done:
                break
        return b"".join(passed)

    def _is_passed(self, block: bytes) -> bool:
        """Return whether a block is forwarded to the client; the one in which the provider fails is not."""
        event = parse_event(block)
        return event is None or self._is_valid(event.data)

    def _is_valid(self, data: bytes) -> bool:
        """Return whether an event is valid and reports no failure."""
        try:
            self._look(data)
        except MALFORMED as error:
            self.failure = malformed("an event of the provider's stream", error)
        return self.failure is None

    def _look(self, data: bytes) -> None:
        """Account for an event. Raises one of MALFORMED if it is not JSON."""
        require_json(data)
        if _matters(data):
            with suppress(msgspec.ValidationError):  # unexpected types are forwarded too
                self._note(decode_view(_EVENT, data, self.tally.leave_out), data)

    def _note(self, event: EventPart, data: bytes) -> None:
        if event.type == "error":
            self.failure = parse_inner_error(data)
        elif event.type == "message_stop":
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


class WholeSplice:
    """The conduit of a complete message, held back until it is known to be valid."""

    __slots__ = ("_body", "failure", "tally")
    done = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        """See contract.Conduit."""
        self._body += data
        return b""

    def close(self) -> bytes:
        """See contract.Conduit."""
        body = bytes(self._body)
        try:
            require_json(body)
            message = decode_view(_WHOLE, body, self.tally.leave_out)
        except MALFORMED as error:
            self.failure = malformed("the provider's answer", error)
            return b""
        if message.type == "error":
            self.failure = parse_inner_error(body)
            return b""
        self.tally.id, self.tally.model = message.id, message.model
        if message.usage is not None:
            self.tally.usage = read_usage(message.usage)
            self.tally.note(read_served(message.usage))
        if message.stop_reason is not None:
            self.tally.finish = meaning_of(message.stop_reason)
        return body

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Conduit."""
        return render_error_body(error)
