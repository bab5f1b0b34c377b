"""The same format on both sides: the client's bytes are forwarded to the provider as far as possible.

A value that needs no change keeps its bytes. Changed are the fields addressed to Tidegate, and what the
dialect or the model's profile requires. Which edits a target can need at all is decided once; each of those
first checks whether the request needs it, and most requests are forwarded with only the model name changed.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.protocols.contract import Call, Target
from tidegate.protocols.effort import is_off, may_sample
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.fields import ENCODE, Fields, is_set
from tidegate.protocols.profile import Profile

from .build import build_reasoning
from .check import repeats_ids
from .dialect import Dialect, only_streams
from .edit_messages import MESSAGES, MessageEdits, make_ids_unique
from .parse import Parsed
from .render import HARMLESS, SAMPLING, add_schema, limit_field, render_path
from .thinking import plan_thinking

__all__ = ["Splicer"]

GATEWAY_FIELDS = ("provider", "models", "system_message", "session_id")
"""Fields addressed to Tidegate, which a provider does not know unless its dialect lists them."""

EFFORT = ("reasoning_effort", "reasoning", "tool_choice")
"""Fields that say how much a model may think."""

Edit = Callable[[Fields, Parsed, Target, list[str]], None]


class Splicer:
    """Writes requests for one target; decisions that depend only on the target are made once."""

    __slots__ = (
        "_can_stream", "_edits", "_messages", "_model", "_must_stream", "_path", "_target", "_touched",
        "_usage",
    )  # fmt: skip

    def __init__(self, target: Target) -> None:
        dialect, profile = target.dialect, target.profile
        self._target = target
        self._model = Raw(ENCODE(target.model))
        self._path = render_path(target)
        self._messages = MessageEdits(target)
        edits = [(edit, looks_at) for applies, edit, looks_at in EDITS if applies(dialect, profile)]
        self._edits = tuple(edit for edit, _ in edits)
        self._touched = frozenset(name for _, looks_at in edits for name in looks_at(dialect, profile))
        """The fields without which a request needs none of the edits."""
        self._can_stream = profile.streams
        self._must_stream = only_streams(dialect, target.model)
        self._usage = dialect.stream_usage

    def render(self, parsed: Parsed) -> Call:
        """Return the client's body with the model replaced, changing only what the dialect or the profile
        requires.

        Raises Unsupported naming what cannot be carried.
        """
        fields = parsed.fields.copy()
        fields["model"] = self._model
        dropped: list[str] = []
        if not (parsed.bare and self._messages.spares_bare):
            self._edit_messages(fields, parsed, dropped)
        if not self._touched.isdisjoint(fields):
            for edit in self._edits:
                edit(fields, parsed, self._target, dropped)
        stream = self._can_stream and (parsed.stream or self._must_stream)
        if stream or parsed.stream or "stream_options" in fields:
            _set_stream(fields, parsed, stream, self._usage)
        return Call(self._path, ENCODE(fields), stream, tuple(dropped))

    def _edit_messages(self, fields: Fields, parsed: Parsed, dropped: list[str]) -> None:
        if repeats_ids(parsed.wire.messages):
            fields["messages"] = make_ids_unique(fields["messages"])
        if self._messages:
            edited = self._messages.edit(parsed.wire, fields["messages"], dropped)
            if edited is not None:
                fields["messages"] = edited


def _remove_gateway_fields(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Remove the fields addressed to Tidegate."""
    if fields.keys().isdisjoint(GATEWAY_FIELDS):
        return
    kept = target.dialect.gateway_fields
    system = parsed.wire.system_message
    if system and "system_message" not in kept:
        first = ENCODE({"role": target.profile.system_role or "system", "content": system})
        fields["messages"] = Raw(b"[" + first + b"," + bytes(fields["messages"])[1:])
    for name in GATEWAY_FIELDS:
        if name in fields and name not in kept:
            del fields[name]
    provider = parsed.wire.provider
    if isinstance(provider, str):
        fields.pop("provider", None)
    elif provider and target.dialect.shared_preferences and "provider" not in kept:
        shared = {name: provider[name] for name in target.dialect.shared_preferences if name in provider}
        if shared:
            fields["provider"] = Raw(ENCODE(shared))


