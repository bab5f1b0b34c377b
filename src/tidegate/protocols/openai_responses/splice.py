"""The same format on both sides: the client's bytes to the provider, the provider's to the client.

A request keeps every byte of every value that nobody asked to change, stored responses and the
provider's own tools included. Only what Tidegate itself put into the conversation for another
format is taken out again: reasoning items with a signature that no provider of this format can read.
"""

import re
from typing import Any

from msgspec import Raw, Struct, ValidationError
from msgspec.json import Decoder

from tidegate.protocols.contract import Call, Tally, Target
from tidegate.protocols.decode import MALFORMED, malformed, require_json
from tidegate.protocols.effort import may_sample, nearest_effort
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.lenient import decode_view
from tidegate.protocols.sse import Blocks, ServerSentEvent, frame, parse_event

from .error import error_object, error_of_response, error_of_stream, failure_of
from .foreign import is_foreign
from .parse import Parsed
from .reader import OVER, failure_in, finish_of
from .render import SAMPLING, ResponsesCall
from .summary import is_summary, summary_message
from .usage import parse_usage
from .wire import ENCODE, FIELDS, RAWS, CompactionItem, CustomTool, Fields, Item, ReasoningItem, says
from .wire_answer import RESPONSE, ResponseOut

__all__ = ["BodySplice", "StreamSplice", "own_items", "splice_request", "take_own_fields"]


# --- the request -----------------------------------------------------------------------------

OWN_FIELDS = ("provider", "models")
"""Tidegate's own fields, which no provider knows."""


def splice_request(parsed: Parsed, target: Target) -> Call:
    """The client's body with the model replaced, and only what dialect or profile ask for changed."""
    fields = dict(parsed.fields)
    fields["model"] = Raw(ENCODE(target.model))
    take_own_fields(fields)
    own_items(fields, parsed)
    dropped = _tune(fields, parsed, target)
    stream = parsed.stream and target.profile.streams
    if parsed.stream and not stream:
        fields.pop("stream")
        fields.pop("stream_options", None)
    customs = frozenset(one.name for one in parsed.offered if isinstance(one.tool, CustomTool))
    return ResponsesCall(target.dialect.path, ENCODE(fields), stream, tuple(dropped), customs=customs)


def take_own_fields(fields: Fields) -> None:
    """Take out what is for Tidegate."""
    for name in OWN_FIELDS:
        fields.pop(name, None)


def own_items(fields: Fields, parsed: Parsed) -> None:
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
    """Move the effort to one that the model knows, and leave out what it refuses; what was left out."""
    told, profile = parsed.wire.reasoning, target.profile
    effort = told.effort if told is not None else None
    if effort is not None:
        nearest = nearest_effort(effort, profile.efforts)
        if nearest != effort:
            fields["reasoning"] = Raw(ENCODE({**FIELDS.decode(fields["reasoning"]), "effort": nearest}))
        effort = nearest  # type: ignore[assignment]
    refused = target.dialect.drops
    if not may_sample(profile, effort):
        refused = (*refused, *SAMPLING)
    return [name for name in refused if name in fields and says(fields.pop(name))]


# --- the answer ------------------------------------------------------------------------------


class EventView(Struct):
    """What accounting reads of the events that begin and end a response."""

    type: str = ""
    response: Raw = Raw()
    error: Any = None
    code: Any = None
    message: str | None = None
    param: str | None = None


class CallView(Struct, gc=False):
    """What says of an item whether it is a call of the client's tools."""

    type: str | None = None
    name: str | None = None


EVENT = Decoder(EventView)
CALL_VIEW = Decoder(CallView)


def count(tally: Tally, response: ResponseOut, customs: frozenset[str]) -> None:
    """Take from a response what accounting needs. `customs` are the custom tools that were offered."""
    tally.id, tally.model = response.id or tally.id, response.model or tally.model
    tally.note(response.served)
    if response.usage is not None:
        tally.usage = parse_usage(response.usage, response.searches) or tally.usage
    if response.status in OVER:
        calls = any(_is_call(item, customs) for item in response.output or ())
        tally.finish = finish_of(response, calls=calls).reason


def _is_call(item: Raw, customs: frozenset[str]) -> bool:
    """Whether an item is a call that the client has to answer."""
    told = CALL_VIEW.decode(item)
    return told.type == "function_call" or (told.type == "custom_tool_call" and told.name in customs)


