"""Conversion of a parsed request to a `Turn`.

Only requests to providers of another format are converted, so everything that only the Responses API can
serve is refused here by name: stored responses, OpenAI's built-in tools, and items that only OpenAI can read.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from msgspec import Raw

from tidegate.protocols.decode import decode
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.fields import FIELDS, Fields, is_set
from tidegate.protocols.media import AUDIO_TYPES, check_image, inline, parse_url
from tidegate.protocols.roles import known_role
from tidegate.protocols.turn import (
    Audio,
    CacheControl,
    Document,
    FileRef,
    Image,
    Inline,
    Message,
    Native,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

from .build_tools import build_choice, build_tools
from .foreign import WrappedSignature, is_foreign, unwrap
from .memory import REFERENCE
from .summary import is_summary, read_summary
from .tools import SEARCH, Offered, ToolNames, list_offered
from .wire import (
    HEAD,
    NAME,
    ROLES,
    AdditionalToolsItem,
    AgentMessageItem,
    CallItem,
    CompactionItem,
    CompactionTriggerItem,
    CustomCallItem,
    CustomResultItem,
    ImageItem,
    Item,
    MessageItem,
    OlderCompactionItem,
    OwnItem,
    PartIn,
    ReasoningIn,
    ReasoningItem,
    ResponsesRequest,
    ResultItem,
    ToolSearchCallItem,
    ToolSearchOutputItem,
)

__all__ = ["build_reasoning", "build_turn"]

KNOWN = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice",
        "parallel_tool_calls", "text", "reasoning", "background", "previous_response_id", "conversation",
        "prompt", "max_output_tokens", "temperature", "top_p", "top_logprobs", "user", "safety_identifier",
        "service_tier", "provider", "models", "session_id", "metadata",
    }
)  # fmt: skip
"""Fields that have a counterpart in `Turn`, are addressed to Tidegate itself, or are only repeated in the
answer."""

SERVED_INCLUDES = frozenset({"reasoning.encrypted_content", "message.output_text.logprobs"})
"""Values of `include` that are supported with any provider."""

REASONING = frozenset(ReasoningIn.__struct_fields__)
"""The fields of `reasoning` that are read."""

SILENT = {"store": b"false", "truncation": b'"disabled"'}
"""Field values that have no effect."""


def build_turn(
    wire: ResponsesRequest,
    fields: Fields,
    items: Sequence[Item],
    offered: Sequence[Offered],
    names: ToolNames,
) -> Turn:
    """Convert the request to a `Turn`. Raises InvalidRequest, including Unsupported."""
    _refuse_stored(wire)
    text = wire.text
    tools, left_out = build_tools(offered, names, wire.tool_choice)
    return Turn(
        model=wire.model,
        messages=build_messages(wire, items, names),
        stream=wire.stream is True,
        tools=tools,
        tool_choice=build_choice(wire.tool_choice, names),
        parallel_tool_calls=wire.parallel_tool_calls,
        output=_build_output(wire),
        reasoning=build_reasoning(wire),
        max_tokens=wire.max_output_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        logprobs=True if wire.top_logprobs or _includes(wire, "message.output_text.logprobs") else None,
        top_logprobs=wire.top_logprobs or None,
        verbosity=text.verbosity if text else None,
        user=wire.safety_identifier or wire.user,
        service_tier=wire.service_tier,
        origin=NAME,
        extensions=_extensions(wire, fields) | left_out,
    )


def _includes(wire: ResponsesRequest, name: str) -> bool:
    return name in (wire.include or ())


def _extensions(wire: ResponsesRequest, fields: Fields) -> dict[str, Raw]:
    """Return the fields without a counterpart that have an effect, including those of `reasoning`."""
    served = set(wire.include or ()) <= SERVED_INCLUDES
    others = {name: raw for name, raw in fields.items() if name not in KNOWN}
    if wire.reasoning is not None:
        reasoning = FIELDS.decode(fields["reasoning"])
        others |= {f"reasoning.{name}": raw for name, raw in reasoning.items() if name not in REASONING}
    return {
        name: raw
        for name, raw in others.items()
        if is_set(raw) and SILENT.get(name) != bytes(raw) and not (name == "include" and served)
    }


def _refuse_stored(wire: ResponsesRequest) -> None:
    if wire.previous_response_id:
        raise Unsupported(
            FORGOTTEN_RESPONSE, param="previous_response_id", code="previous_response_not_found"
        )
    stored = {
        "conversation": wire.conversation,
        "prompt": wire.prompt,
        "background": wire.background,
    }
    for name, value in stored.items():
        if value:
            raise Unsupported(
                f"this gateway stores no responses, and this provider does not support {name}: "
                "send the whole input",
                param=name,
            )


# --- the conversation ------------------------------------------------------------------------


def build_messages(wire: ResponsesRequest, items: Sequence[Item], names: ToolNames) -> tuple[Message, ...]:
    """Convert the input to its normal form (see turn.py)."""
    conversation = Conversation(names)
    if wire.instructions:
        conversation.messages.append(Message("system", (Text(wire.instructions),)))
    if isinstance(wire.input, str):
        conversation.messages.append(Message("user", (Text(wire.input),)))
    for index, item in enumerate(items):
        conversation.add(item, f"input.{index}")
    return conversation.close()


HISTORY = frozenset(
    {
        "web_search_call", "file_search_call", "code_interpreter_call", "mcp_call", "mcp_list_tools",
        "tool_search_call", "tool_search_output",
    }
)  # fmt: skip
"""The history of the provider's built-in tools: not needed to continue, so other formats leave it out and
report it. Items of any other type carry meaning and cannot be left out."""


FORGOTTEN = (
    "the item of this item_reference is not known to this gateway (any more): send the whole item instead; "
    "clients do so by themselves with store: false (AI SDK: providerOptions.openai.store)"
)

FORGOTTEN_RESPONSE = (
    "the response of previous_response_id is not known to this gateway (any more), and this provider cannot "
    "look it up: send the whole conversation as input instead, without previous_response_id"
)

UNREADABLE = (
    "this provider cannot read the compaction item, which is encrypted for the provider that made it: "
    "continue with that provider, or send the conversation before it was compacted"
)

CallKind = Literal["function", "custom"]


class Conversation:
    """Builds messages: consecutive items of one side become one message."""

    def __init__(self, tool_names: ToolNames) -> None:
        self.messages: list[Message] = []
        self._tool_names = tool_names
        self._parts: list[Part] = []
        """The assistant's parts since the last message of another role."""
        self._results: list[Part] = []
        self._names: dict[str, str] = {}
        """Tool names by call id."""
        self._call_signatures: dict[str, str] = {}
        """Signatures by the id of the call they belong to; they precede their calls."""

    def add(self, item: Item, place: str) -> None:
        """Add an item. Raises InvalidRequest."""
        self._ADDS[type(item)](self, item, place)

    def close(self) -> tuple[Message, ...]:
        """Return all messages."""
        self._flush()
        return tuple(self.messages)

    def _flush(self) -> None:
        for role, parts in (("assistant", self._parts), ("tool", self._results)):
            if parts:
                self.messages.append(Message(role, tuple(parts)))  # type: ignore[arg-type]
                parts.clear()

    def _add_parts(self, *parts: Part) -> None:
        if self._results:
            self._flush()
        self._parts.extend(parts)

    # --- one method per kind of item ---

    def _add_own(self, item: OwnItem, place: str) -> None:
        if item.kind == REFERENCE:
            raise Unsupported(FORGOTTEN, param=place)
        if item.kind not in HISTORY:
            raise Unsupported(
                f'this provider does not support input items of type "{item.kind}"', param=place
            )
        self._add_parts(Native(NAME, item.raw, item.kind))

    def _add_message(self, item: MessageItem, place: str) -> None:
        role = known_role(ROLES, item.role, place)
        parts = build_content(item.content, f"{place}.content")
        if role == "assistant":
            self._add_parts(*parts)
            return
        self._flush()
        self.messages.append(Message(role, tuple(parts)))

    def _add_call(self, item: CallItem, place: str) -> None:
        self._call(item.call_id, item.namespace, item.name, item.arguments.strip() or "{}", "function")

    def _add_custom_call(self, item: CustomCallItem, place: str) -> None:
        self._call(item.call_id, item.namespace, item.name, item.input, "custom")

    def _add_search(self, item: ToolSearchCallItem, place: str) -> None:
        arguments = bytes(item.arguments).decode() if is_set(item.arguments) else "{}"
        self._call(item.call_id or "", None, SEARCH, arguments, "function")

    def _call(self, call_id: str, namespace: str | None, name: str, arguments: str, kind: CallKind) -> None:
        flat = self._names[call_id] = self._tool_names.flat(namespace, name)
        wrapped = self._call_signatures.pop(call_id, None)
        self._add_parts(ToolCall(call_id, flat, arguments, kind, wrapped))

    def _add_result(self, item: ResultItem | CustomResultItem, place: str) -> None:
        content = build_content(item.output, f"{place}.output")
        kept = tuple(part for part in content if isinstance(part, Text | Image | Document))
        if len(kept) != len(content):
            raise InvalidRequest(
                "a tool output may only contain text, images and files", param=f"{place}.output"
            )
        self._give(item.call_id, kept, place)

    def _add_found(self, item: ToolSearchOutputItem, place: str) -> None:
        found = list_offered((), (item,))
        names = ", ".join(self._tool_names.flat(one.namespace, one.name) for one in found)
        text = f"These tools were found and can be called now: {names}" if names else "No tools were found."
        self._give(item.call_id or "", (Text(text),), place)

    def _give(self, call_id: str, content: tuple[Text | Image | Document, ...], place: str) -> None:
        if call_id not in self._names:
            raise InvalidRequest(
                f"no call with the id {call_id!r} precedes this item", param=f"{place}.call_id"
            )
        if self._parts:
            self._flush()
        self._results.append(ToolResult(call_id, self._names[call_id], content))

    def _add_agent_message(self, item: AgentMessageItem, place: str) -> None:
        """Add a message from another agent as a user message that names its author."""
        self._flush()
        self.messages.append(Message("user", build_agent_message(item, place)))

    def _add_compaction(self, item: CompactionItem, place: str) -> None:
        """A summary that was written here; nothing else holds what an encrypted one holds."""
        if not is_summary(item):
            raise Unsupported(UNREADABLE, param=place)
        self._flush()
        text = read_summary(item.encrypted_content or "", f"{place}.encrypted_content")
        self.messages.append(Message("user", (Text(text),)))

    def _add_trigger(self, item: CompactionTriggerItem, place: str) -> None:
        """Add nothing: the request for a summary ends the conversation (see summary.ask_for_summary)."""

    def _add_tools(self, item: AdditionalToolsItem, place: str) -> None:
        """Add nothing: the item's tools are listed with those of the request (see tools.list_offered)."""

    def _add_image(self, item: ImageItem, place: str) -> None:
        if item.result:
            self._add_parts(Image(Inline(f"image/{item.output_format or 'png'}", item.result)))

    def _add_reasoning(self, item: ReasoningItem, place: str) -> None:
        text = "\n\n".join(part.text for part in item.summary or item.content or ())
        encrypted = item.encrypted_content
        if encrypted and is_foreign(encrypted):
            self._restore(unwrap(encrypted, f"{place}.encrypted_content"), text, place)
        elif text:
            self._add_parts(Reasoning(text, encrypted, NAME if encrypted else None))
        elif encrypted:
            self._add_parts(RedactedReasoning(encrypted, NAME))

    def _restore(self, wrapped: WrappedSignature, text: str, place: str) -> None:
        """Attach a signature of another format where it was."""
        if wrapped.on == "thinking":
            text = wrapped.text or text
            if wrapped.signature:
                self._add_parts(Reasoning(text, wrapped.signature, wrapped.format))
            elif text:
                self._add_parts(Reasoning(text))
        elif wrapped.on == "redacted":
            self._add_parts(RedactedReasoning(wrapped.signature, wrapped.format))
        elif wrapped.on == "call":
            self._call_signatures[wrapped.call_id] = wrapped.signature
        elif wrapped.on == "block":
            self._add_parts(Native(wrapped.format, wrapped.block, _kind_of(wrapped.block, place)))
        else:
            self._sign_last(Text if wrapped.on == "text" else Image, wrapped.signature)

    def _sign_last(self, kind: type[Text] | type[Image], signature: str) -> None:
        """Sign the latest part; if there is none, sign an empty text."""
        last = self._parts[-1] if self._parts else None
        if isinstance(last, Text) and kind is Text and last.signature is None:
            self._parts[-1] = Text(last.text, last.cache, signature)
        elif isinstance(last, Image) and kind is Image:
            self._parts[-1] = Image(last.source, last.detail, last.cache, signature)
        else:
            self._add_parts(Text("", None, signature))

    _ADDS: ClassVar[dict[type, Callable[["Conversation", Any, str], None]]] = {
        MessageItem: _add_message,
        ReasoningItem: _add_reasoning,
        CallItem: _add_call,
        CustomCallItem: _add_custom_call,
        ResultItem: _add_result,
        CustomResultItem: _add_result,
        ImageItem: _add_image,
        AdditionalToolsItem: _add_tools,
        ToolSearchCallItem: _add_search,
        ToolSearchOutputItem: _add_found,
        AgentMessageItem: _add_agent_message,
        CompactionItem: _add_compaction,
        CompactionTriggerItem: _add_trigger,
        OlderCompactionItem: _add_compaction,
        OwnItem: _add_own,
    }


