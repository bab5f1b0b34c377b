"""The reader of Converse's answers: one JSON object, or frames that build it block by block.

A stream announces the start of calls and images, but not of texts and thinking; events that need the complete
block (a signature, free text, the range of a citation) are emitted at its end. Token counts arrive after the
finish reason, in a frame of their own.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.calls import nameless_call
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    Failed,
    Finished,
    ImageAdded,
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
from tidegate.protocols.finishes import broken_finish, end_with, meaning_of
from tidegate.protocols.fitting import objects_in
from tidegate.protocols.functions import arguments_text, custom_text
from tidegate.protocols.ids import CallIds
from tidegate.protocols.lenient import decode_aside, decode_leniently, look_closer
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.sse import MAX_EVENT
from tidegate.protocols.surrogates import Surrogates
from tidegate.protocols.usage import Usage

from .dialect import FORMAT
from .error import parse_failure
from .eventstream import Frame, FrameSplitter
from .media import decode_redacted
from .usage import parse_usage
from .wire import (
    Answer,
    Block,
    BlockDelta,
    BlockEnd,
    BlockStart,
    CitationIn,
    Delta,
    ErrorBody,
    ImageIn,
    MessageStop,
    Metadata,
    NativeStart,
    ReasoningPiece,
    Start,
    TokenUsage,
    ToolUseIn,
)

__all__ = ["BedrockReader"]

_PLAIN_FINISHES = frozenset({"end_turn", "max_tokens", "tool_use"})

ON_SERVER = "server_tool_use"

_ANSWER = msgspec.json.Decoder(Answer)
MARKS = frozenset({"output"})
"""What only an answer has."""
_BLOCK = msgspec.json.Decoder(Block)
_CITATION = msgspec.json.Decoder(CitationIn)
_ERROR = msgspec.json.Decoder(ErrorBody)
_START = msgspec.json.Decoder(BlockStart)
_NATIVE_START = msgspec.json.Decoder(NativeStart)
_DELTA = msgspec.json.Decoder(BlockDelta)
_END = msgspec.json.Decoder(BlockEnd)
_STOP = msgspec.json.Decoder(MessageStop)
_METADATA = msgspec.json.Decoder(Metadata)


class OtherStop(Struct):
    """`messageStop` in the other spelling."""

    stop_reason: str | None = None


_OTHER_STOP = msgspec.json.Decoder(OtherStop)

NO_BLOCK, NO_START, NO_DELTA = Block(), Start(), Delta()
"""What has none of the fields that are read: it may have them in the other spelling."""
OTHER_SPELLING = frozenset({"toolUse", "reasoningContent", "citationsContent"})
START, DELTA = frozenset({"start"}), frozenset({"delta"})


class _Open:
    """An open block."""

    __slots__ = (
        "arguments",
        "begin",
        "call",
        "citations",
        "image",
        "kind",
        "native",
        "redacted",
        "results",
        "signature",
        "whole",
    )

    def __init__(self, begin: int) -> None:
        # text
        self.begin = begin
        """Where the block begins in the text of the answer."""
        self.citations: list[Raw] = []
        # call
        self.kind = ""
        """How arguments are emitted: "function" at once, "custom" as free text when complete, "answer" as the
        text of the answer, "native" with the rest of the block; "" if there are none."""
        self.call = 0
        """The call's index."""
        self.arguments: list[str] = []
        """All arguments; for a function and the answer, only the first."""
        self.whole = Raw()
        """The arguments that came with the start."""
        # thinking
        self.signature: list[str] = []
        self.redacted: list[str] = []
        # other blocks
        self.image: tuple[str, list[str]] | None = None
        """The format of an image, and its data."""
        self.native: dict[str, Any] | None = None
        """The start of a block that only this format has: its type and its fields."""
        self.results: list[Raw] = []
        """The results of the provider's server tool, if the block is such a result."""