class BodySplice:
    """The conduit of a whole answer (see contract.Conduit)."""

    __slots__ = ("_customs", "_pieces", "failure", "tally")
    done = False

    def __init__(self, customs: frozenset[str] = frozenset()) -> None:
        self._customs = customs
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Keep the bytes: only whole JSON is an answer."""
        self._pieces.append(data)
        return b""

    def close(self) -> bytes:
        """The provider's bytes, if they are a response. One that runs in the background is."""
        body = b"".join(self._pieces)
        try:
            require_json(body)
            response = decode_view(RESPONSE, body, self.tally.leave_out)
            self.failure = failure_in(response) or _incomplete(response)
            if self.failure is None:
                count(self.tally, response, self._customs)
        except MALFORMED as error:
            self.failure = malformed("the provider's answer", error)
        return b"" if self.failure is not None else body

    def abort(self, error: TidegateError) -> bytes:
        """The error, in place of an answer."""
        return error_object(error)


def _incomplete(response: ResponseOut) -> ProviderError | None:
    if response.status is not None or response.output is not None:
        return None
    return ProviderBroke("the provider's answer has neither a status nor an output")


TELLING = (b'"response":', b"error")
"""What an event must hold to be looked into. Text that says so by chance only costs a look."""


def _tells(data: bytes) -> bool:
    """Whether there may be something to account for."""
    return TELLING[0] in data or TELLING[1] in data


NUMBER = re.compile(rb'"sequence_number":\s*(\d+)')


class StreamSplice:
    """The conduit of a stream (see contract.Conduit)."""

    __slots__ = ("_begun", "_blocks", "_customs", "_last", "done", "failure", "tally")

    def __init__(self, customs: frozenset[str] = frozenset()) -> None:
        self._customs = customs
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self.done = False
        """The event with the finished response was there."""
        self._blocks = Blocks()
        self._begun: Fields | None = None
        """The response as it began, for the event that tells of its failure."""
        self._last = b""
        """The last bytes that passed, which hold the last sequence number."""

    def feed(self, data: bytes) -> bytes:
        """The provider's bytes, as far as they make whole events."""
        if self._is_over():
            return b""
        try:
            return self._pass(self._blocks.feed(data))
        except ProviderError as error:
            self.failure = error
            return b""

    def close(self) -> bytes:
        """The rest, where there is any; sets `failure` where the stream has not ended."""
        if self._is_over():
            return b""
        passed = self._pass(self._blocks.close())
        if not self.done and self.failure is None:
            self.failure = ProviderBroke("the provider's stream ended before it was finished")
        return passed

    def abort(self, error: TidegateError) -> bytes:
        """The error events that end a stream, numbered after what has passed."""
        found = NUMBER.findall(self._last)
        number = int(found[-1]) + 1 if found else 0
        told = {"type": "error", **error_of_stream(error), "sequence_number": number}
        ended = frame(ENCODE(told), b"error")
        if self._begun is None:
            return ended
        response = {**self._begun, "status": "failed", "error": error_of_response(error)}
        failed = {"type": "response.failed", "response": response, "sequence_number": number + 1}
        return ended + frame(ENCODE(failed), b"response.failed")

    def _is_over(self) -> bool:
        return self.failure is not None or self.done

    def _pass(self, blocks: list[bytes]) -> bytes:
        passed = []
        for block in blocks:
            event = parse_event(block)
            if event is not None:
                self._look(event)
            if self.failure is not None:
                break
            passed.append(block)
            if self.done:
                break
        if passed:
            self._last = passed[-1]
        return b"".join(passed)

    def _look(self, event: ServerSentEvent) -> None:
        """Account for an event; sets `failure` where it tells one, or is no JSON."""
        if not event.data.strip() or event.data == b"[DONE]":
            return
        try:
            require_json(event.data)
            if _tells(event.data) or event.name == b"error":
                self._note(EVENT.decode(event.data), event.name)
        except ValidationError:
            return  # a field of a type that we do not expect is still the client's
        except MALFORMED as error:
            self.failure = malformed("an event of the provider's stream", error)

    def _note(self, told: EventView, name: bytes) -> None:
        if told.type == "error" or name == b"error" or told.error:
            self.failure = failure_of(
                told.error or {"message": told.message, "code": told.code, "param": told.param}
            )
        elif told.type in LIFECYCLE and says(told.response):
            self._look_into(told.response)

    def _look_into(self, raw: Raw) -> None:
        response = decode_view(RESPONSE, bytes(raw), self.tally.leave_out)
        if self._begun is None:
            self._begun = FIELDS.decode(raw)
        self.failure = failure_in(response)
        if self.failure is None:
            self.done = self.done or response.status in OVER
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
"""The events that hold the response."""
