"""The reader of Gemini's answers: one JSON object, an array of them, or server-sent events.

Every event of a stream is a complete GenerateContentResponse with new content. There is no end mark: the
stream is complete if it ends and every choice had a finish reason. Since old models send one with every
chunk, and content may follow it, `Finished` waits for the end of the input.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.calls import nameless_call
from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.envelopes import respelled, unwrapped
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import (
    AudioDelta,
    Event,
    Failed,
    Finished,
    ImageAdded,
    LeftOut,
    LogprobsDelta,
    NativeBlock,
    ReasoningDelta,
    ReasoningSigned,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.fields import FIELDS
from tidegate.protocols.finishes import broken_finish, end_with, meaning_of
from tidegate.protocols.functions import arguments_text, custom_text
from tidegate.protocols.ids import new_id
from tidegate.protocols.lenient import decode_leniently, look_closer
from tidegate.protocols.served import served
from tidegate.protocols.sound_json import make_sound
from tidegate.protocols.sse import MAX_EVENT, Splitter
from tidegate.protocols.usage import Usage
from tidegate.protocols.wide_numbers import decode_any

from .error import parse_inner_error
from .ids import call_ids
from .partial import OpenArguments
from .sources import Sources
from .usage import parse_usage, with_searches
from .wire import (
    Answer,
    Blob,
    Candidate,
    FunctionCall,
    LogprobsCandidate,
    LogprobsResult,
    PromptFeedback,
    SafetyRating,
    WirePart,
)

__all__ = ["SNAKE_CASE", "GeminiReader", "is_one_event"]

FORMAT = "gemini"

NO_ARGUMENTS = (b"", b"null", b"{}")
"""Of a call that ends one in pieces."""
_PLAIN_FINISHES = frozenset({"STOP", "MAX_TOKENS"})

_ANSWER = msgspec.json.Decoder(Answer)
MARKS = frozenset({"candidates", "promptFeedback"})
"""What only an answer has."""
SNAKE_CASE = re.compile(
    rb'"(?:finish_(?:reason|message)|usage_metadata|model_version|response_id|safety_ratings|prompt_feedback'
    rb'|function_call|inline_data|thought_signature|create_time|grounding_metadata|citation_metadata)"\s*:'
)
"""Fields as Google's client libraries name them, which some servers send. A server has one spelling."""
_ANSWERS = msgspec.json.Decoder(list[Raw])
_LOGPROBS = msgspec.json.Decoder(LogprobsResult)
_RATINGS = msgspec.json.Decoder(list[SafetyRating])


class _Choice:
    """The state of one choice."""

    __slots__ = ("calls", "detail", "finish", "index", "open", "ratings", "sources")

    def __init__(self, index: int) -> None:
        self.index = index
        self.sources = Sources()
        # calls
        self.calls = 0
        self.open: OpenArguments | None = None
        """The call whose arguments are arriving in pieces."""
        # the end
        self.finish: str | None = None
        self.detail: str | None = None
        self.ratings = Raw()


