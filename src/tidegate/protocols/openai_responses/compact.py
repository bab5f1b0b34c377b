"""Compaction: `POST /responses/compact` replaces a conversation with fewer items.

A provider that has this endpoint compacts by itself, and bytes pass through. Any other is called as a chat:
the conversation, and then the request for a summary of it. The answer then has the user's messages and one
compaction item with the summary (see summary.py), as OpenAI's answers have.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Raw, Struct, structs
from msgspec.json import Decoder

from tidegate.protocols.contract import Call, Conduit, ParsedRequest, Tally, Target, Writer
from tidegate.protocols.errors import ProviderBroke, TidegateError
from tidegate.protocols.events import Event, Finished, Started, TextDelta, UsageReported
from tidegate.protocols.fields import ENCODE, FIELDS, is_set
from tidegate.protocols.ids import new_id
from tidegate.protocols.needs import Need
from tidegate.protocols.task import Task, Whole, read_answer
from tidegate.protocols.turn import Turn
from tidegate.protocols.usage import Usage

from .error import error_object, failure_of
from .memory import ItemMemory
from .parse import Parsed, parse_request
from .splice import remove_gateway_fields, resolve_gateway_items
from .summary import NO_SUMMARY, ask_for_summary, summary_item
from .usage import UsageIn, parse_usage, render_usage
from .wire import MessageItem

__all__ = ["TASK", "CompactRequest", "parse_compact"]


class CompactRequest:
    """A client's request: decoded and checked (see `contract.ParsedRequest`)."""

    stream = False
    include_usage = True

    def __init__(self, conversation: Parsed) -> None:
        self.conversation = conversation
        self.body = conversation.body
        self.model = conversation.model
        self.provider: str | Mapping[str, Any] | None = conversation.provider
        self.fallbacks: Sequence[str] = conversation.fallbacks

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.conversation.max_output

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return 1

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return self.conversation.needs()

    def searches(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.conversation.searches()

    def turn(self) -> Turn:
        """The conversation, and the request for a summary. Raises InvalidRequest."""
        turn = structs.replace(self.conversation.turn(), stream=False)
        return turn if self.conversation.compacts else ask_for_summary(turn)


def parse_compact(body: bytes, memory: ItemMemory | None = None) -> CompactRequest:
    """Decode and check a request; `memory` knows the items that it only refers to. Raises InvalidRequest."""
    return CompactRequest(parse_request(body, memory))


# --- a provider that compacts by itself ----------------------------------------------------------


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one service differs from OpenAI."""

    path: str = "/responses/compact"
    """Where to send requests, behind the base URL."""


class CompactFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: CompactRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        conversation = parsed.conversation
        fields = dict(conversation.fields)
        fields["model"] = Raw(ENCODE(target.model))
        remove_gateway_fields(fields)
        resolve_gateway_items(fields, conversation)
        return Call(target.dialect.path, ENCODE(fields), stream=False), Whole(read_compaction)


class View(Struct):
    """What is read of an answer."""

    id: str | None = None
    model: str | None = None
    output: list[Raw] | None = None
    usage: UsageIn | None = None
    error: Any = None


VIEW = Decoder(View)


def read_compaction(body: bytes, tally: Tally) -> bytes:
    """The provider's own bytes, if they are a compaction. Raises ProviderError."""
    view = read_answer(VIEW, body, tally, "compaction")
    if view.error:
        raise failure_of(view.error)
    if view.output is None:
        raise ProviderBroke("the provider's answer contains no compaction")
    tally.id, tally.model = view.id or "", view.model or ""
    tally.usage = None if view.usage is None else parse_usage(view.usage)
    return body


# --- a summary from any other ----------------------------------------------------------------------


class CompactionWriter:
    """Writes the compacted conversation from a model's summary (see contract.Writer)."""

    def __init__(self, conversation: Parsed) -> None:
        self._conversation = conversation
        self._created: int | None = None
        self._text: list[str] = []
        self._usage = Usage()
        self._declined = False
        self.leave_out: Callable[[str], None] = lambda _: None
        """See contract.Writer. A summary is its text: nothing else that the model writes is a loss."""

    def write(self, events: Sequence[Event]) -> bytes:
        """See Writer."""
        for event in events:
            if isinstance(event, TextDelta):
                self._text.append(event.text)
            elif isinstance(event, UsageReported):
                self._usage = event.usage
            elif isinstance(event, Started):
                self._created = event.created
            elif isinstance(event, Finished):
                self._declined = event.reason == "content_filter"
        return b""

    def close(self) -> bytes:
        """See Writer. Raises ProviderBroke where there is no summary: nothing would be left."""
        summary = "".join(self._text).strip()
        if self._declined or not summary:
            raise ProviderBroke(NO_SUMMARY)
        return ENCODE(
            {
                "id": new_id("resp_"),
                "object": "response.compaction",
                "created_at": self._created or int(time.time()),
                "output": [*_user_messages(self._conversation), summary_item(new_id("cmp_"), summary)],
                "usage": render_usage(self._usage),
            }
        )

    def abort(self, error: TidegateError) -> bytes:
        """The error, in place of an answer."""
        return error_object(error)


def _user_messages(conversation: Parsed) -> list[dict[str, Any]]:
    """The user's messages, which stay as they are."""
    wire = conversation.wire
    if isinstance(wire.input, str):
        return [_user_message({"content": wire.input})]
    pairs = zip(wire.input or (), conversation.items, strict=True)
    return [
        _user_message(FIELDS.decode(raw))
        for raw, item in pairs
        if isinstance(item, MessageItem) and item.role == "user"
    ]


def _user_message(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A message of an input as an item of an output."""
    given = {name: value for name, value in fields.items() if isinstance(value, str) or is_set(value)}
    whole = {"id": new_id("msg_"), "type": "message", "status": "completed", "role": "user", **given}
    content = whole["content"]
    text = content if isinstance(content, str) else _text_of(content)
    return whole if text is None else {**whole, "content": [{"type": "input_text", "text": text}]}


def _text_of(content: Raw) -> str | None:
    """A content that is only a text; None for a list of parts."""
    is_text = memoryview(content)[0] == ord('"')
    return _STRING.decode(content) if is_text else None


_STRING = Decoder(str)


class Compactions:
    """See contract.AnswerDialect."""

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """See contract.AnswerDialect."""
        assert isinstance(request, CompactRequest)
        return CompactionWriter(request.conversation)


TASK = Task("compactions", parse_compact, {"openai": CompactFormat()}, as_chat=Compactions())
