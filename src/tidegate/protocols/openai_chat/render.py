"""Conversion of a `Turn` to a request for a provider of this format."""

import hashlib
import string
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from itertools import dropwhile, takewhile
from typing import Any, ClassVar

from msgspec import Raw

from tidegate.protocols.contract import Call, Outcome, Target, drop_or_refuse, require_prefill
from tidegate.protocols.effort import may_sample
from tidegate.protocols.errors import BytesWanted, Unsupported
from tidegate.protocols.fields import ENCODE
from tidegate.protocols.functions import (
    CUSTOM_INPUT,
    NO_PARAMETERS,
    allowed_tools,
    arguments_object,
    custom_names,
    describe,
)
from tidegate.protocols.limits import short_value, with_properties
from tidegate.protocols.media import AUDIO_TYPES, data_url, text_of
from tidegate.protocols.paths import quote_segment
from tidegate.protocols.profile import Profile
from tidegate.protocols.search import OPTIONS, refuse_tool
from tidegate.protocols.turn import (
    Audio,
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
    Video,
)

from .dialect import Dialect, continues, only_streams
from .search import render_options
from .thinking import plan_thinking
from .wire import NAME

__all__ = [
    "CARRIES",
    "HARMLESS",
    "SAMPLING",
    "ChatCall",
    "add_schema",
    "is_web",
    "links_refused",
    "render_path",
    "render_request",
    "short_id",
]

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
    "presence_penalty": "carried",
    "frequency_penalty": "carried",
    "seed": "carried",
    "stop": "carried",
    "n": "carried",
    "logprobs": "carried",
    "top_logprobs": "carried",
    "logit_bias": "carried",
    "continues": "refused",
    "modalities": "carried",
    "verbosity": "carried",
    "user": "carried",
    "service_tier": "carried",
}
"""OpenAI itself supports everything except `top_k`, and continues no answer."""

TURN_NAMES = {
    "response_format": "output",
    "reasoning_effort": "reasoning",
    "max_completion_tokens": "max_tokens",
}
"""Fields of this format that have another name in `Turn`."""

SAMPLING = (
    "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
    "top_logprobs",
)  # fmt: skip
"""Parameters that a reasoning model may reject (see Profile.sampling)."""

HARMLESS = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False}
"""Values that even such a model accepts, because they are its defaults."""

PLAIN_FIELDS = (
    "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "n", "logprobs", "top_logprobs",
    "logit_bias", "verbosity", "user",
)  # fmt: skip
"""Fields that are written unchanged."""

TIERS = {"standard_only": "default"}
"""Anthropic's service tiers by OpenAI's names."""


class ChatCall(Call, frozen=True, gc=False):
    """A call, with what is needed to read its answer."""

    custom_tools: frozenset[str] = frozenset()
    """The client's custom tools that were sent as functions."""


def render_request(turn: Turn, target: Target) -> Call:
    """Write the request for a provider. Raises Unsupported naming what cannot be carried."""
    dialect, profile = target.dialect, target.profile
    dropped = drop_or_refuse(turn, _lacks(dialect))
    require_prefill(turn, profile.prefill)
    body: dict[str, Any] = {"model": target.model}
    body["messages"] = Conversation(dialect, profile, dropped).render(turn)
    _add_tools(body, turn, target, dropped)
    if turn.tools and any(tool.cache is not None for tool in turn.tools):
        dropped.append("cache_control")
    _add_output(body, turn, dialect)
    _add_tuning(body, turn, target, dropped)
    stream = profile.streams and (turn.stream or only_streams(dialect, target.model))
    if stream:
        body["stream"] = True
        if dialect.stream_usage:
            body["stream_options"] = {"include_usage": True}
    dropped += _add_extensions(body, turn, dialect)
    custom = frozenset[str]() if dialect.custom_tools else custom_names(turn.tools)
    if turn.continues:
        body.update(dialect.continue_body)
    path, named = render_path(target, continues=turn.continues), tuple(dict.fromkeys(dropped))
    return ChatCall(path, ENCODE(body), stream, named, custom_tools=custom)


