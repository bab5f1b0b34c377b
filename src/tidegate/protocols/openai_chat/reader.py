"""From a provider's answer to events: whole answers and streams, OpenAI's and its followers'."""

from msgspec import Raw

from tidegate.protocols.contract import Call, Target
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.errors import InvalidRequest, ProviderBroke, ProviderError
from tidegate.protocols.events import (
    AudioDelta,
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
from tidegate.protocols.functions import custom_text
from tidegate.protocols.ids import new_id
from tidegate.protocols.media import parse_url
from tidegate.protocols.sse import ServerSentEvent, Splitter
from tidegate.protocols.turn import Inline

from .build import thinking_text
from .clean import read_text
from .error import error_inside
from .inline import InlineThinking
from .render import ChatCall
from .usage import parse_served, parse_usage
from .wire import ENCODE, FORMATS, NAME, has_list
from .wire_answer import (
    NOTHING,
    AnswerOut,
    CallOut,
    ChoiceOut,
    Delta,
    FunctionOut,
    ImageOut,
    PartOut,
    decode_answer,
    decode_chunk,
)

__all__ = ["FINISHES", "BodyReader", "StreamReader", "map_finish"]

FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "eos": "stop",  # Together's older models
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_call": "tool_calls",  # DeepSeek hosted by Azure
    "tool_use": "tool_calls",
    "model_length": "length",  # Mistral
    "max_tokens": "length",
    "sensitive": "content_filter",  # Z.ai
}
"""Finish reasons of this format, and those that leak through it. Others are `stop`, and kept aside."""

BROKEN_FINISHES = frozenset({"error", "insufficient_system_resource", "network_error", "abort", "aborted"})
"""Finish reasons that say that the answer is not whole (Mistral, DeepSeek, Z.ai, servers of open models)."""


def map_finish(reason: str) -> FinishReason:
    """A provider's finish reason in OpenAI's words."""
    return FINISHES.get(reason, "stop")


# --- reading ---------------------------------------------------------------------------------


class CallState:
    """A call that is being told."""

    __slots__ = ("id", "index", "said", "wrapped")

    def __init__(self, index: int, call_id: str, wrapped: bool) -> None:
        self.index = index
        self.id = call_id
        self.said = False
        """Whether any of its arguments came."""
        self.wrapped: list[str] | None = [] if wrapped else None
        """The pieces of a free text that comes as a function's arguments: it is told when it is whole."""


class ChoiceState:
    """A choice that is being told."""

    __slots__ = ("by_place", "calls", "finish", "index", "inline", "native", "thinks_plainly")

    def __init__(self, index: int) -> None:
        self.index = index
        self.finish: str | None = None
        """The provider's finish reason, held back until the answer ends: it may come twice, before
        more content, or before an error."""
        self.native: str | None = None
        self.inline: InlineThinking | None = None
        """Tells thinking and text apart, where they come as one."""
        self.thinks_plainly = False
        """Whether thinking is told as plain text; what `reasoning_details` have of it is the same again."""
        self.calls: list[CallState] = []
        self.by_place: dict[int, CallState] = {}
        """The latest call at each of the provider's own indexes."""


