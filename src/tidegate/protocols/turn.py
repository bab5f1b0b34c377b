"""A client's chat request, independent of any dialect.

A `Turn` is created once from the client's body by the door's protocol and never modified; every attempt
renders it again. Names are the industry's standard terms. Where dialects have different rules (which role may
follow which), the *normal form* below applies, and each renderer converts it to what its provider requires.

Normal form of `messages`:

- System and developer texts are messages with that role, where the client put them.
- Tool results are messages of role `tool` with `ToolResult` parts only, one message per run of
  results. (Anthropic's user message that mixes results and text becomes two messages.)
- Assistant messages hold `Text`, `Reasoning`, `RedactedReasoning`, `ToolCall`, `Refusal`, `Image`
  and `Native` parts in the order in which the model wrote them.
- A content given as a string is one `Text` part. Empty contents are empty tuples.
"""

from typing import Literal, TypeAlias

from msgspec import Raw, Struct

__all__ = [
    "Audio",
    "CacheControl",
    "Document",
    "Effort",
    "FileRef",
    "Image",
    "Inline",
    "Link",
    "Message",
    "Native",
    "OutputFormat",
    "Part",
    "Place",
    "Reasoning",
    "ReasoningControl",
    "RedactedReasoning",
    "Refusal",
    "Role",
    "Source",
    "Text",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
    "Turn",
    "Video",
    "WebSearch",
]

