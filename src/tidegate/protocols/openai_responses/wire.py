"""The request fields that Tidegate reads, as types.

The items and tools of a request have many types, and each is decoded by its `type`. Fields that Tidegate does
not read are not declared and are forwarded unchanged. An empty `Raw` means that the field was not sent.
"""

from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

__all__ = [
    "HEAD",
    "NAME",
    "RAWS",
    "REQUEST",
    "ROLES",
    "TOOL_HEAD",
    "AdditionalToolsItem",
    "AgentMessageItem",
    "CallItem",
    "ChoiceIn",
    "CompactionItem",
    "CompactionTriggerItem",
    "CustomCallItem",
    "CustomResultItem",
    "CustomTool",
    "FormatIn",
    "FunctionTool",
    "Head",
    "ImageItem",
    "Item",
    "MessageItem",
    "NamespaceTool",
    "OfferedTool",
    "OlderCompactionItem",
    "OwnItem",
    "OwnTool",
    "PartIn",
    "ReasoningIn",
    "ReasoningItem",
    "ResponsesRequest",
    "ResultItem",
    "SharedItem",
    "SharedTool",
    "ToolHead",
    "ToolSearchCallItem",
    "ToolSearchOutputItem",
    "ToolSearchTool",
]

NAME = "openai_responses"
"""The format's name."""

Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
EffortWord = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


# --- input items -----------------------------------------------------------------------------


class Head(Struct, gc=False):
    """The field that determines the type of an item. A message may lack it."""

    type: str | None = None
    role: str | None = None


class AudioIn(Struct, gc=False):
    """Audio in the request."""

    data: str
    format: str | None = None


class PartIn(Struct):
    """A part of a content list. `type` determines which fields it has."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None
    input_audio: AudioIn | None = None
    prompt_cache_breakpoint: Any = None
    """OpenAI's cache breakpoint, from gpt-5.6 on."""


ROLES: dict[str, Literal["system", "developer", "user", "assistant"]]
ROLES = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}


class MessageItem(Struct, tag_field="type", tag="message"):
    """A message of any role."""

    role: Name
    """One of ROLES, or a role that only the provider may know."""
    content: str | list[PartIn]


class TextPart(Struct, gc=False):
    """A piece of a summary, or of readable thinking."""

    text: str


class ReasoningItem(Struct, tag_field="type", tag="reasoning"):
    """Thinking, sent back by the client."""

    summary: list[TextPart] | None = None
    content: list[TextPart] | None = None
    encrypted_content: str | None = None


class CallItem(Struct, tag_field="type", tag="function_call", gc=False):
    """A function call that the model made earlier."""

    call_id: Name
    name: Name
    arguments: str
    namespace: str | None = None
    """The namespace of the tool, if it was defined in one."""


class CustomCallItem(Struct, tag_field="type", tag="custom_tool_call", gc=False):
    """A call to a custom tool that the model made earlier."""

    call_id: Name
    name: Name
    input: str
    namespace: str | None = None


class ResultItem(Struct, tag_field="type", tag="function_call_output"):
    """The result of a function call."""

    call_id: Name
    output: str | list[PartIn]


class CustomResultItem(Struct, tag_field="type", tag="custom_tool_call_output"):
    """The result of a call to a custom tool."""

    call_id: Name
    output: str | list[PartIn]


class ImageItem(Struct, tag_field="type", tag="image_generation_call", gc=False):
    """An image that the model generated earlier (`image_generation_call`)."""

    result: str | None = None
    output_format: str | None = None


class AdditionalToolsItem(Struct, tag_field="type", tag="additional_tools", gc=False):
    """Tools that are offered from here on, in addition to those of the request (Codex)."""

    tools: list[Raw]


class ToolSearchCallItem(Struct, tag_field="type", tag="tool_search_call", gc=False):
    """A search for tools that the model made earlier. `execution` determines who searched: the client or the
    provider, which sends no `call_id`.
    """

    call_id: str | None = None
    execution: str | None = None
    arguments: Raw = Raw()


class ToolSearchOutputItem(Struct, tag_field="type", tag="tool_search_output", gc=False):
    """The tools found by a search: they are offered from here on."""

    call_id: str | None = None
    execution: str | None = None
    tools: list[Raw] | None = None


