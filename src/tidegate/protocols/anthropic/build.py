"""Conversion of a decoded request to a `Turn`."""

import base64
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.decode import decode
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.media import inline, parse_url
from tidegate.protocols.noise import KEEPS_ALL
from tidegate.protocols.roles import known_role
from tidegate.protocols.turn import (
    CacheControl,
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
    RedactedReasoning,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

from .billing import BILLING_HEADER, has_billing_block, strip_billing_line
from .foreign import NATIVE, NATIVE_BLOCK, unwrap_signature
from .images import read_image
from .search import is_search, read_search
from .wire import (
    FIELDS,
    RAWS,
    ROLES,
    Base64Source,
    CacheControlIn,
    ContentSource,
    CountRequest,
    DocumentBlock,
    ExtraContent,
    FileSource,
    ImageBlock,
    MessageIn,
    RedactedThinkingBlock,
    SourceIn,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ThinkingIn,
    ToolIn,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UrlSource,
)

__all__ = ["build_turn", "read_thinking"]

NAME = "anthropic"

KNOWN = frozenset(
    [
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
        "service_tier",
        "provider",
        "models",
    ]
)
"""Fields that have a counterpart in `Turn`, or are addressed to Tidegate itself."""
EFFORTS = frozenset(get_args(Effort))
KNOWN_OF_OUTPUT = frozenset(("effort", "format"))


def build_turn(wire: CountRequest[Any], body: bytes) -> Turn:
    """Convert the request to a `Turn`. Raises InvalidRequest."""
    fields = decode(FIELDS, body)
    choice = wire.tool_choice
    return Turn(
        model=wire.model,
        messages=tuple(_build_messages(wire)),
        stream=wire.stream is True,
        tools=_build_tools(wire, fields),
        tool_choice=_CHOICES[choice.type](choice.name) if choice is not None else None,
        parallel_tool_calls=False if choice is not None and choice.disable_parallel_tool_use else None,
        output=_build_output(wire),
        reasoning=_build_reasoning(wire),
        max_tokens=wire.max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        stop=tuple(wire.stop_sequences or ()),
        user=wire.metadata.user_id if wire.metadata is not None else None,
        service_tier=wire.service_tier,
        origin=NAME,
        extensions=_build_extensions(fields) | _left_out(wire),
    )


def _left_out(wire: CountRequest[Any]) -> dict[str, Raw]:
    """Return what is reported as left out, in addition to the fields without a counterpart."""
    return {BILLING_HEADER: Raw(b"true")} if has_billing_block(wire.system) else {}


# --- messages --------------------------------------------------------------------------------


def _build_messages(wire: CountRequest[Any]) -> Iterator[Message]:
    names = _call_names(wire.messages)
    if wire.system:
        parts = _parts(wire.system, names)
        if has_billing_block(wire.system):
            parts = tuple(_without_billing(parts))
        if parts:
            yield Message("system", parts)
    for index, message in enumerate(wire.messages):
        role = known_role(ROLES, message.role, f"messages.{index}")
        parts = _parts(message.content, names)
        if role == "user":
            yield from _split_results(parts)
        else:
            yield Message(role, parts)


def _without_billing(parts: tuple[Part, ...]) -> Iterator[Part]:
    """Return the system prompt without Claude Code's billing block (see billing.py)."""
    for part in parts:
        if isinstance(part, Text) and part.text.startswith(BILLING_HEADER):
            rest = strip_billing_line(part.text)
            if rest:
                yield Text(rest, part.cache, part.signature)
        else:
            yield part


def _call_names(messages: list[MessageIn[Any]]) -> dict[str, str]:
    """Return the names of the called tools by call id."""
    return {
        block.id: block.name
        for message in messages
        if message.role == "assistant" and type(message.content) is list
        for block in message.content
        if type(block) is ToolUseBlock
    }


def _split_results(parts: tuple[Part, ...]) -> Iterator[Message]:
    """Split a user message into runs of tool results and of everything else."""
    run: list[Part] = []
    for part in parts:
        if run and isinstance(part, ToolResult) != isinstance(run[0], ToolResult):
            yield _run_message(run)
            run = []
        run.append(part)
    if run or not parts:
        yield _run_message(run)


def _run_message(run: list[Part]) -> Message:
    results = bool(run) and isinstance(run[0], ToolResult)
    return Message("tool" if results else "user", tuple(run))


def _parts(content: str | list[Any], names: dict[str, str]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),) if content else ()
    built = (_BUILDERS[type(block)](block, names) for block in content)
    return tuple(part for part in built if part is not None)


