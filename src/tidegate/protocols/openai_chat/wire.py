"""The request fields that Tidegate reads, as types.

The types accept more than OpenAI: extensions of compatible services are included. Fields that Tidegate does
not read are not declared and are forwarded unchanged. An empty `Raw` means that the field was not sent.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.openai_request import Count, Name, SampledWire

__all__ = [
    "FORMATS",
    "NAME",
    "REQUEST",
    "ROLES",
    "AudioIn",
    "CallIn",
    "ChatRequest",
    "FileIn",
    "FunctionIn",
    "ImageIn",
    "MessageIn",
    "PartIn",
    "ReasoningDetail",
    "ToolIn",
    "has_list",
]

NAME = "openai_chat"

FORMATS = {"anthropic-claude-v1": "anthropic", "google-gemini-v1": "gemini"}
"""OpenRouter's names for signature formats; all other names are used as they are."""

EffortWord = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra", "default"]

ROLES: dict[str, Literal["system", "developer", "user", "assistant", "tool", "function"]]
ROLES = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "function",
}


class CacheMark(Struct, gc=False):
    """`cache_control` in Anthropic's form, as accepted by OpenRouter and others."""

    type: str = "ephemeral"
    ttl: str | None = None


class GoogleContent(Struct, gc=False):
    """`extra_content.google` of Google's OpenAI-compatible API."""

    thought_signature: str | None = None


class ExtraContent(Struct, gc=False):
    """`extra_content`."""

    google: GoogleContent | None = None

    @property
    def signature(self) -> str | None:
        """The signature, if there is one."""
        return self.google.thought_signature if self.google else None


class ImageIn(Struct, gc=False):
    """A URL or data URL. Also used for videos and documents given by URL."""

    url: str
    detail: str | None = None


class AudioIn(Struct, gc=False):
    """Audio in the request."""

    data: str
    format: str | None = None


class FileIn(Struct, gc=False):
    """A file in the request (as a data URL), or an uploaded file."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class PartIn(Struct, gc=False):
    """A part of a content list. `type` determines which field it has."""

    type: Name
    text: str | None = None
    image_url: str | ImageIn | None = None
    input_audio: str | AudioIn | None = None
    file: FileIn | None = None
    video_url: str | ImageIn | None = None
    document_url: str | ImageIn | None = None
    refusal: str | None = None
    thinking: str | list[dict[str, Any]] | None = None
    """Mistral's: a text, or a list of text parts."""
    signature: str | None = None
    cache_control: CacheMark | None = None
    prompt_cache_breakpoint: Any = None
    """OpenAI's cache breakpoint, from gpt-5.6 on."""
    extra_content: ExtraContent | None = None
    """For an image that the model generated."""


class FunctionCallIn(Struct, gc=False):
    """A function and its arguments."""

    name: Name
    arguments: str = ""


class CustomCallIn(Struct, gc=False):
    """A custom tool and its input."""

    name: Name
    input: str = ""


class CallIn(Struct, gc=False):
    """A tool call that the model made earlier."""

    id: Name
    function: FunctionCallIn | None = None
    custom: CustomCallIn | None = None
    type: str = "function"
    extra_content: ExtraContent | None = None
    cache_control: CacheMark | None = None


class ReasoningDetail(Struct, gc=False):
    """An entry of OpenRouter's `reasoning_details`."""

    type: str
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    format: str | None = None


class NativeBlockIn(Struct, gc=False):
    """A block of one wire format, sent back by the client."""

    format: str
    block: Raw


class AudioRef(Struct, gc=False):
    """A reference to audio that the model generated earlier."""

    id: Name


class MessageIn(Struct, gc=False):
    """A message of any role."""

    role: Name
    """One of ROLES, or a role that only the provider may know."""
    content: str | list[PartIn] | None = None
    name: str | None = None
    tool_calls: list[CallIn] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCallIn | None = None
    refusal: str | None = None
    audio: AudioRef | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    extra_content: ExtraContent | None = None
    native_blocks: list[NativeBlockIn] | None = None
    images: list[PartIn] | None = None
    cache_control: CacheMark | None = None


class FunctionIn(Struct, gc=False):
    """The definition of a function."""

    name: Name
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class CustomIn(Struct, gc=False):
    """The definition of a custom tool."""

    name: Name
    description: str | None = None


class ToolIn(Struct, gc=False):
    """The definition of a tool; any other type is one of the provider's built-in tools."""

    type: str = "function"
    function: FunctionIn | None = None
    custom: CustomIn | None = None
    cache_control: CacheMark | None = None


class Named(Struct, gc=False):
    """An object with a name."""

    name: Name


class AllowedTool(Struct, gc=False):
    """A tool in a list of allowed ones."""

    function: Named | None = None
    custom: Named | None = None
    name: str | None = None


class AllowedTools(Struct, gc=False):
    """The tools that may or must be called."""

    mode: Literal["auto", "required"]
    tools: list[AllowedTool]


class ChoiceIn(Struct, gc=False):
    """`tool_choice` as an object. xAI also accepts the name at the top level."""

    type: str
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None
    name: str | None = None


class SchemaIn(Struct, gc=False):
    """`response_format.json_schema`. Perplexity accepts it without a name."""

    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class FormatIn(Struct, gc=False):
    """`response_format`. Together's older form has the schema next to the type."""

    type: Literal["text", "json_object", "json_schema", "regex", "grammar", "structural_tag"]
    json_schema: SchemaIn | None = None
    schema: Raw = Raw()


class UsageIn(Struct, gc=False):
    """OpenRouter's `usage` option, which requests usage."""

    include: bool | None = None


class ReasoningIn(Struct, gc=False):
    """OpenRouter's `reasoning`."""

    effort: EffortWord | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    enabled: bool | None = None
    exclude: bool | None = None


ToolChoiceWord = Literal["none", "auto", "required", "any"]


class ChatRequest(SampledWire, kw_only=True, gc=False):
    """A chat completion request: the fields of OpenAI, of Tidegate, and common fields of
    compatible services.
    """

    messages: Annotated[list[MessageIn], Meta(min_length=1)]
    usage: UsageIn | None = None
    tools: list[ToolIn] | None = None
    tool_choice: str | ChoiceIn | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionIn] | None = None
    function_call: str | Named | None = None
    response_format: FormatIn | None = None
    max_completion_tokens: Count | None = None
    logprobs: bool | Annotated[int, Meta(ge=0, le=20)] | None = None
    """A number is Together's form."""
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    verbosity: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    reasoning_effort: EffortWord | None = None
    reasoning: ReasoningIn | None = None
    system_message: str | None = None
    session_id: str | None = None


REQUEST = Decoder(ChatRequest)


def has_list(raw: Raw) -> bool:
    """Return whether a value is a JSON array."""
    view = memoryview(raw)
    return len(view) > 0 and view[0] == 0x5B  # [
