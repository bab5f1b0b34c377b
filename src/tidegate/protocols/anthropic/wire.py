"""The JSON of the Messages API that Tidegate reads. Data that is only forwarded is `Raw`.

The request structs are generic over the items of block lists: typed blocks usually, raw JSON if a request
contains blocks that are not in the union (see parse.py).
"""

from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.usage import Count

__all__ = [
    "BLOCK",
    "COUNT_REQUEST",
    "COUNT_REQUEST_OF_RAWS",
    "FIELDS",
    "MARK",
    "RAWS",
    "REQUEST",
    "REQUEST_OF_RAWS",
    "RESULT_BLOCK",
    "THINKING",
    "Base64Source",
    "Block",
    "BlockMark",
    "CacheControlIn",
    "ContentSource",
    "CountRequest",
    "DocumentBlock",
    "ExtraContent",
    "FileSource",
    "ImageBlock",
    "MessageIn",
    "MessageOut",
    "MessagesRequest",
    "RedactedThinkingBlock",
    "SourceIn",
    "StopDetails",
    "TextBlock",
    "TextSource",
    "ThinkingBlock",
    "ThinkingIn",
    "ToolIn",
    "ToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "UrlSource",
    "UsageOut",
]

B = TypeVar("B")
Name = Annotated[str, Meta(min_length=1)]


# --- request blocks --------------------------------------------------------------------------


class CacheControlIn(Struct, frozen=True):
    """A cache breakpoint."""

    type: Literal["ephemeral"]
    ttl: str | None = None


class Base64Source(Struct, frozen=True, tag="base64"):
    """Media data in the request."""

    media_type: str
    data: str


class UrlSource(Struct, frozen=True, tag="url"):
    """Media by URL."""

    url: str


class FileSource(Struct, frozen=True, tag="file"):
    """Media uploaded before."""

    file_id: Name


class TextSource(Struct, frozen=True, tag="text"):
    """A plain text document."""

    data: str
    media_type: str = "text/plain"


class ContentSource(Struct, frozen=True, tag="content"):
    """A document composed of blocks."""

    content: Raw


SourceIn: TypeAlias = Base64Source | UrlSource | FileSource | TextSource | ContentSource


class Citations(Struct, frozen=True):
    """Whether citations are enabled for a document."""

    enabled: bool = False


class GoogleExtra(Struct, frozen=True):
    """Google's extension, as in its OpenAI-compatible API."""

    thought_signature: str | None = None


class ExtraContent(Struct, frozen=True):
    """Tidegate's extension: data that another wire format must receive back with this block."""

    google: GoogleExtra | None = None


class TextBlock(Struct, frozen=True, tag="text"):
    """A text."""

    text: str
    cache_control: CacheControlIn | None = None
    citations: Raw = Raw()
    extra_content: ExtraContent | None = None


class ImageBlock(Struct, frozen=True, tag="image"):
    """An image."""

    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControlIn | None = None


class DocumentBlock(Struct, frozen=True, tag="document"):
    """A document."""

    source: SourceIn
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControlIn | None = None


class ToolUseBlock(Struct, frozen=True, tag="tool_use"):
    """A tool call."""

    id: Name
    name: Name
    input: Raw
    cache_control: CacheControlIn | None = None
    extra_content: ExtraContent | None = None


class ThinkingBlock(Struct, frozen=True, tag="thinking"):
    """Thinking, sent back by the client."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Struct, frozen=True, tag="redacted_thinking"):
    """Thinking that only the provider can read, sent back by the client."""

    data: str


class ToolResultBlock(Struct, Generic[B], frozen=True, tag="tool_result"):
    """The result of a tool call."""

    tool_use_id: Name
    content: str | list[B] | None = None
    is_error: bool | None = None
    cache_control: CacheControlIn | None = None


class UnknownBlock(Struct, frozen=True):
    """A block without a counterpart in other formats: a server tool call or its result, or a new feature."""

    kind: str
    raw: Raw


class BlockMark(Struct, frozen=True):
    """The field that every block has."""

    type: Name


ResultBlock: TypeAlias = TextBlock | ImageBlock | DocumentBlock
Block: TypeAlias = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ToolUseBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolResultBlock[ResultBlock]
)


# --- the request -----------------------------------------------------------------------------


ROLES: dict[str, Literal["user", "assistant", "system"]]
ROLES = {"user": "user", "assistant": "assistant", "system": "system"}


class MessageIn(Struct, Generic[B], frozen=True):
    """A message of the conversation."""

    role: Name
    """One of ROLES, or a role that only the provider may know."""
    content: str | list[B]


class ToolIn(Struct, frozen=True):
    """A tool. A `type` other than `custom` is a server tool."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: Raw = Raw()
    strict: bool | None = None
    cache_control: CacheControlIn | None = None


