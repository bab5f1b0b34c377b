"""From a provider's answer to events: whole responses and streams.

A stream tells everything twice, as deltas and then as finished items; a whole response tells it once.
So an item is read when it is finished, less what its deltas have told already, and both forms, and
streams that leave deltas out, give the same.
"""

from collections.abc import Callable
from typing import ClassVar

from msgspec import Raw

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
from tidegate.protocols.finishes import broken_finish, is_broken, meaning_of, own_words
from tidegate.protocols.ids import new_id
from tidegate.protocols.lenient import decode_aside, decode_leniently
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.sse import ServerSentEvent, Splitter

from .error import failure_of
from .usage import parse_usage
from .wire import ENCODE, HEAD, NAME, says
from .wire_answer import (
    ANNOTATION,
    CALL,
    EVENT,
    IMAGE,
    MESSAGE,
    REASONING,
    RESPONSE,
    TEXT,
    CallOut,
    EventOut,
    ResponseOut,
    TextOut,
)

__all__ = ["OVER", "BodyReader", "StreamReader", "failure_in", "finish_of"]


OVER = frozenset({"completed", "complete", "incomplete"})
"""Statuses of an answer that is there."""


def failure_in(response: ResponseOut) -> ProviderError | None:
    """The failure that a response tells of, or None where it is an answer or on its way to one."""
    if response.status == "failed" or (response.error and response.status not in OVER):
        return failure_of(response.error or "the response failed")
    if response.status == "cancelled":
        return ProviderBroke("the provider cancelled the response")
    why = _why(response)
    return broken_finish(why) if why is not None and is_broken(why) else None


def _why(response: ResponseOut) -> str | None:
    """Why a response is incomplete."""
    details = response.incomplete_details if response.status == "incomplete" else None
    return details.reason if details is not None else None


def finish_of(response: ResponseOut, *, calls: bool) -> Finished:
    """How a finished response ended."""
    if response.status != "incomplete":
        return Finished("tool_calls" if calls else "stop")
    why = _why(response) or ""
    reason: FinishReason = "content_filter" if meaning_of(why) == "content_filter" else "length"
    return Finished(reason, native=None if why in OWN_REASONS else why or None)


OWN_REASONS = own_words(NAME)
"""Why a response is incomplete. Others are `length` or a filter's, and kept aside: the answer was cut."""


class ItemState:
    """What was told of an item so far."""

    __slots__ = ("call", "cited", "done", "said", "summaries")

    def __init__(self) -> None:
        self.call: int | None = None
        """The event's index of a call that has begun."""
        self.said: set[int] = set()
        """Content parts of which deltas came; 0 for the arguments of a call."""
        self.cited: dict[int, int] = {}
        """Annotations told, by content part."""
        self.summaries: set[int] = set()
        """Parts of the summary of which deltas came."""
        self.done = False


