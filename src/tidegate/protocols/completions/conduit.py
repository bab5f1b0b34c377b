"""The path of a completion whose bytes pass through: a typed view reads what accounting needs of them."""

from typing import Any

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import MALFORMED, malformed, require_json
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.fields import ENCODE
from tidegate.protocols.openai_conduits import (
    ChoiceView,
    OpenAIBody,
    OpenAIStream,
    failure_in,
    note_finishes,
)
from tidegate.protocols.openai_errors import error_of_event
from tidegate.protocols.openai_usage import UsageIn, parse_served, parse_usage
from tidegate.protocols.sse import ServerSentEvent, frame
from tidegate.protocols.task import read_answer
from tidegate.protocols.wide_numbers import decode_any
from tidegate.protocols.words import words_in

__all__ = ["BodySplice", "StreamSplice"]


class IndexedChoice(ChoiceView, gc=False):
    """The same, which choice it is, and what only a chat has."""

    index: int = 0
    message: Any = None
    delta: Any = None


class View(Struct):
    """The fields of an answer, or of an event of a stream, that accounting needs."""

    id: str | None = None
    model: str | None = None
    choices: list[IndexedChoice] | None = None
    usage: UsageIn | None = None
    service_tier: Any = None
    error: Any = None


VIEW = Decoder(View)


def count(view: View, tally: Tally) -> None:
    """Account for an answer or an event. Raises ProviderError for a failure in it."""
    tally.id = tally.id or view.id or ""
    tally.model = tally.model or view.model or ""
    if view.usage is not None:
        tally.usage = parse_usage(view.usage) or tally.usage
    tally.note(parse_served(view.service_tier, view.usage))
    failure = failure_in(view.error, view.choices)
    if failure is not None:
        raise failure
    note_finishes(tally, view.choices)


def is_chat(view: View) -> bool:
    """Return whether an answer, or a chunk, is a chat's: some servers have only those."""
    return any(choice.message is not None or choice.delta is not None for choice in view.choices or ())


def as_completion(data: bytes) -> bytes:
    """Return a chat completion, or a chunk of one, as a text completion."""
    answer = decode_any(require_json(data))
    for choice in answer["choices"]:
        message = choice.pop("message", None) or choice.pop("delta", None)
        content = message.get("content") if isinstance(message, dict) else message
        choice.setdefault("text", words_in(content) or "")
    return ENCODE({**answer, "object": "text_completion"})


class BodySplice(OpenAIBody):
    """The conduit of a complete answer."""

    __slots__ = ()

    def _take(self, body: bytes) -> bytes:
        """Return the provider's bytes, if they are a completion."""
        view = read_answer(VIEW, require_json(body), self.tally, "completion")
        count(view, self.tally)
        if not view.choices:
            raise ProviderBroke("the provider's answer has no choices")
        return as_completion(body) if is_chat(view) else body


class StreamSplice(OpenAIStream):
    """The conduit of a stream."""

    __slots__ = ("_include_usage", "_unfinished")

    def __init__(self, *, include_usage: bool) -> None:
        super().__init__()
        self._include_usage = include_usage
        self._unfinished: set[int] = set()
        """The choices that have begun and not ended."""

    def _end(self) -> bytes:
        """See StreamConduit. Some servers send no `[DONE]`."""
        if self.tally.finish is None or self._unfinished:
            return super()._end()
        return frame(b"[DONE]")

    def _take_event(self, block: bytes, event: ServerSentEvent) -> bytes:
        """See OpenAIStream."""
        if event.data == b"[DONE]":
            self.done = True
            return block + b"\n\n"
        view = self._read(event)
        if not (view.choices or self._include_usage or view.usage is None):
            return b""
        return frame(as_completion(event.data)) if is_chat(view) else block + b"\n\n"

    def _read(self, event: ServerSentEvent) -> View:
        """Account for an event. Raises ProviderError for a failure."""
        try:
            view = read_answer(VIEW, require_json(event.data), self.tally, "completion")
        except (ProviderError, *MALFORMED) as error:
            reported = error_of_event(event.name, event.data)
            raise (reported or malformed("an event of the provider's stream", error)) from error
        if not view.choices and not view.error:
            reported = error_of_event(event.name, event.data)
            if reported is not None:
                raise reported
        count(view, self.tally)
        for choice in view.choices or ():
            (self._unfinished.discard if choice.finish_reason else self._unfinished.add)(choice.index)
        return view