def render_path(target: Target, *, continues: bool = False) -> str:
    """Return the path for requests; `continues`: for one whose last message is continued."""
    dialect: Dialect = target.dialect
    path = dialect.continue_path if continues and dialect.continue_path is not None else dialect.path
    return path.replace("{model}", quote_segment(target.model)) if "{" in path else path


@cache
def _lacks(dialect: Dialect) -> dict[str, Outcome]:
    """Return the outcome of each field that is not carried."""
    carries = {**CARRIES, "top_k": "carried" if dialect.top_k else "dropped"}
    carries["continues"] = "carried" if continues(dialect) else "refused"
    carries.update({TURN_NAMES.get(name, name): "dropped" for name in dialect.drops})
    carries.update({TURN_NAMES.get(name, name): "refused" for name in dialect.refuses})
    return {name: carries[name] for name in CARRIES if carries[name] != "carried"}  # type: ignore[misc]


def _add_extensions(body: dict[str, Any], turn: Turn, dialect: Dialect) -> list[str]:
    """Add extension fields: from a client of the same format as they are, from other clients only those that
    mean the same here. Returns the names of the others.
    """
    if turn.origin != NAME:
        return _add_shared(body, turn, dialect)
    for name in dialect.refuses:
        if name in turn.extensions:
            raise Unsupported(f'this provider does not support the parameter "{name}"', param=name)
    known = {name: raw for name, raw in turn.extensions.items() if name not in dialect.drops}
    body.update({name: raw for name, raw in known.items() if name not in body})
    return [name for name in turn.extensions if name not in known]


SHARED = frozenset({"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"})
"""Fields that mean the same in OpenAI's Responses API."""


def _add_shared(body: dict[str, Any], turn: Turn, dialect: Dialect) -> list[str]:
    """Add the extension fields of another format that mean the same here. Returns the names of the others."""
    shared = (
        SHARED - set(dialect.drops) if turn.origin == "openai_responses" and dialect.caches_by_key else ()
    )
    body.update({name: raw for name, raw in turn.extensions.items() if name in shared})
    return [name for name in turn.extensions if name not in shared]


# --- messages --------------------------------------------------------------------------------


