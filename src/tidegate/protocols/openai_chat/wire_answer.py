"""The fields of answers that Tidegate reads, for complete answers and for chunks, as types."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED, malformed
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.events import Event
from tidegate.protocols.lenient import decode_leniently, look_closer

from .usage import UsageIn
from .wire import ExtraContent, NativeBlockIn, ReasoningDetail

__all__ = [
    "ANSWER",
    "MARKS",
    "NOTHING",
    "OLDER",
    "THOUGHTS",
    "AnswerOut",
    "CallOut",
    "ChoiceOut",
    "Delta",
    "FunctionOut",
    "ImageOut",
    "PartOut",
    "decode_answer",
    "decode_chunk",
]


class FunctionOut(Struct, gc=False):
    """A function's name, or a piece of its arguments. Some services send the arguments as an object."""

    name: str | None = None
    arguments: Any = None


class CustomOut(Struct, gc=False):
    """A custom tool's name, or a piece of its input."""

    name: str | None = None
    input: str | None = None


class CallOut(Struct, gc=False):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionOut | None = None
    custom: CustomOut | None = None
    extra_content: ExtraContent | None = None
    name: str | None = None
    """Where a server sends a call without a `function` around its name and arguments."""
    arguments: Any = None


class ImageUrl(Struct, gc=False):
    """The URL of an image."""

    url: str = ""


class PartOut(Struct, gc=False):
    """A part of a content list (Mistral; other servers pass on the parts of other formats)."""

    type: str = "text"
    text: str | None = None
    thinking: Any = None
    signature: str | None = None
    data: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    arguments: Any = None


class UrlCitation(Struct, gc=False):
    """OpenAI's `url_citation`."""

    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(Struct, gc=False):
    """An annotation of the text."""

    url_citation: UrlCitation | None = None


class ImageOut(Struct, gc=False):
    """An image that the model generated, in OpenRouter's form."""

    image_url: ImageUrl | None = None


class Delta(Struct, gc=False):
    """A message, or a piece of one."""

    content: str | list[PartOut] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_text: str | None = None
    thinking: str | None = None
    """Its names at services that only pass it on (GitHub Copilot, Ollama's own API)."""
    thinking_blocks: list[PartOut] | None = None
    """Anthropic's blocks (LiteLLM)."""
    reasoning_details: list[ReasoningDetail] | None = None
    refusal: str | None = None
    tool_calls: list[CallOut] | None = None
    function_call: FunctionOut | None = None
    annotations: list[Annotation] | None = None
    citations: list[Raw] | None = None
    images: list[ImageOut] | None = None
    native_blocks: list[NativeBlockIn] | None = None
    extra_content: ExtraContent | None = None
    audio: Any = None


class Logprobs(Struct, gc=False):
    """Log probabilities of tokens."""

    content: Raw = Raw()


class ChoiceOut(Struct, gc=False):
    """A choice, or a piece of it."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    """The text of the older completions, which some servers send in a chat."""
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Logprobs | None = None
    error: Any = None


class SearchResult(Struct, gc=False):
    """A search result used for the answer (Perplexity)."""

    url: str | None = None
    title: str | None = None


class GroqOut(Struct, gc=False):
    """Groq's `x_groq` field."""

    usage: UsageIn | None = None


class AnswerOut(Struct, gc=False):
    """A chat completion, or a chunk of one."""

    id: str | None = None
    model: str | None = None
    created: float | None = None
    choices: list[ChoiceOut] | None = None
    usage: UsageIn | None = None
    service_tier: Any = None
    error: Any = None
    x_groq: GroqOut | None = None
    citations: list[Any] | None = None
    search_results: list[SearchResult] | None = None


THOUGHTS = frozenset({"thinking", "reasoning", "reasoning_text", "summary_text", "redacted_thinking"})
"""Types of content parts that are thinking."""

PLAIN_PARTS = frozenset({"text", "output_text", "input_text", "refusal"})
"""Types of content parts that have nothing to say where they have no text."""

ANSWER = Decoder(AnswerOut)
OLDER = "text_completion"
"""The `object` of the older completions."""
MARKS = frozenset({"choices"})
"""What only an answer has."""
NOTHING = Delta()


def decode_chunk(data: bytes, events: list[Event]) -> AnswerOut:
    """Decode a chunk or an answer. Optional fields of an unexpected type are left out."""
    return decode_leniently(ANSWER, data, events)


def decode_answer(body: bytes, events: list[Event]) -> AnswerOut | ProviderError:
    """Decode a complete answer, or return the error if it is not one."""
    try:
        answer = decode_chunk(body, events)
    except MALFORMED as error:
        return malformed("the provider's answer", error)
    if not answer.choices and not answer.error:
        answer = look_closer(ANSWER, body, MARKS, events) or answer
    if not answer.choices and not answer.error:
        return ProviderBroke("the provider's answer has no choices")
    return answer