class BedrockReader:
    """Reads one answer. `signatures` is the format of the signatures on thinking; the arguments of
    `answer_tool` are the text of the answer; `custom` are the names of tools whose argument is free text.
    """

    __slots__ = (
        "_answer_tool",
        "_count",
        "_custom",
        "_document",
        "_finished",
        "_halves",
        "_ids",
        "_is_over",
        "_length",
        "_open",
        "_signature_format",
        "_splitter",
        "_started",
        "done",
        "usage",
    )

    def __init__(
        self,
        signature_format: str = FORMAT,
        custom: frozenset[str] = frozenset(),
        answer_tool: str | None = None,
    ) -> None:
        # the request
        self._signature_format = signature_format
        self._custom = custom
        self._answer_tool = answer_tool
        # the bytes
        self._splitter: FrameSplitter | None = None
        self._document: bytearray | None = None
        """Collects an answer that is plain JSON, which is read once complete."""
        self._is_over = False
        self.done = False
        """Whether the event with the usage, which is the last one, has arrived after the end."""
        # the answer
        self._halves = Surrogates()
        self._started = False
        self._finished = False
        self._length = 0
        """The length of the text so far, in characters."""
        self._open: dict[int, _Open] = {}
        self._ids = CallIds("tooluse_tidegate_")
        self._count = 0
        """The number of calls so far."""
        self.usage: Usage | None = None

    @property
    def lacks_half(self) -> bool:
        """See Bridge.close."""
        return self._halves.waits

    def feed(self, data: bytes) -> list[Event]:
        """See Reader."""
        events: list[Event] = []
        if self._splitter is None or self._is_over:
            self._begin(data, events)
            return events
        try:
            for frame in self._splitter.feed(data):
                if not self._ends:
                    self._read_frame(frame, events)
        except ProviderBroke as error:
            self._fail(error, events)
        except MALFORMED as error:
            self._fail(malformed("an event of the provider's stream", error), events)
        return events

    def close(self) -> list[Event]:
        """See Reader."""
        events: list[Event] = []
        if self._document is not None and not self._is_over:
            self._read_document(bytes(self._document), events)
        if self._is_over:
            return events
        if self._splitter is not None and self._splitter.waiting and not self.done:
            self._fail(ProviderBroke("the provider's stream breaks off in the middle of a frame"), events)
        elif not self._finished:
            problem = "stream ended without a finish reason" if self._started else "answer is empty"
            self._fail(ProviderBroke(f"the provider's {problem}"), events)
        self._is_over = True
        return events

    @property
    def _ends(self) -> bool:
        return self._is_over or self.done

    # --- bytes ---

    def _begin(self, data: bytes, events: list[Event]) -> None:
        """Read the first bytes, and all bytes of a document. No frame begins like JSON:
        it would be too long.
        """
        if self._is_over or not data:
            return
        if self._document is None:
            if data[:1] == b"\0":
                self._splitter = FrameSplitter()
                events += self.feed(data)
                return
            self._document = bytearray()
        self._document += data
        if len(self._document) > MAX_EVENT:
            self._fail(ProviderBroke(f"the provider sent an answer of more than {MAX_EVENT} bytes"), events)

    def _read_document(self, data: bytes, events: list[Event]) -> None:
        try:
            answer = decode_leniently(_ANSWER, data, events)
            if answer.stop_reason is None:  # perhaps in the other spelling
                answer = look_closer(_ANSWER, data, MARKS, events) or answer
            self._read_whole(answer, events)
        except MALFORMED as error:
            wrapped = look_closer(_ANSWER, data, MARKS, events)
            if wrapped is not None:
                self._read_whole(wrapped, events)
            else:
                reported = _error_in(data) or error_of_event(b"", data)
                self._fail(reported or malformed("the provider's answer", error), events)

    def _read_frame(self, frame: Frame, events: list[Event]) -> None:
        kind = frame.headers.get(":message-type")
        if kind == "exception":
            self._fail(parse_failure(str(frame.headers.get(":exception-type", "")), frame.payload), events)
        elif kind == "error":
            message = str(frame.headers.get(":error-message", "")).encode()
            self._fail(
                parse_failure(str(frame.headers.get(":error-code", "")), message or frame.payload), events
            )
        else:
            read = self.EVENTS.get(str(frame.headers.get(":event-type", "")))
            if read is not None:
                self._start(events)
                read(self, self._halves.join(frame.payload), events)

    # --- complete answers ---

    def _read_whole(self, answer: Answer, events: list[Event]) -> None:
        self._start(events)
        content = answer.output.message.content or ()
        for index, raw in enumerate(objects_in(content, "content", events)):
            self._read_block(index, raw, events)
            self._end_block(index, events)
        self._report(answer.usage, events)
        self._finish(answer.stop_reason, events)

    def _read_block(self, index: int, raw: Raw, events: list[Event]) -> None:
        block = decode_leniently(_BLOCK, raw, events)
        if block == NO_BLOCK:
            block = look_closer(_BLOCK, bytes(raw), OTHER_SPELLING, events) or block
        opened = self._block(index)
        thoughts = block.reasoning_content
        if block.text is not None:
            self._read_text(block.text, events)
        elif block.tool_use is not None and block.tool_use.type != ON_SERVER:
            self._start_call(opened, block.tool_use, events)
        elif thoughts is not None:
            known = thoughts.reasoning_text
            whole = ReasoningPiece(
                known.text if known else None, known.signature if known else None, thoughts.redacted_content
            )
            _read_thoughts(opened, whole, events)
        elif block.citations_content is not None:
            for piece in block.citations_content.content or ():
                self._read_text(piece.text, events)
            opened.citations += block.citations_content.citations or ()
        elif block.image is not None:
            _read_image(opened, block.image)
        else:
            events.append(NativeBlock(FORMAT, Raw(_compact(raw).encode())))

    # --- events of a stream ---

    def _message_start(self, payload: bytes, events: list[Event]) -> None:
        """Start the answer; the event contains nothing else."""

    def _block_start(self, payload: bytes, events: list[Event]) -> None:
        event = decode_leniently(_START, payload, events)
        if event.start == NO_START:
            event = look_closer(_START, payload, START, events) or event
        opened = self._block(event.content_block_index)
        start = event.start
        if start.tool_use is not None and start.tool_use.type != ON_SERVER:
            self._start_call(opened, start.tool_use, events)
        elif start.image is not None:
            _read_image(opened, start.image)
        else:
            opened.kind = "native"
            opened.native = _NATIVE_START.decode(payload).start

    def _block_delta(self, payload: bytes, events: list[Event]) -> None:
        event = decode_leniently(_DELTA, payload, events)
        if event.delta == NO_DELTA:
            event = look_closer(_DELTA, payload, DELTA, events) or event
        delta = event.delta
        opened = self._block(event.content_block_index)
        if delta.text is not None:
            self._read_text(delta.text, events)
        elif delta.tool_use is not None:
            called = opened if opened.kind else self._latest_call()
            if called is None:
                self._fail(nameless_call(), events)
            else:
                self._add_arguments(called, delta.tool_use.input, events)
        elif delta.reasoning_content is not None:
            _read_thoughts(opened, delta.reasoning_content, events)
        elif delta.citation:
            opened.citations.append(Raw(bytes(delta.citation)))
        elif delta.image is not None:
            _read_image(opened, delta.image)
        elif delta.tool_result is not None:
            opened.results += [Raw(bytes(piece)) for piece in delta.tool_result]

    def _latest_call(self) -> _Open | None:
        """Return the call that arguments belong to whose block has not begun."""
        return next((opened for opened in reversed(self._open.values()) if opened.kind), None)

    def _block_stop(self, payload: bytes, events: list[Event]) -> None:
        self._end_block(decode_leniently(_END, payload, events).content_block_index, events)

    def _message_stop(self, payload: bytes, events: list[Event]) -> None:
        for index in list(self._open):
            self._end_block(index, events)
        stop = decode_leniently(_STOP, payload, events)
        if stop.stop_reason is None:
            stop = MessageStop(stop_reason=decode_leniently(_OTHER_STOP, payload, events).stop_reason)
        self._finish(stop.stop_reason, events)

    def _metadata(self, payload: bytes, events: list[Event]) -> None:
        self._report(decode_leniently(_METADATA, payload, events).usage, events)
        self.done = self._finished

    EVENTS: ClassVar[dict[str, Callable[["BedrockReader", bytes, list[Event]], None]]] = {
        "messageStart": _message_start,
        "contentBlockStart": _block_start,
        "contentBlockDelta": _block_delta,
        "contentBlockStop": _block_stop,
        "messageStop": _message_stop,
        "metadata": _metadata,
    }

    # --- content ---

    def _start(self, events: list[Event]) -> None:
        """Start the answer. Converse sends neither an id (it is in a header) nor the model."""
        if not self._started:
            self._started = True
            events.append(Started("", ""))

    def _block(self, index: int) -> _Open:
        opened = self._open.get(index)
        if opened is None:
            opened = self._open[index] = _Open(self._length)
        return opened

    def _read_text(self, text: str, events: list[Event]) -> None:
        if text:
            self._length += len(text)
            events.append(TextDelta(text))

    def _start_call(self, opened: _Open, call: ToolUseIn, events: list[Event]) -> None:
        opened.whole = call.input
        if call.name == self._answer_tool:
            opened.kind = "answer"
            return
        if not call.name:
            self._fail(nameless_call(), events)
            return
        opened.kind = "custom" if call.name in self._custom else "function"
        opened.call = self._count
        self._count += 1
        id_ = self._ids.take(call.tool_use_id)
        events.append(ToolCallStarted(opened.call, id_, call.name, kind=opened.kind))  # type: ignore[arg-type]

    def _add_arguments(self, opened: _Open, arguments: str, events: list[Event]) -> None:
        if not arguments:
            return
        if opened.kind in ("custom", "native") or not opened.arguments:
            opened.arguments.append(arguments)
        if opened.kind == "answer":
            self._read_text(arguments, events)
        elif opened.kind == "function":
            events.append(ToolCallDelta(opened.call, arguments))

    def _end_block(self, index: int, events: list[Event]) -> None:
        """Emit the events that need the complete block."""
        opened = self._open.pop(index, None)
        if opened is None:
            return
        if opened.kind in ("function", "custom", "answer") and not opened.arguments:
            self._add_arguments(opened, arguments_text(_compact(opened.whole)), events)
        if opened.kind == "custom":
            events.append(ToolCallDelta(opened.call, custom_text("".join(opened.arguments))))
        signature, redacted = "".join(opened.signature), "".join(opened.redacted)
        if signature:
            events.append(ReasoningSigned(signature, self._signature_format))
        if redacted:
            events.append(
                ReasoningEncrypted(decode_redacted(redacted, self._signature_format), self._signature_format)
            )
        if opened.image is not None:
            form, data = opened.image
            events.append(ImageAdded(f"image/{form}", "".join(data)))
        if opened.native:
            events.append(NativeBlock(FORMAT, _native_block(opened.native, opened)))
        for citation in opened.citations:
            _read_citation(citation, opened.begin, self._length, events)

    # --- the end ---

    def _report(self, counts: TokenUsage | None, events: list[Event]) -> None:
        usage = parse_usage(counts)
        if usage is not None:
            self.usage = usage
            events.append(UsageReported(usage))

    def _finish(self, stop: str | None, events: list[Event]) -> None:
        if self._finished:
            return
        self._finished = True
        native = stop or "end_turn"
        reason = meaning_of(native)
        if reason == "error":
            self._fail(broken_finish(native), events)
            return
        reason = end_with(reason, calls=self._count > 0)
        events.append(Finished(reason, native=None if native in _PLAIN_FINISHES else native))

    def _fail(self, error: ProviderError, events: list[Event]) -> None:
        self._is_over = True
        events.append(Failed(error))