class ToolChoiceIn(Struct, frozen=True):
    """Whether the model must call a tool, and which one."""

    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingIn(Struct, frozen=True):
    """The thinking settings. Unknown types are forwarded."""

    type: Name
    budget_tokens: Annotated[int, Meta(ge=1024)] | None = None
    display: str | None = None


class FormatIn(Struct, frozen=True):
    """The required format of the answer. Unknown types are forwarded."""

    type: Name
    schema: Raw = Raw()


class OutputConfigIn(Struct, frozen=True):
    """The format of the answer, and the effort spent on it."""

    effort: Name | None = None
    """Unknown efforts are forwarded; only Anthropic can interpret them."""
    format: FormatIn | None = None


class MetadataIn(Struct, frozen=True):
    """Data about the client's end user."""

    user_id: str | None = None


class CountRequest(Struct, Generic[B], frozen=True, kw_only=True):
    """A token count request, and the base of a message request."""

    model: Name
    messages: Annotated[list[MessageIn[B]], Meta(min_length=1)]
    system: str | list[B] | None = None
    tools: list[ToolIn] | None = None
    tool_choice: ToolChoiceIn | None = None
    thinking: ThinkingIn | None = None
    output_config: OutputConfigIn | None = None
    output_format: FormatIn | None = None
    mcp_servers: list[Raw] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: list[str] | None = None
    metadata: MetadataIn | None = None
    service_tier: str | None = None
    provider: str | dict[str, Any] | None = None
    """Tidegate's extension: the provider's name, or preferences about providers."""
    models: list[Name] | None = None
    """Tidegate's extension: the models to try if `model` fails."""


class MessagesRequest(CountRequest[B], Generic[B], frozen=True, kw_only=True):
    """A message request. A `max_tokens` of 0 only warms the cache."""

    max_tokens: Annotated[int, Meta(ge=0)]


MARK = Decoder(BlockMark)
BLOCK = Decoder(Block)
RESULT_BLOCK = Decoder(ResultBlock)
RAWS = Decoder(list[Raw])
FIELDS = Decoder(dict[str, Raw])
REQUEST = Decoder(MessagesRequest[Block])
REQUEST_OF_RAWS = Decoder(MessagesRequest[Raw])
THINKING = Decoder(ThinkingIn)
COUNT_REQUEST = Decoder(CountRequest[Block])
COUNT_REQUEST_OF_RAWS = Decoder(CountRequest[Raw])


# --- the answer ------------------------------------------------------------------------------


class CacheCreation(Struct, frozen=True):
    """Tokens written to the cache, by lifetime."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class OutputDetails(Struct, frozen=True):
    """The subsets of `output_tokens`."""

    thinking_tokens: Count | None = None


class ServerToolUse(Struct, frozen=True):
    """How many requests the provider's server tools made."""

    web_search_requests: Count | None = None


class UsageOut(Struct, frozen=True):
    """Token counts: cached tokens are not included in `input_tokens`, thinking is included in
    `output_tokens`.
    """

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerToolUse | None = None
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None


class StopDetails(Struct, frozen=True):
    """Why the model declined."""

    category: str | None = None
    explanation: str | None = None


class MessageOut(Struct, frozen=True):
    """An answer, or the beginning of one."""

    id: str = ""
    model: str = ""
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: UsageOut | None = None
