"""The reader of Cohere's answers: one JSON object, or server-sent events that build it.

Offsets of citations are counted per content block; the text of the answer is the concatenation of all blocks
(and the plan before calls), so the reader keeps track of where each begins.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import msgspec
from msgspec import Raw

from tidegate.protocols.calls import nameless_call
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    Failed,
    Finished,
    LogprobsDelta,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.finishes import end_with, meaning_of
from tidegate.protocols.functions import arguments_text, custom_text
from tidegate.protocols.ids import CallIds
from tidegate.protocols.lenient import decode_aside, decode_leniently, look_closer
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.sse import MAX_EVENT, ServerSentEvent, Splitter, is_several
from tidegate.protocols.usage import Usage

from .error import parse_failure
from .usage import parse_served, parse_usage
from .wire import (
    Answer,
    Citation,
    ContentIn,
    Delta,
    ErrorBody,
    LogprobItem,
    MessageIn,
    StreamEvent,
    ToolCallIn,
    UsageIn,
)

__all__ = ["CohereReader"]

_PLAIN_FINISHES = frozenset({"COMPLETE", "MAX_TOKENS", "TOOL_CALL"})

_ANSWER = msgspec.json.Decoder(Answer)
MARKS = frozenset({"message"})
"""What only an answer has."""
_EVENT = msgspec.json.Decoder(StreamEvent)
_ERROR = msgspec.json.Decoder(ErrorBody)
_CITATIONS = msgspec.json.Decoder(list[Raw])
_CITATION = msgspec.json.Decoder(Citation)


class _OpenCall:
    """A call whose arguments are arriving."""

    __slots__ = ("index", "is_custom", "pieces")

    def __init__(self, index: int, is_custom: bool) -> None:
        self.index = index
        self.is_custom = is_custom
        self.pieces: list[str] = []
        """For a custom tool all arguments, from which the text is taken at the end; otherwise those not
        emitted yet."""


class CohereReader:
    """Reads one answer. `custom` are the names of tools whose argument is free text."""

    __slots__ = (
        "_begins",
        "_calls",
        "_count",
        "_custom",
        "_document",
        "_ids",
        "_is_over",
        "_length",
        "_plan_begins",
        "_splitter",
        "_started",
        "usage",
    )

    def __init__(self, custom: frozenset[str] = frozenset()) -> None:
        # the request
        self._custom = custom
        # the bytes
        self._splitter: Splitter | None = None
        self._document: bytearray | None = None
        """Collects an answer that is plain JSON, which is read once complete."""
        self._is_over = False
        # the answer
        self._started = False
        self._length = 0
        """The length of the text so far, in characters."""
        self._begins: dict[int, int] = {}
        """Index of a text block → where it begins in the text of the answer."""
        self._plan_begins: int | None = None
        self._calls: dict[int, _OpenCall] = {}
        """Calls by Cohere's index."""
        self._count = 0
        self._ids = CallIds("call_tidegate_")
        self.usage: Usage | None = None

    @property
    def done(self) -> bool:
        """Whether `message-end` has arrived."""
        return self._is_over and self._splitter is not None

    @property
    def lacks_half(self) -> bool:
        """See Bridge.close."""
        return self._splitter is not None and self._splitter.lacks_half

    def feed(self, data: bytes) -> list[Event]:
        """See Reader."""
        events: list[Event] = []
        if self._splitter is None or self._is_over:
            self._begin(data, events)
            return events
        try:
            for event in self._splitter.feed(data):
                self._read_event(event, events)
        except ProviderBroke as error:
            self._fail(error, events)
        return events

    def close(self) -> list[Event]:
        """See Reader."""
        events: list[Event] = []
        if self._splitter is not None:
            for event in self._splitter.close():
                self._read_event(event, events)
        elif self._document is not None and not self._is_over:
            document = bytes(self._document)
            if is_several(document):
                self._splitter = Splitter()
                return self.feed(document) + self.close()
            self._read_answer(document, events)
        if not self._is_over:
            problem = (
                "the provider's stream ended before it was finished"
                if self._started
                else "the provider's answer is empty"
            )
            self._fail(ProviderBroke(problem), events)
        return events

    # --- bytes ---

    def _begin(self, data: bytes, events: list[Event]) -> None:
        """Read the first bytes, and all bytes of a document."""
        if self._is_over:
            return
        if self._document is None:
            data = data.lstrip()
            if not data:
                return
            if data[:1] != b"{":
                self._splitter = Splitter()
                events += self.feed(data)
                return
            self._document = bytearray()
        self._document += data
        if len(self._document) > MAX_EVENT:
            self._fail(ProviderBroke(f"the provider sent an answer of more than {MAX_EVENT} bytes"), events)

    def _read_event(self, piece: ServerSentEvent, events: list[Event]) -> None:
        data = piece.data
        if self._is_over or data == b"[DONE]":
            return
        try:
            event = decode_leniently(_EVENT, data, events)
            read = self.EVENTS.get(event.type)
            if read is not None:
                read(self, event, events)
            elif event.message is not None:
                self._fail(parse_failure(event.message, event.error_type), events)
            else:
                self._read_other(event, piece, events)
        except MALFORMED as error:
            reported = error_of_event(piece.name, data)
            self._fail(reported or malformed("an event of the provider's stream", error), events)

    def _read_other(self, event: StreamEvent, piece: ServerSentEvent, events: list[Event]) -> None:
        """Read an event without a known type: its name or its fields tell it, or it is an error in another
        form.
        """
        name = piece.name.decode("utf-8", "replace")
        read = self.EVENTS.get(name) or self.EVENTS.get(_kind_of(event) if name in NAMELESS else "")
        reported = error_of_event(piece.name, piece.data)
        if reported is not None:
            self._fail(reported, events)
        elif read is not None:
            read(self, event, events)
        elif not event.type:
            whole = look_closer(_ANSWER, piece.data, MARKS, events)
            if whole is not None:
                self._read_whole(whole, events)

    def _read_answer(self, data: bytes, events: list[Event]) -> None:
        try:
            self._read_whole(decode_leniently(_ANSWER, data, events), events)
        except MALFORMED as error:
            wrapped = look_closer(_ANSWER, data, MARKS, events)
            if wrapped is not None:
                self._read_whole(wrapped, events)
            else:
                reported = _error_in(data) or error_of_event(b"", data)
                self._fail(reported or malformed("the provider's answer", error), events)

    # --- complete answers ---

    def _read_whole(self, answer: Answer, events: list[Event]) -> None:
        self._start(answer.id, events)
        message = answer.message
        for index, block in enumerate(_blocks(message)):
            self._read_block(index, block, events)
        if answer.logprobs:
            events += _read_logprobs(_of_text(answer.logprobs, message))
        self._read_plan(message, events)
        for index, call in enumerate(_calls(message)):
            self._start_call(index, call, events)
            self._end_call(index, events)
        if message.citations:
            for citation in decode_aside(_CITATIONS, message.citations, events, "citations") or ():
                self._read_citation(citation, events)
        self._finish(answer.finish_reason, answer.usage, (answer.error, answer.error_type), events)

    # --- events of a stream ---

    def _message_start(self, event: StreamEvent, events: list[Event]) -> None:
        self._start(event.id, events)

    def _content(self, event: StreamEvent, events: list[Event]) -> None:
        for block in _blocks(_message_of(event.delta)):
            self._read_block(event.index, block, events)
            if event.logprobs is not None and block.text:
                events += _read_logprobs([event.logprobs])

    def _plan(self, event: StreamEvent, events: list[Event]) -> None:
        if event.delta is not None and event.delta.message is not None:
            self._read_plan(event.delta.message, events)

    def _call_start(self, event: StreamEvent, events: list[Event]) -> None:
        for call in _calls(event.delta.message if event.delta is not None else None):
            self._start_call(event.index, call, events)

    def _call_delta(self, event: StreamEvent, events: list[Event]) -> None:
        for call in _calls(event.delta.message if event.delta is not None else None):
            if call.function is not None and call.function.arguments:
                self._add_arguments(event.index, call.function.arguments, events)

    def _call_end(self, event: StreamEvent, events: list[Event]) -> None:
        self._end_call(event.index, events)

    def _citation_start(self, event: StreamEvent, events: list[Event]) -> None:
        if event.delta is not None and event.delta.message is not None and event.delta.message.citations:
            self._read_citation(event.delta.message.citations, events)

    def _message_end(self, event: StreamEvent, events: list[Event]) -> None:
        delta = event.delta
        if delta is None:
            self._fail(ProviderBroke("the provider's stream ended without a finish reason"), events)
            return
        self._finish(delta.finish_reason, delta.usage, (delta.error, delta.error_type), events)

    EVENTS: ClassVar[dict[str, Callable[["CohereReader", StreamEvent, list[Event]], None]]] = {
        "message-start": _message_start,
        "content-start": _content,
        "content-delta": _content,
        "tool-plan-delta": _plan,
        "tool-call-start": _call_start,
        "tool-call-delta": _call_delta,
        "tool-call-end": _call_end,
        "citation-start": _citation_start,
        "message-end": _message_end,
    }
    """All other types (content-end, citation-end, debug) add nothing."""

    # --- content ---

    def _start(self, id_: str | None, events: list[Event]) -> None:
        if not self._started:
            self._started = True
            events.append(Started(id_ or "", ""))

    def _read_block(self, index: int, block: ContentIn, events: list[Event]) -> None:
        self._start(None, events)
        if block.thinking:
            events.append(ReasoningDelta(block.thinking))
        if block.text is not None:
            self._begins.setdefault(index, self._length)
            self._read_text(block.text, events)

    def _read_plan(self, message: MessageIn, events: list[Event]) -> None:
        """Emit the plan, which is the text before calls, like any other text."""
        if message.tool_plan:
            self._start(None, events)
            if self._plan_begins is None:
                self._plan_begins = self._length
            self._read_text(message.tool_plan, events)

    def _read_text(self, text: str, events: list[Event]) -> None:
        if text:
            self._length += len(text)
            events.append(TextDelta(text))

    def _read_citation(self, raw: Raw, events: list[Event]) -> None:
        """Emit one citation per source with a URL, and one for all sources without."""
        citation = decode_aside(_CITATION, raw, events, "citations")
        if citation is None:
            return
        start, end = self._place(citation)
        native: Raw | None = Raw(bytes(raw))
        texts = [source.document or source.tool_output for source in citation.sources or ()]
        addressed = [text for text in texts if text is not None and _is_address(text.url)]
        if not addressed:
            title = next(
                (_text_or_none(text.title) for text in texts if text is not None and text.title), None
            )
            events.append(CitationAdded(title=title, start=start, end=end, native=native))
        for text in addressed:
            title = _text_or_none(text.title)
            events.append(CitationAdded(url=text.url, title=title, start=start, end=end, native=native))
            native = None  # it has all sources: with each of them, it would grow with their square

    def _place(self, citation: Citation) -> tuple[int | None, int | None]:
        """Return the range of the cited words in the text of the answer; None if they are in the thinking."""
        if citation.start is None or citation.end is None or citation.type == "THINKING_CONTENT":
            return None, None
        if citation.type == "PLAN":
            begin = self._plan_begins or 0
        else:
            index = next(iter(self._begins), 0) if citation.content_index is None else citation.content_index
            begin = self._begins.get(index, 0)
        return begin + citation.start, begin + citation.end

    # --- calls ---

    def _start_call(self, index: int, call: ToolCallIn, events: list[Event]) -> None:
        self._start(None, events)
        name = (call.function.name if call.function is not None else None) or ""
        if not name:
            self._fail(nameless_call(), events)
            return
        is_custom = name in self._custom
        self._calls[index] = _OpenCall(self._count, is_custom)
        id_ = self._ids.take(call.id)
        events.append(ToolCallStarted(self._count, id_, name, kind="custom" if is_custom else "function"))
        self._count += 1
        if call.function is not None and call.function.arguments:
            self._add_arguments(index, arguments_text(call.function.arguments), events)

    def _add_arguments(self, index: int, arguments: str, events: list[Event]) -> None:
        call = self._calls.get(index) or next(reversed(self._calls.values()), None)
        if call is None:
            self._fail(ProviderBroke("the provider sent arguments of a call that it never started"), events)
            return
        if call.is_custom or not call.pieces:
            call.pieces.append(arguments)
        if not call.is_custom:
            events.append(ToolCallDelta(call.index, arguments))

    def _end_call(self, index: int, events: list[Event]) -> None:
        if index not in self._calls:
            return
        call = self._calls.pop(index)
        if call.is_custom:
            events.append(ToolCallDelta(call.index, custom_text("".join(call.pieces))))
        elif not call.pieces:
            events.append(ToolCallDelta(call.index, "{}"))

    # --- the end ---

    def _finish(
        self,
        finish: str | None,
        usage: UsageIn | None,
        error: tuple[str | None, str | None],
        events: list[Event],
    ) -> None:
        """End the answer: its usage, and whether it is valid."""
        self._start(None, events)
        for index in list(self._calls):
            self._end_call(index, events)
        known = parse_usage(usage)
        if known is not None:
            self.usage = known
            events.append(UsageReported(known, parse_served(usage)))
        native = finish or "COMPLETE"
        meaning = meaning_of(native)
        if meaning == "error":
            self._fail(parse_failure(*error, finish), events)
            return
        self._is_over = True
        reason = end_with(meaning, calls=self._count > 0)
        events.append(Finished(reason, native=None if native in _PLAIN_FINISHES else native))

    def _fail(self, error: ProviderError, events: list[Event]) -> None:
        self._is_over = True
        events.append(Failed(error))


