"""The same format on both sides: the client's bytes are forwarded to the provider, and the provider's to the
client.

Every value that needs no change keeps its bytes, including stored responses and the provider's built-in
tools. Removed is only what Tidegate itself put into the conversation for another format: reasoning items with
a signature that no provider of this format can read.
"""

import re
from contextlib import suppress
from typing import Any

from msgspec import Raw, Struct, ValidationError
from msgspec.json import Decoder

from tidegate.protocols.conduits import BodyConduit, OtherForm, StreamConduit
from tidegate.protocols.contract import Call, Tally, Target
from tidegate.protocols.decode import MALFORMED, require_json
from tidegate.protocols.effort import may_sample, nearest_effort
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.fields import ENCODE, FIELDS, Fields, is_set
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.sound_json import with_halves_kept
from tidegate.protocols.sse import Blocks, frame, parse_event

from .error import error_object, error_of_response, error_of_stream, failure_of
from .foreign import is_foreign
from .parse import Parsed
from .reader import OVER, TEXTS, failure_in, finish_of
from .render import SAMPLING, ResponsesCall
from .summary import is_summary, summary_message
from .usage import parse_usage
from .wire import RAWS, CompactionItem, CustomTool, Item, ReasoningItem
from .wire_answer import RESPONSE, ResponseOut

__all__ = ["BodySplice", "StreamSplice", "remove_gateway_fields", "resolve_gateway_items", "splice_request"]


# --- the request -----------------------------------------------------------------------------

GATEWAY_FIELDS = ("provider", "models", "session_id")
"""Fields addressed to Tidegate, which no provider knows."""


def splice_request(parsed: Parsed, target: Target) -> Call:
    """Return the client's body with the model replaced, changing only what the dialect or the profile
    requires.
    """
    fields = dict(parsed.fields)
    fields["model"] = Raw(ENCODE(target.model))
    remove_gateway_fields(fields)
    resolve_gateway_items(fields, parsed)
    dropped = _tune(fields, parsed, target)
    stream = parsed.stream and target.profile.streams
    if parsed.stream and not stream:
        fields.pop("stream")
        fields.pop("stream_options", None)
    customs = frozenset(one.name for one in parsed.offered if isinstance(one.tool, CustomTool))
    return ResponsesCall(target.dialect.path, ENCODE(fields), stream, tuple(dropped), customs=customs)


def remove_gateway_fields(fields: Fields) -> None:
    """Take out what is for Tidegate."""
    for name in GATEWAY_FIELDS:
        fields.pop(name, None)


def resolve_gateway_items(fields: Fields, parsed: Parsed) -> None:
    """Take out of the input what was written here for other formats; a summary becomes a message."""
    if not any(_is_wrapped_here(item) or is_summary(item) for item in parsed.items):
        return
    kept: list[Any] = []
    for index, (raw, item) in enumerate(zip(RAWS.decode(fields["input"]), parsed.items, strict=True)):
        if isinstance(item, CompactionItem) and is_summary(item):
            kept.append(summary_message(item, f"input.{index}.encrypted_content"))
        elif not _is_wrapped_here(item):
            kept.append(raw)
    fields["input"] = Raw(ENCODE(kept))


def _is_wrapped_here(item: Item) -> bool:
    return isinstance(item, ReasoningItem) and is_foreign(item.encrypted_content)


def _tune(fields: Fields, parsed: Parsed, target: Target) -> list[str]:
    """Change the effort to one that the model supports, and drop what it rejects; returns the names of
    dropped fields.
    """
    reasoning, profile = parsed.wire.reasoning, target.profile
    effort = reasoning.effort if reasoning is not None else None
    if effort is not None:
        nearest = nearest_effort(effort, profile.efforts)
        if nearest != effort:
            fields["reasoning"] = Raw(ENCODE({**FIELDS.decode(fields["reasoning"]), "effort": nearest}))
        effort = nearest  # type: ignore[assignment]
    refused = target.dialect.drops
    if not may_sample(profile, effort):
        refused = (*refused, *SAMPLING)
    return [name for name in refused if name in fields and is_set(fields.pop(name))]


# --- the answer ------------------------------------------------------------------------------


class EventView(Struct):
    """The fields that accounting needs of the events that begin and end a response."""

    type: str = ""
    response: Raw = Raw()
    error: Any = None
    code: Any = None
    message: str | None = None
    param: str | None = None


class PartForm(Struct, gc=False):
    """A part of a message, as clients read it."""

    type: str
    text: str | None = None


class CallView(Struct, gc=False):
    """The fields that show whether an item is a call to the client's tools."""

    type: str | None = None
    name: str | None = None


class ItemForm(Struct, gc=False):
    """An item, as clients read it."""

    type: str
    content: list[PartForm] | None = None


class ResponseForm(Struct, gc=False):
    """A response, as clients read it."""

    output: list[ItemForm] | None = None


class FirstForm(Struct, gc=False):
    """The first event of a stream that has one."""

    type: str


EVENT = Decoder(EventView)
FORM = Decoder(ResponseForm)
FIRST = Decoder(FirstForm)
CALL_VIEW = Decoder(CallView)


