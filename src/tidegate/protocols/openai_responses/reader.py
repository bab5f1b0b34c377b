"""Conversion of answers to events: complete responses and streams.

A stream contains everything twice, as deltas and as finished items; a complete response contains it once. So
an item is read when it is finished, except for what its deltas have already reported; complete responses,
streams, and streams without deltas all yield the same events.
"""

from collections.abc import Callable
from typing import ClassVar

from msgspec import Raw, structs

from tidegate.protocols.calls import nameless_call
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    Failed,
    Finished,
    FinishReason,
    ImageAdded,
    LogprobsDelta,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.fields import ENCODE, FIELDS, is_set
from tidegate.protocols.finishes import broken_finish, is_broken, meaning_of, own_words
from tidegate.protocols.fitting import objects_in
from tidegate.protocols.functions import arguments_text
from tidegate.protocols.ids import CallIds
from tidegate.protocols.lenient import decode_aside, decode_leniently, look_closer
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.sse import ServerSentEvent, Splitter, is_several, without_mark

from .error import failure_of
from .usage import parse_usage
from .wire import HEAD, NAME
from .wire_answer import (
    ANNOTATION,
    CALL,
    EVENT,
    ID,
    IMAGE,
    MESSAGE,
    PART,
    REASONING,
    RESPONSE,
    TEXT,
    CallOut,
    ContentOut,
    EventOut,
    ResponseOut,
    TextOut,
)

__all__ = ["OVER", "TEXTS", "BodyReader", "StreamReader", "failure_in", "finish_of"]


OVER = frozenset({"completed", "complete", "incomplete"})
"""The statuses of a finished answer."""

MARKS = frozenset({"output"})
"""What only a response has."""

UNDER_WAY = frozenset({"in_progress", "queued"})
"""The statuses of an answer that is not finished."""


def failure_in(response: ResponseOut) -> ProviderError | None:
    """Return the failure that a response reports; None if it is finished or in progress."""
    if response.status == "failed" or (response.error and response.status not in OVER):
        return failure_of(response.error or "the response failed")
    if response.status == "cancelled":
        return ProviderBroke("the provider cancelled the response")
    why = _why(response)
    return broken_finish(why) if why is not None and is_broken(why) else None


def _why(response: ResponseOut) -> str | None:
    """Return why a response is incomplete."""
    details = response.incomplete_details if response.status == "incomplete" else None
    return details.reason if details is not None else None


def finish_of(response: ResponseOut, *, calls: bool) -> Finished:
    """Return how a finished response ended."""
    if response.status != "incomplete":
        return Finished("tool_calls" if calls else "stop")
    why = _why(response) or ""
    reason: FinishReason = "content_filter" if meaning_of(why) == "content_filter" else "length"
    return Finished(reason, native=None if why in OWN_REASONS else why or None)


OWN_REASONS = own_words(NAME)
"""Reasons for an incomplete response. All others mean `length` or a filter, and are reported as native finish
reasons."""


BY_FIELDS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"name", "arguments"}), "function_call"),
    (frozenset({"name", "input"}), "custom_tool_call"),
    (frozenset({"summary"}), "reasoning"),
    (frozenset({"content"}), "message"),
    (frozenset({"text"}), "message"),
)
"""The type of an item by its fields."""

TEXTS = frozenset({"text", "output_text"})
"""Types of parts, which some servers send as items."""

NO_TEXTS = frozenset({"reasoning_text", "summary_text"})
"""Types of parts that are thinking."""

MOST_IDS = 1024
"""The most items that are known by their ids."""


class ItemState:
    """The state of an item: what has been emitted so far."""

    __slots__ = ("call", "cited", "done", "filled", "is_message", "summaries")

    def __init__(self) -> None:
        self.call: int | None = None
        """The event index of a call that has begun."""
        self.filled: set[int] = set()
        """Content parts that have received deltas; 0 for the arguments of a call."""
        self.cited: dict[int, int] = {}
        """The number of emitted annotations, by content part."""
        self.summaries: set[int] = set()
        """Parts of the summary that have received deltas."""
        self.done = False
        self.is_message = False
        """Whether it has a text that has been emitted, except by deltas."""


