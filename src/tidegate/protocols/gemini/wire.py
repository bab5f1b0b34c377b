"""Gemini's JSON, as far as Tidegate reads or writes it (v1beta; Vertex has the same).

The same structs are used in all four directions: requests to and answers from providers, and requests from
and answers to clients of the Gemini door. An empty `Raw` means that the field is absent.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Raw, Struct

from tidegate.protocols.usage import Count

__all__ = [
    "NOTHING",
    "Answer",
    "AnyPart",
    "Blob",
    "Candidate",
    "Citation",
    "CitationMetadata",
    "Content",
    "CountRequestIn",
    "FileData",
    "FunctionCall",
    "FunctionCallingConfig",
    "FunctionDeclaration",
    "FunctionResponse",
    "GenerationConfig",
    "GroundingMetadata",
    "LogprobsCandidate",
    "LogprobsResult",
    "OutCandidate",
    "OutContent",
    "PartialArg",
    "PromptFeedback",
    "Request",
    "RequestIn",
    "SafetyRating",
    "ThinkingConfig",
    "TokenCount",
    "ToolConfig",
    "TopCandidates",
    "UsageMetadata",
    "WirePart",
]


NOTHING = Raw()
"""The value of an absent raw field. (A field is omitted if it is this very object.)"""


class Wire(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """An object of the wire format: camelCase, absent fields are omitted."""


# --- parts -----------------------------------------------------------------------------------


class Blob(Wire, frozen=True):
    """Media in base64."""

    mime_type: str = ""
    data: str = ""


class FileData(Wire, frozen=True):
    """Media by URI: a public URL, gs://, or a file of the Files API."""

    mime_type: str | None = None
    file_uri: str = ""


class PartialArg(Wire, frozen=True):
    """A piece of a call's arguments (Vertex, `streamFunctionCallArguments`)."""

    json_path: str = "$"
    """Such as `$.location` or `$.days[0]`."""
    string_value: str | None = None
    """Appended to the value at the path, if `will_continue` was set before."""
    number_value: Raw = NOTHING
    bool_value: bool | None = None
    will_continue: bool = False


class FunctionCall(Wire, frozen=True):
    """A call. If a call arrives in pieces, only the first one has a name."""

    id: str | None = None
    name: str | None = None
    args: Raw = NOTHING
    partial_args: list[PartialArg] | None = None
    will_continue: bool = False


class FunctionResponse(Wire, frozen=True):
    """The result of a call; `response` is always an object."""

    id: str | None = None
    name: str = ""
    response: Raw = NOTHING
    parts: "list[WirePart] | None" = None
    """Media of the result (Gemini 3 and later)."""


class WirePart(Wire, frozen=True):
    """A part of a content. Types that are not declared here are forwarded unchanged."""

    text: str | None = None
    thought: bool | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought_signature: str | None = None


AnyPart: TypeAlias = WirePart | Raw
"""A part to be written; raw if it is sent back unchanged."""


class OutContent(Wire, frozen=True):
    """A content to be written."""

    role: str | None = None
    parts: Sequence[AnyPart] = ()


ROLES = {"user": "user", "model": "model", "function": "function"}


class Content(Wire, frozen=True):
    """A content that was read."""

    role: str | None = None
    parts: list[WirePart] | None = None


class AnswerContent(Content, frozen=True):
    """That of an answer."""

    text: str | None = None
    """Where there is no list around the only part."""


# --- the request -----------------------------------------------------------------------------


class FunctionDeclaration(Wire, frozen=True):
    """A function. The newer `parametersJsonSchema` accepts any JSON Schema."""

    name: str
    description: str | None = None
    parameters: Raw = NOTHING
    parameters_json_schema: Raw = NOTHING


class FunctionCallingConfig(Wire, frozen=True):
    """`mode` is AUTO, ANY, NONE or VALIDATED; names may be given with ANY and VALIDATED."""

    mode: str | None = None
    allowed_function_names: Sequence[str] | None = None


class ToolConfig(Wire, frozen=True):
    """How tools may be used."""

    function_calling_config: FunctionCallingConfig | None = None


