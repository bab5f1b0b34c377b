"""The same format on both sides: the client's bytes to the provider, as far as they can stay.

Every value that nobody asked to change keeps its bytes. What is changed is what is Tidegate's own,
and what the dialect or the model's profile ask for; each of these edits looks first whether there
is anything to do, and most requests leave as they came but for the model's name.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.protocols.contract import Call, Target
from tidegate.protocols.errors import Unsupported

from .build import build_reasoning
from .dialect import Dialect, only_streams
from .edit_messages import MESSAGES, edit_messages
from .parse import Parsed
from .render import HARMLESS, SAMPLING, add_schema, limit_field, may_sample, render_path
from .thinking import plan_effort
from .wire import ENCODE, Fields, says

__all__ = ["splice_request"]

OWN_FIELDS = ("provider", "models", "system_message")
"""Tidegate's own fields, which a provider does not know unless its dialect says so."""

Edit = Callable[[Fields, Parsed, Target, list[str]], None]


def splice_request(parsed: Parsed, target: Target) -> Call:
    """The client's body with the model replaced, and only what dialect or profile ask for changed.

    Raises Unsupported naming what cannot be carried.
    """
    fields = dict(parsed.fields)
    fields["model"] = Raw(ENCODE(target.model))
    dropped: list[str] = []
    for edit in EDITS:
        edit(fields, parsed, target, dropped)
    stream = target.profile.streams and (parsed.stream or only_streams(target.dialect, target.model))
    _set_stream(fields, parsed, target.dialect, stream)
    return Call(render_path(target), ENCODE(fields), stream, tuple(dropped))