class AnswerState:
    """What is known of an answer so far, and how its pieces become events."""

    def __init__(self, call: Call, target: Target, *, whole: bool) -> None:
        self.failed = False
        self._custom_tools = call.custom_tools if isinstance(call, ChatCall) else frozenset()
        self._whole = whole
        self._tells_finish = target.profile.tells_finish
        self._inline = target.dialect.inline_thinking
        self._started = False
        self.ended = False
        self._choices: dict[int, ChoiceState] = {}
        self._cited: set[str] = set()

    # --- one piece ---

    def read(self, answer: AnswerOut) -> list[Event]:
        """The events of a chunk, or of a whole answer."""
        choices = answer.choices or ()
        error = answer.error
        for choice in choices:
            error = error or choice.error
        if error:
            return self.fail(error_inside(error))
        events: list[Event] = []
        if self.ended:
            self._report(answer, events)
            return events
        if not self._started and (choices or answer.id):
            self._start(answer, events)
        for choice in choices:
            state = self._choices.get(choice.index or 0) or self._new_choice(choice.index or 0)
            self._read_choice(choice, state, events)
        if answer.citations or answer.search_results:
            self._cite(answer, events)
        if answer.usage is not None or answer.x_groq is not None:
            self._report(answer, events)
        return events

    def _said(self, choice: ChoiceOut) -> Delta:
        """What a choice says. Perplexity has both, and both names wrong: in a stream the message is
        everything so far, in a whole answer the delta is empty.
        """
        said = (choice.message, choice.delta) if self._whole else (choice.delta, choice.message)
        return said[0] or said[1] or NOTHING

    def _start(self, answer: AnswerOut, events: list[Event]) -> None:
        self._started = True
        created = int(answer.created) if answer.created else None
        events.append(Started(answer.id or "", answer.model or "", created))

    def _new_choice(self, index: int) -> ChoiceState:
        state = self._choices[index] = ChoiceState(index)
        state.inline = InlineThinking() if self._inline else None
        return state

    def _read_choice(self, choice: ChoiceOut, state: ChoiceState, events: list[Event]) -> None:
        delta = self._said(choice)
        content = delta.content
        # The usual case: a text, and nothing else in the delta.
        if type(content) is str and content and state.inline is None and _says_only_text(delta):
            events.append(TextDelta(content, state.index))
        else:
            self._read_delta(delta, state, events)
        if choice.logprobs is not None and has_list(choice.logprobs.content):
            events.append(LogprobsDelta(choice.logprobs.content, state.index))
        if choice.finish_reason:
            state.finish = choice.finish_reason
            state.native = choice.native_finish_reason

    def _report(self, answer: AnswerOut, events: list[Event]) -> None:
        told = answer.usage or (answer.x_groq.usage if answer.x_groq else None)
        usage = parse_usage(told) if told is not None else None
        if usage is not None:
            events.append(UsageReported(usage, parse_served(answer.service_tier, told)))

    def _read_delta(self, delta: Delta, state: ChoiceState, events: list[Event]) -> None:
        choice = state.index
        if delta.reasoning_details or delta.reasoning_content or delta.reasoning:
            self._think(delta, state, events)
        if delta.native_blocks:
            events.extend(NativeBlock(one.format, one.block, choice) for one in delta.native_blocks)
        signature = delta.extra_content.signature if delta.extra_content else None
        if isinstance(delta.content, str):
            if state.inline is not None:
                events += _told_apart(state.inline.feed(delta.content), choice)
            elif delta.content or signature:
                events.append(TextDelta(delta.content, choice, signature))
        elif delta.content:
            self._read_parts(delta.content, choice, events)
        elif signature:
            events.append(TextDelta("", choice, signature))
        if delta.refusal:
            events.append(RefusalDelta(delta.refusal, choice))
        if delta.tool_calls:
            for position, call in enumerate(delta.tool_calls):
                self._read_call(call, position, state, events)
        if delta.function_call is not None:
            self._read_call(CallOut(0, function=delta.function_call), 0, state, events)
        self._read_rest(delta, choice, events)

    def _read_rest(self, delta: Delta, choice: int, events: list[Event]) -> None:
        for note in delta.annotations or ():
            cited = note.url_citation
            if cited is not None:
                start, end = cited.start_index, cited.end_index
                events.append(
                    CitationAdded(url=cited.url, title=cited.title, start=start, end=end, choice=choice)
                )
        events.extend(CitationAdded(native=native, choice=choice) for native in delta.citations or ())
        events.extend(_read_image(image, choice) for image in delta.images or ())
        if delta.audio is not None:
            events.append(AudioDelta(Raw(ENCODE(delta.audio)), choice))

    def _read_parts(self, parts: list[PartOut], choice: int, events: list[Event]) -> None:
        """Mistral's content list: thinking and text."""
        for part in parts:
            thought = thinking_text(part.thinking) if part.type == "thinking" else ""
            if thought:
                events.append(ReasoningDelta(thought, choice))
            if part.type == "text" and part.text:
                events.append(TextDelta(part.text, choice))

    def _think(self, delta: Delta, state: ChoiceState, events: list[Event]) -> None:
        """Thinking: the readable text once, then what signatures it."""
        choice = state.index
        text = delta.reasoning_content or delta.reasoning
        if text:
            state.thinks_plainly = True
            events.append(ReasoningDelta(text, choice))
        for detail in delta.reasoning_details or ():
            signed_by = FORMATS.get(detail.format or "", detail.format) or "unknown"
            said = detail.text or detail.summary
            if said and not state.thinks_plainly:
                events.append(ReasoningDelta(said, choice))
            if detail.signature:
                events.append(ReasoningSigned(detail.signature, signed_by, choice))
            if detail.data:
                events.append(ReasoningEncrypted(detail.data, signed_by, choice))

    def _cite(self, answer: AnswerOut, events: list[Event]) -> None:
        """Perplexity's sources, which it repeats in every chunk."""
        titles = {one.url: one.title for one in answer.search_results or () if one.url}
        listed = [url for url in answer.citations or () if isinstance(url, str)]
        for url in listed or titles:
            if url not in self._cited:
                self._cited.add(url)
                events.append(CitationAdded(url=url, title=titles.get(url)))

    # --- calls ---

    def _read_call(self, call: CallOut, position: int, state: ChoiceState, events: list[Event]) -> None:
        place = position if call.index is None else call.index
        known = state.by_place.get(place)
        if known is None or (call.id and known.id != call.id):
            # Some give every parallel call the same index: a new id is a new call.
            known = self._start_call(call, place, state, events)
        piece = call.custom.input if call.custom is not None else _arguments(call.function)
        if piece and known.wrapped is not None:
            known.wrapped.append(piece)
        elif piece:
            known.said = True
            events.append(ToolCallDelta(known.index, piece, state.index))

    def _start_call(self, call: CallOut, place: int, state: ChoiceState, events: list[Event]) -> CallState:
        name = (call.custom.name if call.custom else call.function.name if call.function else None) or ""
        custom = call.custom is not None or name in self._custom_tools
        known = CallState(len(state.calls), call.id or new_id("call_"), custom and call.custom is None)
        state.calls.append(known)
        state.by_place[place] = known
        signature = call.extra_content.signature if call.extra_content else None
        known.said = call.custom is not None
        events.append(
            ToolCallStarted(
                known.index, known.id, name, state.index, "custom" if custom else "function", signature
            )
        )
        return known

    # --- the end ---

    def suppose_finished(self) -> None:
        """Take what is there as finished: OpenRouter tells some finished answers without a reason,
        and JSON that is whole was not cut.
        """
        for state in self._choices.values():
            state.finish = state.finish or "stop"

    def end(self) -> list[Event]:
        """The events of the end of the answer: what was held back, or that it is not whole."""
        if self.failed or self.ended:
            return []
        unfinished = [state for state in self._choices.values() if state.finish is None]
        if not self._choices or (unfinished and self._tells_finish):
            return self.fail(ProviderBroke("the provider's answer ended before it was finished"))
        broken = [state.finish for state in self._choices.values() if state.finish in BROKEN_FINISHES]
        if broken:
            return self.fail(ProviderBroke(f"the provider ended its answer with the reason {broken[0]!r}"))
        self.ended = True
        events: list[Event] = []
        for _, state in sorted(self._choices.items()):
            if state.inline is not None:
                events += _told_apart(state.inline.close(), state.index)
            events += [
                ToolCallDelta(call.index, _held(call), state.index) for call in state.calls if not call.said
            ]
            events.append(_finish(state))
        return events

    def read_text(self, data: bytes, events: list[Event]) -> bool:
        """Whether a chunk is text for choices that have begun and nothing else; adds its events if so."""
        choices = read_text(data)
        if choices is None:
            return False
        begun = self._choices
        for choice in choices:
            if choice.index not in begun:
                return False
        events += [TextDelta(choice.delta.content, choice.index) for choice in choices]
        return True

    @property
    def goes_on(self) -> bool:
        """Whether the answer has begun, and may go on with text that is read as it comes."""
        return self._started and not self.ended and not self.failed and not self._inline

    def fail(self, error: ProviderError) -> list[Event]:
        """The answer is over: the provider failed."""
        self.failed = True
        return [Failed(error)]


