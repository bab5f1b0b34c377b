"""Conversion of a request in this format to a `Turn`, the request in no dialect."""

from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import ENCODE, Fields, extensions_in, is_set
from tidegate.protocols.media import AUDIO_TYPES, inline, parse_url
from tidegate.protocols.openai_request import biases_of, stops_of
from tidegate.protocols.roles import known_role
from tidegate.protocols.search import OPTIONS
from tidegate.protocols.turn import (
    Audio,
    CacheControl,
    Document,
    Effort,
    FileRef,
    Image,
    Message,
    Native,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Refusal,
    Role,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)

from .check import allowed_name, chosen_name, file_url, image_address
from .search import build_search
from .wire import (
    FORMATS,
    NAME,
    ROLES,
    CacheMark,
    CallIn,
    ChatRequest,
    ChoiceIn,
    FunctionIn,
    ImageIn,
    MessageIn,
    PartIn,
    ReasoningIn,
    ToolIn,
)

__all__ = ["build_reasoning", "build_turn", "thinking_text"]

KNOWN = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "usage",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "modalities",
        "verbosity",
        "user",
        "safety_identifier",
        "service_tier",
        "reasoning_effort",
        "reasoning",
        "provider",
        "models",
        "session_id",
        "system_message",
        OPTIONS,
    ]
)
"""Fields that have a counterpart in `Turn`, or are addressed to Tidegate itself."""


USUAL = frozenset(
    [
        *("model", "messages", "stream", "stream_options"),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p"),
    ]
)
"""The fields that most requests have, and no others."""


def build_turn(wire: ChatRequest, fields: Fields, stream: bool) -> Turn:
    """Convert the request to a `Turn`. Raises InvalidRequest."""
    if not USUAL.issuperset(fields):
        return _build_any_turn(wire, fields, stream)
    # To make a Turn of 26 fields takes six times as long as to make one of eight.
    return Turn(
        model=wire.model,
        messages=build_messages(wire),
        stream=stream,
        max_tokens=wire.max_completion_tokens or wire.max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        origin=NAME,
        extensions={},
    )


def _build_any_turn(wire: ChatRequest, fields: Fields, stream: bool) -> Turn:
    return Turn(
        model=wire.model,
        messages=build_messages(wire),
        stream=stream,
        tools=_build_tools(wire, fields),
        tool_choice=_build_choice(wire),
        parallel_tool_calls=wire.parallel_tool_calls,
        output=_build_output(wire),
        reasoning=build_reasoning(wire),
        max_tokens=wire.max_completion_tokens or wire.max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        seed=wire.seed,
        stop=stops_of(wire),
        n=wire.n,
        logprobs=None if wire.logprobs is None else bool(wire.logprobs),
        top_logprobs=wire.top_logprobs,
        logit_bias=biases_of(wire, fields),
        modalities=tuple(wire.modalities or ()),
        verbosity=wire.verbosity,
        user=wire.safety_identifier or wire.user,
        service_tier=wire.service_tier,
        origin=NAME,
        extensions={} if KNOWN.issuperset(fields) else extensions_in(fields, KNOWN),
    )


# --- messages --------------------------------------------------------------------------------


def build_messages(wire: ChatRequest) -> tuple[Message, ...]:
    """Convert the messages to their normal form (see turn.py)."""
    book = CallBook()
    messages = []
    if wire.system_message:
        messages.append(Message("system", (Text(wire.system_message),)))
    results: list[Part] = []
    for index, message in enumerate(wire.messages):
        role = known_role(ROLES, message.role, f"messages.{index}")
        if role == "tool" or role == "function":
            results.append(_build_result(message, f"messages.{index}", book))
            continue
        if results:
            messages.append(Message("tool", tuple(results)))
            results = []
        if type(message.content) is str and message.content and _EXTRAS(message) == _NO_EXTRAS:
            messages.append(Message(role, (Text(message.content),), message.name))
        else:
            messages.append(_build_message(message, role, f"messages.{index}", book))
    if results:
        messages.append(Message("tool", tuple(results)))
    return tuple(messages)


