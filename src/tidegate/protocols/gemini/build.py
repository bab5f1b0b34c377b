"""Conversion of a Gemini client's request to a `Turn`."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, cast

import msgspec
from msgspec import Raw

from tidegate.protocols.decode import decode
from tidegate.protocols.effort import EFFORTS
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.media import check_image, inline
from tidegate.protocols.roles import known_role
from tidegate.protocols.turn import (
    Audio,
    Document,
    Effort,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningControl,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)

from .foreign import unwrap_thought
from .ids import placed_id
from .messages import FOREIGN_SIGNATURE, MEDIA_TYPES, is_youtube
from .schema import from_openapi
from .search import read_search
from .thinking import DYNAMIC
from .wire import (
    ROLES,
    Blob,
    Content,
    FileData,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    GenerationConfig,
    RequestIn,
    ThinkingConfig,
    ToolConfig,
    WirePart,
)

__all__ = ["build_reasoning", "build_turn", "file_type"]

FORMAT = "gemini"

_KNOWN = frozenset(field.encode_name for field in msgspec.structs.fields(RequestIn))
_CARRIED = frozenset(field.encode_name for field in msgspec.structs.fields(GenerationConfig))

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_DECLARATIONS = msgspec.json.Decoder(list[FunctionDeclaration])
_RAW_CONTENTS = msgspec.json.Decoder(list[dict[str, Any]])
_RESPONSE = msgspec.json.Decoder(dict[str, Any])

_MODES: Mapping[str, Literal["auto", "none", "required"]] = {
    "AUTO": "auto",
    "NONE": "none",
    "ANY": "required",
    "VALIDATED": "auto",
}

_MEDIA: tuple[tuple[str, type[Image | Audio | Video]], ...] = (
    ("image/", Image),
    ("audio/", Audio),
    ("video/", Video),
)
"""Media by the beginning of their type; all others are documents."""


def build_turn(wire: RequestIn, fields: Mapping[str, Raw], model: str, *, stream: bool) -> Turn:
    """Convert the request to a `Turn`. Raises InvalidRequest."""
    config = wire.generation_config or GenerationConfig()
    output, extensions = _build_output(config)
    extensions |= {name: raw for name, raw in fields.items() if name not in _KNOWN and bytes(raw) != b"null"}
    for name, raw in _members(fields.get("generationConfig")).items():
        if name not in _CARRIED and bytes(raw) != b"null":
            extensions[f"generationConfig.{name}"] = raw
    messages = tuple(_Conversation(fields).build(wire))
    if all(message.role == "system" for message in messages):
        raise InvalidRequest("the contents are empty", param="contents")
    return Turn(
        model=model,
        messages=messages,
        stream=stream,
        tools=tuple(_build_tools(wire.tools or ())),
        tool_choice=_build_choice(wire.tool_config),
        output=output,
        reasoning=build_reasoning(config.thinking_config),
        max_tokens=config.max_output_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=None if config.top_k is None else int(config.top_k),
        presence_penalty=config.presence_penalty,
        frequency_penalty=config.frequency_penalty,
        seed=config.seed,
        stop=tuple(config.stop_sequences or ()),
        n=config.candidate_count,
        logprobs=config.response_logprobs,
        top_logprobs=config.logprobs,
        modalities=tuple(one.lower() for one in config.response_modalities or ()),
        service_tier=wire.service_tier,
        origin=FORMAT,
        extensions=extensions,
    )


# --- the conversation ------------------------------------------------------------------------


class WaitingCalls:
    """Calls that have no result yet, oldest first, found by id or by name in constant time."""

    def __init__(self) -> None:
        self._by_id: dict[str, deque[int]] = {}
        self._by_name: dict[str, deque[int]] = {}
        self._calls: dict[int, tuple[str, str]] = {}
        """Name and id, by the number of the call. The queues may still hold numbers that have been removed.
       """
        self._added = 0

    def add(self, name: str, id_: str) -> None:
        """Add a call that waits for its result."""
        self._calls[self._added] = (name, id_)
        self._by_id.setdefault(id_, deque()).append(self._added)
        self._by_name.setdefault(name, deque()).append(self._added)
        self._added += 1

    def take(self, name: str | None, id_: str | None) -> tuple[str, str] | None:
        """Return name and id of the oldest call with that id, or else with that name;
        None if there is none.
        """
        for queue in (self._by_id.get(id_ or ""), self._by_name.get(name or "")):
            while queue:
                call = self._calls.pop(queue.popleft(), None)
                if call is not None:
                    return call
        return None


class _Conversation:
    """Converts contents to messages."""

    def __init__(self, fields: Mapping[str, Raw]) -> None:
        self._fields = fields
        self._waiting = WaitingCalls()

    def build(self, wire: RequestIn) -> Iterator[Message]:
        """Return the messages, starting with the instructions."""
        instructions = [part.text for part in _parts(wire.system_instruction) if part.text]
        if instructions:
            yield Message("system", tuple(Text(text) for text in instructions))
        for number, content in enumerate(wire.contents or ()):
            role = known_role(ROLES, (content.role or "user").lower(), f"contents.{number}")
            if role == "model":
                yield Message("assistant", tuple(_join(self._answer(number, content))))
            else:
                yield from self._question(number, content)

    def _question(self, number: int, content: Content) -> Iterator[Message]:
        """Convert a user content, split where tool results begin and end."""
        run: list[Part] = []
        was_result = False
        for place, part in enumerate(_parts(content)):
            is_result = part.function_response is not None
            if run and is_result != was_result:
                yield Message("tool" if was_result else "user", tuple(run))
                run = []
            was_result = is_result
            run += self._user_part(part, number, place)
        if run:
            yield Message("tool" if was_result else "user", tuple(run))

    def _user_part(self, part: WirePart, number: int, place: int) -> Iterator[Part]:
        param = f"contents.{number}.parts.{place}"
        if part.function_response is not None:
            yield self._result(part.function_response, param)
        elif part.text is not None:
            if part.text and not part.thought:
                yield Text(part.text)
        elif part.inline_data is not None:
            yield _build_media(_inline(part.inline_data), part.inline_data.mime_type, f"{param}.inlineData")
        elif part.file_data is not None:
            yield _build_file(part.file_data, f"{param}.fileData")
        else:
            yield from self._native(number, place)

    def _answer(self, number: int, content: Content) -> Iterator[Part]:
        """Convert a model content. Media that a model cannot generate are kept as native parts."""
        for place, part in enumerate(_parts(content)):
            signature = part.thought_signature if part.thought_signature != FOREIGN_SIGNATURE else None
            if part.function_call is not None:
                yield self._call(part.function_call, signature, number, place)
            elif part.text is not None and not part.thought:
                if part.text or signature:
                    yield Text(part.text, signature=signature)
            elif part.thought:
                thought = unwrap_thought(part.text or "", signature)
                if thought is not None:
                    yield thought
            elif part.inline_data is not None and part.inline_data.mime_type.startswith("image/"):
                yield Image(_inline(part.inline_data), signature=signature)
            else:
                yield from self._native(number, place)

    @cached_property
    def _raw_contents(self) -> list[dict[str, Any]]:
        """Return the contents as the client wrote them, decoded once and only if a part needs it."""
        return decode(_RAW_CONTENTS, self._fields["contents"], "contents")

    def _native(self, number: int, place: int) -> Iterator[Native]:
        """Return a part of a type that only Gemini has, as the client wrote it."""
        part = self._raw_contents[number]["parts"][place]
        kinds = [name for name in part if name not in ("thought", "thoughtSignature")]
        if kinds:
            yield Native(FORMAT, Raw(msgspec.json.encode(part)), kinds[0])

    def _call(self, call: FunctionCall, signature: str | None, number: int, place: int) -> ToolCall:
        """Convert a call. A missing id is derived from its position, so that it is the same every time the
        conversation is sent (providers cache by it).
        """
        if not call.name:
            raise InvalidRequest(
                "the function call has no name", param=f"contents.{number}.parts.{place}.functionCall.name"
            )
        id_ = call.id or placed_id(number, place)
        self._waiting.add(call.name, id_)
        arguments = bytes(call.args) if call.args and bytes(call.args) != b"null" else b"{}"
        return ToolCall(
            id_, call.name, msgspec.json.format(arguments, indent=-1).decode(), signature=signature
        )

    def _result(self, result: FunctionResponse, param: str) -> ToolResult:
        """Return the result of the first waiting call with that id, or else with that name."""
        waiting = self._waiting.take(result.name, result.id)
        if waiting is None:
            raise InvalidRequest(
                f"no function call precedes the response of {result.name!r}",
                param=f"{param}.functionResponse",
            )
        name, id_ = waiting
        text, is_error = _read_response(result.response, f"{param}.functionResponse.response")
        return ToolResult(id_, name, (Text(text), *_seen(result, param)), is_error=is_error)


def _read_response(response: Raw, param: str) -> tuple[str, bool | None]:
    """Return the text of a response, and whether it is an error: Google's keys are `output` and `error`; any
    other object is its own text.
    """
    decoded = decode(_RESPONSE, response, param) if response else {}
    is_error = set(decoded) == {"error"}
    text = decoded.get("error" if is_error else "output") if len(decoded) == 1 else None
    return text if isinstance(text, str) else msgspec.json.encode(decoded).decode(), is_error or None


def _seen(result: FunctionResponse, param: str) -> Iterator[Image | Document]:
    """Return the images and documents of a result."""
    for part in result.parts or ():
        if part.inline_data is not None:
            kind = part.inline_data.mime_type
            media = _build_media(_inline(part.inline_data), kind, f"{param}.functionResponse.parts")
            if not isinstance(media, (Image, Document)):
                raise InvalidRequest(
                    f"a tool result cannot contain {kind}", param=f"{param}.functionResponse.parts"
                )
            yield media


def _join(parts: Iterable[Part]) -> list[Part]:
    """Join texts and thoughts that arrived in pieces, as clients of streams send them back. A signature ends
    a piece.
    """
    joined: list[Part] = []
    run: list[Text | Reasoning] = []
    for part in parts:
        goes_on = bool(run) and type(part) is type(run[-1]) and run[-1].signature is None
        if run and not goes_on:
            joined.append(_one(run))
            run = []
        if isinstance(part, Text | Reasoning):
            run.append(part)
        else:
            joined.append(part)
    return [*joined, _one(run)] if run else joined


def _one(run: Sequence[Text | Reasoning]) -> Part:
    """Join the pieces of one text or thought."""
    last = run[-1]
    if len(run) == 1:
        return last
    return msgspec.structs.replace(last, text="".join(piece.text for piece in run))


def _parts(content: Content | None) -> list[WirePart]:
    return (content.parts if content is not None else None) or []


# --- media -----------------------------------------------------------------------------------


def _inline(blob: Blob) -> Inline:
    """Convert inline data; Google accepts URL-safe base64 too."""
    return inline(_plain_type(blob.mime_type), blob.data)


def _plain_type(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()


def _build_media(source: Inline | Link | FileRef, media_type: str, param: str) -> Part:
    if isinstance(source, Inline) and media_type.startswith("image/"):
        check_image(source, f"{param}.data")
    for beginning, kind in _MEDIA:
        if media_type.startswith(beginning):
            return kind(source)
    return Document(source)


def _build_file(file: FileData, param: str) -> Part:
    """Convert a file given by URI. A file uploaded to Google can only be used by Google."""
    uri = file.file_uri
    if not uri:
        raise InvalidRequest("the file has no URI", param=f"{param}.fileUri")
    if is_youtube(uri):
        return Video(Link(uri, file.mime_type))
    uploaded = "/v1beta/files/" in uri or not uri.startswith(("http://", "https://"))
    return _build_media(FileRef(uri) if uploaded else Link(uri, file.mime_type), file_type(file), param)


def file_type(file: FileData) -> str:
    """Return the media type of a file given by URI, derived from its extension if the client sends none."""
    ending = file.file_uri.partition("?")[0].rpartition(".")[2].lower()
    return _plain_type(file.mime_type or MEDIA_TYPES.get(ending, ""))


# --- tools and output format -----------------------------------------------------------------


def _build_tools(tools: Iterable[dict[str, Raw]]) -> Iterator[Tool]:
    for number, tool in enumerate(tools):
        for name, raw in tool.items():
            if name == "functionDeclarations":
                at = f"tools.{number}.functionDeclarations"
                declared = decode(_DECLARATIONS, raw, at)
                yield from (_build_function(one, f"{at}.{place}") for place, one in enumerate(declared))
            elif bytes(raw) != b"null":
                block = b'{"' + name.encode() + b'":' + bytes(raw) + b"}"
                yield Tool(
                    name, kind="native", format=FORMAT, block=Raw(block), search=read_search(name, raw)
                )


def _build_function(declared: FunctionDeclaration, param: str) -> Tool:
    parameters: Raw | None = declared.parameters_json_schema or None
    if parameters is None and declared.parameters:
        parameters = from_openapi(declared.parameters, f"{param}.parameters")
    return Tool(declared.name, declared.description, parameters)


def _build_choice(config: ToolConfig | None) -> ToolChoice | None:
    calling = config.function_calling_config if config is not None else None
    mode = _MODES.get((calling.mode or "").upper()) if calling is not None else None
    if calling is None or mode is None:
        return None
    names = tuple(calling.allowed_function_names or ())
    if mode == "required" and len(names) == 1:
        return ToolChoice("named", names)
    return ToolChoice(mode, () if mode == "none" else names)


def _build_output(config: GenerationConfig) -> tuple[OutputFormat | None, dict[str, Raw]]:
    """Convert the output format; also return the fields without a counterpart."""
    schema: Raw | None = config.response_json_schema or None
    if schema is None and config.response_schema:
        schema = from_openapi(config.response_schema, "generationConfig.responseSchema")
    mime = config.response_mime_type or ("text/plain" if schema is None else "application/json")
    if mime == "application/json":
        if schema is not None:
            return OutputFormat("json_schema", schema, name="answer"), {}
        return OutputFormat("json_object"), {}
    if mime == "text/x.enum" and schema is not None:
        return OutputFormat("json_schema", schema, name="answer", bare=True), {}
    if mime == "text/plain":
        return None, {}
    return None, {"generationConfig.responseMimeType": Raw(msgspec.json.encode(mime))}


def build_reasoning(config: ThinkingConfig | None) -> ReasoningControl | None:
    """Convert the thinking settings. Gemini shows no thoughts unless requested."""
    if config is None:
        return None
    budget = config.thinking_budget
    level = (config.thinking_level or "").lower()
    return ReasoningControl(
        effort=cast("Effort", level) if level in EFFORTS else None,
        budget=None if budget == DYNAMIC else budget,
        mode="adaptive" if budget == DYNAMIC else None,
        show=bool(config.include_thoughts),
    )


def _members(raw: Raw | None) -> dict[str, Raw]:
    return _MEMBERS.decode(raw) if raw is not None and bytes(raw) != b"null" else {}