class GeminiReader:
    """Reads one answer. `custom` are the names of tools whose argument is free text."""

    __slots__ = (
        "_choices",
        "_custom",
        "_decode",
        "_document",
        "_feedback",
        "_ids",
        "_is_over",
        "_must_finish",
        "_splitter",
        "_started",
        "_tree",
        "usage",
    )  # fmt: skip

    done = False
    """This format has no end mark."""

    def __init__(self, stream: bool, custom: frozenset[str] = frozenset()) -> None:
        # the request
        self._must_finish = stream
        """A stream without a finish reason was cut off; a JSON object is complete by its closing brace."""
        self._custom = custom
        # the bytes
        self._splitter: Splitter | None = None
        self._document: bytearray | None = None
        """Collects an answer that is plain JSON, which is read once complete."""
        self._is_over = False
        # the answer
        self._decode: Callable[[bytes], Answer] = _ANSWER.decode
        self._started = False
        self._tree: Any = None
        """The chunk that is being read, once parts of it are needed as they were written."""
        self._choices: dict[int, _Choice] = {}
        self._ids = call_ids()
        self._feedback: PromptFeedback | None = None
        self.usage: Usage | None = None

    @property
    def finished(self) -> bool:
        """See Conduit."""
        return bool(self._choices) and all(choice.finish is not None for choice in self._choices.values())

    @property
    def lacks_half(self) -> bool:
        """See Bridge.close."""
        return self._splitter is not None and self._splitter.lacks_half

    def feed(self, data: bytes) -> list[Event]:
        """See Reader."""
        if self._splitter is None or self._is_over:
            return self._begin(data)
        events: list[Event] = []
        # The usual case: one complete event. Anything that is not JSON falls through to the general case.
        if is_one_event(data) and not self._splitter.waiting:
            try:
                answer = self._decode(data[6:])
            except MALFORMED:
                pass
            else:
                self._take(answer, data[6:], events)
                return events
        try:
            for block in self._splitter.feed(data):
                self._read(block.data, events)
        except ProviderBroke as error:
            self._fail(error, events)
        return events

    def close(self) -> list[Event]:
        """See Reader."""
        events: list[Event] = []
        if self._document is not None:
            self._read_document(bytes(self._document), events)
        elif self._splitter is not None:
            for block in self._splitter.close():
                self._read(block.data, events)
        if not self._is_over:
            self._finish(events)
        self._is_over = True
        return events

    # --- bytes ---

    def _begin(self, data: bytes) -> list[Event]:
        """Read the first bytes, and all bytes of a document."""
        if self._is_over:
            return []
        if self._document is None:
            data = data.lstrip()
            if not data:
                return []
            if data[:1] not in (b"{", b"["):
                self._splitter = Splitter(whole=b'"functionCall"')
                return self.feed(data)
            self._document = bytearray()
        self._document += data
        events: list[Event] = []
        if len(self._document) > MAX_EVENT:
            self._fail(ProviderBroke(f"the provider sent an answer of more than {MAX_EVENT} bytes"), events)
        return events

    def _read_document(self, data: bytes, events: list[Event]) -> None:
        """Read one answer, or the array of answers that the stream endpoint returns without `alt=sse`."""
        if self._is_over:
            return
        if data[:1] == b"{":
            self._read(data, events)
            return
        self._must_finish = True
        for element in _elements(data):
            self._read(element, events)

    def _read(self, data: bytes, events: list[Event]) -> None:
        if self._is_over or data == b"[DONE]":
            return
        try:
            answer = self._decode(data)
        except MALFORMED:
            data = make_sound(data)
            try:
                answer = decode_leniently(_ANSWER, data, events)
            except MALFORMED as error:
                self._break(error, data, events)
                return
        self._take(answer, data, events)

    # --- answers ---

    def _take(self, answer: Answer, data: bytes, events: list[Event]) -> None:
        """Read an answer whose less common parts may still be malformed."""
        try:
            self._read_answer(answer, data, events)
        except MALFORMED as error:
            self._break(error, data, events)
        except ProviderBroke as error:
            self._fail(error, events)

    def _read_answer(self, answer: Answer, data: bytes, events: list[Event]) -> None:
        if answer.error:
            self._fail(parse_inner_error(answer.error), events)
            return
        if not answer.candidates:
            answer = self._look_closer(answer, data, events)
        if not self._started:
            if SNAKE_CASE.search(data) is not None:
                self._decode = _respelled
                answer = look_closer(_ANSWER, data, MARKS, events) or answer
            self._started = True
            events.append(
                Started(answer.response_id or "", answer.model_version or "", _seconds(answer.create_time))
            )
        for position, candidate in enumerate(answer.candidates or ()):
            self._read_candidate(candidate, data, position, events)
        self._tree = None
        if answer.prompt_feedback is not None:
            self._feedback = answer.prompt_feedback
        if answer.usage_metadata is not None:
            usage = parse_usage(answer.usage_metadata)
            if usage is not None:
                self.usage = usage
                events.append(UsageReported(usage, served(answer.usage_metadata.service_tier)))

    def _look_closer(self, answer: Answer, data: bytes, events: list[Event]) -> Answer:
        """Look for the candidates of an answer that seems to have none."""
        if answer.prompt_feedback is not None or answer.usage_metadata is not None:
            return answer
        return look_closer(_ANSWER, data, MARKS, events) or answer

    def _read_candidate(self, candidate: Candidate, data: bytes, position: int, events: list[Event]) -> None:
        index = candidate.index or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index)
        content = candidate.content
        if content is not None and content.text and not content.parts:
            _read_text(WirePart(text=content.text), content.text, choice, events)
        if content is not None and content.parts:
            for number, part in enumerate(content.parts):
                if part.text is not None and part.function_call is None:
                    _read_text(part, part.text, choice, events)
                elif part.function_call is not None:
                    if part.text:
                        _read_text(part, part.text, choice, events)
                    self._read_call(part.function_call, part.thought_signature, choice, events)
                elif part.inline_data is None:
                    _read_other(part, choice, self._raw_part(part, data, position, number), events)
                elif not _read_media(part, part.inline_data, choice, events):
                    raw = self._raw_part(part, data, position, number)
                    events.append(NativeBlock(FORMAT, raw, choice.index))
        if candidate.logprobs_result:
            try:
                events.extend(_read_logprobs(candidate.logprobs_result, index))
            except MALFORMED:
                events.append(LeftOut("logprobsResult"))
        if candidate.finish_reason:
            choice.finish = candidate.finish_reason
            choice.detail = candidate.finish_message
            choice.ratings = candidate.safety_ratings
        _note_sources(candidate, choice.sources)

    def _read_call(
        self, call: FunctionCall, signature: str | None, choice: _Choice, events: list[Event]
    ) -> None:
        if call.name:
            self._close_call(choice, events)
            kind = "custom" if call.name in self._custom else "function"
            events.append(
                ToolCallStarted(
                    choice.calls, self._ids.take(call.id), call.name, choice.index, kind, signature  # type: ignore[arg-type]
                )
            )  # fmt: skip
            choice.calls += 1
            if not call.will_continue and not call.partial_args:
                events.append(self._arguments(call.name, bytes(call.args), choice))
                return
            choice.open = OpenArguments(call.name, _object(call.args))
        elif choice.open is None and call.args not in NO_ARGUMENTS:
            raise nameless_call()
        if choice.open is not None:
            choice.open.add(call.partial_args or ())
            if not call.will_continue:
                self._close_call(choice, events)

    def _close_call(self, choice: _Choice, events: list[Event]) -> None:
        if choice.open is not None:
            events.append(self._arguments(choice.open.name, choice.open.whole(), choice))
            choice.open = None

    def _arguments(self, name: str, args: bytes, choice: _Choice) -> ToolCallDelta:
        """Return the arguments of the last call as compact JSON text."""
        text = arguments_text(msgspec.json.format(args or b"{}", indent=-1).decode())
        if name in self._custom:
            text = custom_text(text)
        return ToolCallDelta(choice.calls - 1, text, choice.index)

    def _raw_part(self, read: WirePart, data: bytes, candidate: int, part: int) -> Raw:
        """Return a part as Google wrote it, in compact JSON. Such parts are rare: for the first one in a
        chunk, the chunk is decoded again.
        """
        if self._tree is None:
            self._tree = unwrapped(decode_any(data), MARKS)
        try:
            written = self._tree["candidates"][candidate]["content"]["parts"][part]
        except (LookupError, TypeError):  # its place is another; known are the fields that were read
            written = read
        return Raw(msgspec.json.encode(written))

    # --- the end ---

    def _finish(self, events: list[Event]) -> None:
        """End an answer without failures."""
        fault = self._fault()
        if fault:
            self._fail(ProviderBroke(fault), events)
            return
        if not self._choices and self._feedback is not None:
            events.append(_blocked(0, self._feedback))
        self._emit_sources(events)
        for choice in self._choices.values():
            if choice.finish is None and self._feedback is not None and self._feedback.block_reason:
                events.append(_blocked(choice.index, self._feedback))
            else:
                events.append(_finished(choice))
                if isinstance(events[-1], Failed):
                    return

    def _emit_sources(self, events: list[Event]) -> None:
        """Emit what had to wait for the complete text: the citations, and the searches that found them."""
        searches = 0
        for choice in self._choices.values():
            self._close_call(choice, events)
            events.extend(choice.sources.events(choice.index))
            searches += choice.sources.searches()
        if searches:
            self.usage = with_searches(self.usage, searches)
            events.append(UsageReported(self.usage))

    def _fault(self) -> str:
        """Return what is missing in an answer that has ended."""
        if not self._started:
            return "the provider's answer is empty or neither JSON nor an event stream"
        if not self._choices:
            return "" if self._feedback is not None else "the provider's answer has no candidates"
        if self._feedback is not None and self._feedback.block_reason:
            return ""
        if self._must_finish and any(choice.finish is None for choice in self._choices.values()):
            return "the provider's stream ended without a finish reason"
        return ""

    def _break(self, error: Exception, data: bytes, events: list[Event]) -> None:
        """Fail for input that cannot be read. The message quotes a truncated error, but never an answer."""
        if _CUT_ERROR.match(data):
            said = data[:500].decode(errors="replace")
            self._fail(
                ProviderBroke(f"the provider's stream ended in an error that is cut off: {said}"), events
            )
        else:
            self._fail(malformed("the provider's answer", error), events)

    def _fail(self, error: ProviderError, events: list[Event]) -> None:
        self._is_over = True
        events.append(Failed(error))


