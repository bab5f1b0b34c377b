"""Conduits that forward the provider's bytes unchanged and decode only what accounting needs."""

import re
from typing import Any

from msgspec import Struct, ValidationError
from msgspec.json import Decoder

from tidegate.protocols.conduits import OtherForm
from tidegate.protocols.decode import MALFORMED, check_utf8, require_json
from tidegate.protocols.envelopes import unwrapped
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.fields import ENCODE, FIELDS
from tidegate.protocols.finishes import finish_of
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.openai_conduits import (
    ChoiceView,
    OpenAIBody,
    OpenAIStream,
    failure_in,
    note_finishes,
)
from tidegate.protocols.sound_json import with_halves_kept
from tidegate.protocols.sse import KEEP_ALIVE, ServerSentEvent, frame
from tidegate.protocols.text_frames import TextFrame, around
from tidegate.protocols.wide_numbers import decode_any

from .dialect import OPENAI_FINISHES
from .error import error_of_event
from .usage import UsageIn, parse_served, parse_usage
from .wire_answer import MARKS, OLDER
from .writer import CHUNK

__all__ = ["BodySplice", "StreamSplice"]


class ChunkView(Struct, gc=False):
    """The fields of most chunks that accounting needs."""

    choices: list[ChoiceView] | None = None
    usage: UsageIn | None = None
    error: Any = None


class FirstView(ChunkView, gc=False):
    """The fields of the first chunk, the last chunk and a complete answer that accounting needs."""

    id: str | None = None
    model: str | None = None
    service_tier: Any = None
    object: Any = None


class CallForm(Struct, gc=False):
    """A call, as clients read it."""

    id: str | None = None
    function: dict[str, Any] | None = None


class MessageForm(Struct, gc=False):
    """A message, as clients read it."""

    content: str | None = None
    tool_calls: list[CallForm] | None = None


class ChoiceForm(Struct, gc=False):
    """A choice, as clients read it."""

    message: MessageForm


class AnswerForm(Struct, gc=False):
    """A complete answer, as clients read it."""

    choices: list[ChoiceForm]


VIEW = Decoder(ChunkView)
WHOLE = Decoder(dict[str, Any])
FIRST_VIEW = Decoder(FirstView)
FORM = Decoder(AnswerForm)


class StreamSplice(OpenAIStream):
    """The conduit of a stream."""

    __slots__ = ("_choices", "_frame", "_include_usage", "_known", "_reports_finish")

    def __init__(self, *, include_usage: bool, reports_finish: bool, choices: int) -> None:
        super().__init__()
        self._choices = choices
        self._include_usage = include_usage
        self._reports_finish = reports_finish
        self._known = False
        """Whether id and model are known; they are read only once."""
        self._frame = TextFrame()

    def feed(self, data: bytes) -> bytes:
        """Return the provider's bytes up to the end of the last complete event."""
        # The usual case: complete chunks in which there is nothing to count.
        if self._known and not self._blocks.waiting and not self._is_over():
            if self._frame.text_in(data) is not None:
                return data
            if _only_goes_on(data):
                self._frame.learn(data, _text_of, lambda text: around(data, text))
                return data
        return OpenAIStream.feed(self, data)  # super() costs a tenth of a microsecond

    def _take_event(self, block: bytes, event: ServerSentEvent) -> bytes:
        """See OpenAIStream."""
        data = event.data
        if self._known and _goes_on(data):
            return block + b"\n\n"
        if data == b"[DONE]":
            return self._finish(block)
        try:
            decoder: Decoder[Any] = VIEW if self._known else FIRST_VIEW
            sound = require_json(data)
            view: ChunkView = decode_view(decoder, sound, self.tally.leave_out)
            if sound is not data:
                data = with_halves_kept(data)
                block = b"data: " + data
        except ValidationError:
            return block + b"\n\n"  # events of unknown types are forwarded too
        except MALFORMED as error:
            raise error_of_event(event.name, data) or error from None
        failure = failure_in(view.error, view.choices)
        if failure is None and not view.choices:
            failure = error_of_event(event.name, data)
        kept = self._count(block, data, sound, view)
        if failure is not None:
            raise failure
        return kept

    def _count(self, block: bytes, data: bytes, sound: bytes, view: ChunkView) -> bytes:
        if isinstance(view, FirstView):
            if view.object == OLDER or (not view.choices and view.usage is None and is_wrapped(data)):
                raise OtherForm
            if view.id:
                self.tally.id, self.tally.model = view.id, view.model or ""
                self._known = True
            self.tally.note(parse_served(view.service_tier, None))
        note_finishes(self.tally, view.choices)
        if view.choices and (b'"message"' in data or has_foreign_finish(view.choices)):
            data = sound = _as_chunk(sound)
            block = b"data: " + data
        if view.usage is not None:
            self.tally.usage = parse_usage(view.usage) or self.tally.usage
            last = decode_view(FIRST_VIEW, sound, self.tally.leave_out)
            self.tally.note(parse_served(last.service_tier, view.usage))
            if not self._include_usage:
                return frame(_without_usage(sound)) if view.choices else b""
        return (block if view.choices is not None else _with_choices(block, sound)) + b"\n\n"

    def _end(self) -> bytes:
        """See StreamConduit. A server may omit the mark after the finish reason of its only choice."""
        return self._finish(b"") if self._choices == 1 and self.tally.finish is not None else super()._end()

    def _finish(self, block: bytes) -> bytes:
        self.done = True
        if self.tally.finish is None and self._reports_finish:
            raise ProviderBroke("the provider's stream ended without a finish reason")
        return (block if block.startswith(b"data: [DONE]") else b"data: [DONE]") + b"\n\n"