class AnswerState:
    """The running state of one answer."""

    def __init__(self, customs: frozenset[str] | None) -> None:
        self.failed = False
        self.ended = False
        self._customs = customs
        """Custom tools that the client offers; None where that is not known. The calls of others are the
        provider's own (xAI tells of its searches so).
        """
        self.started = False
        self._items: dict[int, ItemState] = {}
        self._calls = 0

    @property
    def over(self) -> bool:
        """Whether nothing can come any more."""
        return self.failed or self.ended

    def start(self, response: ResponseOut) -> list[Event]:
        """The answer begins, if it has not yet."""
        if self.started:
            return []
        self.started = True
        created = None if response.created_at is None else int(response.created_at) or None
        return [Started(response.id or "", response.model or "", created)]

    def finish(self, response: ResponseOut) -> list[Event]:
        """The end of the answer, behind whatever was not told yet."""
        failure = failure_in(response)
        if failure is not None:
            return self.fail(failure)
        if response.status not in OVER:
            return self.fail(ProviderBroke(f"the provider's response is not finished: {response.status}"))
        events = self.start(response)
        output = response.output or []
        if len(output) > sum(state.done for state in self._items.values()):
            for index, item in enumerate(output):
                events += self.read_item(index, item)
        self.ended = True
        events.append(finish_of(response, calls=self._calls > 0))
        usage = None if response.usage is None else parse_usage(response.usage, response.searches)
        return events if usage is None else [*events, UsageReported(usage, response.served)]

    def fail(self, error: ProviderError) -> list[Event]:
        """The answer is over: the provider failed."""
        self.failed = True
        return [Failed(error)]

    def item(self, index: int) -> ItemState:
        """The state of the item at this index."""
        state = self._items.get(index)
        if state is None:
            state = self._items[index] = ItemState()
        return state

    # --- items ---

    def open_item(self, index: int, raw: Raw) -> list[Event]:
        """An item begins: a call is told at once, with its name."""
        events: list[Event] = []
        kind = decode_leniently(HEAD, raw, events).type
        if kind in ("function_call", "custom_tool_call"):
            events += self._start_call(self.item(index), kind, CALL.decode(raw))
        return events

    def read_item(self, index: int, raw: Raw) -> list[Event]:
        """What was not told yet of a finished item."""
        state = self.item(index)
        if state.done:
            return []
        state.done = True
        events: list[Event] = []
        kind = decode_leniently(HEAD, raw, events).type or ""
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
        called = call.call_id or new_id("call_")
        return [ToolCallStarted(state.call, called, call.name, 0, "custom" if custom else "function")]

    def _read_call(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        call = CALL.decode(raw)
        events = self._start_call(state, kind, call)
        if state.call is None:
            return [NativeBlock(NAME, raw)]
        told = call.input if kind == "custom_tool_call" else (call.arguments or "{}")
        if not state.said and told:
            events.append(ToolCallDelta(state.call, told))
        return events

    def _read_message(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        events: list[Event] = []
        for index, part in enumerate(decode_leniently(MESSAGE, raw, events).content or ()):
            if part.text and index not in state.said:
                events.append(TextDelta(part.text))
                if part.logprobs:
                    events.append(LogprobsDelta(Raw(ENCODE(part.logprobs))))
            if part.refusal and index not in state.said:
                events.append(RefusalDelta(part.refusal))
            told = state.cited.get(index, 0)
            for one in (part.annotations or [])[told:]:
                read_annotation(one, events)
        return events

    def _read_reasoning(self, state: ItemState, kind: str, raw: Raw) -> list[Event]:
        events: list[Event] = []
        item = decode_aside(REASONING, raw, events, "reasoning")
        if item is None:
            return events
        if not state.summaries and not state.said:
            text = "\n\n".join(part.text for part in item.summary or item.content or ())
            if text:
                events.append(ReasoningDelta(text))
        if item.encrypted_content:
            readable = bool(events or state.summaries or state.said)
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
    """A citation, in our form and in its own."""
    told = decode_aside(ANNOTATION, raw, events, "annotation")
    if told is not None:
        places = (told.start_index, told.end_index)
        events.append(
            CitationAdded(url=told.url, title=told.title, start=places[0], end=places[1], native=raw)
        )


class BodyReader:
    """The reader of a whole answer (see contract.Reader)."""

    done = False

    def __init__(self, customs: frozenset[str] | None = None) -> None:
        self._pieces: list[bytes] = []
        self._state = AnswerState(customs)

    def feed(self, data: bytes) -> list[Event]:
        """Keep the bytes: JSON means nothing before it is whole."""
        self._pieces.append(data)
        return []

    def close(self) -> list[Event]:
        """All events of the answer."""
        body = b"".join(self._pieces)
        left_out: list[Event] = []
        try:
            response = decode_leniently(RESPONSE, body, left_out)
            return left_out + self._state.finish(response)
        except MALFORMED as error:
            return self._state.fail(malformed("the provider's answer", error))


class StreamReader:
    """The reader of a stream (see contract.Reader)."""

    def __init__(self, customs: frozenset[str] | None = None) -> None:
        self._splitter = Splitter()
        self._state = AnswerState(customs)

    @property
    def done(self) -> bool:
        """Whether the event with the finished response was there."""
        return self._state.ended

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        if self._state.over:
            return []
        # The usual case: one whole event with more of the text.
        if data.startswith(TEXT_EVENT) and data.endswith(b"\n\n") and not self._splitter.waiting:
            told = _read_text_alone(data)
            if told is not None and self._state.started:
                self._state.item(told.output_index).said.add(told.content_index)
                return [TextDelta(told.delta)]
        try:
            pieces = self._splitter.feed(data)
        except ProviderError as error:
            return self._state.fail(error)
        return self._read(pieces)

    def close(self) -> list[Event]:
        """The events of the end."""
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
            except MALFORMED as error:
                told = error_of_event(piece.name, piece.data)
                if told is not None:
                    events += self._state.fail(told)
                elif self._concerns(piece):
                    events += self._state.fail(malformed("an event of the provider's stream", error))
        return events

    def _concerns(self, piece: ServerSentEvent) -> bool:
        """Whether an event is one that is read. Providers add others, of other forms."""
        try:
            kind = HEAD.decode(piece.data).type
        except MALFORMED:
            return True
        return kind is None or kind in self._READS

    def _read_event(self, event: EventOut, piece: ServerSentEvent) -> list[Event]:
        read = self._READS.get(event.type)
        if read is not None:
            return read(self, event)
        if piece.name == b"error" or event.error:
            return self._read_error(event)
        told = None if event.type else error_of_event(piece.name, piece.data)
        return [] if told is None else self._state.fail(told)

    # --- one method per event ---

    def _read_start(self, event: EventOut) -> list[Event]:
        return [] if event.response is None else self._state.start(event.response)

    def _read_end(self, event: EventOut) -> list[Event]:
        return [] if event.response is None else self._state.finish(event.response)

    def _read_error(self, event: EventOut) -> list[Event]:
        told = {"message": event.message, "code": event.code, "param": event.param}
        return self._state.fail(failure_of(event.error or told))

    def _read_added(self, event: EventOut) -> list[Event]:
        return self._state.open_item(event.output_index, event.item) if says(event.item) else []

    def _read_done(self, event: EventOut) -> list[Event]:
        return self._state.read_item(event.output_index, event.item) if says(event.item) else []

    def _read_text(self, event: EventOut) -> list[Event]:
        self._state.item(event.output_index).said.add(event.content_index)
        events: list[Event] = [TextDelta(event.delta)] if event.delta else []
        return [*events, LogprobsDelta(Raw(ENCODE(event.logprobs)))] if event.logprobs else events

    def _read_refusal(self, event: EventOut) -> list[Event]:
        self._state.item(event.output_index).said.add(event.content_index)
        return [RefusalDelta(event.delta)] if event.delta else []

    def _read_summary(self, event: EventOut) -> list[Event]:
        known = self._state.item(event.output_index).summaries
        between = "\n\n" if known and event.summary_index not in known else ""
        known.add(event.summary_index)
        return [ReasoningDelta(between + event.delta)] if event.delta else []

    def _read_thinking(self, event: EventOut) -> list[Event]:
        self._state.item(event.output_index).said.add(event.content_index)
        return [ReasoningDelta(event.delta)] if event.delta else []

    def _read_arguments(self, event: EventOut) -> list[Event]:
        state = self._state.item(event.output_index)
        if state.call is None or not event.delta:
            return []
        state.said.add(0)
        return [ToolCallDelta(state.call, event.delta)]

    def _read_annotation(self, event: EventOut) -> list[Event]:
        if not says(event.annotation):
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
        "response.completed": _read_end,
        "response.incomplete": _read_end,
        "response.failed": _read_end,
        "response.cancelled": _read_end,
        "error": _read_error,
    }


TEXT_EVENT = b"event: response.output_text.delta\ndata: "
NO_LOGPROBS = (b"[]", b"")


def _read_text_alone(data: bytes) -> TextOut | None:
    """The one event of text that these bytes are; None where they are more, or it tells more."""
    try:
        told = TEXT.decode(data[len(TEXT_EVENT) :])
    except MALFORMED:
        return None
    return told if told.delta and bytes(told.logprobs) in NO_LOGPROBS else None