# --- parts -----------------------------------------------------------------------------------


def _read_text(part: WirePart, text: str, choice: _Choice, events: list[Event]) -> None:
    signature = part.thought_signature
    if part.thought:
        if text:
            events.append(ReasoningDelta(text, choice.index))
        if signature:
            events.append(ReasoningSigned(signature, FORMAT, choice.index))
    elif text or signature:
        choice.sources.add_text(text)
        events.append(TextDelta(text, choice.index, signature))


def _read_media(part: WirePart, blob: Blob, choice: _Choice, events: list[Event]) -> bool:
    """Read an image or audio. Returns whether it is one."""
    if blob.mime_type.startswith("image/"):
        events.append(ImageAdded(blob.mime_type, blob.data, choice.index, part.thought_signature))
    elif blob.mime_type.startswith("audio/"):
        events.append(AudioDelta(_audio(blob), choice.index))
    else:
        return False
    return True


def _audio(blob: Blob) -> Raw:
    """Return OpenAI's `audio` object. Gemini sends 16-bit PCM (`audio/L16;codec=pcm;rate=24000`), which is
    OpenAI's `pcm16`, without a transcript or an id to refer to it later.
    """
    audio = {
        "id": new_id("audio_"),
        "data": blob.data,
        "expires_at": 0,
        "transcript": "",
        "media_type": blob.mime_type,
    }
    return Raw(msgspec.json.encode(audio))