def is_wrapped(data: bytes) -> bool:
    """Return whether there is a chunk within another object."""
    tree = decode_any(data)
    found = unwrapped(tree, MARKS)
    return found is not None and found is not tree


def _only_goes_on(data: bytes) -> bool:
    """Return whether these are complete chunks that all continue: no usage, no error, no finish reason."""
    if data.find(b"\n") == len(data) - 2:
        return data.startswith(b"data: {") and _goes_on(data[6:-2])
    if not data.endswith(b"\n\n"):
        return False
    for block in data[:-2].split(b"\n\n"):
        if not block.startswith(b"data: {") or block.find(b"\n") >= 0 or not _goes_on(block[6:]):
            return False
    return True


class TextView(Struct, gc=False):
    """A delta with a text."""

    content: str


class TextChoice(Struct, gc=False):
    """A choice with a text."""

    delta: TextView


class TextChunk(Struct, gc=False):
    """A chunk with a text."""

    choices: list[TextChoice]


_TEXT = Decoder(TextChunk)


def _text_of(data: bytes) -> str | None:
    """Return the text of a chunk that only goes on with one; None for other bytes."""
    if data.find(b"\n") != len(data) - 2 or not _only_goes_on(data):
        return None
    try:
        choices = _TEXT.decode(data[6:-2]).choices
    except MALFORMED:
        return None
    return choices[0].delta.content if len(choices) == 1 else None


def _goes_on(data: bytes) -> bool:
    try:
        check_utf8(data)
        view = VIEW.decode(data)
    except MALFORMED:
        return False
    if view.usage is not None or view.error is not None or view.choices is None:
        return False
    for choice in view.choices:  # noqa: SIM110 a generator costs as much as the decoding
        if choice.finish_reason is not None or choice.error is not None:
            return False
    return True


_PING = re.compile(rb'\s*\{\s*"type"\s*:\s*"(?:ping|heartbeat|keep-?alive)"')


def _with_choices(block: bytes, data: bytes) -> bytes:
    """Replace `choices: null` by an empty list, which clients can iterate over, and a heartbeat that is an
    object by a comment.
    """
    if _PING.match(data):
        return KEEP_ALIVE.rstrip()
    if b"null" not in data or b'"choices"' not in data:
        return block
    fields = FIELDS.decode(data)
    return b"data: " + ENCODE({**fields, "choices": []}) if "choices" in fields else block


def _as_chunk(data: bytes) -> bytes:
    """Return an answer as one chunk: some servers do not stream although they were asked to."""
    try:
        answer = WHOLE.decode(data)
    except MALFORMED:  # readable only by what forwards it as it is
        return data
    for choice in answer["choices"]:
        _use_own_finish(choice)
        if "message" not in choice:
            continue
        delta = choice.setdefault("delta", choice.pop("message"))
        for index, call in enumerate(delta.get("tool_calls") or ()):
            call.setdefault("index", index)
    return ENCODE({**answer, "object": CHUNK})


def has_foreign_finish(choices: list[ChoiceView]) -> bool:
    """Return whether there is a finish reason that strict clients do not know."""
    return any(choice.finish_reason and choice.finish_reason not in OPENAI_FINISHES for choice in choices)


def _use_own_finish(choice: dict[str, Any]) -> None:
    reason = choice.get("finish_reason")
    if reason and isinstance(reason, str) and reason not in OPENAI_FINISHES:
        choice["finish_reason"] = finish_of(reason)
        choice.setdefault("native_finish_reason", reason)


def _without_usage(data: bytes) -> bytes:
    fields = FIELDS.decode(data)
    fields.pop("usage", None)
    return ENCODE(fields)


class BodySplice(OpenAIBody):
    """The conduit of a complete answer."""

    __slots__ = ()

    def _take(self, body: bytes) -> bytes:
        """Return the provider's bytes if they are a chat completion."""
        sound = require_json(body)
        view = decode_view(FIRST_VIEW, sound, self.tally.leave_out)
        tally = self.tally
        tally.id, tally.model = view.id or "", view.model or ""
        tally.note(parse_served(view.service_tier, view.usage))
        tally.usage = parse_usage(view.usage) if view.usage is not None else None
        failure = failure_in(view.error, view.choices)
        if failure is not None:
            raise failure
        try:
            FORM.decode(sound)
        except MALFORMED:
            raise OtherForm from None
        if not view.choices:
            raise ProviderBroke("the provider's answer has no choices")
        note_finishes(tally, view.choices)
        if has_foreign_finish(view.choices):
            raise OtherForm
        return body if sound is body else with_halves_kept(body)
