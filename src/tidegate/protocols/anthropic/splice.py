"""Anthropic on both sides: the bytes pass, and a narrow view of them keeps the tally.

What is not a whole event yet is held back until it is one: a client can do nothing with half an
event, and the provider's error event must not have left in part when it is recognised, since the
gateway tells the error in its own words.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.sse import MAX_EVENT, Splitter, frame

from .error import parse_inner_error, render_error_body
from .reader import FINISHES
from .usage import merge_usage, read_usage
from .wire import UsageOut

__all__ = ["StreamSplice", "WholeSplice"]


class StopPart(Struct, frozen=True):
    """`message_delta.delta`; other deltas have nothing of it."""

    stop_reason: str | None = None


class HeadPart(Struct, frozen=True):
    """`message_start.message`."""

    id: str = ""
    model: str = ""
    usage: UsageOut | None = None


class EventPart(Struct, frozen=True):
    """What the tally needs of an event."""

    type: str
    message: HeadPart | None = None
    delta: StopPart | None = None
    usage: UsageOut | None = None


class WholePart(Struct, frozen=True):
    """What the tally needs of a message."""

    type: str
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: UsageOut | None = None


_EVENT = msgspec.json.Decoder(EventPart).decode
_WHOLE = msgspec.json.Decoder(WholePart).decode


class StreamSplice:
    """The conduit of a stream."""

    __slots__ = ("_complete", "_rest", "_usage", "failure", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._rest = b""
        self._usage: UsageOut | None = None
        self._complete = False
        """`message_stop` was there."""

    def feed(self, data: bytes) -> bytes:
        """See contract.Conduit."""
        # The usual case: whole events, none of which says anything to the tally.
        if not self._rest and data.endswith(b"\n\n") and not _tells(data) and self.failure is None:
            return data
        if self.failure is not None:
            return b""
        data = self._rest + data
        end = _last_end(data)
        if end == 0 and len(data) > MAX_EVENT:
            self.failure = ProviderBroke(f"the provider sent an event of more than {MAX_EVENT} bytes")
            return b""
        self._rest = data[end:]
        return self._pass(data[:end])

    def close(self) -> bytes:
        """See contract.Conduit."""
        if self.failure is not None:
            return b""
        passed = self._pass(self._rest)
        self._require_end()
        return passed

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Conduit."""
        return frame(render_error_body(error), b"error")

    def _require_end(self) -> None:
        if self.failure is None and not self._complete:
            self.failure = ProviderBroke("the provider's stream ended before it was complete")

    def _pass(self, data: bytes) -> bytes:
        """The bytes up to the event in which the provider fails, if there is one."""
        passed = 0
        for block in _blocks(data):
            for event in _split(block):
                self._note(event)
            if self.failure is not None:
                return data[:passed]
            passed += len(block)
        return data

    def _note(self, data: bytes) -> None:
        if not _tells(data):
            return
        try:
            event = _EVENT(data)
        except MALFORMED as error:
            self.failure = ProviderBroke(f"the provider sent an event that makes no sense: {error}")
            return
        if event.type == "error":
            self.failure = parse_inner_error(data)
        elif event.type == "message_stop":
            self._complete = True
        elif event.type == "message_start" and event.message is not None:
            self.tally.id, self.tally.model = event.message.id, event.message.model
            self._count(event.message.usage)
        elif event.type == "message_delta":
            if event.delta is not None and event.delta.stop_reason is not None:
                self.tally.finish = FINISHES.get(event.delta.stop_reason, "stop")
            self._count(event.usage)

    def _count(self, told: UsageOut | None) -> None:
        if told is not None:
            self._usage = merge_usage(self._usage, told)
            self.tally.usage = read_usage(self._usage)


def _tells(data: bytes) -> bool:
    """Whether there may be an event that matters here: a quotation mark within a text is escaped."""
    return b'"message_' in data or b'"error"' in data


def _last_end(data: bytes) -> int:
    """Where the last whole event ends; 0 where there is none."""
    ends = [data.rfind(mark) + len(mark) for mark in (b"\n\n", b"\r\n\r\n", b"\r\r") if mark in data]
    return max(ends, default=0)


def _blocks(data: bytes) -> Iterator[bytes]:
    """Whole events with the empty lines after them."""
    mark = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    start = 0
    while start < len(data):
        end = data.find(mark, start)
        end = len(data) if end < 0 else end + len(mark)
        yield data[start:end]
        start = end


def _split(block: bytes) -> list[bytes]:
    splitter = Splitter()
    return [event.data for event in [*splitter.feed(block), *splitter.close()]]


class WholeSplice:
    """The conduit of a message in one piece: held until it is known to be one."""

    __slots__ = ("_body", "failure", "tally")

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
            message = _WHOLE(body)
        except MALFORMED as error:
            shown = body[:200].decode(errors="replace")
            self.failure = ProviderBroke(f"the provider's answer is no message ({error}): {shown}")
            return b""
        if message.type == "error":
            self.failure = parse_inner_error(body)
            return b""
        self.tally.id, self.tally.model = message.id, message.model
        if message.usage is not None:
            self.tally.usage = read_usage(message.usage)
        if message.stop_reason is not None:
            self.tally.finish = FINISHES.get(message.stop_reason, "stop")
        return body

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Conduit."""
        return render_error_body(error)
