"""Conversion of a `Turn` to a request for a provider of this format."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from msgspec import Raw
from msgspec.structs import replace

from tidegate.protocols.contract import Call, Outcome, Target, drop_or_refuse
from tidegate.protocols.effort import may_sample, plan_effort
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.fields import ENCODE
from tidegate.protocols.limits import short_value, with_properties
from tidegate.protocols.media import data_url
from tidegate.protocols.profile import Profile
from tidegate.protocols.search import refuse_tool
from tidegate.protocols.turn import (
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

from .custom import flat_declaration
from .dialect import Dialect
from .search import render_search
from .wire import NAME

__all__ = ["CARRIES", "SAMPLING", "ResponsesCall", "render_request"]

CARRIES: dict[str, Outcome] = {
    "tools": "carried",
    "tool_choice": "carried",
    "parallel_tool_calls": "carried",
    "output": "carried",
    "reasoning": "carried",
    "max_tokens": "carried",
    "temperature": "carried",
    "top_p": "carried",
    "top_k": "dropped",
    "presence_penalty": "dropped",
    "frequency_penalty": "dropped",
    "seed": "dropped",
    "stop": "dropped",
    "n": "refused",
    "logprobs": "carried",
    "top_logprobs": "carried",
    "logit_bias": "dropped",
    "continues": "refused",
    "modalities": "carried",
    "verbosity": "carried",
    "user": "carried",
    "service_tier": "carried",
}
"""The format has exactly one choice; modalities other than text are refused within their field."""

SAMPLING = ("temperature", "top_p", "top_logprobs")
"""Parameters that a reasoning model may reject (see Profile.sampling)."""

SHARED = frozenset(
    {"metadata", "store", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}
)
"""Fields that mean the same in OpenAI's chat format."""

TIERS = {"standard_only": "default"}
"""Anthropic's service tiers by OpenAI's names."""


class ResponsesCall(Call, frozen=True, gc=False):
    """A call of this format."""

    customs: frozenset[str] = frozenset()
    """The names of the offered custom tools."""


def render_request(turn: Turn, target: Target) -> Call:
    """Write the request for a provider. Raises Unsupported naming what cannot be carried."""
    dialect: Dialect = target.dialect
    dropped = drop_or_refuse(replace(turn, n=None) if turn.n == 1 else turn, _carries(dialect))
    _refuse_modalities(turn)
    body: dict[str, Any] = {"model": target.model}
    body["input"] = Conversation(dialect, target.profile, dropped).render(turn)
    _add_tools(body, turn, dialect, dropped)
    _add_form(body, turn)
    _add_tuning(body, turn, target, dropped)
    stream = turn.stream and target.profile.streams
    if stream:
        body["stream"] = True
    dropped += _add_extensions(body, turn)
    customs = frozenset(tool.name for tool in turn.tools if tool.kind == "custom")
    return ResponsesCall(dialect.path, ENCODE(body), stream, tuple(dict.fromkeys(dropped)), customs=customs)


@cache
def _carries(dialect: Dialect) -> Mapping[str, Outcome]:
    return {**CARRIES, **{name: "dropped" for name in dialect.drops if name in CARRIES}}


def _refuse_modalities(turn: Turn) -> None:
    other = [modality for modality in turn.modalities if modality != "text"]
    if other:
        raise Unsupported(f"this provider does not support {other[0]} output", param="modalities")


def _add_extensions(body: dict[str, Any], turn: Turn) -> list[str]:
    """Add extension fields. OpenAI's chat format has the same ones; those of other formats are reported."""
    if turn.origin == NAME:  # a name with a dot is not a field of the body
        kept = {name: raw for name, raw in turn.extensions.items() if "." not in name}
    else:
        shared = SHARED if turn.origin == "openai_chat" else frozenset()
        kept = {name: raw for name, raw in turn.extensions.items() if name in shared}
    body.update({name: raw for name, raw in kept.items() if name not in body or name == "store"})
    return [name for name in turn.extensions if name not in kept]


# --- the input -------------------------------------------------------------------------------