def _read_other(part: WirePart, choice: _Choice, raw: Raw, events: list[Event]) -> None:
    """Read a part without text, call or media: only a signature, or a type that only Gemini has."""
    if set(FIELDS.decode(raw)) - {"thought", "thoughtSignature"}:
        events.append(NativeBlock(FORMAT, raw, choice.index))
    elif part.thought_signature and part.thought:
        events.append(ReasoningSigned(part.thought_signature, FORMAT, choice.index))
    elif part.thought_signature:
        events.append(TextDelta("", choice.index, part.thought_signature))


def _object(args: Raw) -> dict[str, Any]:
    """Return the first part of arguments that arrive in pieces."""
    return msgspec.convert(decode_any(args), dict[str, Any]) if args else {}


def _read_logprobs(raw: Raw, choice: int) -> Iterator[LogprobsDelta]:
    """Convert Google's two parallel lists to OpenAI's single list."""
    result = _LOGPROBS.decode(raw)
    tops = [top.candidates or [] for top in result.top_candidates or ()]
    content = [
        {
            **_logprob(chosen),
            "top_logprobs": [_logprob(top) for top in tops[place]] if place < len(tops) else [],
        }
        for place, chosen in enumerate(result.chosen_candidates or ())
    ]
    if content:
        yield LogprobsDelta(Raw(msgspec.json.encode(content)), choice)


