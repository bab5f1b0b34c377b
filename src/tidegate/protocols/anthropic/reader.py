"""The provider's half of an answer: Anthropic's events and messages become `Event`s.

A stream is a message in instalments: blocks open, grow and close, one object each. A message in
one piece is read as blocks that open and close at once, so both are the same code.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.contract import Call
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    Failed,
    Finished,
    FinishReason,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.ids import new_id
from tidegate.protocols.sse import Splitter

from .error import parse_inner_error
from .render import MessagesCall
from .tools import CUSTOM_INPUT
from .usage import merge_usage, read_usage
from .wire import MessageOut, StopDetails, UsageOut

__all__ = ["FINISHES", "StreamReader", "WholeReader"]

NAME = "anthropic"

FINISHES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Stop reasons; whatever else comes is `stop`, with the native reason beside it."""
PLAIN_FINISHES = frozenset(("end_turn", "max_tokens", "tool_use"))
"""Those that say no more than the reason they map to."""

DELTA_HEAD = b"event: content_block_delta\ndata: "


# --- what is read ----------------------------------------------------------------------------


class Delta(Struct, frozen=True, gc=False):
    """A block's growth."""

    type: str
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""


class BlockDelta(Struct, frozen=True):
    """`content_block_delta`."""

    delta: Delta
    index: int = 0


class CitationDelta(Struct, frozen=True):
    """`citations_delta`."""

    citation: Raw


class CitationOut(Struct, frozen=True):
    """A citation: `url` of a web search, `source` of a search result that the client gave."""

    cited_text: str | None = None
    url: str | None = None
    title: str | None = None
    document_title: str | None = None


class BlockOut(Struct, frozen=True):
    """A block, or the head of one."""

    type: str
    text: str = ""
    citations: list[Raw] | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