_EXTRA_FIELDS = (
    "tool_calls", "function_call", "refusal", "audio", "reasoning_content", "reasoning", "reasoning_details",
    "extra_content", "native_blocks", "images", "cache_control",
)  # fmt: skip
_EXTRAS, _NO_EXTRAS = attrgetter(*_EXTRA_FIELDS), (None,) * len(_EXTRA_FIELDS)
"""The fields that a message may have besides its content: nearly all messages contain only text."""


class CallBook:
    """The tool calls of a conversation so far, so that a result finds its call: by id or, in the deprecated
    form, by function name.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        """Function names by call id."""
        self._unnumbered: dict[str, deque[str]] = {}
        """Ids of unanswered calls in the deprecated form, which has no ids: oldest first, by function name.
       """

    def number(self, name: str) -> str:
        """Create an id for a call that has none; it is the same every time the conversation is sent."""
        call_id = f"call_{len(self.names)}_{name}"
        self.names[call_id] = name
        self._unnumbered.setdefault(name, deque()).append(call_id)
        return call_id

    def find(self, name: str) -> str:
        """Return the id of the oldest unanswered call of a function, for a result that has no call id."""
        waiting = self._unnumbered.get(name)
        return waiting.popleft() if waiting else f"call_{name}"


def _build_result(message: MessageIn, place: str, book: CallBook) -> ToolResult:
    content = _build_content(message.content, place)
    kept = tuple(part for part in content if isinstance(part, Text | Image | Document | Native))
    if len(kept) != len(content):
        raise InvalidRequest(
            "a tool result may only contain text, images and documents", param=f"{place}.content"
        )
    name = message.name or ""
    call_id = book.find(name) if message.role == "function" else message.tool_call_id or ""
    return ToolResult(call_id, book.names.get(call_id, name), kept, cache=_build_cache(message.cache_control))


def _build_message(message: MessageIn, role: Role, place: str, book: CallBook) -> Message:
    parts = _build_content(message.content, place)
    if role == "assistant":
        parts = _build_assistant(message, parts, place, book)
    if message.cache_control is not None and parts:
        parts = [*parts[:-1], _with_cache(parts[-1], message.cache_control)]
    return Message(role, tuple(parts), message.name)


def _build_assistant(message: MessageIn, content: list[Part], place: str, book: CallBook) -> list[Part]:
    thoughts = _build_thoughts(message)
    natives = [Native(one.format, one.block) for one in message.native_blocks or ()]
    built: list[Part] = [*thoughts, *natives, *_sign(content, message)]
    if message.refusal:
        built.append(Refusal(message.refusal))
    for index, image in enumerate(message.images or ()):
        built.append(_build_image(image, f"{place}.images.{index}"))
    if message.audio is not None:
        block = Raw(ENCODE({"id": message.audio.id}))
        built.append(Native(NAME, block, "audio"))
    built.extend(_build_call(call, book) for call in message.tool_calls or ())
    if message.function_call is not None:
        called = message.function_call
        built.append(ToolCall(book.number(called.name), called.name, called.arguments or "{}"))
    return built


def _build_call(call: CallIn, book: CallBook) -> ToolCall:
    signature = call.extra_content.signature if call.extra_content else None
    cache = _build_cache(call.cache_control)
    if call.custom is not None:
        book.names[call.id] = call.custom.name
        return ToolCall(call.id, call.custom.name, call.custom.input, "custom", signature, cache)
    assert call.function is not None
    book.names[call.id] = call.function.name
    arguments = call.function.arguments.strip() or "{}"
    return ToolCall(call.id, call.function.name, arguments, "function", signature, cache)


def _sign(content: list[Part], message: MessageIn) -> list[Part]:
    """Attach the message's signature to its last text."""
    signature = message.extra_content.signature if message.extra_content else None
    if signature is None:
        return content
    for position in range(len(content) - 1, -1, -1):
        part = content[position]
        if isinstance(part, Text):
            signed = Text(part.text, part.cache, signature)
            return [*content[:position], signed, *content[position + 1 :]]
    return [*content, Text("", signature=signature)]