def _says_only_text(delta: Delta) -> bool:
    return (
        delta.tool_calls is None
        and delta.reasoning_content is None
        and delta.reasoning is None
        and delta.refusal is None
        and delta.reasoning_details is None
        and delta.annotations is None
        and delta.audio is None
        and delta.extra_content is None
        and delta.function_call is None
        and delta.citations is None
        and delta.images is None
        and delta.native_blocks is None
    )


def _read_image(image: ImageOut, choice: int) -> Event:
    try:
        source = parse_url(image.image_url.url if image.image_url else "", "")
    except InvalidRequest:
        source = None
    if isinstance(source, Inline):
        return ImageAdded(source.media_type, source.data, choice)
    return NativeBlock(NAME, Raw(ENCODE(image)), choice)


def _told_apart(told: tuple[str, str], choice: int) -> list[Event]:
    thinking, text = told
    events: list[Event] = [ReasoningDelta(thinking, choice)] if thinking else []
    return [*events, TextDelta(text, choice)] if text else events


def _held(call: CallState) -> str:
    """What is told of a call at its end: the text of a custom tool, or that there are no arguments."""
    return "{}" if call.wrapped is None else custom_text("".join(call.wrapped))


def _finish(state: ChoiceState) -> Finished:
    told = state.finish or "stop"
    reason = map_finish(told)
    if reason == "stop" and state.calls:  # OpenAI itself says stop where a tool was forced
        reason = "tool_calls"
    native = state.native or (None if told in ("function_call", reason, "stop") else told)
    return Finished(reason, state.index, None if native == reason else native)


