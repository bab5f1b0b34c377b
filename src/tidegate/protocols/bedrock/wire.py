"""Converse's JSON, as far as Tidegate reads it. Requests are small enough to be written as dicts."""

from typing import Any

from msgspec import Raw, Struct

from tidegate.protocols.usage import Count

__all__ = [
    "Answer",
    "Block",
    "BlockDelta",
    "BlockEnd",
    "BlockStart",
    "CitationIn",
    "Delta",
    "ErrorBody",
    "ImageIn",
    "MessageStop",
    "Metadata",
    "NativeStart",
    "ReasoningPiece",
    "Start",
    "TokenUsage",
    "ToolUseIn",
]


class Wire(Struct, frozen=True, rename="camel"):
    """An object of the wire format."""


class ToolUseIn(Wire, frozen=True):
    """A call, complete or its start."""

    tool_use_id: str = ""
    name: str = ""
    type: str | None = None
    """`server_tool_use` for the provider's server tools."""
    input: Raw = Raw()


class ReasoningText(Wire, frozen=True):
    """Thinking, with its signature."""

    text: str = ""
    signature: str | None = None


class ReasoningIn(Wire, frozen=True):
    """Thinking that can be read, or that only the model can read (base64)."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class TextIn(Wire, frozen=True):
    """A text in a list."""

    text: str = ""


class CitationsIn(Wire, frozen=True):
    """Text with its sources."""

    content: list[TextIn] | None = None
    citations: list[Raw] | None = None


class Web(Wire, frozen=True):
    """A web page."""

    url: str | None = None


class Location(Wire, frozen=True):
    """The location of a source; offsets in documents count the characters of the source,
    not of the answer.
    """

    web: Web | None = None


class CitationIn(Wire, frozen=True):
    """A source."""

    title: str | None = None
    location: Location | None = None
    source_content: list[TextIn] | None = None


class ImageSource(Wire, frozen=True):
    """Base64."""

    bytes: str | None = None


class ImageIn(Wire, frozen=True):
    """A generated image, complete, its start or a piece of it."""

    format: str | None = None
    source: ImageSource | None = None


class Block(Wire, frozen=True):
    """A content block; each has one of the fields."""

    text: str | None = None
    tool_use: ToolUseIn | None = None
    reasoning_content: ReasoningIn | None = None
    citations_content: CitationsIn | None = None
    image: ImageIn | None = None


class TokenCount(Wire, frozen=True):
    """Tokens written to the cache for some lifetime."""

    ttl: str = ""
    input_tokens: Count = 0


class TokenUsage(Wire, frozen=True):
    """Token counts. Cache reads and writes are not included in the input."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_write_input_tokens: Count | None = None
    cache_details: list[TokenCount] | None = None


class MessageOfAnswer(Wire, frozen=True):
    """The message."""

    content: list[Raw] | None = None


class Output(Wire, frozen=True):
    """The output."""

    message: MessageOfAnswer


class Answer(Wire, frozen=True):
    """A complete answer."""

    output: Output
    stop_reason: str | None = None
    usage: TokenUsage | None = None


# --- events of a stream ----------------------------------------------------------------------


class Start(Wire, frozen=True):
    """The start of a block. Texts and thinking have none."""

    tool_use: ToolUseIn | None = None
    image: ImageIn | None = None


class BlockStart(Wire, frozen=True):
    """`contentBlockStart`."""

    start: Start
    content_block_index: int = 0


class NativeStart(Wire, frozen=True):
    """`contentBlockStart` of a block that only this format has: its type and its fields."""

    start: dict[str, dict[str, Any]]


class ToolUsePiece(Wire, frozen=True):
    """A piece of a call's arguments."""

    input: str = ""


class ReasoningPiece(Wire, frozen=True):
    """A piece of thinking, of one of the types."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class Delta(Wire, frozen=True):
    """A delta of a block; each has one of the fields."""

    text: str | None = None
    tool_use: ToolUsePiece | None = None
    tool_result: list[Raw] | None = None
    reasoning_content: ReasoningPiece | None = None
    citation: Raw = Raw()
    image: ImageIn | None = None


class BlockDelta(Wire, frozen=True):
    """`contentBlockDelta`."""

    delta: Delta
    content_block_index: int = 0


class BlockEnd(Wire, frozen=True):
    """`contentBlockStop`."""

    content_block_index: int = 0


class MessageStop(Wire, frozen=True):
    """`messageStop`."""

    stop_reason: str | None = None


class Metadata(Wire, frozen=True):
    """`metadata`."""

    usage: TokenUsage | None = None


class ErrorBody(Struct, frozen=True):
    """An error; some services write the message with a capital."""

    message: str | None = None
    Message: str | None = None
    originalStatusCode: int | None = None  # noqa: N815 the wire's own name
    """In `modelStreamErrorException`: the status from the model's own server."""
