"""A quick check of whether a chunk or an answer needs any mending.

Most chunks of most streams are clean, whatever the service's faults: a piece of text in the middle of the
answer. Their types identify them, which a decoder checks in half a microsecond, and their bytes are forwarded
unchanged.
"""

from collections.abc import Container
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tidegate.protocols.decode import MALFORMED, check_utf8

from .usage import UsageIn, completion_tokens

__all__ = ["clean_text", "is_clean", "read_clean", "read_text"]


class CleanDelta(Struct, gc=False):
    """A piece of text or of `reasoning_content`, without any field that a repair looks at."""

    content: str | None = None
    role: None = None
    tool_calls: None = None
    function_call: None = None
    reasoning: None = None
    reasoning_text: None = None
    thinking: None = None


class CleanChoice(Struct, gc=False):
    """A choice that continues."""

    index: int
    delta: CleanDelta
    finish_reason: None = None
    message: None = None
    error: None = None


class CleanChunk(Struct, gc=False):
    """A chunk with a complete head and no usage."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: Annotated[str, Meta(min_length=1)]
    choices: Annotated[list[CleanChoice], Meta(min_length=1)]
    usage: None = None
    error: None = None
    x_groq: None = None


class TextDelta(Struct, gc=False):
    """A piece of text, without any other field that the reader looks at."""

    content: Annotated[str, Meta(min_length=1)]
    reasoning_content: None = None
    reasoning: None = None
    reasoning_text: None = None
    thinking: None = None
    thinking_blocks: None = None
    reasoning_details: None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    annotations: None = None
    citations: None = None
    images: None = None
    native_blocks: None = None
    extra_content: None = None
    audio: None = None


class TextChoice(Struct, gc=False):
    """A choice that continues with text."""

    delta: TextDelta
    index: int = 0
    finish_reason: None = None
    message: None = None
    logprobs: None = None
    error: None = None


class TextChunk(Struct, gc=False):
    """A chunk of text, without any other field that the reader looks at."""

    choices: Annotated[list[TextChoice], Meta(min_length=1)]
    usage: None = None
    error: None = None
    x_groq: None = None
    citations: None = None
    search_results: None = None


class CleanFunction(Struct, gc=False):
    """A function in a tool call."""

    name: Annotated[str, Meta(min_length=1)]
    arguments: Annotated[str, Meta(pattern=r"^\{")]


class CleanCall(Struct, gc=False):
    """A tool call with all required fields."""

    id: Annotated[str, Meta(min_length=1)]
    type: Literal["function"]
    function: CleanFunction


class CleanMessage(Struct, gc=False):
    """A complete message, without any field that a repair looks at."""

    role: Literal["assistant"]
    content: str | None = None
    tool_calls: tuple[CleanCall, ...] | None = None
    function_call: None = None
    reasoning: None = None
    reasoning_text: None = None
    thinking: None = None


class CleanEnd(Struct, gc=False):
    """A choice that is complete."""

    index: int
    message: CleanMessage
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
    error: None = None


class CleanAnswer(Struct, gc=False):
    """A complete answer as OpenAI would write it."""

    id: Annotated[str, Meta(min_length=1)]
    object: Literal["chat.completion"]
    created: int
    model: Annotated[str, Meta(min_length=1)]
    choices: Annotated[tuple[CleanEnd, ...], Meta(min_length=1)]
    usage: UsageIn | None = None
    service_tier: Any = None
    error: None = None
    x_groq: None = None


_DECODE_ANSWER = msgspec.json.Decoder(CleanAnswer).decode
_DECODE = msgspec.json.Decoder(CleanChunk).decode
_DECODE_TEXT = msgspec.json.Decoder(TextChunk).decode
CONTENT = b'"content":"'
FINISHED = b'"finish_reason":"'


def is_clean(data: bytes, answer: str, begun: Container[int]) -> bool:
    """Return whether a chunk is a clean piece of the answer with this id, with these choices begun."""
    if data.find(FINISHED) >= 0:  # a search that costs less than a failed decode
        return False
    try:
        if not data.isascii():
            check_utf8(data)
        chunk = _DECODE(data)
    except MALFORMED:
        return False
    if chunk.id != answer:
        return False
    for choice in chunk.choices:  # noqa: SIM110 a generator costs as much as the decoding
        if choice.index not in begun:
            return False
    return True


def clean_text(data: bytes) -> str | None:
    """Return the text of a clean chunk's only choice; None if there is more, or less, in it."""
    try:
        choices = _DECODE(data).choices
    except MALFORMED:
        return None
    return choices[0].delta.content if len(choices) == 1 else None


def read_text(data: bytes) -> list[TextChoice] | None:
    """Return the choices of a chunk that contains only text; None if it may contain anything else."""
    if (
        data.find(CONTENT) < 0
    ):  # a search that costs less than a failed decode, as for the pieces of a tool call
        return None
    try:
        return _DECODE_TEXT(data).choices
    except MALFORMED:
        return None


def read_clean(body: bytes) -> CleanAnswer | None:
    """Return the answer if nothing in it needs mending."""
    try:
        check_utf8(body)
        answer = _DECODE_ANSWER(body)
    except MALFORMED:
        return None
    usage = answer.usage
    if usage is not None and completion_tokens(usage) != usage.completion_tokens:
        return None
    for choice in answer.choices:
        calls = choice.message.tool_calls
        if calls and (choice.finish_reason == "stop" or len({call.id for call in calls}) < len(calls)):
            return None
    return answer