def _set_messages(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Change what the service does not take in messages as they are."""
    edited = edit_messages(parsed.wire, fields["messages"], target, dropped)
    if edited is not None:
        fields["messages"] = edited


def _take_own_fields(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Take out what is for Tidegate."""
    own = target.dialect.own_fields
    system = parsed.wire.system_message
    if system and "system_message" not in own:
        first = ENCODE({"role": target.profile.system_role or "system", "content": system})
        fields["messages"] = Raw(b"[" + first + b"," + bytes(fields["messages"])[1:])
    for name in OWN_FIELDS:
        if name in fields and name not in own:
            del fields[name]
    if isinstance(parsed.wire.provider, str):
        fields.pop("provider", None)


def _rename(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Give the limit and the seed the names that the service or model knows."""
    only = target.profile.limit_field or target.dialect.limit_field
    if only is not None:
        name = limit_field(target)
        other = "max_tokens" if name == "max_completion_tokens" else "max_completion_tokens"
        if other in fields:
            told = fields.pop(other)
            fields.setdefault(name, told)
    if target.dialect.seed_field != "seed" and "seed" in fields:
        fields.setdefault(target.dialect.seed_field, fields.pop("seed"))


def _set_effort(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Say how much to think in the service's words; and leave out what a thinking model refuses."""
    effort: str | None = None
    control = build_reasoning(parsed.wire)
    forced = parsed.wire.tool_choice not in (None, "auto", "none")
    if (control is not None or forced) and "reasoning" not in target.dialect.own_fields:
        thinking = plan_effort(control, target.dialect, target.profile, forced=forced)
        effort = thinking.effort
        if thinking.dropped or not _told_already(fields, thinking.fields):
            named = [name for name in ("reasoning_effort", "reasoning") if fields.pop(name, None) is not None]
            dropped += named if thinking.dropped else []
            for name, value in thinking.fields.items():
                fields.setdefault(name, Raw(ENCODE(value)))
    if not may_sample(target.profile, effort):
        refused = [name for name in SAMPLING if getattr(parsed.wire, name) != HARMLESS.get(name)]
        _drop(fields, refused, dropped)


def _add_blank_thoughts(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Give calls the thinking without which the service takes none while it thinks."""
    lacking = [one for one in parsed.wire.messages if one.tool_calls and one.reasoning_content is None]
    off = b'"disabled"' in bytes(fields.get("thinking", b""))
    if not (lacking and target.dialect.reasoning_required) or off or target.profile.thinking == "none":
        return
    messages = MESSAGES.decode(fields["messages"])
    for message in messages:
        if message.get("tool_calls") and message.get("reasoning_content") is None:
            message["reasoning_content"] = " "
    fields["messages"] = Raw(ENCODE(messages))


def _told_already(fields: Fields, wanted: dict[str, Any]) -> bool:
    """Whether the client's own fields say the same."""
    if "reasoning" in fields and "reasoning" not in wanted:
        return False
    return all(name in fields and bytes(fields[name]) == ENCODE(value) for name, value in wanted.items())


def _leave_out(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Leave out what only tunes, and refuse what means something, where the service has no such thing."""
    if not target.profile.stop:
        _drop(fields, ("stop",), dropped)
    if target.profile.temperature_or_top_p and parsed.wire.temperature is not None:
        _drop(fields, ("top_p",), dropped)
    _drop(fields, target.dialect.drops, dropped)
    for name in target.dialect.refuses:
        if name in fields and bytes(fields[name]) not in NOTHING:
            raise Unsupported(f"this model's provider has no {name}", param=name)


NOTHING = (b"null", b"[]", b"false", b"1", b'["text"]')
"""Values of a refused field that ask for nothing: what everybody gets."""


def _drop(fields: Fields, names: Sequence[str], dropped: list[str]) -> None:
    dropped += [name for name in names if name in fields and says(fields.pop(name))]


def _check_tools(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Refuse a forced tool, and take `strict` out, where the service knows neither."""
    choice = parsed.wire.tool_choice
    if choice not in (None, "auto", "none") and not target.dialect.forced_tools:
        raise Unsupported(
            "this model's provider cannot be made to call a tool (tool_choice)", param="tool_choice"
        )
    if not target.dialect.strict_tools and any(
        tool.function is not None and tool.function.strict is not None for tool in parsed.wire.tools or ()
    ):
        tools = TOOLS.decode(fields["tools"])
        for tool in tools:
            tool.get("function", {}).pop("strict", None)
        fields["tools"] = Raw(ENCODE(tools))


TOOLS = Decoder(list[dict[str, Any]])


def _set_schema(fields: Fields, parsed: Parsed, target: Target, dropped: list[str]) -> None:
    """Tell the schema of the answer in words, where the service takes none."""
    wanted = parsed.wire.response_format
    if target.dialect.schemas == "native" or wanted is None or wanted.type != "json_schema":
        return
    schema = wanted.json_schema.schema if wanted.json_schema is not None else wanted.schema
    if target.dialect.schemas == "refused":
        raise Unsupported(
            "this model's provider has no structured output (response_format)", param="response_format"
        )
    fields["response_format"] = Raw(b'{"type":"json_object"}')
    if says(schema):
        messages = add_schema(MESSAGES.decode(fields["messages"]), schema, target.dialect)
        fields["messages"] = Raw(ENCODE(messages))


EDITS: tuple[Edit, ...] = (
    _set_messages,
    _take_own_fields,
    _rename,
    _set_effort,
    _add_blank_thoughts,
    _leave_out,
    _check_tools,
    _set_schema,
)

ASK_USAGE = Raw(b'{"include_usage":true}')


def _set_stream(fields: Fields, parsed: Parsed, dialect: Dialect, stream: bool) -> None:
    """Ask for the usage of a stream, for our own books; and not for a stream that cannot be, nor for a
    whole answer that cannot be.
    """
    if stream and not parsed.stream:
        fields["stream"] = Raw(b"true")
    elif parsed.stream and not stream:
        fields.pop("stream", None)
        fields.pop("stream_options", None)
    if not dialect.stream_usage:
        fields.pop("stream_options", None)
    if not stream or not dialect.stream_usage:
        return
    told = parsed.wire.stream_options
    if told is None:
        fields["stream_options"] = ASK_USAGE
    elif told.include_usage is not True:
        options = OPTIONS.decode(fields["stream_options"])
        fields["stream_options"] = Raw(ENCODE({**options, "include_usage": True}))


OPTIONS = Decoder(dict[str, Raw])