# --- helpers ---------------------------------------------------------------------------------

NAMELESS = ("", "message")
"""The names of events that have none."""


def _kind_of(event: StreamEvent) -> str:
    """Return the type of an event by its fields."""
    delta = event.delta
    if delta is None or delta.finish_reason is not None:
        return "" if delta is None else "message-end"
    message = _message_of(delta)
    if message.tool_calls is not None:
        named = any(call.function is not None and call.function.name for call in _calls(message))
        return "tool-call-start" if named else "tool-call-delta"
    if message.content is not None or message.text is not None:
        return "content-delta"
    if message.tool_plan is not None:
        return "tool-plan-delta"
    return "citation-start" if message.citations else ""


def _message_of(delta: Delta | None) -> MessageIn:
    """Return the message of a delta; some servers leave out what is around its text."""
    if delta is None:
        return MessageIn()
    if delta.message is not None:
        return delta.message
    if delta.text is not None or delta.thinking is not None:
        return MessageIn(ContentIn(text=delta.text, thinking=delta.thinking))
    return MessageIn(delta.content)


def _blocks(message: MessageIn) -> Sequence[ContentIn]:
    content = message.text if message.content is None else message.content
    if isinstance(content, ContentIn):
        return (content,)
    if isinstance(content, str):
        return (ContentIn(text=content),)
    return content or ()


