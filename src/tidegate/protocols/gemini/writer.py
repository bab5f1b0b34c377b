"""Writes answers for clients of the Gemini door: events with CRLF, one JSON array, or one JSON object.

Gemini has no deltas for calls: calls are written completely when their choice is finished. The last chunk has
the finish reasons and the tokens, as Google's has.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeGuard

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.errors import TidegateError
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Finished,
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
from tidegate.protocols.finishes import WORDS, own_words
from tidegate.protocols.functions import arguments_object
from tidegate.protocols.ids import new_id
from tidegate.protocols.turn import ToolCall
from tidegate.protocols.usage import Usage

from .citations import Citations
from .error import render_error_body
from .foreign import wrap_redacted, wrap_thought
from .usage import render_usage
from .wire import (
    NOTHING,
    AnyPart,
    Blob,
    FunctionCall,
    LogprobsCandidate,
    LogprobsResult,
    OutCandidate,
    OutContent,
    TopCandidates,
    WirePart,
)

__all__ = ["ArrayWriter", "BodyWriter", "StreamWriter"]

FORMAT = "gemini"

_OWN_REASONS = own_words("gemini")
"""Native reasons that Gemini clients know; others are mapped to OpenAI's four."""

_ENCODE = msgspec.json.Encoder().encode


class _Choice:
    """The state of one choice."""

    __slots__ = ("calls", "citations", "finish", "index", "logprobs", "parts")

    def __init__(self, index: int) -> None:
        self.index = index
        self.parts: list[AnyPart] = []
        """Parts that have not been written yet."""
        self.calls: dict[int, tuple[ToolCallStarted, list[str]]] = {}
        """Calls by index, with the pieces of their arguments."""
        # the end
        self.citations = Citations()
        self.logprobs: list[Any] = []
        self.finish: Finished | None = None

    def take_parts(self) -> list[AnyPart]:
        """Return the parts to write; includes the calls if the choice is finished."""
        parts = self.parts
        self.parts = []
        if self.finish is not None and self.calls:
            parts += [_call(started, "".join(pieces)) for started, pieces in self.calls.values()]
            self.calls.clear()
        return parts

    def end(self, parts: Sequence[AnyPart]) -> OutCandidate:
        """Return the candidate that ends this choice."""
        finish = self.finish or Finished("stop", self.index)
        native = finish.native if finish.native in _OWN_REASONS else None
        return OutCandidate(
            content=OutContent(parts=parts, role="model"),
            finish_reason=native or WORDS["gemini"][finish.reason],
            finish_message=finish.detail,
            index=self.index,
            grounding_metadata=self.citations.grounding(),
            citation_metadata=self.citations.recitation(),
            url_context_metadata=self.citations.url_context(),
            logprobs_result=_logprobs(self.logprobs),
        )


