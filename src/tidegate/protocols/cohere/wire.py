"""Cohere's JSON, as far as Tidegate reads or writes it (v2 chat)."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Raw, Struct

from tidegate.protocols.usage import FloatCount

__all__ = [
    "Answer",
    "Citation",
    "CitedText",
    "ContentIn",
    "ContentPart",
    "Delta",
    "DocumentOut",
    "DocumentPart",
    "ErrorBody",
    "FunctionOut",
    "ImagePart",
    "ImageUrl",
    "LogprobItem",
    "MessageOut",
    "Request",
    "ResponseFormat",
    "StreamEvent",
    "TextPart",
    "Thinking",
    "ThinkingPart",
    "ToolCallIn",
    "ToolCallOut",
    "ToolOut",
    "UsageIn",
]

# --- the request -----------------------------------------------------------------------------


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """A text."""

    text: str


class ThinkingPart(Struct, frozen=True, tag_field="type", tag="thinking"):
    """Thinking, in assistant messages."""

    thinking: str


class ImageUrl(Struct, frozen=True, omit_defaults=True):
    """A public URL or a data URL."""

    url: str
    detail: str | None = None


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image, in user messages."""

    image_url: ImageUrl


class DocumentOut(Struct, frozen=True, omit_defaults=True):
    """A document that the answer may cite; its fields are free."""

    data: dict[str, str]
    id: str | None = None


class DocumentPart(Struct, frozen=True, tag_field="type", tag="document"):
    """A document, in tool messages."""

    document: DocumentOut


ContentPart: TypeAlias = TextPart | ThinkingPart | ImagePart | DocumentPart


class FunctionOut(Struct, frozen=True):
    """A function and the JSON text of its arguments."""

    name: str
    arguments: str


class ToolCallOut(Struct, frozen=True, kw_only=True):
    """A tool call made earlier."""

    id: str
    type: str = "function"
    function: FunctionOut


class MessageOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message of any role."""

    role: str
    content: str | Sequence[ContentPart] | None = None
    tool_plan: str | None = None
    """The text before tool calls."""
    tool_calls: Sequence[ToolCallOut] | None = None
    tool_call_id: str | None = None


class DeclaredFunction(Struct, frozen=True, omit_defaults=True):
    """A function. Cohere requires the schema."""

    name: str
    parameters: Raw
    description: str | None = None


class ToolOut(Struct, frozen=True, kw_only=True):
    """A tool; Cohere only has functions."""

    type: str = "function"
    function: DeclaredFunction


class ResponseFormat(Struct, frozen=True, omit_defaults=True):
    """`json_object`, with or without a schema."""

    type: str
    json_schema: Raw = Raw()


class Thinking(Struct, frozen=True, omit_defaults=True):
    """Whether to think, and the maximum number of thinking tokens."""

    type: str
    token_budget: int | None = None


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request."""

    model: str
    messages: Sequence[MessageOut]
    stream: bool | None = None
    tools: Sequence[ToolOut] | None = None
    tool_choice: str | None = None
    strict_tools: bool | None = None
    documents: Sequence[DocumentOut] | None = None
    response_format: ResponseFormat | None = None
    thinking: Thinking | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    p: float | None = None
    k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop_sequences: Sequence[str] | None = None
    logprobs: bool | None = None


# --- the answer ------------------------------------------------------------------------------


class ContentIn(Struct, frozen=True):
    """A content block, complete or a piece of it."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None


class FunctionIn(Struct, frozen=True):
    """A function's name, or a piece of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCallIn(Struct, frozen=True):
    """A call, complete or a piece of it."""

    id: str | None = None
    function: FunctionIn | None = None


class CitedText(Struct, frozen=True):
    """A document or a tool's output that a citation refers to. Its fields are chosen by the client; the names
    for a URL and a title are conventions.
    """

    url: Any = None
    title: Any = None


class Source(Struct, frozen=True):
    """The source of a citation."""

    id: str | None = None
    document: CitedText | None = None
    tool_output: CitedText | None = None


class Citation(Struct, frozen=True):
    """A piece of the answer and its sources."""

    start: int | None = None
    end: int | None = None
    sources: list[Source] | None = None
    content_index: int | None = None
    type: str | None = None
    """TEXT_CONTENT, THINKING_CONTENT or PLAN: the text that the offsets refer to."""


class LogprobItem(Struct, frozen=True):
    """The log probabilities of the tokens of a piece of text."""

    text: str | None = None
    logprobs: list[float] | None = None


class MessageIn(Struct, frozen=True):
    """The message; in a stream its delta, with one block where a complete answer has a list."""

    content: str | ContentIn | list[ContentIn] | None = None
    text: str | None = None
    """Where the text is a field of its own, as in the first version of the API."""
    tool_plan: str | None = None
    tool_calls: ToolCallIn | list[ToolCallIn] | None = None
    citations: Raw = Raw()


class Tokens(Struct, frozen=True):
    """Token counts, which are floats in Cohere's own types."""

    input_tokens: FloatCount | None = None
    output_tokens: FloatCount | None = None
    reasoning_tokens: FloatCount | None = None
    image_tokens: FloatCount | None = None


class UsageIn(Struct, frozen=True):
    """What the model read and wrote (`tokens`), and what is billed (`billed_units`)."""

    tokens: Tokens | None = None
    billed_units: Tokens | None = None
    cached_tokens: float | None = None


class Delta(Struct, frozen=True):
    """The delta of an event."""

    message: MessageIn | None = None
    content: str | ContentIn | list[ContentIn] | None = None
    text: str | None = None
    thinking: str | None = None
    """Where the text is not in a block of the message."""
    finish_reason: str | None = None
    usage: UsageIn | None = None
    error: str | None = None
    error_type: str | None = None


class StreamEvent(Struct, frozen=True):
    """An event of a stream. One without a type is an error."""

    type: str = ""
    id: str | None = None
    index: int = 0
    delta: Delta | None = None
    logprobs: LogprobItem | None = None
    message: str | None = None
    error_type: str | None = None


class Answer(Struct, frozen=True):
    """A complete answer."""

    message: MessageIn
    id: str | None = None
    finish_reason: str | None = None
    usage: UsageIn | None = None
    logprobs: list[LogprobItem] | None = None
    error: str | None = None
    error_type: str | None = None


class ErrorBody(Struct, frozen=True):
    """An error."""

    message: str
    error_type: str | None = None