class StopOut(Struct, frozen=True):
    """`message_delta.delta`."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class StreamEvent(Struct, frozen=True):
    """Any event; what it has depends on its type. A whole message is one as well."""

    type: str
    index: int = 0
    message: Raw = Raw(b"{}")
    content_block: Raw = Raw(b"{}")
    delta: Raw = Raw(b"{}")
    usage: UsageOut | None = None


_BLOCK_DELTA = msgspec.json.Decoder(BlockDelta).decode
_EVENT = msgspec.json.Decoder(StreamEvent).decode
_DELTA = msgspec.json.Decoder(Delta).decode
_CITATION_DELTA = msgspec.json.Decoder(CitationDelta).decode
_CITATION = msgspec.json.Decoder(CitationOut).decode
_BLOCK = msgspec.json.Decoder(BlockOut).decode
_MESSAGE = msgspec.json.Decoder(MessageOut).decode
_STOP = msgspec.json.Decoder(StopOut).decode
_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_STRING = msgspec.json.Decoder(str).decode
_INPUT = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


# --- the readers -----------------------------------------------------------------------------


class StreamReader:
    """Reads an event stream."""

    __slots__ = ("_answer", "_between", "_splitter")

    def __init__(self, call: Call) -> None:
        self._answer = _Answer(call)
        self._splitter = Splitter()
        self._between = True
        """Whether the input so far ended with an event: nothing waits in the splitter."""

    def feed(self, data: bytes) -> list[Event]:
        """See contract.Reader."""
        answer = self._answer
        # The usual case: exactly one piece of text.
        if (
            self._between
            and answer.in_text
            and data.startswith(DELTA_HEAD)
            and data.find(b"\n\n") == len(data) - 2
        ):
            try:
                delta = _BLOCK_DELTA(data[34:]).delta
            except _UNREADABLE:
                return answer.take(data[34:])
            if delta.type == "text_delta":
                text = delta.text
                answer.chars += len(text)
                return [TextDelta(text)] if text else []
        return self._feed_slowly(data)

    def _feed_slowly(self, data: bytes) -> list[Event]:
        self._between = data.endswith(b"\n\n")
        try:
            found = self._splitter.feed(data)
        except ProviderBroke as error:
            return self._answer.fail(error)
        return [event for one in found for event in self._answer.take(one.data)]

    def close(self) -> list[Event]:
        """See contract.Reader."""
        events = [event for one in self._splitter.close() for event in self._answer.take(one.data)]
        return events + self._answer.close()


class WholeReader:
    """Reads a message in one piece."""

    __slots__ = ("_answer", "_body")

    def __init__(self, call: Call) -> None:
        self._answer = _Answer(call)
        self._body = bytearray()

    def feed(self, data: bytes) -> list[Event]:
        """See contract.Reader."""
        self._body += data
        return []

    def close(self) -> list[Event]:
        """See contract.Reader."""
        return self._answer.take(bytes(self._body)) + self._answer.close()


class _Answer:
    """The state of one answer."""

    __slots__ = (
        "_blocks", "_closed", "_failed", "_finished", "_started", "_usage", "answer_tool", "called", "calls",
        "chars", "custom_tools", "in_text",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        # the request
        self.answer_tool = call.answer_tool if isinstance(call, MessagesCall) else None
        self.custom_tools = call.custom_tools if isinstance(call, MessagesCall) else frozenset()
        # the answer so far
        self.chars = 0
        """Characters of text."""
        self.calls = 0
        """Calls for the client, the next one's index."""
        self.called = False
        """Whether the answer came by way of the answer tool."""
        self.in_text = False
        """Whether a text block is the only open one."""
        self._blocks: dict[int, _Block] = {}
        self._usage: UsageOut | None = None
        self._started = False
        self._finished = False
        self._closed = False
        """`message_stop` was there."""
        self._failed = False

    def take(self, data: bytes) -> list[Event]:
        """The events of one event of the stream, or of a whole message."""
        if self._failed or self._closed or data == b"[DONE]":
            return []
        try:
            event = _EVENT(data)
            read = _READ.get(event.type)
            return list(read(self, event, data)) if read is not None else []
        except _UNREADABLE as error:
            shown = data[:200].decode(errors="replace")
            return self.fail(ProviderBroke(f"the provider's answer makes no sense ({error}): {shown}"))

    def close(self) -> list[Event]:
        """The end of the input."""
        if self._failed or (self._closed and self._finished):
            return []
        return self.fail(ProviderBroke("the provider's answer ended before it was complete"))

    def fail(self, error: ProviderError) -> list[Event]:
        """Nothing comes after this."""
        if self._failed:
            return []
        self._failed = True
        self.in_text = False
        return [Failed(error)]

    # --- one method per type of event

    def _read_start(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        message = _MESSAGE(event.message)
        yield from self._start(message)
        yield from self._read_content(message)

    def _read_message(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        message = _MESSAGE(data)
        yield from self._start(message)
        yield from self._read_content(message)
        yield from self._finish(StopOut(message.stop_reason, message.stop_sequence, message.stop_details))
        yield from self._report(None)
        self._closed = True

    def _start(self, message: MessageOut) -> Iterable[Event]:
        if not self._started:
            self._started = True
            yield Started(message.id, message.model)
        if message.usage is not None and message.stop_reason is None:
            yield from self._report(message.usage)
        else:
            self._usage = message.usage

    def _read_content(self, message: MessageOut) -> Iterable[Event]:
        for index, raw in enumerate(message.content or ()):
            yield from self._open(index, raw)
            yield from self._shut(index)

    def _read_block_start(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        if not self._started:
            yield from self._start(MessageOut())
        yield from self._open(event.index, event.content_block)

    def _read_block_delta(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        block = self._blocks.get(event.index)
        if block is None:
            return self.fail(ProviderBroke("the provider sent a delta of a block that is not open"))
        return block.grow(event.delta)

    def _read_block_stop(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        return self._shut(event.index)

    def _open(self, index: int, raw: Raw) -> Iterable[Event]:
        head = _BLOCK(raw)
        block = self._blocks[index] = self._block(head, raw)
        self.in_text = len(self._blocks) == 1 and type(block) is _TextBlock
        return block.open()

    def _block(self, head: BlockOut, raw: Raw) -> "_Block":
        if head.type == "tool_use":
            if head.name == self.answer_tool:
                return _AnswerBlock(self, head, raw)
            return (_CustomBlock if head.name in self.custom_tools else _CallBlock)(self, head, raw)
        return _BLOCKS.get(head.type, _NativeBlock)(self, head, raw)

    def _shut(self, index: int) -> Iterable[Event]:
        block = self._blocks.pop(index, None)
        self.in_text = False
        return block.close() if block is not None else ()

    def _read_message_delta(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        yield from self._finish(_STOP(event.delta))
        yield from self._report(event.usage)

    def _finish(self, stop: StopOut) -> Iterable[Event]:
        native = stop.stop_reason
        if native is None or self._finished:
            return
        self._finished = True
        reason = FINISHES.get(native, "stop")
        if native == "tool_use" and self.called and not self.calls:
            reason = "stop"  # the answer tool's call is no call to the client
        yield Finished(
            reason,
            native=None if native in PLAIN_FINISHES else native,
            stop_sequence=stop.stop_sequence,
            detail=stop.stop_details.explanation if stop.stop_details is not None else None,
        )

    def _report(self, told: UsageOut | None) -> Iterable[Event]:
        if told is not None:
            self._usage = merge_usage(self._usage, told)
        if self._usage is not None:
            yield UsageReported(read_usage(self._usage))

    def _read_stop(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        self._closed = True
        self.in_text = False
        return ()

    def _read_error(self, event: StreamEvent, data: bytes) -> Iterable[Event]:
        return self.fail(parse_inner_error(data))


_READ: dict[str, Callable[[_Answer, StreamEvent, bytes], Iterable[Event]]] = {
    "message_start": _Answer._read_start,
    "content_block_start": _Answer._read_block_start,
    "content_block_delta": _Answer._read_block_delta,
    "content_block_stop": _Answer._read_block_stop,
    "message_delta": _Answer._read_message_delta,
    "message_stop": _Answer._read_stop,
    "message": _Answer._read_message,
    "error": _Answer._read_error,
}
"""Pings, and types that are not known, say nothing."""


# --- blocks ----------------------------------------------------------------------------------


class _Block:
    """A block while it is open."""

    __slots__ = ("_answer", "_head", "_raw")

    def __init__(self, answer: _Answer, head: BlockOut, raw: Raw) -> None:
        self._answer = answer
        self._head = head
        self._raw = raw

    def open(self) -> Iterable[Event]:
        """What its head says."""
        return ()

    def grow(self, delta: Raw) -> Iterable[Event]:
        """What a delta says."""
        return ()

    def close(self) -> Iterable[Event]:
        """What can only be said when it is whole."""
        return ()


class _TextBlock(_Block):
    """Text; its citations are told at the end, when it is known which words they support."""

    __slots__ = ("_citations", "_start")

    def open(self) -> Iterable[Event]:
        self._start = self._answer.chars
        self._citations = list(self._head.citations or ())
        return self._add(self._head.text)

    def grow(self, delta: Raw) -> Iterable[Event]:
        grown = _DELTA(delta)
        if grown.type == "citations_delta":
            self._citations.append(_CITATION_DELTA(delta).citation)
        return self._add(grown.text)

    def _add(self, text: str) -> Iterable[Event]:
        self._answer.chars += len(text)
        return [TextDelta(text)] if text else ()

    def close(self) -> Iterable[Event]:
        for raw in self._citations:
            said = _CITATION(raw)
            yield CitationAdded(
                url=said.url,
                title=said.title or said.document_title,
                quote=said.cited_text,
                start=self._start,
                end=self._answer.chars,
                native=raw,
            )


class _ThinkingBlock(_Block):
    """Thinking, sealed at its end."""

    __slots__ = ("_signature",)

    def open(self) -> Iterable[Event]:
        self._signature = self._head.signature
        return [ReasoningDelta(self._head.thinking)] if self._head.thinking else ()

    def grow(self, delta: Raw) -> Iterable[Event]:
        grown = _DELTA(delta)
        self._signature += grown.signature
        return [ReasoningDelta(grown.thinking)] if grown.thinking else ()

    def close(self) -> Iterable[Event]:
        return [ReasoningSigned(self._signature, NAME)] if self._signature else ()


class _RedactedBlock(_Block):
    """Thinking that only the provider can read."""

    __slots__ = ()

    def open(self) -> Iterable[Event]:
        return [ReasoningEncrypted(self._head.data, NAME)]


class _CallBlock(_Block):
    """A call of one of the client's tools."""

    __slots__ = ("_grown", "_index")
    kind = "function"

    def open(self) -> Iterable[Event]:
        self._index = self._answer.calls
        self._answer.calls += 1
        self._grown = False
        name, id_ = self._head.name, self._head.id or new_id("toolu_")
        return [ToolCallStarted(self._index, id_, name, kind=self.kind)]  # type: ignore[arg-type]

    def grow(self, delta: Raw) -> Iterable[Event]:
        return self._add(_DELTA(delta).partial_json)

    def _add(self, piece: str) -> Iterable[Event]:
        if not piece:
            return ()
        self._grown = True
        return [ToolCallDelta(self._index, piece)]

    def close(self) -> Iterable[Event]:
        """The input of the head counts only where no pieces came: a stream's head has `{}`."""
        if self._grown:
            return ()
        return [ToolCallDelta(self._index, bytes(self._head.input).decode())]


class _CustomBlock(_CallBlock):
    """A call of a custom tool: its input's one property is the text, and known when it is whole."""

    __slots__ = ("_pieces",)
    kind = "custom"

    def open(self) -> Iterable[Event]:
        self._pieces: list[str] = []
        return super().open()

    def _add(self, piece: str) -> Iterable[Event]:
        self._pieces.append(piece)
        return ()

    def close(self) -> Iterable[Event]:
        whole = "".join(self._pieces) or bytes(self._head.input).decode()
        try:
            text = _INPUT(whole).get(CUSTOM_INPUT, "")
        except _UNREADABLE:  # cut by its length limit
            text = whole
        return [ToolCallDelta(self._index, text if isinstance(text, str) else whole)]


class _AnswerBlock(_CallBlock):
    """A call that is the answer itself, in the form that the client asked for."""

    __slots__ = ()

    def open(self) -> Iterable[Event]:
        self._answer.called = True
        self._grown = False
        return ()

    def _add(self, piece: str) -> Iterable[Event]:
        if not piece:
            return ()
        self._grown = True
        return [TextDelta(piece)]

    def close(self) -> Iterable[Event]:
        return () if self._grown else [TextDelta(bytes(self._head.input).decode())]


class _NativeBlock(_Block):
    """A block of Anthropic's own: a server's tool call and its result, a compaction, what is new.

    It is told whole. Its deltas are put together by one rule: `partial_json` is the block's input,
    any other text is more of the field of its name.
    """

    __slots__ = ("_fields", "_input")

    def open(self) -> Iterable[Event]:
        self._fields: dict[str, Any] = dict(_FIELDS(self._raw))
        self._input = ""
        return ()

    def grow(self, delta: Raw) -> Iterable[Event]:
        for name, value in _FIELDS(delta).items():
            if name == "partial_json":
                self._input += _STRING(value)
            elif name != "type":
                self._fields[name] = self._grown(name, value)
        return ()

    def _grown(self, name: str, more: Raw) -> Raw:
        known = self._fields.get(name)
        if known is None or bytes(known[:1] if isinstance(known, bytes) else memoryview(known)[:1]) != b'"':
            return more
        if bytes(memoryview(more)[:1]) != b'"':
            return more
        return Raw(_encode(_STRING(known) + _STRING(more)))

    def close(self) -> Iterable[Event]:
        if self._input:
            self._fields["input"] = Raw(self._input)
        return [NativeBlock(NAME, Raw(_encode(self._fields)))]


_BLOCKS: dict[str, type[_Block]] = {
    "text": _TextBlock,
    "thinking": _ThinkingBlock,
    "redacted_thinking": _RedactedBlock,
}