class _Pen:
    """The common base of the writers: collects events per choice."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._id = ""
        self._created = ""
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}
        self._changed: dict[int, _Choice] = {}
        """The choices that have something to write."""
        self._tail = b""
        self.leave_out: Callable[[str], None] = lambda _: None
        """See contract.Writer."""

    def _at(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index)
        self._changed[index] = choice
        return choice

    def _note(self, events: Sequence[Event]) -> None:
        for event in events:
            self.NOTES[type(event)](self, event)

    def _note_start(self, event: Started) -> None:
        self._id = event.id
        self._model = event.model or self._model
        if event.created is not None:
            self._created = datetime.fromtimestamp(event.created, UTC).isoformat().replace("+00:00", "Z")

    def _note_text(self, event: TextDelta) -> None:
        choice = self._at(event.choice)
        choice.citations.add_text(event.text)
        choice.parts.append(WirePart(text=event.text, thought_signature=event.signature))

    def _note_refusal(self, event: RefusalDelta) -> None:
        self._at(event.choice).parts.append(WirePart(text=event.text))

    def _note_thought(self, event: ReasoningDelta) -> None:
        self._at(event.choice).parts.append(WirePart(text=event.text, thought=True))

    def _note_signature(self, event: ReasoningSigned) -> None:
        signature = wrap_thought(event.signature, event.format)
        self._at(event.choice).parts.append(WirePart(text="", thought=True, thought_signature=signature))

    def _note_redacted(self, event: ReasoningEncrypted) -> None:
        signature = wrap_redacted(event.data, event.format)
        self._at(event.choice).parts.append(WirePart(text="", thought=True, thought_signature=signature))

    def _note_image(self, event: ImageAdded) -> None:
        blob = Blob(mime_type=event.media_type, data=event.data)
        self._at(event.choice).parts.append(WirePart(inline_data=blob, thought_signature=event.signature))

    def _note_audio(self, event: AudioDelta) -> None:
        self._at(event.choice).parts.extend(_speech(event))

    def _note_native(self, event: NativeBlock) -> None:
        if event.format == FORMAT:
            self._at(event.choice).parts.append(event.block)
        else:
            self.leave_out("native_blocks")

    def _note_call(self, event: ToolCallStarted) -> None:
        self._at(event.choice).calls[event.index] = (event, [])

    def _note_arguments(self, event: ToolCallDelta) -> None:
        self._at(event.choice).calls[event.index][1].append(event.arguments)

    def _note_logprobs(self, event: LogprobsDelta) -> None:
        self._at(event.choice).logprobs += _LOGPROBS.decode(event.content)

    def _note_citation(self, event: CitationAdded) -> None:
        self._at(event.choice).citations.add(event)

    def _note_finish(self, event: Finished) -> None:
        self._at(event.choice).finish = event

    def _note_usage(self, event: UsageReported) -> None:
        self._usage = event.usage

    NOTES: ClassVar[dict[type, Callable[["_Pen", Any], None]]] = {
        Started: _note_start,
        TextDelta: _note_text,
        ReasoningDelta: _note_thought,
        ReasoningSigned: _note_signature,
        ReasoningEncrypted: _note_redacted,
        ToolCallStarted: _note_call,
        ToolCallDelta: _note_arguments,
        RefusalDelta: _note_refusal,
        LogprobsDelta: _note_logprobs,
        CitationAdded: _note_citation,
        ImageAdded: _note_image,
        AudioDelta: _note_audio,
        NativeBlock: _note_native,
        Finished: _note_finish,
        UsageReported: _note_usage,
    }

    def _answer(self, candidates: Sequence[OutCandidate], usage: Usage | None = None) -> bytes:
        """Encode a GenerateContentResponse."""
        if not self._tail:
            named = {"modelVersion": self._model, "responseId": self._id or new_id()}
            if self._created:
                named["createTime"] = self._created
            self._tail = b"," + _ENCODE(named)[1:]
        tokens = b"" if usage is None else b',"usageMetadata":' + _ENCODE(render_usage(usage))
        return b'{"candidates":' + _ENCODE(candidates) + tokens + self._tail


class StreamWriter(_Pen):
    """Writes server-sent events."""

    def resume(self, started: Started, text: TextDelta) -> None:
        """Go on in a stream that has begun; citations count from the beginning of its text."""
        self._note_start(started)
        if text.text:
            self._choices[0] = _Choice(0)
            self._choices[0].citations.add_text(text.text)

    def write(self, events: Sequence[Event]) -> bytes:
        """See Writer."""
        self._note(events)
        written: list[bytes] = []
        for choice in self._changed.values():
            parts = choice.take_parts()
            if parts:
                content = OutContent(parts=parts, role="model")
                candidate = OutCandidate(content=content, index=choice.index)
                written.append(self._frame(self._answer((candidate,))))
        self._changed.clear()
        return b"".join(written)

    def close(self) -> bytes:
        """See Writer."""
        empty = (WirePart(text=""),)
        ends = [choice.end(empty) for choice in self._choices.values()]
        return self._frame(self._answer(ends, self._usage))

    def abort(self, error: TidegateError) -> bytes:
        """See Writer. Google's own streams end like this: the error follows the events without `data:`."""
        return render_error_body(error) + b"\r\n\r\n"

    def _frame(self, answer: bytes) -> bytes:
        return b"data: " + answer + b"\r\n\r\n"