class AgentMessageItem(Struct, tag_field="type", tag="agent_message"):
    """A message to this agent from another agent of the client (Codex)."""

    content: str | list[PartIn]
    author: str | None = None
    recipient: str | None = None


class CompactionItem(Struct, tag_field="type", tag="compaction", gc=False):
    """An earlier conversation, compacted (see summary.py)."""

    encrypted_content: str | None = None


class OlderCompactionItem(CompactionItem, tag_field="type", tag="compaction_summary", gc=False):
    """The same under the name that older clients write (Codex)."""


class CompactionTriggerItem(Struct, tag_field="type", tag="compaction_trigger", gc=False):
    """The last item of a request whose answer is the conversation, compacted into one item (Codex)."""


class OwnItem(NamedTuple):
    """An item of a type that only this format has."""

    kind: str
    raw: Raw


SharedItem: TypeAlias = (
    MessageItem
    | ReasoningItem
    | CallItem
    | CustomCallItem
    | ResultItem
    | CustomResultItem
    | ImageItem
    | AdditionalToolsItem
    | ToolSearchCallItem
    | ToolSearchOutputItem
    | AgentMessageItem
    | CompactionItem
    | OlderCompactionItem
    | CompactionTriggerItem
)
Item: TypeAlias = SharedItem | OwnItem


# --- tools -----------------------------------------------------------------------------------


class ToolHead(Struct, gc=False):
    """The field that determines the type of a tool."""

    type: Name


class FunctionTool(Struct, tag_field="type", tag="function"):
    """The definition of a function."""

    name: Name
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class CustomTool(Struct, tag_field="type", tag="custom"):
    """The definition of a custom tool."""

    name: Name
    description: str | None = None
    format: dict[str, Any] | None = None


class NamespaceTool(Struct, tag_field="type", tag="namespace", gc=False):
    """Tools under a common name, which calls to them repeat: Codex defines the tools of an MCP server like
    this.
    """

    name: Name
    tools: list[Raw]
    description: str | None = None


class ToolSearchTool(Struct, tag_field="type", tag="tool_search", gc=False):
    """The search for tools. With `execution` "client" it is a function of the client."""

    execution: str | None = None
    description: str | None = None
    parameters: Raw = Raw()


class OwnTool(NamedTuple):
    """A built-in tool of the provider."""

    kind: str
    raw: Raw


SharedTool: TypeAlias = FunctionTool | CustomTool | NamespaceTool | ToolSearchTool
OfferedTool: TypeAlias = SharedTool | OwnTool


class AllowedTool(Struct, gc=False):
    """A tool in a list of allowed ones."""

    type: str = "function"
    name: str | None = None
    namespace: str | None = None


class ChoiceIn(Struct):
    """`tool_choice` as an object."""

    type: Name
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[AllowedTool] | None = None


# --- the request -----------------------------------------------------------------------------


class FormatIn(Struct):
    """`text.format`: flat, unlike chat's `response_format`."""

    type: Literal["text", "json_object", "json_schema", "grammar", "python"]
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class TextIn(Struct):
    """`text`."""

    format: FormatIn | None = None
    verbosity: str | None = None


class ReasoningIn(Struct, gc=False):
    """`reasoning`."""

    effort: EffortWord | None = None
    summary: Literal["auto", "concise", "detailed", "none"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    """The older name of `summary`."""


class StreamOptions(Struct, gc=False):
    """`stream_options`."""

    include_obfuscation: bool | None = None


class ResponsesRequest(Struct, kw_only=True):
    """A request for a response: OpenAI's fields, and Tidegate's `provider` and `models`."""

    model: Name
    input: str | list[Raw] | None = None
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Raw] | None = None
    tool_choice: str | ChoiceIn | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: Count | None = None
    text: TextIn | None = None
    reasoning: ReasoningIn | None = None
    include: list[str] | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    session_id: str | None = None
    service_tier: str | None = None
    provider: str | dict[str, Any] | None = None
    models: list[Name] | None = None


REQUEST = Decoder(ResponsesRequest)
RAWS = Decoder(list[Raw])
HEAD = Decoder(Head)
TOOL_HEAD = Decoder(ToolHead)
