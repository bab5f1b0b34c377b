"""Conversion of answers to events: complete answers and streams, from OpenAI and compatible services."""

from typing import Any, Literal

from msgspec import Raw

from tidegate.protocols.calls import Assembly, CallPiece, CallUpdate, OpenCall, nameless_call
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.errors import InvalidRequest, ProviderBroke, ProviderError
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Failed,
    Finished,
    ImageAdded,
    LeftOut,
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
from tidegate.protocols.fields import ENCODE, is_set
from tidegate.protocols.finishes import broken_finish, end_with, finish_of, is_broken
from tidegate.protocols.functions import custom_text
from tidegate.protocols.lenient import look_closer
from tidegate.protocols.media import parse_url
from tidegate.protocols.sse import ServerSentEvent, Splitter, is_several, without_mark
from tidegate.protocols.turn import Inline

from .build import thinking_text
from .clean import read_text
from .error import error_inside, error_of_event
from .inline import InlineThinking
from .render import ChatCall
from .usage import parse_served, parse_usage
from .wire import FORMATS, NAME, has_list
from .wire_answer import (
    ANSWER,
    MARKS,
    NOTHING,
    PLAIN_PARTS,
    THOUGHTS,
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

__all__ = ["BodyReader", "StreamReader"]

# --- reading ---------------------------------------------------------------------------------


class ChoiceState:
    """The state of a choice while it is read."""

    __slots__ = (
        "calls",
        "filled",
        "finish",
        "has_tool_calls",
        "index",
        "inline",
        "native",
        "thinks_plainly",
        "wrapped",
    )  # fmt: skip

    def __init__(self, index: int) -> None:
        self.index = index
        self.finish: str | None = None
        """The provider's finish reason, held back until the answer ends: it may be repeated, or precede more
        content or an error."""
        self.native: str | None = None
        self.inline: InlineThinking | None = None
        """Separates thinking from text, for providers that send them as one."""
        self.thinks_plainly = False
        """Whether thinking arrives as plain text; the texts in `reasoning_details` are then duplicates."""
        self.calls = Assembly()
        self.has_tool_calls = False
        """Whether there were `tool_calls`; a deprecated `function_call` is then a duplicate."""
        self.filled: set[int] = set()
        """Calls that have received arguments, or need none."""
        self.wrapped: dict[int, list[str]] = {}
        """Pieces of free-text input sent as a function's arguments; they are emitted once complete."""


class AnswerState:
    """The state of an answer while its pieces are converted to events."""

    def __init__(self, call: Call, target: Target, *, whole: bool) -> None:
        self.failed = False
        self._custom_tools = call.custom_tools if isinstance(call, ChatCall) else frozenset()
        self._whole = whole
        self._reports_finish = target.profile.reports_finish
        self._inline = target.dialect.inline_thinking
        self._started = False
        self.ended = False
        self._choices: dict[int, ChoiceState] = {}
        self._cited: set[str] = set()

    # --- one piece ---

    def read(self, answer: AnswerOut) -> list[Event]:
        """Return the events of a chunk, or of a complete answer."""
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
        for choice in choices:
            if choice.finish_reason and is_broken(choice.finish_reason):
                return events + self.fail(broken_finish(choice.finish_reason))
        return events

    def _content_of(self, choice: ChoiceOut) -> Delta:
        """Return the new content of a choice. Perplexity sends both fields, with their meanings changed: in a
        stream the message is the content so far, in a complete answer the delta is empty.
        """
        candidates = (choice.message, choice.delta) if self._whole else (choice.delta, choice.message)
        return candidates[0] or candidates[1] or (Delta(choice.text) if choice.text else NOTHING)

    def _start(self, answer: AnswerOut, events: list[Event]) -> None:
        self._started = True
        created = int(answer.created) if answer.created else None
        events.append(Started(answer.id or "", answer.model or "", created))

    def _new_choice(self, index: int) -> ChoiceState:
        state = self._choices[index] = ChoiceState(index)
        state.inline = InlineThinking() if self._inline else None
        return state

    def _read_choice(self, choice: ChoiceOut, state: ChoiceState, events: list[Event]) -> None:
        delta = self._content_of(choice)
        content = delta.content
        # The usual case: a text, and nothing else in the delta.
        if type(content) is str and content and state.inline is None and _is_only_text(delta):
            if state.calls.calls:
                self._flush_calls(state, events)
            events.append(TextDelta(content, state.index))
        else:
            self._read_delta(delta, state, events)
        if choice.logprobs is not None and is_set(choice.logprobs.content):
            listed = has_list(choice.logprobs.content)
            events.append(
                LogprobsDelta(choice.logprobs.content, state.index) if listed else LeftOut("logprobs")
            )
        if choice.finish_reason:
            state.finish = choice.finish_reason
            state.native = choice.native_finish_reason

    def _report(self, answer: AnswerOut, events: list[Event]) -> None:
        counts = answer.usage or (answer.x_groq.usage if answer.x_groq else None)
        usage = parse_usage(counts) if counts is not None else None
        if usage is not None:
            events.append(UsageReported(usage, parse_served(answer.service_tier, counts)))

    def _read_delta(self, delta: Delta, state: ChoiceState, events: list[Event]) -> None:
        choice = state.index
        if delta.reasoning_details or delta.reasoning_content or delta.reasoning or _other_thinking(delta):
            self._think(delta, state, events)
        if delta.native_blocks:
            events.extend(NativeBlock(one.format, one.block, choice) for one in delta.native_blocks)
        signature = delta.extra_content.signature if delta.extra_content else None
        if isinstance(delta.content, str):
            if state.inline is not None:
                events += _separated(state.inline.feed(delta.content), choice)
            elif delta.content or signature:
                events.append(TextDelta(delta.content, choice, signature))
        elif delta.content:
            self._read_parts(delta.content, state, events)
        elif signature:
            events.append(TextDelta("", choice, signature))
        if delta.refusal:
            events.append(RefusalDelta(delta.refusal, choice))
        if delta.tool_calls:
            state.has_tool_calls = True
            self._read_calls(delta.tool_calls, state, events)
        elif delta.function_call is not None and not state.has_tool_calls:
            self._read_calls([CallOut(function=delta.function_call)], state, events)
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

    def _read_parts(self, parts: list[PartOut], state: ChoiceState, events: list[Event]) -> None:
        """Read a content list: Mistral's thinking and text, and what other formats have in theirs."""
        choice = state.index
        for part in parts:
            if part.type in THOUGHTS:
                _read_thought(part, choice, events)
            elif part.name and part.type in CALLS:
                arguments = part.input if part.arguments is None else part.arguments
                called = CallOut(id=part.id, name=part.name, arguments=arguments)
                self._read_calls([called], state, events)
            elif part.text:
                events.append(TextDelta(part.text, choice))
            if part.refusal:
                events.append(RefusalDelta(part.refusal, choice))
            if part.image_url is not None:
                events.append(_read_image(ImageOut(part.image_url), choice))
            elif part.type not in KNOWN_PARTS and not part.text:
                events.append(LeftOut("content.part"))

    def _think(self, delta: Delta, state: ChoiceState, events: list[Event]) -> None:
        """Read thinking: the readable text once, then its signature."""
        choice = state.index
        text = delta.reasoning_content or delta.reasoning or delta.reasoning_text or delta.thinking
        if text:
            state.thinks_plainly = True
            events.append(ReasoningDelta(text, choice))
        if not delta.reasoning_details:
            for block in delta.thinking_blocks or ():
                _read_thought(block, choice, events, said=state.thinks_plainly)
        for detail in delta.reasoning_details or ():
            signed_by = FORMATS.get(detail.format or "", detail.format) or "unknown"
            text = detail.text or detail.summary
            if text and not state.thinks_plainly:
                events.append(ReasoningDelta(text, choice))
            if detail.signature:
                events.append(ReasoningSigned(detail.signature, signed_by, choice))
            if detail.data:
                events.append(ReasoningEncrypted(detail.data, signed_by, choice))

    def _cite(self, answer: AnswerOut, events: list[Event]) -> None:
        """Read Perplexity's sources, which every chunk repeats."""
        titles = {one.url: one.title for one in answer.search_results or () if one.url}
        listed = [url for url in answer.citations or () if isinstance(url, str)]
        for url in listed or titles:
            if url not in self._cited:
                self._cited.add(url)
                events.append(CitationAdded(url=url, title=titles.get(url)))

    # --- calls ---

    def _read_calls(self, calls: list[CallOut], state: ChoiceState, events: list[Event]) -> None:
        pieces = [_piece(call) for call in calls]
        if self._whole:
            updates = state.calls.add_whole(pieces)
        else:
            updates = [
                update for place, piece in enumerate(pieces) for update in state.calls.add(piece, place)
            ]
        for update in updates:
            self._update_call(update, state, events)

    def _update_call(self, update: CallUpdate, state: ChoiceState, events: list[Event]) -> None:
        call = update.call
        if update.begins:
            self._start_call(call, state, events)
        wrapped = state.wrapped.get(call.index)
        if wrapped is not None:
            wrapped.append(update.arguments)
        elif update.arguments:
            state.filled.add(call.index)
            events.append(ToolCallDelta(call.index, update.arguments, state.index))

    def _start_call(self, call: OpenCall, state: ChoiceState, events: list[Event]) -> None:
        fields = call.fields or {}
        is_custom = fields.get("custom", False)
        custom = is_custom or call.name in self._custom_tools
        if is_custom:
            state.filled.add(call.index)
        elif custom:
            state.wrapped[call.index] = []
        kind: Literal["function", "custom"] = "custom" if custom else "function"
        signature = fields.get("signature")
        events.append(ToolCallStarted(call.index, call.id, call.name, state.index, kind, signature))

    def _flush_calls(self, state: ChoiceState, events: list[Event]) -> None:
        """Begin the calls whose names are complete, because other content follows."""
        for update in state.calls.flush():
            self._update_call(update, state, events)

    # --- the end ---

    def suppose_finished(self) -> None:
        """Treat choices without a finish reason as finished: OpenRouter sends some complete answers without
        one, and JSON that is complete was not cut off.
        """
        for state in self._choices.values():
            state.finish = state.finish or "stop"

    def end(self) -> list[Event]:
        """Return the events at the end of the answer: what was held back, or `Failed` if it is incomplete."""
        if self.failed or self.ended:
            return []
        unfinished = [state for state in self._choices.values() if state.finish is None]
        if not self._choices or (unfinished and self._reports_finish):
            return self.fail(ProviderBroke("the provider's answer ended before it was finished"))
        for state in self._choices.values():
            if state.calls.nameless():
                return self.fail(nameless_call())
        self.ended = True
        events: list[Event] = []
        for _, state in sorted(self._choices.items()):
            if state.inline is not None:
                events += _separated(state.inline.close(), state.index)
            self._flush_calls(state, events)
            events += [
                ToolCallDelta(call.index, _held(state.wrapped.get(call.index)), state.index)
                for call in state.calls.calls
                if call.begun and call.index not in state.filled
            ]
            events.append(_finish(state))
        return events

    @property
    def finished(self) -> bool:
        """Whether every choice has a finish reason."""
        return bool(self._choices) and all(state.finish is not None for state in self._choices.values())

    def read_text(self, data: bytes, events: list[Event]) -> bool:
        """Return whether a chunk contains only text for choices that have begun; if so, append its events."""
        choices = read_text(data)
        if choices is None:
            return False
        begun = self._choices
        for choice in choices:
            state = begun.get(choice.index)
            if state is None or state.calls.calls:
                return False
        events += [TextDelta(choice.delta.content, choice.index) for choice in choices]
        return True

    @property
    def choices(self) -> list[int]:
        """The choices that have begun, by index."""
        return list(self._choices)

    @property
    def has_calls(self) -> bool:
        """Whether a piece of a call has arrived; its name may still be incomplete."""
        return any(state.calls.calls for state in self._choices.values())

    @property
    def goes_on(self) -> bool:
        """Whether the answer has begun, and its text can be read by the fast path."""
        return self._started and not self.ended and not self.failed and not self._inline

    def fail(self, error: ProviderError) -> list[Event]:
        """End the answer: the provider failed."""
        self.failed = True
        return [Failed(error)]


def _is_only_text(delta: Delta) -> bool:
    return (
        delta.tool_calls is None
        and delta.reasoning_content is None
        and delta.reasoning is None
        and not _other_thinking(delta)
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


def _other_thinking(delta: Delta) -> bool:
    return bool(delta.reasoning_text or delta.thinking or delta.thinking_blocks)


def _read_thought(part: PartOut, choice: int, events: list[Event], *, said: bool = False) -> None:
    """Read a block of thinking; `said` is whether its text has been read elsewhere."""
    text = thinking_text(part.thinking) or part.text
    if text and not said:
        events.append(ReasoningDelta(text, choice))
    if part.signature:
        events.append(ReasoningSigned(part.signature, BLOCKS_FORMAT, choice))
    if part.data:
        events.append(ReasoningEncrypted(part.data, BLOCKS_FORMAT, choice))


CALLS = frozenset({"tool_use", "tool_call", "function_call", "function"})
"""Types of parts."""
KNOWN_PARTS = PLAIN_PARTS | THOUGHTS | CALLS
"""Types of parts that are read."""
BLOCKS_FORMAT = "anthropic"
"""The format whose blocks of thinking have a signature."""


def _read_image(image: ImageOut, choice: int) -> Event:
    try:
        source = parse_url(image.image_url.url if image.image_url else "", "")
    except InvalidRequest:
        source = None
    if isinstance(source, Inline):
        return ImageAdded(source.media_type, source.data, choice)
    return NativeBlock(NAME, Raw(ENCODE(image)), choice)


def _separated(pieces: tuple[str, str], choice: int) -> list[Event]:
    thinking, text = pieces
    events: list[Event] = [ReasoningDelta(thinking, choice)] if thinking else []
    return [*events, TextDelta(text, choice)] if text else events


def _held(wrapped: list[str] | None) -> str:
    """Return the final arguments of a call: the text of a custom tool, or an empty object."""
    return "{}" if wrapped is None else custom_text("".join(wrapped))


def _finish(state: ChoiceState) -> Finished:
    reported = state.finish or "stop"
    reason = end_with(finish_of(reported), calls=state.calls.begun > 0)
    native = state.native or (None if reported in ("function_call", reason, "stop") else reported)
    return Finished(reason, state.index, None if native == reason else native)


def _piece(call: CallOut) -> CallPiece:
    """Convert a call in a delta, or in a complete answer, to a `CallPiece`."""
    custom, function = call.custom, call.function
    if custom is None and function is None and call.name:
        function = FunctionOut(call.name, call.arguments)
    if custom is not None and function is not None and custom.name is None and custom.input is None:
        custom = None  # some gateways send an empty object beside every function
    name = custom.name if custom is not None else function.name if function is not None else None
    fields: dict[str, Any] | None = {"custom": True} if custom is not None else None
    if call.extra_content is not None and call.extra_content.signature:
        fields = {**(fields or {}), "signature": call.extra_content.signature}
    text = (custom.input or "") if custom is not None else _arguments(function)
    return CallPiece(call.index, call.id or "", name or "", text, fields)


def _arguments(function: FunctionOut | None) -> str:
    arguments = function.arguments if function is not None else None
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return ENCODE(arguments).decode()


class BodyReader:
    """The reader of a complete answer (see contract.Reader)."""

    done = False

    def __init__(self, call: Call, target: Target) -> None:
        self._pieces: list[bytes] = []
        self._call, self._target = call, target

    def feed(self, data: bytes) -> list[Event]:
        """Collect the bytes; JSON can only be read once complete."""
        self._pieces.append(data)
        return []

    def close(self) -> list[Event]:
        """Return all events of the answer."""
        left_out: list[Event] = []
        body = without_mark(b"".join(self._pieces))
        if is_several(body):
            stream = StreamReader(self._call, self._target)
            return [*stream.feed(body), *stream.close()]
        state = AnswerState(self._call, self._target, whole=True)
        answer = decode_answer(body, left_out)
        if isinstance(answer, ProviderError):
            return state.fail(error_of_event(b"", body) or answer)
        events = left_out + state.read(answer)
        if state.failed:
            return events
        state.suppose_finished()
        return _in_order(events, state.end())


def _in_order(events: list[Event], ending: list[Event]) -> list[Event]:
    """Put the finish before the usage, as in a stream."""
    reports = [event for event in events if isinstance(event, UsageReported)]
    return [*(event for event in events if not isinstance(event, UsageReported)), *ending, *reports]


class StreamReader:
    """The reader of a stream (see contract.Reader)."""

    __slots__ = ("_splitter", "_state", "_steady")

    def __init__(self, call: Call, target: Target) -> None:
        self._splitter = Splitter()
        self._state = AnswerState(call, target, whole=False)
        self._steady = False
        """Whether the answer continues and no incomplete event is buffered."""

    @property
    def done(self) -> bool:
        """Whether `[DONE]` has arrived."""
        return self._state.ended

    @property
    def lacks_half(self) -> bool:
        """See Bridge.close."""
        return self._splitter.lacks_half

    @property
    def finished(self) -> bool:
        """See Conduit."""
        return self._state.finished

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        # The usual case: complete chunks that contain only text.
        if self._steady:
            events = self._read_texts(data)
            if events is not None:
                return events
        events = self._feed(data)
        self._steady = self._state.goes_on and not self._splitter.waiting
        return events

    def text_of(self, data: bytes) -> str | None:
        """See FramedReader."""
        if not self._steady or data.find(b"\n") != len(data) - 2:
            return None
        events = self._read_texts(data) or ()
        texts = [one.text for one in events if type(one) is TextDelta and not one.choice]
        return texts[0] if len(texts) == len(events) == 1 else None

    def skip_text(self, text: str) -> None:
        """See FramedReader: nothing depends on the texts so far."""

    def _read_texts(self, data: bytes) -> list[Event] | None:
        """Return the events of complete chunks of text; None if any of them may be something else."""
        events: list[Event] = []
        if data.find(b"\n") == len(data) - 2:
            text = data.startswith(b"data: {") and self._state.read_text(data[6:-2], events)
            return events if text else None
        if not data.endswith(b"\n\n"):
            return None
        for block in data[:-2].split(b"\n\n"):
            whole = block.startswith(b"data: {") and block.find(b"\n") < 0
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

    @property
    def choices(self) -> list[int]:
        """The choices that have begun, by index."""
        return self._state.choices

    @property
    def has_calls(self) -> bool:
        """Whether a piece of a call has arrived; its name may still be incomplete."""
        return self._state.has_calls

    def close(self) -> list[Event]:
        """Return the events at the end of the stream."""
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
        left_out: list[Event] = []
        try:
            answer = decode_chunk(data, left_out)
        except MALFORMED as error:
            reported = error_of_event(name, data)
            return self._state.fail(reported or malformed("an event of the provider's stream", error))
        if not answer.choices and not answer.error:
            reported = error_of_event(name, data)
            if reported is not None:
                return self._state.fail(reported)
            answer = look_closer(ANSWER, data, MARKS, left_out) or answer
        return left_out + self._state.read(answer) if left_out else self._state.read(answer)