class Conversation:
    """Converts messages to items."""

    def __init__(self, dialect: Dialect, profile: Profile, dropped: list[str]) -> None:
        self._dialect = dialect
        self._profile = profile
        self._dropped = dropped
        self._items: list[Any] = []
        self._customs: set[str] = set()
        """The ids of calls to custom tools, whose results have a type of their own."""

    def render(self, turn: Turn) -> list[Any]:
        """Convert all messages."""
        for message in turn.messages:
            if message.name is not None:
                self._dropped.append("name")
            if message.role == "assistant":
                self._add_assistant(message)
            elif message.role == "tool":
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        self._add_result(part)
            else:
                self._add_input(message)
        return self._items

    def _add_input(self, message: Message) -> None:
        role = message.role
        if role in ("system", "developer"):
            role = self._profile.system_role or role
        content = [self._render_input(part) for part in message.parts]
        self._items.append({"role": role, "content": content})

    def _add_assistant(self, message: Message) -> None:
        """Consecutive texts become one message; everything else is an item of its own."""
        texts: list[str] = []
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part.text)
                continue
            self._flush(texts)
            add = self._ADDS.get(type(part))
            if add is None:
                raise Unsupported(
                    f"an assistant message cannot contain: {type(part).__name__.lower()}", param="messages"
                )
            add(self, part)
        self._flush(texts)

    def _flush(self, texts: list[str]) -> None:
        if any(texts):
            self._items.append({"role": "assistant", "content": "".join(texts)})
        texts.clear()

    def _add_refusal(self, part: Refusal) -> None:
        refusal = {"type": "refusal", "refusal": part.text}
        self._items.append({"role": "assistant", "content": [refusal]})

    def _add_call(self, call: ToolCall) -> None:
        fields = {"call_id": self._call_id(call.id), "name": call.name}
        if call.kind == "custom":
            self._customs.add(call.id)
            self._items.append({"type": "custom_tool_call", **fields, "input": call.arguments})
        else:
            self._items.append({"type": "function_call", **fields, "arguments": call.arguments})

    def _add_reasoning(self, thought: Reasoning) -> None:
        """Add thinking: OpenAI accepts it only with its own signature; DeepSeek accepts the text."""
        encrypted = thought.signature if thought.format == NAME else None
        if encrypted is None and not self._dialect.readable_reasoning:
            self._dropped.append("thinking")
            return
        item: dict[str, Any] = {"type": "reasoning", "summary": []}
        if self._dialect.readable_reasoning:
            item["content"] = [{"type": "reasoning_text", "text": thought.text}]
        elif thought.text:
            item["summary"] = [{"type": "summary_text", "text": thought.text}]
        if encrypted is not None:
            item["encrypted_content"] = encrypted
        self._items.append(item)

    def _add_redacted(self, thought: RedactedReasoning) -> None:
        if thought.format == NAME:
            self._items.append({"type": "reasoning", "summary": [], "encrypted_content": thought.data})
        else:
            self._dropped.append("thinking")

    def _add_image(self, image: Image) -> None:
        """Send a generated image as user input, because only OpenAI's own images can be items."""
        self._items.append({"role": "user", "content": [self._render_image(image)]})

    def _add_native(self, native: Native) -> None:
        if native.format == NAME:
            self._items.append(native.block)
        else:
            self._dropped.append(native.kind or f"{native.format} block")

    _ADDS: ClassVar[dict[type, Callable[["Conversation", Any], None]]] = {
        ToolCall: _add_call,
        Reasoning: _add_reasoning,
        RedactedReasoning: _add_redacted,
        Refusal: _add_refusal,
        Image: _add_image,
        Native: _add_native,
    }

    def _add_result(self, result: ToolResult) -> None:
        parts = [self._render_output(part) for part in result.content]
        if result.is_error:
            self._dropped.append("is_error")
        kind = "custom_tool_call_output" if result.call_id in self._customs else "function_call_output"
        texts = [part["text"] for part in parts if part["type"] == "input_text"]
        output = "".join(texts) if len(parts) < 2 and len(texts) == len(parts) else parts
        self._items.append({"type": kind, "call_id": self._call_id(result.call_id), "output": output})

    def _call_id(self, call_id: str) -> str:
        return short_value(call_id, self._dialect.call_id_limit)

    # --- parts ---

    def _render_output(self, part: Any) -> dict[str, Any]:
        if isinstance(part, Native):
            return {"type": "input_text", "text": bytes(part.block).decode()}
        return self._render_input(part)

    def _render_input(self, part: Part) -> dict[str, Any]:
        render = self._PARTS.get(type(part))
        if render is None:
            kind = type(part).__name__.lower()
            raise Unsupported(f"this provider does not support {kind} input", param="messages")
        return render(self, part)

    def _render_text(self, part: Text | Refusal) -> dict[str, Any]:
        return {"type": "input_text", "text": part.text}

    def _render_image(self, part: Image) -> dict[str, Any]:
        image: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}
        if isinstance(part.source, FileRef):
            return {**image, "file_id": part.source.id}
        return {**image, "image_url": _address(part.source)}

    def _render_document(self, part: Document) -> dict[str, Any]:
        source = part.source
        self._dropped += [name for name in ("context", "citations") if getattr(part, name)]
        if isinstance(source, FileRef):
            return {"type": "input_file", "file_id": source.id}
        if isinstance(source, Link):
            return {"type": "input_file", "file_url": source.url}
        name = part.name or ("document.pdf" if source.media_type == "application/pdf" else "document.txt")
        return {"type": "input_file", "filename": name, "file_data": data_url(source)}

    _PARTS: ClassVar[dict[type, Callable[["Conversation", Any], dict[str, Any]]]] = {
        Text: _render_text,
        Refusal: _render_text,
        Image: _render_image,
        Document: _render_document,
    }