def _calls(message: MessageIn | None) -> Sequence[ToolCallIn]:
    calls = message.tool_calls if message is not None else None
    return (calls,) if isinstance(calls, ToolCallIn) else calls or ()


def _read_logprobs(items: Sequence[LogprobItem]) -> Iterator[LogprobsDelta]:
    """Convert log probabilities. Cohere sends pieces of text with the log probability of each token in them;
    OpenAI's list has one entry per piece, with the probability of the whole piece.
    """
    content = [
        {
            "token": item.text or "",
            "logprob": sum(item.logprobs or ()),
            "bytes": list((item.text or "").encode()),
            "top_logprobs": [],
        }
        for item in items
    ]
    if content:
        yield LogprobsDelta(Raw(msgspec.json.encode(content)))


def _of_text(items: Sequence[LogprobItem], message: MessageIn) -> Sequence[LogprobItem]:
    """Return the items of the text: those of the thinking precede them in the same list."""
    text = "".join(block.text or "" for block in _blocks(message))
    length = sum(len(item.text or "") for item in items)
    for place, item in enumerate(items):
        if length <= len(text):
            return items[place:]
        length -= len(item.text or "")
    return ()


def _is_address(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("https://", "http://"))


def _text_or_none(title: object) -> str | None:
    return title if isinstance(title, str) else None


def _error_in(data: bytes) -> ProviderError | None:
    """Return the error that was sent in place of an answer."""
    try:
        error = _ERROR.decode(data)
    except MALFORMED:
        return None
    return parse_failure(error.message, error.error_type)