def _kind_of(block: Raw, place: str) -> str:
    return decode(HEAD, block, place).type or ""


# --- content ---------------------------------------------------------------------------------


def build_content(content: str | Sequence[PartIn], place: str) -> list[Part]:
    """Convert a content to parts."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    return [_build_part(part, f"{place}.{index}") for index, part in enumerate(content)]


ENCRYPTED = "encrypted_content"
"""A part that only OpenAI can read."""


def build_agent_message(item: AgentMessageItem, place: str) -> tuple[Part, ...]:
    """Convert a message from another agent; a part that is encrypted for another provider is replaced by a
    note.
    """
    receiver = f" to {item.recipient}" if item.recipient else ""
    parts: list[Part] = [Text(f"Message of the agent {item.author or 'unknown'}{receiver}:")]
    if isinstance(item.content, str):
        return (*parts, Text(item.content))
    for index, part in enumerate(item.content):
        hidden = part.type == ENCRYPTED
        readable = Text("(encrypted)") if hidden else _build_part(part, f"{place}.content.{index}")
        parts.append(readable)
    return tuple(parts)


def _build_part(part: PartIn, place: str) -> Part:
    build = PARTS.get(part.type)
    if build is None:
        raise InvalidRequest(f"unknown content type: {part.type}", param=f"{place}.type")
    return build(part, place)


def _cache(part: PartIn) -> CacheControl | None:
    return None if part.prompt_cache_breakpoint is None else CacheControl()


def _build_text(part: PartIn, place: str) -> Part:
    if part.text is None:
        raise InvalidRequest("a text part needs text", param=f"{place}.text")
    return Text(part.text, _cache(part))


def _build_refusal(part: PartIn, place: str) -> Part:
    if part.refusal is None:
        raise InvalidRequest("a refusal part needs a refusal", param=f"{place}.refusal")
    return Refusal(part.refusal)


def _build_image(part: PartIn, place: str) -> Part:
    if part.file_id:
        return Image(FileRef(part.file_id), part.detail, _cache(part))
    if not part.image_url:
        raise InvalidRequest("an image needs an image_url or a file_id", param=f"{place}.image_url")
    source = parse_url(part.image_url, f"{place}.image_url")
    if isinstance(source, Inline):
        check_image(source, f"{place}.image_url")
    return Image(source, part.detail, _cache(part))


def _build_file(part: PartIn, place: str) -> Part:
    return Document(_file_source(part, place), part.filename, cache=_cache(part))


def _file_source(part: PartIn, place: str) -> Source:
    if part.file_id:
        return FileRef(part.file_id)
    if part.file_url:
        return parse_url(part.file_url, f"{place}.file_url")
    if part.file_data:
        return parse_url(part.file_data, f"{place}.file_data")
    raise InvalidRequest("a file needs file_data, a file_url or a file_id", param=f"{place}.file_data")


def _build_audio(part: PartIn, place: str) -> Part:
    audio = part.input_audio
    if audio is None or not audio.data:
        raise InvalidRequest("an input_audio part needs audio", param=f"{place}.input_audio")
    known = (audio.format or "wav").lower()
    return Audio(inline(AUDIO_TYPES.get(known, f"audio/{known}"), audio.data))


PARTS: dict[str, Callable[[PartIn, str], Part]] = {
    "input_text": _build_text,
    "output_text": _build_text,
    "text": _build_text,
    "refusal": _build_refusal,
    "input_image": _build_image,
    "input_file": _build_file,
    "input_audio": _build_audio,
}


# --- output format -----------------------------------------------------------------


def _build_output(wire: ResponsesRequest) -> OutputFormat | None:
    output = wire.text.format if wire.text else None
    if output is None or output.type == "text":
        return None
    if output.type == "json_object":
        return OutputFormat("json_object")
    if output.type == "json_schema":
        return OutputFormat("json_schema", output.schema, output.name, output.description, output.strict)
    raise Unsupported(
        f'this provider does not support the output type "{output.type}"', param="text.format.type"
    )


def build_reasoning(wire: ResponsesRequest) -> ReasoningControl | None:
    """Convert the reasoning settings: how much to think, and whether to show it."""
    reasoning = wire.reasoning
    if reasoning is None:
        return None
    summary = reasoning.summary or reasoning.generate_summary
    return ReasoningControl(effort=reasoning.effort, show=None if summary is None else summary != "none")