class AnswerState:
    """The state of one answer."""

    def __init__(self, customs: frozenset[str] | None) -> None:
        self.failed = False
        self.ended = False
        self._customs = customs
        """The custom tools that the client offers; None if unknown. Other custom calls are the provider's
        built-in tools (xAI reports its searches this way)."""
        self.started = False
        self._items: dict[int, ItemState] = {}
        self._ids_of_items: dict[str, int] = {}
        """The indexes of items that have begun, by id."""
        self._done = 0
        """Finished items whose index another one has taken."""
        self._ids = CallIds("call_")
        self._calls = 0

    @property
    def over(self) -> bool:
        """Whether no more events can follow."""
        return self.failed or self.ended

    def start(self, response: ResponseOut) -> list[Event]:
        """Begin the answer, if it has not begun."""
        if self.started:
            return []
        self.started = True
        created = None if response.created_at is None else int(response.created_at) or None
        return [Started(response.id or "", response.model or "", created)]

    def finish(self, response: ResponseOut) -> list[Event]:
        """End the answer, after everything that has not been emitted yet."""
        failure = failure_in(response)
        if failure is not None:
            return self.fail(failure)
        if response.status not in OVER and (response.status in UNDER_WAY or response.output is None):
            return self.fail(ProviderBroke(f"the provider's response is not finished: {response.status}"))
        events = self.start(response)
        output = objects_in(response.output or (), "output", events)
        if len(output) > self._done + sum(state.done for state in self._items.values()):
            for index, item in enumerate(output):
                events += self.read_item(index, item)
        if response.output_text and not self._has_text():
            events.append(TextDelta(response.output_text))
        self.ended = True
        events.append(finish_of(response, calls=self._calls > 0))
        usage = None if response.usage is None else parse_usage(response.usage, response.searches)
        return events if usage is None else [*events, UsageReported(usage, response.served)]

    def _has_text(self) -> bool:
        return any(
            state.is_message or (state.filled and state.call is None) for state in self._items.values()
        )

    def fail(self, error: ProviderError) -> list[Event]:
        """End the answer: the provider failed."""
        self.failed = True
        return [Failed(error)]

    @property
    def begun(self) -> bool:
        """Whether there was any item."""
        return bool(self._items)

    def begin_item(self, index: int) -> None:
        """Note that an item begins at this index: some servers give the same one to every item."""
        known = self._items.get(index)
        if known is not None and known.done:
            self._done += 1
            del self._items[index]

    def item_of(self, event: EventOut) -> ItemState:
        """Return the state of the item of an event; its id counts where nothing has this index."""
        known = self._ids_of_items.get(event.item_id or "")
        return self.item(event.output_index if event.output_index in self._items or known is None else known)

    def item(self, index: int) -> ItemState:
        """Return the state of the item at this index."""
        state = self._items.get(index)
        if state is None:
            state = self._items[index] = ItemState()
        return state

    # --- items ---

    def open_item(self, index: int, raw: Raw) -> list[Event]:
        """Begin an item: a call is emitted at once, with its name."""
        self.begin_item(index)
        events: list[Event] = []
        kind = self._kind_of(raw, events)
        state = self.item(index)
        id_ = decode_leniently(ID, raw, events).id
        if id_ and len(self._ids_of_items) < MOST_IDS:
            self._ids_of_items[id_] = index
        if kind in ("function_call", "custom_tool_call"):
            events += self._start_call(state, kind, decode_leniently(CALL, raw, events))
        return events

    def _kind_of(self, raw: Raw, events: list[Event]) -> str:
        """Return the type of an item; of one without a known type, what its fields tell."""
        head = decode_leniently(HEAD, raw, events)
        if head.type in self._READS or (head.type and head.role != "assistant" and head.type not in TEXTS):
            return head.type
        fields = FIELDS.decode(raw)
        return next((kind for names, kind in BY_FIELDS if names <= fields.keys()), head.type or "")

    def read_item(self, index: int, raw: Raw) -> list[Event]:
        """Return the events for everything in a finished item that has not been emitted yet."""
        events: list[Event] = []
        if index not in self._items:
            index = self._ids_of_items.get(decode_leniently(ID, raw, events).id or "", index)
        state = self.item(index)
        if state.done:
            return []
        state.done = True
        kind = self._kind_of(raw, events)
        read = self._READS.get(kind)
        return [*events, *([NativeBlock(NAME, raw)] if read is None else read(self, state, kind, raw))]

    def _start_call(self, state: ItemState, kind: str, call: CallOut) -> list[Event]:
        custom = kind == "custom_tool_call"
        if state.call is not None or (
            custom and self._customs is not None and call.name not in self._customs
        ):
            return []
        state.call = self._calls
        self._calls += 1
        if not call.name:
            raise nameless_call()
        called = self._ids.take(call.call_id)
        return [ToolCallStarted(state.call, called, call.name, 0, "custom" if custom else "function")]

    def _read_call(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        events: list[Event] = []
        call = decode_leniently(CALL, raw, events)
        events += self._start_call(state, kind, call)
        if state.call is None:
            return [NativeBlock(NAME, raw)]
        arguments = call.input if kind == "custom_tool_call" else arguments_text(call.arguments or "")
        if not state.filled and arguments:
            events.append(ToolCallDelta(state.call, arguments))
        return events

    def _read_message(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        events: list[Event] = []
        message = decode_leniently(MESSAGE, raw, events)
        parts = message.content or ([] if message.text is None else [ContentOut(text=message.text)])
        for index, part in enumerate(parts):
            if part.text and index not in state.filled:
                state.is_message = True
                events.append(TextDelta(part.text))
                if part.logprobs:
                    events.append(LogprobsDelta(Raw(ENCODE(part.logprobs))))
            if part.refusal and index not in state.filled:
                events.append(RefusalDelta(part.refusal))
            emitted = state.cited.get(index, 0)
            for one in (part.annotations or [])[emitted:]:
                read_annotation(one, events)
        return events

    def _read_reasoning(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        events: list[Event] = []
        item = decode_aside(REASONING, raw, events, "reasoning")
        if item is None:
            return events
        if not state.summaries and not state.filled:
            text = "\n\n".join(part.text for part in item.summary or item.content or ())
            if text:
                events.append(ReasoningDelta(text))
        if item.encrypted_content:
            readable = bool(events or state.summaries or state.filled)
            wrapped = ReasoningSigned if readable else ReasoningEncrypted
            events.append(wrapped(item.encrypted_content, NAME))
        return events

    def _read_image(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        image = IMAGE.decode(raw)
        if not image.result:
            return [NativeBlock(NAME, raw)]
        return [ImageAdded(f"image/{image.output_format or 'png'}", image.result)]

    _READS: ClassVar[dict[str, Callable[["AnswerState", ItemState, str, Raw], list[Event]]]] = {
        "message": _read_message,
        "reasoning": _read_reasoning,
        "function_call": _read_call,
        "custom_tool_call": _read_call,
        "image_generation_call": _read_image,
    }


def read_annotation(raw: Raw, events: list[Event]) -> None:
    """Return a citation, in Tidegate's form and in its own."""
    cited = decode_aside(ANNOTATION, raw, events, "annotation")
    if cited is not None:
        places = (cited.start_index, cited.end_index)
        events.append(
            CitationAdded(url=cited.url, title=cited.title, start=places[0], end=places[1], native=raw)
        )


class BodyReader:
    """The reader of a complete answer (see contract.Reader)."""

    done = False

    def __init__(self, customs: frozenset[str] | None = None) -> None:
        self._pieces: list[bytes] = []
        self._customs = customs
        self._state = AnswerState(customs)

    def feed(self, data: bytes) -> list[Event]:
        """Collect the bytes; JSON can only be read once complete."""
        self._pieces.append(data)
        return []

    def close(self) -> list[Event]:
        """Return all events of the answer."""
        body = without_mark(b"".join(self._pieces))
        if is_several(body):
            stream = StreamReader(self._customs)
            return [*stream.feed(body), *stream.close()]
        left_out: list[Event] = []
        try:
            response = decode_leniently(RESPONSE, body, left_out)
            if response.output is None and response.status is None and not response.error:
                response = look_closer(RESPONSE, body, MARKS, left_out) or response
            return left_out + self._state.finish(response)
        except ProviderBroke as error:
            return self._state.fail(error)
        except MALFORMED as error:
            return self._state.fail(malformed("the provider's answer", error))


class StreamReader:
    """The reader of a stream (see contract.Reader)."""

    def __init__(self, customs: frozenset[str] | None = None) -> None:
        self._splitter = Splitter()
        self._state = AnswerState(customs)

    @property
    def done(self) -> bool:
        """Whether the event with the finished response has arrived."""
        return self._state.ended

    @property
    def lacks_half(self) -> bool:
        """See Bridge.close."""
        return self._splitter.lacks_half

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        if self._state.over:
            return []
        # The usual case: one complete event with a text delta.
        if data.startswith(TEXT_EVENT) and data.endswith(b"\n\n") and not self._splitter.waiting:
            text = _read_text_alone(data)
            if text is not None and self._state.started:
                self._state.item(text.output_index).filled.add(text.content_index)
                return [TextDelta(text.delta)]
        try:
            pieces = self._splitter.feed(data)
        except ProviderError as error:
            return self._state.fail(error)
        return self._read(pieces)

    def close(self) -> list[Event]:
        """Return the events at the end of the stream."""
        if self._state.failed:
            return []
        events = self._read(self._splitter.close())
        if self._state.over:
            return events
        return events + self._state.fail(ProviderBroke("the provider's stream ended before it was finished"))

    def _read(self, pieces: list[ServerSentEvent]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            if self._state.over:
                break
            if piece.data == b"[DONE]" or not piece.data.strip():
                continue
            try:
                events += self._read_event(decode_leniently(EVENT, piece.data, events), piece)
            except ProviderBroke as error:
                events += self._state.fail(error)
            except MALFORMED as error:
                failure = error_of_event(piece.name, piece.data)
                if failure is not None:
                    events += self._state.fail(failure)
                elif self._concerns(piece):
                    events += self._state.fail(malformed("an event of the provider's stream", error))
        return events

    def _concerns(self, piece: ServerSentEvent) -> bool:
        """Return whether an event is one that is read. Providers add others, in other forms."""
        try:
            kind = HEAD.decode(piece.data).type
        except MALFORMED:
            return True
        return kind is None or kind in self._READS

    def _read_event(self, event: EventOut, piece: ServerSentEvent) -> list[Event]:
        read = self._READS.get(event.type) or self._READS.get(piece.name.decode("utf-8", "replace"))
        if read is not None:
            return read(self, event)
        if piece.name == b"error" or event.error:
            return self._read_error(event)
        if event.type:
            return []
        failure = error_of_event(piece.name, piece.data)
        if failure is not None:
            return self._state.fail(failure)
        events: list[Event] = []  # a whole response: some servers do not stream although they were asked to
        whole = decode_leniently(RESPONSE, piece.data, events)
        if whole.output is None:
            whole = look_closer(RESPONSE, piece.data, MARKS, events) or whole
        return events if whole.output is None else [*events, *self._state.finish(whole)]

    # --- one method per event ---

    def _read_start(self, event: EventOut) -> list[Event]:
        return [] if event.response is None else self._state.start(event.response)

    def _read_end(self, event: EventOut) -> list[Event]:
        response = event.response
        if response is not None and (response.status is not None or response.output is not None):
            return self._state.finish(response)
        if not self._state.begun:
            return self._state.fail(ProviderBroke("the provider's stream ended without a response"))
        return self._state.finish(structs.replace(response or ResponseOut(), status="completed"))

    def _read_error(self, event: EventOut) -> list[Event]:
        fields = {"message": event.message, "code": event.code, "param": event.param}
        return self._state.fail(failure_of(event.error or fields))

    def _read_added(self, event: EventOut) -> list[Event]:
        return self._state.open_item(event.output_index, event.item) if is_set(event.item) else []

    def _read_done(self, event: EventOut) -> list[Event]:
        return self._state.read_item(event.output_index, event.item) if is_set(event.item) else []

    def _read_text(self, event: EventOut) -> list[Event]:
        self._state.item(event.output_index).filled.add(event.content_index)
        events: list[Event] = [TextDelta(event.delta)] if event.delta else []
        return [*events, LogprobsDelta(Raw(ENCODE(event.logprobs)))] if event.logprobs else events

    def _read_refusal(self, event: EventOut) -> list[Event]:
        self._state.item(event.output_index).filled.add(event.content_index)
        return [RefusalDelta(event.delta)] if event.delta else []

    # What came without deltas is read where it is whole.

    def _read_whole_text(self, event: EventOut) -> list[Event]:
        return self._read_content(event, event.text, TextDelta)

    def _read_whole_refusal(self, event: EventOut) -> list[Event]:
        return self._read_content(event, event.refusal, RefusalDelta)

    def _read_whole_part(self, event: EventOut) -> list[Event]:
        if not is_set(event.part):
            return []
        events: list[Event] = []
        part = decode_leniently(PART, event.part, events)
        if part.type in NO_TEXTS:
            return events
        wrap: type[TextDelta | RefusalDelta] = TextDelta if part.text else RefusalDelta
        return events + self._read_content(event, part.text or part.refusal, wrap)

    def _read_content(
        self, event: EventOut, text: str | None, wrap: type[TextDelta] | type[RefusalDelta]
    ) -> list[Event]:
        state = self._state.item_of(event)
        if not text or state.done or event.content_index in state.filled:
            return []
        state.filled.add(event.content_index)
        return [wrap(text)]

    def _read_whole_arguments(self, event: EventOut) -> list[Event]:
        state = self._state.item_of(event)
        text = event.input if event.arguments is None else event.arguments
        if state.call is None or state.filled or not text:
            return []
        state.filled.add(0)
        return [ToolCallDelta(state.call, text)]

    def _read_summary(self, event: EventOut) -> list[Event]:
        known = self._state.item(event.output_index).summaries
        between = "\n\n" if known and event.summary_index not in known else ""
        known.add(event.summary_index)
        return [ReasoningDelta(between + event.delta)] if event.delta else []

    def _read_thinking(self, event: EventOut) -> list[Event]:
        self._state.item(event.output_index).filled.add(event.content_index)
        return [ReasoningDelta(event.delta)] if event.delta else []

    def _read_arguments(self, event: EventOut) -> list[Event]:
        state = self._state.item_of(event)
        if state.call is None or not event.delta:
            return []
        state.filled.add(0)
        return [ToolCallDelta(state.call, event.delta)]

    def _read_annotation(self, event: EventOut) -> list[Event]:
        if not is_set(event.annotation):
            return []
        cited = self._state.item(event.output_index).cited
        cited[event.content_index] = cited.get(event.content_index, 0) + 1
        events: list[Event] = []
        read_annotation(event.annotation, events)
        return events

    _READS: ClassVar[dict[str, Callable[["StreamReader", EventOut], list[Event]]]] = {
        "response.created": _read_start,
        "response.queued": _read_start,
        "response.in_progress": _read_start,
        "response.output_item.added": _read_added,
        "response.output_item.done": _read_done,
        "response.output_text.delta": _read_text,
        "response.output_text.annotation.added": _read_annotation,
        "response.refusal.delta": _read_refusal,
        "response.reasoning_summary_text.delta": _read_summary,
        "response.reasoning_text.delta": _read_thinking,
        "response.function_call_arguments.delta": _read_arguments,
        "response.custom_tool_call_input.delta": _read_arguments,
        "response.output_text.done": _read_whole_text,
        "response.refusal.done": _read_whole_refusal,
        "response.content_part.done": _read_whole_part,
        "response.function_call_arguments.done": _read_whole_arguments,
        "response.custom_tool_call_input.done": _read_whole_arguments,
        "response.completed": _read_end,
        "response.done": _read_end,  # its name at some relays, as in the Realtime API
        "response.incomplete": _read_end,
        "response.failed": _read_end,
        "response.cancelled": _read_end,
        "error": _read_error,
    }


TEXT_EVENT = b"event: response.output_text.delta\ndata: "
NO_LOGPROBS = (b"[]", b"")


def _read_text_alone(data: bytes) -> TextOut | None:
    """Return the only text event in these bytes; None if there are more, or it contains more than text."""
    try:
        event = TEXT.decode(data[len(TEXT_EVENT) :])
    except MALFORMED:
        return None
    return event if event.delta and bytes(event.logprobs) in NO_LOGPROBS else None