Role = Literal["system", "developer", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class CacheControl(Struct, frozen=True, gc=False):
    """A cache breakpoint after this part."""

    ttl: Literal["5m", "1h"] | None = None
    """The entry's lifetime; None is the provider's default."""


# --- where media come from -------------------------------------------------------------------


class Inline(Struct, frozen=True, gc=False):
    """Media in the request itself."""

    media_type: str
    """Such as `image/png`, lower case, without parameters."""
    data: str
    """Base64, standard alphabet."""


class Link(Struct, frozen=True, gc=False):
    """Media by URL."""

    url: str
    media_type: str | None = None


class FileRef(Struct, frozen=True, gc=False):
    """Media that the client uploaded to the provider."""

    id: str


Source: TypeAlias = Inline | Link | FileRef


# --- parts of a message ----------------------------------------------------------------------


class Text(Struct, frozen=True, gc=False):
    """A text."""

    text: str
    cache: CacheControl | None = None
    signature: str | None = None
    """Gemini's `thoughtSignature` on a text."""


class Image(Struct, frozen=True, gc=False):
    """An image to look at."""

    source: Source
    detail: str | None = None
    """OpenAI's `auto`, `low` or `high`."""
    cache: CacheControl | None = None
    signature: str | None = None


class Document(Struct, frozen=True, gc=False):
    """A document to read: a PDF, or plain text (an `Inline` source of type `text/plain`)."""

    source: Source
    name: str | None = None
    context: str | None = None
    citations: bool | None = None
    """Whether the answer should cite it (Anthropic)."""
    cache: CacheControl | None = None


class Audio(Struct, frozen=True, gc=False):
    """Audio to listen to. OpenAI's `format` ("wav", "mp3") is the end of the media type."""

    source: Source


class Video(Struct, frozen=True, gc=False):
    """Video to watch."""

    source: Source


class ToolCall(Struct, frozen=True, gc=False):
    """A call that the model made earlier in the conversation."""

    id: str
    name: str
    arguments: str
    """JSON text for functions ("{}" if there are none), free text for custom tools."""
    kind: Literal["function", "custom"] = "function"
    signature: str | None = None
    """Gemini's `thoughtSignature` on the call."""
    cache: CacheControl | None = None


class ToolResult(Struct, frozen=True, gc=False):
    """The result of a call."""

    call_id: str
    name: str
    """The name of the called tool, found in the conversation; "" if the call is not in it."""
    content: "tuple[Text | Image | Document | Native, ...]"
    is_error: bool | None = None
    cache: CacheControl | None = None


class Reasoning(Struct, frozen=True, gc=False):
    """Earlier thinking of the model, sent back. Has a text, a signature, or both."""

    text: str
    signature: str | None = None
    format: str | None = None
    """The wire format that signed it; others may use the text, not the signature."""


class RedactedReasoning(Struct, frozen=True, gc=False):
    """Thinking that only the provider can read, sent back."""

    data: str
    format: str


class Refusal(Struct, frozen=True, gc=False):
    """The sentence with which the model declined earlier."""

    text: str


class Native(Struct, frozen=True, gc=False):
    """A block of one wire format that has no counterpart elsewhere."""

    format: str
    block: Raw
    kind: str = ""
    """Its type in that format, for messages."""


Part: TypeAlias = (
    Text
    | Image
    | Document
    | Audio
    | Video
    | ToolCall
    | ToolResult
    | Reasoning
    | RedactedReasoning
    | Refusal
    | Native
)


class Message(Struct, frozen=True, gc=False):
    """One message of the conversation."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    """The participant's name, if the client sends one."""


# --- tools and form --------------------------------------------------------------------------


class Place(Struct, frozen=True, gc=False):
    """Roughly where the user is."""

    city: str | None = None
    region: str | None = None
    country: str | None = None
    """Two letters (ISO 3166-1)."""
    timezone: str | None = None
    """As in `Europe/London`."""

    def render(self) -> dict[str, str]:
        """The fields that are set; OpenAI and Anthropic name them alike."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


class WebSearch(Struct, frozen=True, kw_only=True):
    """The options of a web search. Empty and None: the client sets none."""

    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    user_location: Place | None = None
    search_context_size: str | None = None
    """How much of what is found the model reads: `low`, `medium`, `high`."""
    max_uses: int | None = None
    """How often the model may search."""
    others: tuple[str, ...] = ()
    """Names of options that only the client's dialect has."""


class Tool(Struct, frozen=True, gc=False):
    """A tool that the model may call."""

    name: str
    description: str | None = None
    parameters: Raw | None = None
    """A JSON Schema of type object; None for a function without parameters."""
    strict: bool | None = None
    kind: Literal["function", "custom", "native"] = "function"
    """`native`: a tool that the provider runs itself, known to one wire format only."""
    format: str | None = None
    """The wire format of a native tool."""
    block: Raw | None = None
    """The whole declaration of a native or custom tool, as the client wrote it."""
    cache: CacheControl | None = None
    search: WebSearch | None = None
    """What a native tool that searches the web is to do: other formats have such a tool too (search.py)."""


class ToolChoice(Struct, frozen=True, gc=False):
    """Whether and what the model must call."""

    mode: Literal["auto", "none", "required", "named"]
    names: tuple[str, ...] = ()
    """The one tool of `named`; for `auto` and `required`, the only ones allowed, if any."""


class OutputFormat(Struct, frozen=True, gc=False):
    """The required format of the answer's text."""

    kind: Literal["json_object", "json_schema"]
    schema: Raw | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    bare: bool = False
    """Whether the answer is one of the texts that the schema allows, not in JSON (Gemini's `text/x.enum`)."""


class ReasoningControl(Struct, frozen=True, gc=False):
    """How much the model should think, and whether the thinking is shown."""

    effort: Effort | None = None
    budget: int | None = None
    """Thinking tokens; 0 switches thinking off."""
    mode: Literal["enabled", "disabled", "adaptive"] | None = None
    """Anthropic's `thinking.type`, if the client uses Anthropic's dialect."""
    show: bool | None = None
    """Whether the thinking should be in the answer; None is the provider's default."""


class Turn(Struct, frozen=True, kw_only=True, gc=False):
    """One chat request. `None` means that the client did not set the field."""

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    reasoning: ReasoningControl | None = None
    max_tokens: int | None = None
    """Maximum completion tokens, including reasoning."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Raw | None = None
    continues: bool = False
    """Whether the last message, the assistant's, is the beginning of the answer: the provider must continue
    it, or the request is refused. Set where a broken stream is carried on (see continuation.py)."""
    modalities: tuple[str, ...] = ()
    """OpenAI's `modalities`: "text", "audio", "image". Empty is the provider's default."""
    verbosity: str | None = None
    user: str | None = None
    """The client's own id of its end user (OpenAI's `user` or `safety_identifier`, Anthropic's
    `metadata.user_id`)."""
    service_tier: str | None = None
    origin: str
    """The client's wire format."""
    extensions: dict[str, Raw]
    """Top-level fields that have no counterpart here, by the client's own names. They reach a
    provider of the same wire format untouched and are named as dropped for any other."""