def count(tally: Tally, response: ResponseOut, customs: frozenset[str]) -> None:
    """Account for a response. `customs` are the offered custom tools."""
    tally.id, tally.model = response.id or tally.id, response.model or tally.model
    tally.note(response.served)
    if response.usage is not None:
        tally.usage = parse_usage(response.usage, response.searches) or tally.usage
    if response.status in OVER:
        calls = any(_is_call(item, customs) for item in response.output or ())
        tally.finish = finish_of(response, calls=calls).reason


def _is_call(item: Raw, customs: frozenset[str]) -> bool:
    """Return whether an item is a call that the client has to answer."""
    view = CALL_VIEW.decode(item)
    return view.type == "function_call" or (view.type == "custom_tool_call" and view.name in customs)


class BodySplice(BodyConduit):
    """The conduit of a complete answer."""

    __slots__ = ("_customs",)

    def __init__(self, customs: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._customs = customs

    def abort(self, error: TidegateError) -> bytes:
        """Return the error in place of an answer."""
        return error_object(error)

    def _take(self, body: bytes) -> bytes:
        """Return the provider's bytes if they are a response, which includes one that
        runs in the background.
        """
        sound = require_json(body)
        response = decode_view(RESPONSE, sound, self.tally.leave_out)
        failure = failure_in(response)
        if failure is None and self.instead is not None:
            _check_form(response, sound)
        failure = failure or _incomplete(response)
        if failure is not None:
            raise failure
        count(self.tally, response, self._customs)
        return body if sound is body else with_halves_kept(body)


def _check_form(response: ResponseOut, body: bytes) -> None:
    """Raise OtherForm for a response that clients cannot read, but that may be readable."""
    if response.status is None or (not response.output and response.output_text):
        raise OtherForm
    try:
        form = FORM.decode(body)
    except MALFORMED:
        raise OtherForm from None
    if any(item.type in TEXTS for item in form.output or ()):
        raise OtherForm


def _incomplete(response: ResponseOut) -> ProviderError | None:
    if response.status is not None or response.output is not None:
        return None
    return ProviderBroke("the provider's answer has neither a status nor an output")


TELLING = (b'"response":', b"error")
"""Bytes that an event must contain to be decoded. Text that contains them by chance only costs a decode."""


def _may_matter(data: bytes) -> bool:
    """Return whether there may be something to account for."""
    return TELLING[0] in data or TELLING[1] in data


NUMBER = re.compile(rb'"sequence_number":\s*(\d+)')


class StreamSplice(StreamConduit):
    """The conduit of a stream; `done` when the event with the finished response has arrived."""

    __slots__ = ("_begun", "_customs", "_last")

    def __init__(self, customs: frozenset[str] = frozenset()) -> None:
        super().__init__(Blocks())
        self._customs = customs
        self._begun: Fields | None = None
        """The response as it began, for the event that reports its failure."""
        self._last = b""
        """The last bytes forwarded, which contain the last sequence number."""

    def abort(self, error: TidegateError) -> bytes:
        """Return the error events that end a stream, with the next sequence numbers."""
        found = NUMBER.findall(self._last)
        number = int(found[-1]) + 1 if found else 0
        fields = {"type": "error", **error_of_stream(error), "sequence_number": number}
        ended = frame(ENCODE(fields), b"error")
        if self._begun is None:
            return ended
        response = {**self._begun, "status": "failed", "error": error_of_response(error)}
        failed = {"type": "response.failed", "response": response, "sequence_number": number + 1}
        return ended + frame(ENCODE(failed), b"response.failed")

    def _take(self, block: bytes) -> bytes:
        """See StreamConduit."""
        event = parse_event(block)
        if event is not None and event.data != b"[DONE]" and event.data.strip():
            data = event.data
            sound = require_json(data)
            if not self._last:
                self._check_first(event.name, sound)
            if sound is not data:
                block = frame(with_halves_kept(data), event.name)
                data = sound
            if _may_matter(data) or event.name == b"error":
                with suppress(ValidationError):  # events with fields of unexpected types are forwarded too
                    self._note(EVENT.decode(data), event.name)
        self._last = block
        return block

    def _check_first(self, name: bytes, data: bytes) -> None:
        """Raise OtherForm if the first event is none of this format: a whole response, or wrapped."""
        try:
            FIRST.decode(data)
        except MALFORMED:
            if name != b"error" and self.instead is not None and error_of_event(name, data) is None:
                raise OtherForm from None

    def _note(self, event: EventView, name: bytes) -> None:
        if event.type == "error" or name == b"error" or event.error:
            raise failure_of(
                event.error or {"message": event.message, "code": event.code, "param": event.param}
            )
        if event.type in LIFECYCLE and is_set(event.response):
            self._look_into(event.response)

    def _look_into(self, raw: Raw) -> None:
        response = decode_view(RESPONSE, bytes(raw), self.tally.leave_out)
        if self._begun is None:
            self._begun = FIELDS.decode(raw)
        failure = failure_in(response)
        if failure is not None:
            raise failure
        self.done = response.status in OVER
        count(self.tally, response, self._customs)


LIFECYCLE = frozenset(
    {
        "response.created",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
    }
)
"""The events that contain the response."""