def _build_text(block: TextBlock, names: dict[str, str]) -> Text | Image:
    signature = _signature(block.extra_content)
    image = read_image(block.text)
    if image is not None:
        return Image(image, cache=_cache(block.cache_control), signature=signature)
    return Text(block.text, _cache(block.cache_control), signature)


def _build_image(block: ImageBlock, names: dict[str, str]) -> Image:
    return Image(_SOURCES[type(block.source)](block.source), cache=_cache(block.cache_control))


def _build_document(block: DocumentBlock, names: dict[str, str]) -> Document | Native:
    if isinstance(block.source, ContentSource):
        return Native(NAME, Raw(_encode(block)), "document")
    return Document(
        _SOURCES[type(block.source)](block.source),
        name=block.title,
        context=block.context,
        citations=block.citations.enabled if block.citations is not None else None,
        cache=_cache(block.cache_control),
    )


def _build_call(block: ToolUseBlock, names: dict[str, str]) -> ToolCall:
    return ToolCall(
        id=block.id,
        name=block.name,
        arguments=bytes(block.input).decode(),
        signature=_signature(block.extra_content),
        cache=_cache(block.cache_control),
    )


def _build_result(block: ToolResultBlock[Any], names: dict[str, str]) -> ToolResult:
    return ToolResult(
        call_id=block.tool_use_id,
        name=names.get(block.tool_use_id, ""),
        content=_parts(block.content or "", names),  # type: ignore[arg-type]
        is_error=block.is_error,
        cache=_cache(block.cache_control),
    )


def _build_thinking(block: ThinkingBlock, names: dict[str, str]) -> Reasoning | None:
    if not block.signature:
        return Reasoning(block.thinking) if block.thinking else None
    signature, format_ = unwrap_signature(block.signature)
    return Reasoning(block.thinking, signature, format_)


def _build_redacted(block: RedactedThinkingBlock, names: dict[str, str]) -> RedactedReasoning:
    return RedactedReasoning(*unwrap_signature(block.data))


def _build_unknown(block: UnknownBlock, names: dict[str, str]) -> Native:
    if block.kind == NATIVE_BLOCK:
        foreign = decode(NATIVE, block.raw, NATIVE_BLOCK)
        return Native(foreign.format, foreign.block)
    return Native(NAME, block.raw, block.kind)


_BUILDERS: dict[type, Callable[..., Part | None]] = {
    TextBlock: _build_text,
    ImageBlock: _build_image,
    DocumentBlock: _build_document,
    ToolUseBlock: _build_call,
    ToolResultBlock: _build_result,
    ThinkingBlock: _build_thinking,
    RedactedThinkingBlock: _build_redacted,
    UnknownBlock: _build_unknown,
}


def _cache(control: CacheControlIn | None) -> CacheControl | None:
    return CacheControl(_TTLS.get(control.ttl)) if control is not None else None


_TTLS: dict[str | None, Literal["5m", "1h"]] = {"5m": "5m", "1h": "1h"}
"""Unknown lifetimes become the default."""


def _signature(extra: ExtraContent | None) -> str | None:
    return extra.google.thought_signature if extra is not None and extra.google is not None else None


def _encode_text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _link(source: SourceIn) -> Inline | Link:
    assert isinstance(source, UrlSource)
    return parse_url(source.url, "source.url")


_SOURCES: dict[type, Callable[..., Source]] = {
    Base64Source: lambda source: inline(source.media_type, source.data),
    TextSource: lambda source: Inline("text/plain", _encode_text(source.data)),
    UrlSource: _link,
    FileSource: lambda source: FileRef(source.file_id),
}


# --- remaining fields ------------------------------------------------------------------------

_CHOICES: dict[str, Callable[[str | None], ToolChoice]] = {
    "auto": lambda _: ToolChoice("auto"),
    "any": lambda _: ToolChoice("required"),
    "none": lambda _: ToolChoice("none"),
    "tool": lambda name: ToolChoice("named", (name or "",)),
}