def _logprob(candidate: LogprobsCandidate) -> dict[str, Any]:
    token = candidate.token
    return {
        "token": token,
        "logprob": candidate.log_probability,
        "bytes": list(token.encode(errors="replace")),
    }


def _note_sources(candidate: Candidate, sources: Sources) -> None:
    if candidate.citation_metadata is not None:
        sources.add_citations(candidate.citation_metadata.citation_sources)
        sources.add_citations(candidate.citation_metadata.citations)
    if candidate.grounding_metadata:
        sources.add_native("groundingMetadata", candidate.grounding_metadata)
    if candidate.url_context_metadata:
        sources.add_native("urlContextMetadata", candidate.url_context_metadata)


# --- finish reasons --------------------------------------------------------------------------


def _finished(choice: _Choice) -> Finished | Failed:
    """Return the end of a choice."""
    native = choice.finish or "STOP"
    reason = meaning_of(native)
    if reason == "error":
        return Failed(broken_finish(native, choice.detail))
    reason = end_with(reason, calls=choice.calls > 0)
    return Finished(
        reason,
        choice.index,
        native=None if native in _PLAIN_FINISHES else native,
        detail=choice.detail or (_harms(choice.ratings) if reason == "content_filter" else None),
    )


def _harms(ratings: Raw) -> str | None:
    """Return the harm categories for which Google blocked an answer, if it sends no message."""
    try:
        blocked = (
            [rating.category for rating in _RATINGS.decode(ratings) if rating.blocked] if ratings else []
        )
    except MALFORMED:
        return None
    return ", ".join(blocked) or None


def _respelled(data: bytes) -> Answer:
    """Decode an answer in snake_case. Raises one of MALFORMED."""
    found = unwrapped(decode_any(data), MARKS)
    return _ANSWER.decode(msgspec.json.encode(respelled({} if found is None else found, Answer)))


def _blocked(choice: int, feedback: PromptFeedback) -> Finished:
    return Finished(
        "content_filter", choice, native=feedback.block_reason, detail=feedback.block_reason_message
    )


def is_one_event(data: bytes) -> bool:
    """Return whether these bytes look like exactly one of Google's events: a line of JSON and two CRLF."""
    return data.startswith(b'data: {"') and data.endswith(b"}\r\n\r\n") and data.find(b"\n") == len(data) - 3


# --- helpers ---------------------------------------------------------------------------------


def _elements(data: bytes) -> Iterator[bytes]:
    """Return the elements of a JSON array; if it is truncated, the complete ones and then the rest."""
    try:
        yield from (bytes(element) for element in _ANSWERS.decode(data))
    except MALFORMED:
        yield from _whole_elements(data.decode(errors="replace"))


def _whole_elements(text: str) -> Iterator[bytes]:
    decoder = json.JSONDecoder()
    place = 1
    while True:
        between = _BETWEEN.match(text, place)
        start = between.end() if between is not None else place
        try:
            _, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            yield text[start:].encode()
            return
        yield text[start:place].encode()


_CUT_ERROR = re.compile(rb'\s*\{\s*"error"\s*:')
_BETWEEN = re.compile(r"[ \t\r\n,]*")


def _seconds(time: str | None) -> int | None:
    """Return the seconds since the epoch of an RFC 3339 time (sent by Vertex)."""
    try:
        return int(datetime.fromisoformat(time).timestamp()) if time else None
    except (ValueError, OverflowError):
        return None