def _build_thoughts(message: MessageIn) -> list[Part]:
    """Convert thinking from `reasoning_details` if it is there, else from the readable text."""
    text = message.reasoning_content or message.reasoning or ""
    thoughts: list[Part] = []
    has_text = False
    for detail in message.reasoning_details or ():
        signed_by = FORMATS.get(detail.format or "", detail.format)
        if detail.type == "reasoning.encrypted":
            if detail.data:
                thoughts.append(RedactedReasoning(detail.data, signed_by or "unknown"))
            continue
        readable = detail.text or detail.summary or ("" if has_text else text)
        if readable or detail.signature:
            has_text = True
            thoughts.append(Reasoning(readable, detail.signature, signed_by if detail.signature else None))
    if text and not has_text:
        thoughts.insert(0, Reasoning(text))
    return thoughts


# --- content ---------------------------------------------------------------------------------


def _build_content(content: str | list[PartIn] | None, place: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    return [_build_part(part, f"{place}.content.{index}") for index, part in enumerate(content or ())]


def _build_part(part: PartIn, place: str) -> Part:
    build = PARTS.get(part.type)
    if build is None:
        raise InvalidRequest(f"unknown content type: {part.type}", param=f"{place}.type")
    built = build(part, place)
    return built if part.cache_control is None else _with_cache(built, part.cache_control)


def _build_text(part: PartIn, place: str) -> Part:
    cache = CacheControl() if part.prompt_cache_breakpoint is not None else None
    return Text(part.text or "", cache)


def _build_image(part: PartIn, place: str) -> Part:
    url, param = image_address(part, place)
    detail = part.image_url.detail if isinstance(part.image_url, ImageIn) else None
    signature = part.extra_content.signature if part.extra_content else None
    return Image(parse_url(url, param), detail, signature=signature)


def _build_audio(part: PartIn, place: str) -> Part:
    audio = part.input_audio
    if audio is None or isinstance(audio, str):  # Mistral's form does not name the format
        return Audio(inline("audio/mpeg", audio or ""))
    known = (audio.format or "wav").lower()
    return Audio(inline(AUDIO_TYPES.get(known, f"audio/{known}"), audio.data))


def _build_file(part: PartIn, place: str) -> Part:
    assert part.file is not None
    if part.file.file_id:
        return Document(FileRef(part.file.file_id), part.file.filename)
    url, param = file_url(part.file, place)
    return Document(parse_url(url, param), part.file.filename)


def _build_video(part: PartIn, place: str) -> Part:
    return Video(_parse_address(part.video_url, f"{place}.video_url"))


def _build_document(part: PartIn, place: str) -> Part:
    return Document(_parse_address(part.document_url, f"{place}.document_url"))


def _parse_address(address: str | ImageIn | None, param: str) -> Source:
    return parse_url(address.url if isinstance(address, ImageIn) else address or "", param)


def _build_refusal(part: PartIn, place: str) -> Part:
    return Refusal(part.refusal or "")


def _build_thinking(part: PartIn, place: str) -> Part:
    signer = NAME if part.signature else None
    return Reasoning(thinking_text(part.thinking), part.signature, signer)


def thinking_text(thinking: Any) -> str:
    """Return Mistral's thinking, a text or a list of text parts, as one text."""
    if isinstance(thinking, str):
        return thinking
    pieces = thinking if isinstance(thinking, list) else []
    return "".join(str(piece.get("text") or "") for piece in pieces if isinstance(piece, dict))


PARTS: dict[str, Callable[[PartIn, str], Part]] = {
    "text": _build_text,
    "image_url": _build_image,
    "input_audio": _build_audio,
    "file": _build_file,
    "video_url": _build_video,
    "document_url": _build_document,
    "refusal": _build_refusal,
    "thinking": _build_thinking,
}


def _build_cache(mark: CacheMark | None) -> CacheControl | None:
    if mark is None:
        return None
    return CacheControl("1h" if mark.ttl == "1h" else "5m" if mark.ttl == "5m" else None)


def _with_cache(part: Part, mark: CacheMark) -> Part:
    """Return the part with a cache breakpoint after it, if parts of this type can have one."""
    if not hasattr(part, "cache"):
        return part
    fields = {name: getattr(part, name) for name in part.__struct_fields__}
    return type(part)(**{**fields, "cache": _build_cache(mark)})


# --- tools and output format -----------------------------------------------------------------


def _build_tools(wire: ChatRequest, fields: Fields) -> tuple[Tool, ...]:
    search = build_search(fields) if OPTIONS in fields else ()
    return (*_declared_tools(wire, fields), *search)


def _declared_tools(wire: ChatRequest, fields: Fields) -> tuple[Tool, ...]:
    if wire.tools:
        blocks = _RAWS.decode(fields["tools"])
        return tuple(_build_tool(tool, block) for tool, block in zip(wire.tools, blocks, strict=True))
    return tuple([_build_function(function) for function in wire.functions]) if wire.functions else ()


_RAWS = Decoder(list[Raw])


def _build_tool(tool: ToolIn, block: Raw) -> Tool:
    cache = _build_cache(tool.cache_control)
    if tool.type == "function" and tool.function is not None:
        return _build_function(tool.function, cache)
    if tool.type == "custom" and tool.custom is not None:
        custom = tool.custom
        return Tool(custom.name, custom.description, kind="custom", format=NAME, block=block, cache=cache)
    return Tool(tool.type, kind="native", format=NAME, block=block, cache=cache)


def _build_function(function: FunctionIn, cache: CacheControl | None = None) -> Tool:
    parameters = function.parameters if is_set(function.parameters) else None
    return Tool(function.name, function.description, parameters, function.strict, cache=cache)


def _build_choice(wire: ChatRequest) -> ToolChoice | None:
    choice = wire.tool_choice
    if choice is None:
        called = wire.function_call
        if called is None or isinstance(called, str):
            return _WORDS_OF_CHOICE.get(called or "")
        return ToolChoice("named", (called.name,))
    if isinstance(choice, str):
        return _WORDS_OF_CHOICE[choice]
    return _build_named(choice)


_WORDS_OF_CHOICE = {
    "none": ToolChoice("none"),
    "auto": ToolChoice("auto"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),
}


def _build_named(choice: ChoiceIn) -> ToolChoice:
    if choice.allowed_tools is not None:
        names = (allowed_name(tool) for tool in choice.allowed_tools.tools)
        return ToolChoice(choice.allowed_tools.mode, tuple(name for name in names if name))
    name = chosen_name(choice)
    if name is None:
        raise InvalidRequest(f"cannot choose a tool of type {choice.type}", param="tool_choice")
    return ToolChoice("named", (name,))


def _build_output(wire: ChatRequest) -> OutputFormat | None:
    output = wire.response_format
    if output is None or output.type == "text":
        return None
    if output.type == "json_object":
        schema = output.schema if is_set(output.schema) else None
        return OutputFormat("json_schema", schema) if schema is not None else OutputFormat("json_object")
    if output.type != "json_schema":
        raise InvalidRequest(f"unknown response format: {output.type}", param="response_format.type")
    named = output.json_schema
    if named is None:
        return OutputFormat("json_schema", output.schema)
    schema = named.schema if is_set(named.schema) else None
    return OutputFormat("json_schema", schema, named.name, named.description, named.strict)


_EFFORTS: dict[str, Effort | None] = {"ultra": "max", "default": None}


def build_reasoning(wire: ChatRequest) -> ReasoningControl | None:
    """Convert the reasoning settings from either of the two forms that clients use."""
    if wire.reasoning is None and wire.reasoning_effort is None:
        return None
    reasoning = wire.reasoning or ReasoningIn()
    word = wire.reasoning_effort or reasoning.effort
    effort: Effort | None = _EFFORTS.get(word, word)  # type: ignore[arg-type]
    return ReasoningControl(
        effort=effort,
        budget=reasoning.max_tokens,
        mode=None if reasoning.enabled is None else "enabled" if reasoning.enabled else "disabled",
        show=None if reasoning.exclude is None else not reasoning.exclude,
    )