def _build_tools(wire: CountRequest[Any], fields: dict[str, Raw]) -> tuple[Tool, ...]:
    if not wire.tools:
        return ()
    if all(tool.type in (None, "custom") for tool in wire.tools):
        return tuple(_build_function(tool) for tool in wire.tools)
    blocks = decode(RAWS, fields["tools"], "tools")
    return tuple(map(_build_tool, wire.tools, blocks))


def _build_function(tool: ToolIn) -> Tool:
    return Tool(
        tool.name or "", tool.description, tool.input_schema, tool.strict, cache=_cache(tool.cache_control)
    )


def _build_tool(tool: ToolIn, block: Raw) -> Tool:
    if tool.type in (None, "custom"):
        return _build_function(tool)
    search = read_search(block) if is_search(tool.type) else None
    return Tool(tool.name or tool.type or "", kind="native", format=NAME, block=block, search=search)


def _build_output(wire: CountRequest[Any]) -> OutputFormat | None:
    form = wire.output_config.format if wire.output_config is not None else None
    form = form or wire.output_format
    if form is None:
        return None
    if form.type != "json_schema":
        raise Unsupported(
            f"only Anthropic supports the output format {form.type!r}", param="output_config.format"
        )
    return OutputFormat("json_schema", form.schema, strict=True)


def _build_reasoning(wire: CountRequest[Any]) -> ReasoningControl | None:
    effort = _build_effort(wire.output_config.effort if wire.output_config is not None else None)
    if wire.thinking is None:
        return ReasoningControl(effort=effort) if effort is not None else None
    return read_thinking(wire.thinking, effort)


def _build_effort(effort: str | None) -> Effort | None:
    if effort is not None and effort not in EFFORTS:
        raise Unsupported(f"only Anthropic supports the effort {effort!r}", param="output_config.effort")
    return effort  # type: ignore[return-value]


def read_thinking(thinking: ThinkingIn, effort: Effort | None = None) -> ReasoningControl:
    """Convert `thinking` to reasoning settings in no dialect."""
    return _THINKING.get(thinking.type, _adaptive)(thinking, effort)


def _enabled(thinking: ThinkingIn, effort: Effort | None) -> ReasoningControl:
    return ReasoningControl(effort, thinking.budget_tokens, "enabled", thinking.display != "omitted")


def _adaptive(thinking: ThinkingIn, effort: Effort | None) -> ReasoningControl:
    """Convert adaptive thinking, and unknown types of thinking."""
    return ReasoningControl(effort, None, "adaptive", thinking.display != "omitted")


def _disabled(thinking: ThinkingIn, effort: Effort | None) -> ReasoningControl:
    return ReasoningControl(effort, None, "disabled")


_THINKING: dict[str, Callable[[ThinkingIn, Effort | None], ReasoningControl]] = {
    "enabled": _enabled,
    "disabled": _disabled,
}


def _build_extensions(fields: dict[str, Raw]) -> dict[str, Raw]:
    extensions = {key: value for key, value in fields.items() if key not in KNOWN}
    config = fields.get("output_config")
    if (
        config is not None
        and bytes(config) != b"null"
        and decode(FIELDS, config, "output_config").keys() - KNOWN_OF_OUTPUT
    ):
        extensions["output_config"] = config
    if _keeps_all(extensions.get("context_management")):
        extensions[KEEPS_ALL] = extensions.pop("context_management")
    return extensions


class _Edit(Struct):
    type: str
    keep: Any = None


class _ContextManagement(Struct, forbid_unknown_fields=True):
    edits: list[_Edit] = []


def _keeps_all(management: Raw | None) -> bool:
    """Whether `context_management` removes nothing: Claude Code's default keeps all thinking."""
    if management is None:
        return False
    try:
        edits = _CONTEXT.decode(management).edits
    except msgspec.DecodeError:
        return False
    return all(edit.type.startswith("clear_thinking") and edit.keep == "all" for edit in edits)


_CONTEXT = msgspec.json.Decoder(_ContextManagement)


_encode = msgspec.json.Encoder().encode