def _arguments(function: FunctionOut | None) -> str:
    told = function.arguments if function is not None else None
    if told is None or isinstance(told, str):
        return told or ""
    return ENCODE(told).decode()


class BodyReader:
    """The reader of a whole answer (see contract.Reader)."""

    done = False

    def __init__(self, call: Call, target: Target) -> None:
        self._pieces: list[bytes] = []
        self._state = AnswerState(call, target, whole=True)

    def feed(self, data: bytes) -> list[Event]:
        """Keep the bytes: JSON means nothing before it is whole."""
        self._pieces.append(data)
        return []

    def close(self) -> list[Event]:
        """All events of the answer."""
        answer = decode_answer(b"".join(self._pieces))
        if isinstance(answer, ProviderError):
            return self._state.fail(answer)
        events = self._state.read(answer)
        if self._state.failed:
            return events
        self._state.suppose_finished()
        return _in_order(events, self._state.end())


def _in_order(events: list[Event], ending: list[Event]) -> list[Event]:
    """The finish before the usage, as in a stream."""
    reports = [event for event in events if isinstance(event, UsageReported)]
    return [*(event for event in events if not isinstance(event, UsageReported)), *ending, *reports]


class StreamReader:
    """The reader of a stream (see contract.Reader)."""

    __slots__ = ("_splitter", "_state", "_steady")

    def __init__(self, call: Call, target: Target) -> None:
        self._splitter = Splitter()
        self._state = AnswerState(call, target, whole=False)
        self._steady = False
        """Whether the answer goes on, and nothing waits for the end of an event."""

    @property
    def done(self) -> bool:
        """Whether `[DONE]` was there."""
        return self._state.ended

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        # The usual case: whole chunks that are text and nothing else.
        if self._steady:
            events = self._read_texts(data)
            if events is not None:
                return events
        events = self._feed(data)
        self._steady = self._state.goes_on and not self._splitter.waiting
        return events

    def _read_texts(self, data: bytes) -> list[Event] | None:
        """The events of whole chunks of text; None where one of them may be anything else."""
        events: list[Event] = []
        if data.find(b"\n") == len(data) - 2:
            text = data.startswith(b"data: {") and self._state.read_text(data[6:-2], events)
            return events if text else None
        if not data.endswith(b"\n\n"):
            return None
        for block in data[:-2].split(b"\n\n"):
            whole = block.startswith(b"data: {") and b"\n" not in block
            if not whole or not self._state.read_text(block[6:], events):
                return None
        return events

    def _feed(self, data: bytes) -> list[Event]:
        if self._state.failed or self._state.ended:
            return []
        try:
            pieces = self._splitter.feed(data)
        except ProviderError as error:
            return self._state.fail(error)
        if len(pieces) == 1:
            return self._read_piece(pieces[0])
        return self._read(pieces)

    def close(self) -> list[Event]:
        """The events of the end."""
        events = self._read(self._splitter.close())
        return events if self._state.failed else events + self._state.end()

    def _read(self, pieces: list[ServerSentEvent]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            if self._state.failed or self._state.ended:
                break
            events += self._read_piece(piece)
        return events

    def _read_piece(self, piece: ServerSentEvent) -> list[Event]:
        name, data = piece
        if data == b"[DONE]":
            return self._state.end()
        try:
            answer = decode_chunk(data)
        except MALFORMED as error:
            if not data.strip():
                return []
            return self._state.fail(malformed("an event of the provider's stream", error))
        if name == b"error" and not answer.error:
            return self._state.fail(error_inside(data.decode("utf-8", "replace")))
        return self._state.read(answer)