def _address(source: Source) -> str:
    assert isinstance(source, Inline | Link)
    return data_url(source) if isinstance(source, Inline) else source.url


# --- tools and output format -----------------------------------------------------------------

NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')


def _add_tools(body: dict[str, Any], turn: Turn, dialect: Dialect, dropped: list[str]) -> None:
    if not turn.tools:
        return
    body["tools"] = [_render_tool(tool, dialect, dropped) for tool in turn.tools]
    if turn.tool_choice is not None:
        body["tool_choice"] = _render_choice(turn.tool_choice, turn)
    if turn.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = turn.parallel_tool_calls


def _render_tool(tool: Tool, dialect: Dialect, dropped: list[str]) -> Any:
    if tool.kind == "native" and tool.format == NAME:
        return tool.block
    if tool.search is not None and dialect.searches:
        return render_search(tool, dropped)
    if tool.kind == "native":
        raise refuse_tool(tool)
    if tool.kind == "custom":
        return (
            flat_declaration(tool.block) if tool.block is not None else {"type": "custom", "name": tool.name}
        )
    function: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = NO_PARAMETERS if tool.parameters is None else with_properties(tool.parameters)
    # In this format the default is strict, in all others it is not.
    function["strict"] = tool.strict is True
    return function


def _render_choice(choice: ToolChoice, turn: Turn) -> Any:
    if choice.mode == "named":
        name = choice.names[0]
        return {"type": _kinds(turn).get(name, "function"), "name": name}
    if choice.names:
        kinds = _kinds(turn)
        tools = [{"type": kinds.get(name, "function"), "name": name} for name in choice.names]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
    return choice.mode


def _kinds(turn: Turn) -> dict[str, str]:
    """Return the types of the tools by name; for a duplicate name, the first one's."""
    return {tool.name: tool.kind for tool in reversed(turn.tools)}


def _add_form(body: dict[str, Any], turn: Turn) -> None:
    text: dict[str, Any] = {}
    output = turn.output
    if output is not None and output.schema is None:
        text["format"] = {"type": "json_object"}
    elif output is not None:
        optional = {"description": output.description, "strict": output.strict}
        known = {name: value for name, value in optional.items() if value is not None}
        name = output.name or "answer"
        text["format"] = {"type": "json_schema", "name": name, "schema": output.schema, **known}
    if turn.verbosity is not None:
        text["verbosity"] = turn.verbosity
    if text:
        body["text"] = text


# --- tuning ----------------------------------------------------------------------------------


def _add_tuning(body: dict[str, Any], turn: Turn, target: Target, dropped: list[str]) -> None:
    dialect, profile = target.dialect, target.profile
    refused = set(dropped)
    effort = _add_reasoning(body, turn, target, dropped)
    if not may_sample(profile, effort):
        refused.update(SAMPLING)
    values = {
        "temperature": turn.temperature,
        "top_p": turn.top_p,
        "top_logprobs": (turn.top_logprobs or 0) if turn.logprobs else None,
        "user": None if turn.user is None else short_value(turn.user, dialect.user_limit),
        "service_tier": TIERS.get(turn.service_tier or "", turn.service_tier),
    }
    for name, value in values.items():
        if value is None:
            continue
        if name in refused:
            dropped.append(name)
        else:
            body[name] = value
    if "top_logprobs" in body:
        _include(body, "message.output_text.logprobs")
    if turn.max_tokens is not None:
        body["max_output_tokens"] = max(turn.max_tokens, dialect.least_output_tokens)
        if turn.max_tokens < dialect.least_output_tokens:
            dropped.append("max_tokens")
    if dialect.stores:
        body["store"] = False


def _add_reasoning(body: dict[str, Any], turn: Turn, target: Target, dropped: list[str]) -> str | None:
    """Add the reasoning settings, and request signed thinking, so that it can be sent back."""
    profile = target.profile
    thinking = plan_effort(turn.reasoning, profile)
    dropped += thinking.dropped
    reasoning: dict[str, Any] = {} if thinking.effort is None else {"effort": thinking.effort}
    thinks = profile.thinking != "none" and (turn.reasoning is not None or profile.sampling != "free")
    if turn.reasoning is not None and turn.reasoning.show and thinks:
        reasoning["summary"] = "auto"
    if reasoning:
        body["reasoning"] = reasoning
    if thinks and thinking.effort != "none" and target.dialect.stores:
        _include(body, "reasoning.encrypted_content")
    return thinking.effort


def _include(body: dict[str, Any], name: str) -> None:
    body["include"] = [*body.get("include", ()), name]