class Conversation:
    """Converts messages to this format; parts that are not allowed in their place wait for the next user
    message.
    """

    def __init__(self, dialect: Dialect, profile: Profile, dropped: list[str]) -> None:
        self._dialect = dialect
        self._profile = profile
        self._dropped = dropped
        self._messages: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        """Parts that only a user message may contain: images from tool results and answers."""

    def render(self, turn: Turn) -> list[dict[str, Any]]:
        """Convert all messages."""
        for message in turn.messages:
            for part in message.parts:
                self._name_lost(part)
            if message.role == "tool":
                self._add_results(message)
            elif message.role == "assistant":
                self._flush()
                self._add_assistant(message)
            else:
                self._add_input(message)
        self._flush()
        mark = self._dialect.prefill_field or (turn.continues and self._dialect.continue_field)
        if mark and self._messages and self._messages[-1]["role"] == "assistant":
            self._messages[-1][mark] = True
        return join_neighbours(self._messages) if self._dialect.alternation else self._messages

    def _name_lost(self, part: Part) -> None:
        """Report attributes of a part that this format cannot carry."""
        if getattr(part, "cache", None) is not None:
            self._dropped.append("cache_control")
        if isinstance(part, Text | Image | ToolCall) and part.signature is not None:
            self._dropped.append("thought_signature")
        if isinstance(part, Document) and part.citations:
            self._dropped.append("document.citations")
        if isinstance(part, ToolResult):
            for piece in part.content:
                self._name_lost(piece)

    def _flush(self) -> None:
        if self._waiting:
            self._messages.append({"role": "user", "content": self._waiting})
            self._waiting = []

    def _role(self, role: str) -> str:
        if role not in ("system", "developer"):
            return role
        role = self._profile.system_role or role
        return "system" if role == "developer" and not self._dialect.developer_role else role

    def _add_input(self, message: Message) -> None:
        """Add a user or system message."""
        role = self._role(message.role)
        if role != "user":
            self._flush()
        parts = [*self._waiting, *(one for part in message.parts for one in self._render_parts(part))]
        self._waiting = []
        rendered = {"role": role, "content": self._content(parts)}
        self._messages.append(self._named(rendered, message.name))

    def _named(self, rendered: dict[str, Any], name: str | None) -> dict[str, Any]:
        if name and self._dialect.participant_names:
            rendered["name"] = name
        elif name:
            self._dropped.append("name")
        return rendered

    def _content(self, parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        """Return the content as a string if it is only text, else as a list of parts."""
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if len(texts) == len(parts) and (len(parts) < 2 or self._dialect.string_contents):
            return "\n\n".join(texts)
        return parts

    # --- parts ---

    def _render_part(self, part: Part) -> dict[str, Any]:
        render = self._PARTS.get(type(part))
        if render is None:
            raise Unsupported(f"a message with this role cannot contain: {kind_of(part)}", param="messages")
        return render(self, part)

    def _render_parts(self, part: Part) -> list[dict[str, Any]]:
        """Convert a part, preceded by its context if the part itself has no field for it."""
        rendered = self._render_part(part)
        about = part.context if isinstance(part, Document) and rendered["type"] != "text" else None
        return [{"type": "text", "text": about}, rendered] if about else [rendered]

    def _render_text(self, part: Text) -> dict[str, Any]:
        return {"type": "text", "text": part.text}

    def _render_refusal(self, part: Refusal) -> dict[str, Any]:
        return {"type": "text", "text": part.text}

    def _render_image(self, part: Image) -> dict[str, Any]:
        self._require("image")
        image: dict[str, Any] = {"url": _address(part.source, "image")}
        if not self._dialect.image_links and is_web(image["url"]):
            raise links_refused()
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _render_document(self, part: Document) -> dict[str, Any]:
        source = part.source
        if isinstance(source, Inline) and source.media_type.startswith("text/"):
            return {"type": "text", "text": _titled(part, text_of(source, "messages"))}
        self._require("document")
        if self._dialect.document_form == "document_url":
            return {"type": "document_url", "document_url": _address(source, "document")}
        if isinstance(source, FileRef):
            return {"type": "file", "file": {"file_id": source.id}}
        name = part.name or "document.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": _address(source, "document")}}

    def _render_audio(self, part: Audio) -> dict[str, Any]:
        self._require("audio")
        if not isinstance(part.source, Inline):
            raise Unsupported("this provider accepts audio only as data, not by URL", param="messages")
        known = {media_type: name for name, media_type in AUDIO_TYPES.items()}
        audio_format = known.get(part.source.media_type, part.source.media_type.partition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": part.source.data, "format": audio_format}}

    def _render_video(self, part: Video) -> dict[str, Any]:
        self._require("video")
        return {"type": "video_url", "video_url": {"url": _address(part.source, "video")}}

    _PARTS: ClassVar[dict[type, Callable[["Conversation", Any], dict[str, Any]]]] = {
        Text: _render_text,
        Refusal: _render_refusal,
        Image: _render_image,
        Document: _render_document,
        Audio: _render_audio,
        Video: _render_video,
    }

    def _require(self, medium: str) -> None:
        if medium not in self._dialect.media:
            raise Unsupported(f"this provider does not support {medium} input", param="messages")

    # --- assistant messages ---

    def _add_assistant(self, message: Message) -> None:
        rendered: dict[str, Any] = {"role": "assistant", "content": None}
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        calls = [self._render_call(part) for part in message.parts if isinstance(part, ToolCall)]
        refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
        if texts or not (calls or refusals):
            rendered["content"] = "".join(texts)
        if calls:
            rendered["tool_calls"] = calls
        if refusals:
            rendered["refusal"] = "".join(refusals)
        self._add_thoughts(rendered, message.parts)
        if calls and self._dialect.reasoning_required:
            rendered.setdefault("reasoning_content", " ")
        for part in message.parts:
            self._add_rest(rendered, part)
        self._messages.append(self._named(rendered, message.name))

    def _add_rest(self, rendered: dict[str, Any], part: Part) -> None:
        if isinstance(part, Native) and part.format == NAME and part.kind == "audio":
            rendered["audio"] = part.block
        elif isinstance(part, Native):
            self._dropped.append(part.kind or f"{part.format} block")
        elif isinstance(part, Image):
            self._waiting.append(self._render_image(part))

    def _render_call(self, call: ToolCall) -> dict[str, Any]:
        call_id = self._call_id(call.id)
        if call.kind == "custom" and self._dialect.custom_tools:
            return {"id": call_id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        arguments = call.arguments if call.kind == "function" else bytes(arguments_object(call)).decode()
        return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}

    def _call_id(self, call_id: str) -> str:
        if self._dialect.short_call_ids:
            return short_id(call_id)
        return short_value(call_id, self._dialect.call_id_limit)

    def _add_thoughts(self, rendered: dict[str, Any], parts: Sequence[Part]) -> None:
        thoughts = [part for part in parts if isinstance(part, Reasoning | RedactedReasoning)]
        if not thoughts:
            return
        form = self._dialect.reasoning_back
        text = "".join(thought.text for thought in thoughts if isinstance(thought, Reasoning))
        if form == "reasoning_details":
            rendered[form] = [render_detail(thought, index) for index, thought in enumerate(thoughts)]
        elif form == "thinking" and text:
            thinking = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
            content = rendered["content"]
            rendered["content"] = [thinking, *([{"type": "text", "text": content}] if content else [])]
        elif form in TEXT_FIELDS and text:
            rendered[TEXT_FIELDS[form]] = text
        else:
            self._dropped.append("thinking")

    # --- tool results ---

    def _add_results(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._messages.append(self._render_result(part))

    def _render_result(self, result: ToolResult) -> dict[str, Any]:
        rendered: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        for part in result.content:
            if isinstance(part, Native):
                rendered.append({"type": "text", "text": bytes(part.block).decode()})
                continue
            for one in self._render_parts(part):
                (rendered if one["type"] == "text" else moved).append(one)
        if moved:
            label = f"From the result of {result.name or 'the tool call'} ({result.call_id}):"
            self._waiting += [{"type": "text", "text": label}, *moved]
            rendered = rendered or [{"type": "text", "text": "See the next message."}]
        if result.is_error:
            self._dropped.append("is_error")
        texts = [part["text"] for part in rendered]
        joined = len(texts) < 2 or self._dialect.string_results or self._dialect.string_contents
        content = "\n\n".join(texts) if joined else rendered
        return {"role": "tool", "tool_call_id": self._call_id(result.call_id), "content": content}


def join_neighbours(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join consecutive messages of one role, for providers that require alternating roles."""
    runs: list[list[dict[str, Any]]] = []
    for message in messages:
        first = runs[-1][0] if runs else None
        plain = message.keys() <= {"role", "content", "name"}
        if first is None or first["role"] != message["role"] or message["role"] == "tool" or not plain:
            runs.append([message])
        else:
            runs[-1].append(message)
    return [run[0] if len(run) == 1 else {**run[0], "content": _join_contents(run)} for run in runs]


def _join_contents(run: list[dict[str, Any]]) -> Any:
    """Join the contents of consecutive messages: to one text, or to one list of parts in which the texts
    before the first list are joined.
    """
    contents = [message["content"] for message in run]
    texts = list(takewhile(lambda content: isinstance(content, str), contents))
    joined = "\n\n".join(dropwhile(lambda text: not text, texts))
    if len(texts) == len(contents):
        return joined
    rest = contents[len(texts) :]
    return [part for content in ([joined] if texts else []) + rest for part in _as_parts(content)]


def _as_parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


TEXT_FIELDS = {
    "as_given": "reasoning_content",
    "reasoning_content": "reasoning_content",
    "reasoning": "reasoning",
    "either": "reasoning",
}
"""The field that carries earlier thinking as text, by the dialect's form."""

FORMATS = {"anthropic": "anthropic-claude-v1", "gemini": "google-gemini-v1"}
"""OpenRouter's names for signature formats."""


def render_detail(thought: Reasoning | RedactedReasoning, index: int) -> dict[str, Any]:
    """Write an entry of `reasoning_details` in OpenRouter's form."""
    signed_by = FORMATS.get(thought.format or "", thought.format) or "unknown"
    if isinstance(thought, RedactedReasoning):
        return {"type": "reasoning.encrypted", "data": thought.data, "format": signed_by, "index": index}
    detail = {"type": "reasoning.text", "text": thought.text, "format": signed_by, "index": index}
    return detail if thought.signature is None else {**detail, "signature": thought.signature}


def kind_of(part: Part) -> str:
    """Return a part's name for use in a message."""
    return part.kind or part.format if isinstance(part, Native) else type(part).__name__.lower()


def _address(source: Source, medium: str) -> str:
    if isinstance(source, Inline):
        return data_url(source)
    if isinstance(source, Link):
        return source.url
    raise Unsupported(f"a {medium} that was uploaded elsewhere cannot be used here", param="messages")


def is_web(address: str | None) -> bool:
    """Return whether a URL is on the web."""
    return address is not None and address.startswith(("http://", "https://"))


def links_refused() -> BytesWanted:
    """Create the error for an image URL where only bytes are accepted."""
    return BytesWanted("this provider accepts images only as data, not by URL", param="messages")


def _titled(document: Document, text: str) -> str:
    about = [line for line in (document.name, document.context) if line]
    return "\n\n".join([*about, text])


def short_id(call_id: str) -> str:
    """Return nine letters and digits derived from an id, always the same ones."""
    if len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:8])
    letters = string.ascii_letters + string.digits
    return "".join(letters[number // len(letters) ** place % len(letters)] for place in range(9))


# --- tools and output format -----------------------------------------------------------------


def _add_tools(body: dict[str, Any], turn: Turn, target: Target, dropped: list[str]) -> None:
    dialect: Dialect = target.dialect
    choice = turn.tool_choice
    narrowed = choice is not None and choice.mode != "named" and not dialect.allowed_tools
    tools = allowed_tools(turn) if narrowed else turn.tools
    if tools and any(tool.search is not None for tool in tools):
        tools = _take_search(body, tools, target, dropped)
    if not tools:
        return
    body["tools"] = [_render_tool(tool, dialect) for tool in tools]
    if choice is not None:
        body["tool_choice"] = _render_choice(choice, turn, dialect)
    if turn.parallel_tool_calls is not None and "parallel_tool_calls" not in dialect.drops:
        body["parallel_tool_calls"] = turn.parallel_tool_calls


def _take_search(
    body: dict[str, Any], tools: Sequence[Tool], target: Target, dropped: list[str]
) -> tuple[Tool, ...]:
    """Write a web search as a field. Returns the other tools. Raises Unsupported."""
    dialect: Dialect = target.dialect
    for tool in tools:
        if tool.search is None:
            continue
        own = tool.format == NAME and OPTIONS not in dialect.refuses
        if not own and not any(fnmatchcase(target.model.lower(), pattern) for pattern in dialect.searches):
            raise refuse_tool(tool)
        body[OPTIONS] = render_options(tool, dropped)
    return tuple(tool for tool in tools if tool.search is None)


def _render_tool(tool: Tool, dialect: Dialect) -> Any:
    if tool.format == NAME and (tool.kind == "native" or (tool.kind == "custom" and dialect.custom_tools)):
        return tool.block
    if tool.kind == "native":
        raise refuse_tool(tool)
    function: dict[str, Any] = {"name": tool.name}
    description = describe(tool)
    if description is not None:
        function["description"] = description
    parameters = CUSTOM_INPUT if tool.kind == "custom" else tool.parameters
    if parameters is None:
        parameters = NO_PARAMETERS
    elif dialect.needs_properties:
        parameters = with_properties(parameters)
    function["parameters"] = parameters
    if tool.strict is not None and dialect.strict_tools:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _render_choice(choice: ToolChoice, turn: Turn, dialect: Dialect) -> Any:
    if choice.mode in ("required", "named") and not dialect.forced_tools:
        raise Unsupported("this provider cannot be forced to call a tool (tool_choice)", param="tool_choice")
    if choice.mode == "named":
        return _named(choice.names[0], _custom_tools(turn, dialect))
    if choice.names and dialect.allowed_tools:
        customs = _custom_tools(turn, dialect)
        tools = [_named(name, customs) for name in choice.names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
    return choice.mode


def _named(name: str, customs: frozenset[str]) -> dict[str, Any]:
    kind = "custom" if name in customs else "function"
    return {"type": kind, kind: {"name": name}}


def _custom_tools(turn: Turn, dialect: Dialect) -> frozenset[str]:
    """Return the names of the tools that are sent to the service as custom tools."""
    return custom_names(turn.tools) if dialect.custom_tools else frozenset()


def _add_output(body: dict[str, Any], turn: Turn, dialect: Dialect) -> None:
    output = turn.output
    if output is None:
        return
    if output.kind == "json_object" or output.schema is None:
        body["response_format"] = {"type": "json_object"}
    elif dialect.schemas == "native":
        schema: dict[str, Any] = {"name": output.name or "answer", "schema": output.schema}
        optional = {"description": output.description, "strict": output.strict}
        schema.update({name: value for name, value in optional.items() if value is not None})
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif dialect.schemas == "prompt":
        body["response_format"] = {"type": "json_object"}
        body["messages"] = add_schema(body["messages"], output.schema, dialect)
    else:
        raise Unsupported(
            "this provider does not support structured output (response_format)", param="response_format"
        )


def add_schema(messages: list[dict[str, Any]], schema: Raw, dialect: Dialect) -> list[dict[str, Any]]:
    """Add the schema to the messages in words: at the end, or at the beginning if instructions are only
    accepted there.
    """
    text = f"Answer with JSON only, by this JSON schema:\n{bytes(schema).decode()}"
    instruction = {"role": "system", "content": text}
    return join_neighbours([instruction, *messages]) if dialect.alternation else [*messages, instruction]


# --- tuning ----------------------------------------------------------------------------------


def _add_tuning(body: dict[str, Any], turn: Turn, target: Target, dropped: list[str]) -> None:
    dialect, profile = target.dialect, target.profile
    forced = turn.tool_choice is not None and turn.tool_choice.mode in ("required", "named")
    thinking = plan_thinking(turn.reasoning, dialect, profile, forced=forced)
    body.update(thinking.fields)
    dropped += thinking.dropped
    refused = set(dropped)
    if not may_sample(profile, thinking.effort):
        refused.update(SAMPLING)
    for name in PLAIN_FIELDS:
        value = getattr(turn, name)
        if value is not None:
            _add(body, name, value, name in refused and value != HARMLESS.get(name), dropped)
    if "user" in body:
        body["user"] = short_value(body["user"], dialect.user_limit)
    if turn.seed is not None:
        _add(body, dialect.seed_field, turn.seed, "seed" in refused, dropped)
    if turn.stop:
        most = dialect.most_stops
        _add(body, "stop", turn.stop[:most], "stop" in refused or not profile.stop, dropped)
        dropped += [f"stop.{place}" for place in range(most or len(turn.stop), len(turn.stop))]
    if turn.modalities:
        _add(body, "modalities", turn.modalities, "modalities" in refused, dropped)
    if turn.max_tokens is not None:
        body[limit_field(target)] = turn.max_tokens
    if turn.service_tier is not None:
        tier = TIERS.get(turn.service_tier, turn.service_tier)
        _add(body, "service_tier", tier, "service_tier" in refused, dropped)
    if profile.temperature_or_top_p and "temperature" in body and body.pop("top_p", None) is not None:
        dropped.append("top_p")


def _add(body: dict[str, Any], name: str, value: Any, refused: bool, dropped: list[str]) -> None:
    if refused:
        dropped.append(name)
    else:
        body[name] = value


def limit_field(target: Target) -> str:
    """Return the name of the output limit."""
    return target.profile.limit_field or target.dialect.limit_field or "max_tokens"