# --- blocks ----------------------------------------------------------------------------------


def _read_thoughts(opened: _Open, piece: ReasoningPiece, events: list[Event]) -> None:
    if piece.text:
        events.append(ReasoningDelta(piece.text))
    if piece.signature:
        opened.signature.append(piece.signature)
    if piece.redacted_content:
        opened.redacted.append(piece.redacted_content)


def _read_image(opened: _Open, piece: ImageIn) -> None:
    form, data = opened.image or ("png", [])
    if piece.source is not None and piece.source.bytes:
        data.append(piece.source.bytes)
    opened.image = (piece.format or form, data)


def _native_block(native: dict[str, dict[str, Any]], opened: _Open) -> Raw:
    """Return a block of the provider's server tools in the form that a complete answer has."""
    kind, fields = next(iter(native.items()))
    if opened.results:
        fields = {**fields, "content": opened.results}
    elif opened.arguments:
        fields = {**fields, "input": _as_json("".join(opened.arguments))}
    return Raw(msgspec.json.encode({kind: fields}))


def _read_citation(raw: Raw, begin: int, end: int, events: list[Event]) -> None:
    """Emit a citation, which supports the whole block that contains it."""
    citation = decode_aside(_CITATION, raw, events, "citation")
    if citation is None:
        return
    quotes = [piece.text for piece in citation.source_content or () if piece.text]
    web = citation.location.web if citation.location is not None else None
    cited = CitationAdded(
        url=web.url if web is not None else None,
        title=citation.title,
        quote="".join(quotes) or None,
        start=begin,
        end=end,
        native=Raw(bytes(raw)),
    )
    events.append(cited)


# --- helpers ---------------------------------------------------------------------------------


def _compact(value: Raw) -> str:
    return msgspec.json.format(bytes(value), indent=-1).decode() if value else "{}"


def _as_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except MALFORMED:
        return text


def _error_in(data: bytes) -> ProviderError | None:
    """Return the error that was sent in place of an answer."""
    try:
        error = _ERROR.decode(data)
    except MALFORMED:
        return None
    return parse_failure("", data) if error.message or error.Message else None
