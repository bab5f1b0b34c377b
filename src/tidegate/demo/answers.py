"""The demo's responses: a pure function of the request.

The rules, in order:

1. If tools are offered and allowed (`tool_choice`), and the last message is the user's: a call, or two if
   the user writes "two" or "both" or names two of the tools.
2. If a `response_format` is requested: JSON that matches it.
3. Otherwise text: an introduction, the request, its images, documents and tool results.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.turn import (
    Audio,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Part,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)

from . import tokens
from .schema import example

__all__ = ["Answer", "Call", "Choice", "Counts", "answer_to", "count", "cut"]

QUOTED = 600
"""Maximum length of a quotation, in characters; longer texts lose their middle."""
MEDIA_TOKENS = 85
"""Tokens of an image, document or recording (OpenAI's figure for an image of low detail)."""
MESSAGE_TOKENS = 3
"""Tokens of a message in addition to its content, and of the start of the answer (OpenAI's rule)."""
CACHE_STEP, CACHE_FLOOR = 128, 1024
"""From the second turn of a conversation on, earlier turns count as cached: in steps of 128 tokens, from
1,024 tokens on (OpenAI's rule)."""

Finish = Literal["stop", "length", "tool_calls"]


class Call(Struct, frozen=True):
    """A call of a tool."""

    id: str
    name: str
    arguments: str
    custom: bool = False


class Choice(Struct, frozen=True):
    """One of the answers to a request."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: Finish = "stop"


class Answer(Struct, frozen=True):
    """The response to a request."""

    id: str
    model: str
    choices: tuple[Choice, ...]


class Counts(Struct, frozen=True):
    """Tokens."""

    prompt: int
    cached: int
    """Of the prompt."""
    completion: int
    reasoning: int
    """Of the completion."""


def answer_to(turn: Turn, *, thinks: bool = False) -> Answer:
    """The answer to a request, before it is limited to `max_tokens`.

    Raises InvalidRequest for an invalid schema.
    """
    digest = hashlib.sha256(msgspec.json.encode(_essence(turn))).hexdigest()[:24]
    reasoning = _think(turn) if thinks else ""
    choices = tuple(_choose(turn, reasoning, digest, number) for number in range(turn.n or 1))
    return Answer(f"chatcmpl-demo-{digest}", turn.model, choices)


def cut(answer: Answer, limit: int | None) -> Answer:
    """Limit an answer to `max_tokens`: reasoning comes first, then text, then calls."""
    if limit is None:
        return answer
    return msgspec.structs.replace(answer, choices=tuple(_cut(choice, limit) for choice in answer.choices))


def count(turn: Turn, answer: Answer) -> Counts:
    """The tokens of a request and its answer."""
    reasoning = sum(tokens.count(choice.reasoning) for choice in answer.choices)
    completion = sum(tokens.count(text) for choice in answer.choices for text in _written(choice))
    prompt = sum(map(_count_message, turn.messages)) + sum(map(_count_tool, turn.tools)) + MESSAGE_TOKENS
    return Counts(prompt, _count_cached(turn.messages), reasoning + completion, reasoning)


def _essence(turn: Turn) -> Turn:
    """The parts of a request that the answer depends on, which exclude its delivery."""
    return msgspec.structs.replace(turn, stream=False, extensions={})


# --- choosing --------------------------------------------------------------------------------


def _choose(turn: Turn, reasoning: str, digest: str, number: int) -> Choice:
    calls = tuple(_plan_calls(turn, digest, number))
    if calls:
        return Choice(reasoning=reasoning, calls=calls, finish="tool_calls")
    text = _fill(turn, number) if turn.output is not None else _speak(turn, number)
    return Choice(text=_stop(text, turn.stop), reasoning=reasoning)


def _stop(text: str, sequences: Sequence[str]) -> str:
    ends = [text.find(sequence) for sequence in sequences if sequence in text]
    return text[: min(ends)] if ends else text


def _fill(turn: Turn, number: int) -> str:
    """JSON in the requested format."""
    assert turn.output is not None
    if turn.output.schema is None:
        return msgspec.json.encode({"answer": _speak(turn, number)}).decode()
    return _example(turn.output.schema, number, "response_format.json_schema.schema")


def _example(schema: Raw | None, variant: int, param: str) -> str:
    try:
        decoded = msgspec.json.decode(schema) if schema is not None else {"type": "object"}
        return msgspec.json.encode(example(decoded, variant)).decode()
    except ValueError as error:
        raise InvalidRequest("not a JSON Schema", param=param) from error


# --- tools -----------------------------------------------------------------------------------


def _plan_calls(turn: Turn, digest: str, number: int) -> Iterator[Call]:
    choice = turn.tool_choice or ToolChoice("auto")
    if choice.mode == "none" or (choice.mode == "auto" and _results(turn.messages)):
        return
    offered = [tool for tool in turn.tools if tool.kind != "native"]
    allowed = [tool for tool in offered if not choice.names or tool.name in choice.names]
    for position, tool in enumerate(_wanted(turn, allowed)):
        yield _call(turn, tool, f"call_{digest[:16]}{number}{position}", number + position)


def _wanted(turn: Turn, allowed: list[Tool]) -> list[Tool]:
    """The tools to call: those named by the user first, two if two are requested."""
    if not allowed:
        return []
    text = _last_words(turn.messages)
    named = [tool for tool in allowed if re.search(rf"\b{re.escape(tool.name)}\b", text)]
    several = len(named) > 1 or re.search(r"\b(two|both)\b", text, re.IGNORECASE)
    if not several or turn.parallel_tool_calls is False:
        return (named or allowed)[:1]
    pool = named + [tool for tool in allowed if tool not in named]
    return (pool * 2)[:2]


def _call(turn: Turn, tool: Tool, id: str, variant: int) -> Call:  # noqa: A002 the wire's own name
    if tool.kind == "custom":
        return Call(id, tool.name, _quote(_last_words(turn.messages)), custom=True)
    position = turn.tools.index(tool)
    arguments = _example(tool.parameters, variant, f"tools.{position}.function.parameters")
    return Call(id, tool.name, arguments)


# --- speaking --------------------------------------------------------------------------------


def _speak(turn: Turn, number: int) -> str:
    return "\n".join(_sentences(turn, number))


def _sentences(turn: Turn, number: int) -> Iterator[str]:
    yield (
        f"I am {turn.model}, a model of Tidegate's demo provider: I need no key, I know nothing, "
        "and the same request always gets the same answer."
    )
    if number:
        yield f"This is choice {number + 1} of {turn.n}."
    if instructions := _texts(turn.messages, ("system", "developer")):
        yield f"My instructions: “{_quote(instructions)}”"
    if words := _last_words(turn.messages):
        yield f"You said: “{_quote(words)}”"
    media = [_describe(part) for message in _latest(turn.messages) for part in message.parts]
    if shown := [description for description in media if description]:
        yield f"You gave me: {'; '.join(shown)}."
    for result in _results(turn.messages):
        outcome = "failed with" if result.is_error else "returned"
        yield f"The tool {result.name or result.call_id} {outcome}: “{_quote(_content(result))}”"
    if turn.tools and turn.tool_choice is not None and turn.tool_choice.mode == "none":
        offered = ", ".join(tool.name for tool in turn.tools)
        yield f"You offered tools that I was not allowed to use: {offered}."


def _think(turn: Turn) -> str:
    """The reasoning of the reasoning model: more with more effort."""
    effort = turn.reasoning.effort if turn.reasoning is not None else None
    return " ".join(_THOUGHTS[: _SENTENCES[effort]])


_THOUGHTS = (
    "The user wants an answer from a model that knows nothing.",
    "The honest way is to say who I am and to repeat the request.",
    "Is there a tool to call, or a schema to fill? Then that comes first.",
    "Let me check that again: the same request has to get the same answer.",
    "Nothing is random here, so it will.",
    "I could think about this for longer, but not to any better effect.",
)
_SENTENCES = {"none": 0, "minimal": 1, "low": 2, "medium": 3, None: 3, "high": 4, "xhigh": 5, "max": 6}
"""Sentences by reasoning effort."""


def _quote(text: str) -> str:
    if len(text) <= QUOTED:
        return text
    half = QUOTED // 2
    return f"{text[:half]} … {text[-half:]} ({len(text)} characters in all)"


# --- reading the conversation ----------------------------------------------------------------


def _latest(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages after the model's last one."""
    for position in range(len(messages) - 1, -1, -1):
        if messages[position].role == "assistant":
            return messages[position + 1 :]
    return messages


def _results(messages: Sequence[Message]) -> list[ToolResult]:
    """The tool results that have not been answered yet."""
    return [part for message in _latest(messages) for part in message.parts if isinstance(part, ToolResult)]


def _last_words(messages: Sequence[Message]) -> str:
    """The user's last text, from an earlier turn if the latest contains only tool results."""
    asked = [message for message in messages if message.role == "user"]
    return _texts(asked[-1:], ("user",))


def _texts(messages: Sequence[Message], roles: Sequence[str]) -> str:
    parts = [part for message in messages if message.role in roles for part in message.parts]
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def _content(result: ToolResult) -> str:
    described = [part.text if isinstance(part, Text) else _describe(part) for part in result.content]
    return "\n".join(filter(None, described))


def _describe(part: object) -> str | None:
    """Describe an image, document or recording; None for any other part."""
    kind = _MEDIA.get(type(part))
    if kind is None:
        return None
    assert isinstance(part, Image | Document | Audio | Video)
    name = getattr(part, "name", None)
    return " ".join(filter(None, (kind, name and f"“{name}”", _origin(part.source))))


_MEDIA: dict[type, str] = {
    Image: "an image",
    Document: "a document",
    Audio: "a recording",
    Video: "a video",
}


def _origin(source: Inline | Link | FileRef) -> str:
    match source:
        case Inline():
            return f"({source.media_type}, {len(source.data) * 3 // 4 - source.data[-2:].count('=')} bytes)"
        case Link():
            return f"at {source.url}"
        case FileRef():
            return f"({source.id})"


# --- counting --------------------------------------------------------------------------------


def _cut(choice: Choice, limit: int) -> Choice:
    reasoning = tokens.cut(choice.reasoning, limit)
    limit -= tokens.count(reasoning)
    text = tokens.cut(choice.text, limit)
    limit -= tokens.count(text)
    calls = []
    for call in choice.calls:
        limit -= tokens.count(call.name)
        if limit < 0:
            break
        arguments = tokens.cut(call.arguments, limit)
        limit -= tokens.count(arguments)
        calls.append(msgspec.structs.replace(call, arguments=arguments))
    kept = Choice(text, reasoning, tuple(calls), choice.finish)
    return kept if kept == choice else msgspec.structs.replace(kept, finish="length")


def _written(choice: Choice) -> Iterator[str]:
    yield choice.text
    for call in choice.calls:
        yield call.name
        yield call.arguments


def _count_message(message: Message) -> int:
    return MESSAGE_TOKENS + sum(map(_count_part, message.parts))


def _count_part(part: Part) -> int:
    if type(part) in _MEDIA:
        return MEDIA_TOKENS
    if isinstance(part, ToolResult):
        return sum(map(_count_part, part.content))
    fields = (getattr(part, name, None) for name in ("text", "name", "arguments"))
    return sum(tokens.count(field) for field in fields if isinstance(field, str))


def _count_tool(tool: Tool) -> int:
    schema = bytes(tool.parameters or tool.block or b"").decode()
    return tokens.count(tool.name) + tokens.count(tool.description or "") + tokens.count(schema)


def _count_cached(messages: Sequence[Message]) -> int:
    before = messages[: len(messages) - len(_latest(messages))]
    counted = sum(map(_count_message, before))
    return counted // CACHE_STEP * CACHE_STEP if counted >= CACHE_FLOOR else 0