class ThinkingConfig(Wire, frozen=True):
    """The thinking settings. Gemini 2.5 accepts a budget, 3 and later a level (or a
    budget, for old clients).
    """

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(Wire, frozen=True):
    """Tuning parameters and the output format."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: Sequence[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_schema: Raw = NOTHING
    response_json_schema: Raw = NOTHING
    response_modalities: Sequence[str] | None = None
    thinking_config: ThinkingConfig | None = None


class Request(Wire, frozen=True):
    """A request to be written."""

    contents: Sequence[OutContent]
    system_instruction: OutContent | None = None
    tools: "Sequence[Raw | dict[str, list[FunctionDeclaration]]] | None" = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    service_tier: str | None = None


class RequestIn(Wire, frozen=True):
    """A client's request: the fields that have a counterpart in other formats."""

    contents: list[Content] | None = None
    system_instruction: Content | None = None
    tools: list[dict[str, Raw]] | None = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    service_tier: str | None = None
    model: str | None = None
    provider: str | dict[str, Any] | None = None
    """Tidegate's extension: the provider's name, or preferences about providers."""
    models: list[str] | None = None
    """Tidegate's extension: the models to try if `model` fails."""


class CountRequestIn(Wire, frozen=True):
    """A client's token count request; it may contain a whole request, or is one itself."""

    generate_content_request: Raw = NOTHING


# --- the answer ------------------------------------------------------------------------------


class TokenCount(Wire, frozen=True):
    """Tokens of one modality."""

    modality: str = ""
    token_count: Count = 0


class UsageMetadata(Wire, frozen=True):
    """Token counts, sent with every chunk; each replaces the one before. Google omits counts of 0."""

    prompt_token_count: Count | None = None
    """Includes cached tokens, but not tool use."""
    candidates_token_count: Count | None = None
    """Does not include thoughts."""
    thoughts_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    total_token_count: Count | None = None
    prompt_tokens_details: list[TokenCount] | None = None
    cache_tokens_details: list[TokenCount] | None = None
    candidates_tokens_details: list[TokenCount] | None = None
    service_tier: Any = None


class LogprobsCandidate(Wire, frozen=True):
    """A token and its log probability."""

    token: str = ""
    log_probability: float = 0.0


class TopCandidates(Wire, frozen=True):
    """The most likely tokens at one position."""

    candidates: list[LogprobsCandidate] | None = None


class LogprobsResult(Wire, frozen=True):
    """One entry per token in both lists."""

    chosen_candidates: list[LogprobsCandidate] | None = None
    top_candidates: list[TopCandidates] | None = None


class Citation(Wire, frozen=True):
    """A source that the answer recites. Indexes are bytes of the answer's UTF-8 text."""

    uri: str | None = None
    title: str | None = None
    start_index: int = 0
    end_index: int | None = None


class CitationMetadata(Wire, frozen=True):
    """The list is named `citationSources` by Gemini and `citations` by Vertex."""

    citation_sources: list[Raw] | None = None
    citations: list[Raw] | None = None


class GroundingSource(Wire, frozen=True):
    """A web page found by a search."""

    uri: str | None = None
    title: str | None = None


class GroundingChunk(Wire, frozen=True):
    """A search result: on the web, on a map, or in the client's own files."""

    web: GroundingSource | None = None
    maps: GroundingSource | None = None
    retrieved_context: GroundingSource | None = None


class Segment(Wire, frozen=True):
    """A piece of the answer's text. Indexes are bytes of its UTF-8."""

    start_index: int = 0
    end_index: int | None = None
    part_index: int = 0


class GroundingSupport(Wire, frozen=True):
    """The sources that support a piece of the answer."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingMetadata(Wire, frozen=True):
    """The results of a search. Sent with the last chunk."""

    web_search_queries: list[str] | None = None
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class SafetyRating(Wire, frozen=True):
    """The rating for one harm category."""

    category: str = ""
    blocked: bool = False


class Candidate(Wire, frozen=True):
    """One choice of the answer, or a chunk of it."""

    index: int | None = None
    content: AnswerContent | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    safety_ratings: Raw = NOTHING
    citation_metadata: CitationMetadata | None = None
    grounding_metadata: Raw = NOTHING
    url_context_metadata: Raw = NOTHING
    logprobs_result: Raw = NOTHING


class OutCandidate(Wire, frozen=True):
    """A choice to be written."""

    content: OutContent | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    citation_metadata: Raw = NOTHING
    grounding_metadata: Raw = NOTHING
    url_context_metadata: Raw = NOTHING
    logprobs_result: Raw = NOTHING


class PromptFeedback(Wire, frozen=True):
    """The reason why a prompt got no answer."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Answer(Wire, frozen=True):
    """A GenerateContentResponse: a complete answer, or one chunk of it."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    error: Raw = NOTHING