def _rename(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Rename the output limit and the seed to the names that the service or model accepts."""
    only = target.profile.limit_field or target.dialect.limit_field
    if only is not None:
        name = limit_field(target)
        other = "max_tokens" if name == "max_completion_tokens" else "max_completion_tokens"
        if other in fields:
            value = fields.pop(other)
            fields.setdefault(name, value)
    if target.dialect.seed_field != "seed" and "seed" in fields:
        fields.setdefault(target.dialect.seed_field, fields.pop("seed"))


def _set_effort(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Write the reasoning effort in the service's form, and remove what a reasoning model rejects."""
    wire = parsed.wire
    effort: str | None = None
    if wire.reasoning_effort is None:
        fields.pop("reasoning_effort", None)  # null, which services that do not know the field may reject
    forced = wire.tool_choice is not None and wire.tool_choice not in ("auto", "none")
    if forced or wire.reasoning_effort is not None or wire.reasoning is not None:
        effort = _write_effort(fields, parsed, target, dropped, forced)
    if target.profile.sampling != "free" and not may_sample(target.profile, effort):
        refused = [name for name in SAMPLING if getattr(parsed.wire, name) != HARMLESS.get(name)]
        _drop(fields, refused, dropped)


def _write_effort(
    fields: Fields, parsed: Parsed, target: Target, dropped: list[str], forced: bool
) -> str | None:
    """Write the effort in the service's form. Returns the effort that the model receives."""
    if "reasoning" in target.dialect.gateway_fields:
        return None
    control = build_reasoning(parsed.wire)
    thinking = plan_thinking(control, target.dialect, target.profile, forced=forced)
    needless = control is not None and is_off(control) and not thinking.fields
    if thinking.dropped or needless or not _has_values(fields, thinking.fields):
        named = [name for name in ("reasoning_effort", "reasoning") if fields.pop(name, None) is not None]
        dropped += named if thinking.dropped else []
        for name, value in thinking.fields.items():
            fields.setdefault(name, Raw(ENCODE(value)))
    return thinking.effort


def _add_blank_thoughts(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Add blank thinking to tool calls, without which the service rejects them while thinking is on."""
    lacking = any(one.tool_calls and one.reasoning_content is None for one in parsed.wire.messages)
    if not lacking or b'"disabled"' in bytes(fields.get("thinking", b"")):
        return
    messages = MESSAGES.decode(fields["messages"])
    for message in messages:
        if message.get("tool_calls") and message.get("reasoning_content") is None:
            message["reasoning_content"] = " "
    fields["messages"] = Raw(ENCODE(messages))


def _has_values(fields: Fields, values: dict[str, Any]) -> bool:
    """Return whether the client's own fields already have these values."""
    if "reasoning" in fields and "reasoning" not in values:
        return False
    return all(name in fields and bytes(fields[name]) == ENCODE(value) for name, value in values.items())


def _leave_out(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Drop parameters that only tune, and refuse those that carry meaning, if the service does not support
    them.
    """
    if not target.profile.stop:
        _drop(fields, ("stop",), dropped)
    if target.profile.temperature_or_top_p and parsed.wire.temperature is not None:
        _drop(fields, ("top_p",), dropped)
    _drop(fields, target.dialect.drops, dropped)
    for name in target.dialect.refuses:
        if name in fields and bytes(fields[name]) not in NOTHING:
            raise Unsupported(f'this provider does not support the parameter "{name}"', param=name)


NOTHING = (b"null", b"[]", b"false", b"1", b'["text"]')
"""Values of a refused field that have no effect, because they are the default."""


def _drop(fields: Fields, names: Sequence[str], dropped: list[str]) -> None:
    dropped += [name for name in names if name in fields and is_set(fields.pop(name))]


def _check_tools(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Refuse a forced tool, and remove `strict`, if the service does not support them."""
    choice = parsed.wire.tool_choice
    if choice not in (None, "auto", "none") and not target.dialect.forced_tools:
        raise Unsupported("this provider cannot be forced to call a tool (tool_choice)", param="tool_choice")
    if not target.dialect.strict_tools and any(
        tool.function is not None and tool.function.strict is not None for tool in parsed.wire.tools or ()
    ):
        tools = TOOLS.decode(fields["tools"])
        for tool in tools:
            tool.get("function", {}).pop("strict", None)
        fields["tools"] = Raw(ENCODE(tools))


TOOLS = Decoder(list[dict[str, Any]])


def _set_schema(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Move the schema of the answer into the prompt, if the service does not accept schemas."""
    output = parsed.wire.response_format
    if target.dialect.schemas == "native" or output is None or output.type != "json_schema":
        return
    schema = output.json_schema.schema if output.json_schema is not None else output.schema
    if target.dialect.schemas == "refused":
        raise Unsupported(
            "this provider does not support structured output (response_format)", param="response_format"
        )
    fields["response_format"] = Raw(b'{"type":"json_object"}')
    if is_set(schema):
        messages = add_schema(MESSAGES.decode(fields["messages"]), schema, target.dialect)
        fields["messages"] = Raw(ENCODE(messages))


Applies = Callable[[Dialect, Profile], bool]
LooksAt = Callable[[Dialect, Profile], Iterable[str]]


def _always(*names: str) -> LooksAt:
    return lambda dialect, profile: names


EDITS: tuple[tuple[Applies, Edit, LooksAt], ...] = (
    (lambda dialect, profile: True, _remove_gateway_fields, _always(*GATEWAY_FIELDS)),
    (
        lambda dialect, profile: (
            bool(profile.limit_field or dialect.limit_field) or dialect.seed_field != "seed"
        ),
        _rename,
        _always("max_tokens", "max_completion_tokens", "seed"),
    ),
    (
        lambda dialect, profile: True,
        _set_effort,
        lambda dialect, profile: (*EFFORT, *(SAMPLING if profile.sampling != "free" else ())),
    ),
    (
        lambda dialect, profile: dialect.reasoning_required and profile.thinking != "none",
        _add_blank_thoughts,
        _always("messages"),
    ),
    (
        lambda dialect, profile: (
            not profile.stop or profile.temperature_or_top_p or bool(dialect.drops or dialect.refuses)
        ),
        _leave_out,
        lambda dialect, profile: ("stop", "top_p", *dialect.drops, *dialect.refuses),
    ),
    (
        lambda dialect, profile: not (dialect.forced_tools and dialect.strict_tools),
        _check_tools,
        _always("tools", "tool_choice"),
    ),
    (lambda dialect, profile: dialect.schemas != "native", _set_schema, _always("response_format")),
)
"""The edits of the body in order, each with a test for the targets that can need it, and the fields without
which a request does not.
"""

INCLUDE_USAGE = Raw(b'{"include_usage":true}')


def _set_stream(fields: Fields, parsed: Parsed, stream: bool, usage: bool) -> None:
    """Request the usage of a stream, for Tidegate's accounting, if the service supports that (`usage`).
    Remove `stream` or its options if the model cannot stream, or only streams.
    """
    if stream and not parsed.stream:
        fields["stream"] = Raw(b"true")
    elif parsed.stream and not stream:
        fields.pop("stream", None)
        fields.pop("stream_options", None)
    if not usage:
        fields.pop("stream_options", None)
    if not stream or not usage:
        return
    options = parsed.wire.stream_options
    if options is None:
        fields["stream_options"] = INCLUDE_USAGE
    elif options.include_usage is not True:
        sent = OPTIONS.decode(fields["stream_options"])
        fields["stream_options"] = Raw(ENCODE({**sent, "include_usage": True}))


OPTIONS = Decoder(dict[str, Raw])