class ArrayWriter(StreamWriter):
    """Writes one JSON array, element by element."""

    _begun = False

    def resume(self, started: Started, text: TextDelta) -> None:
        """See StreamWriter."""
        super().resume(started, text)
        self._begun = True

    def close(self) -> bytes:
        """See Writer."""
        return super().close() + b"]"

    def abort(self, error: TidegateError) -> bytes:
        """See Writer."""
        return self._frame(render_error_body(error)) + b"]"

    def _frame(self, answer: bytes) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + answer


class BodyWriter(_Pen):
    """Writes one JSON object."""

    def write(self, events: Sequence[Event]) -> bytes:
        """See Writer."""
        self._note(events)
        return b""

    def close(self) -> bytes:
        """See Writer."""
        return self._answer(
            [choice.end(_join(choice.take_parts())) for choice in self._choices.values()], self._usage
        )

    def abort(self, error: TidegateError) -> bytes:
        """See Writer."""
        return render_error_body(error)


# --- parts -----------------------------------------------------------------------------------


def _join(parts: list[AnyPart]) -> list[AnyPart]:
    """Join consecutive texts; a signature ends a text."""
    joined: list[AnyPart] = []
    run: list[WirePart] = []
    for part in parts:
        if not (run and _goes_on(run[-1], part)):
            joined += _one(run)
            run = []
        if _is_text(part):
            run.append(part)
        else:
            joined.append(part)
    return joined + _one(run)


def _goes_on(last: WirePart, part: AnyPart) -> bool:
    return _is_text(part) and part.thought == last.thought and not last.thought_signature


def _one(run: list[WirePart]) -> list[AnyPart]:
    """Join texts to one part."""
    if len(run) < 2:
        return [*run]
    text = "".join([part.text or "" for part in run])
    return [WirePart(text=text, thought=run[-1].thought, thought_signature=run[-1].thought_signature)]


def _is_text(part: AnyPart | None) -> TypeGuard[WirePart]:
    return isinstance(part, WirePart) and part.text is not None


def _call(started: ToolCallStarted, arguments: str) -> WirePart:
    """Write a complete call. Arguments that are not an object (of a custom tool, or truncated) become its
    `input`.
    """
    decoded = arguments_object(ToolCall(started.id, started.name, arguments, started.kind))
    call = FunctionCall(id=started.id, name=started.name, args=decoded)
    return WirePart(function_call=call, thought_signature=started.signature)


def _speech(event: AudioDelta) -> list[WirePart]:
    """Write OpenAI's audio object, with its transcript as a text."""
    speech = msgspec.json.decode(event.audio, type=Speech)
    parts = [WirePart(text=speech.transcript)] if speech.transcript else []
    if speech.data:
        parts.append(WirePart(inline_data=Blob(mime_type=speech.media_type, data=speech.data)))
    return parts


class Speech(Struct, frozen=True):
    """The fields of OpenAI's audio object that Gemini has a counterpart for."""

    data: str | None = None
    transcript: str | None = None
    media_type: str = "audio/L16;codec=pcm;rate=24000"
    """Tidegate's extension; without it the audio is OpenAI's `pcm16`."""


class Logprob(Struct, frozen=True):
    """An entry of OpenAI's list."""

    token: str = ""
    logprob: float = 0.0
    top_logprobs: "list[Logprob] | None" = None


_LOGPROBS = msgspec.json.Decoder(list[Logprob])


def _logprobs(entries: list[Logprob]) -> Raw:
    """Convert OpenAI's single list to Google's two."""
    if not entries:
        return NOTHING
    result = LogprobsResult(
        chosen_candidates=[_logprob(one) for one in entries],
        top_candidates=[
            TopCandidates(candidates=list(map(_logprob, one.top_logprobs or ()))) for one in entries
        ],
    )
    return Raw(_ENCODE(result))


def _logprob(entry: Logprob) -> LogprobsCandidate:
    return LogprobsCandidate(token=entry.token, log_probability=entry.logprob)
