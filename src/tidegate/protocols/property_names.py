"""Replaces names of properties that a provider does not accept in the schema of a tool.

Claude rejects a whole request for one such name (`Property keys should match pattern
'^[a-zA-Z0-9_.-]{1,64}$'`), at Anthropic as at Bedrock, and looks only at the properties at the root of a
schema (reported in github.com/decocms/studio/pull/6874 and, for Bedrock, in issue 709 of
aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws). Tools made from REST APIs
have many: `$filter`, `filter[name]`, `@odata.type`. The description of a replaced property begins with its
own name, which the model still reads. Earlier calls get the new names, and calls in answers the client's own,
while their arguments arrive in pieces.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from .decode import MALFORMED
from .events import Event, Finished, ToolCallDelta, ToolCallStarted
from .flat_root import COMBINERS, flat_root
from .json_marks import JsonMarks
from .limits import NameRule
from .turn import Message, Tool, ToolCall, Turn

__all__ = ["OwnKeys", "short_property_names"]

Keys = Mapping[str, str]


class Root(Struct, frozen=True):
    """The names at the root of a schema."""

    properties: dict[str, Raw] = {}


_ROOT = msgspec.json.Decoder(Root)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_ARGUMENTS = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode
_COMBINED = tuple(f'"{name}"'.encode() for name in COMBINERS)


def short_property_names(turn: Turn, rule: NameRule) -> tuple[Turn, Mapping[str, Keys]]:
    """The Turn with names of properties that a provider accepts, and the client's names by the new ones, by
    the tool.
    """
    if rule.longest is None or not turn.tools:
        return turn, {}
    renamed = {tool.name: found for tool in turn.tools if (found := _renamed(tool, rule)) is not None}
    if not renamed:
        return turn, {}
    given = {name: keys for name, (_, keys) in renamed.items()}
    tools = tuple(renamed[tool.name][0] if tool.name in renamed else tool for tool in turn.tools)
    messages = tuple(_with_keys(message, given) for message in turn.messages)
    own = {name: {short: key for key, short in keys.items()} for name, keys in given.items()}
    return structs.replace(turn, tools=tools, messages=messages), own


def _renamed(tool: Tool, rule: NameRule) -> tuple[Tool, Keys] | None:
    """Return a tool with new names for its properties, and the new names by its own; None if all fit."""
    if tool.kind != "function" or tool.parameters is None:
        return None
    raw = bytes(tool.parameters)
    combined = any(name in raw for name in _COMBINED)
    try:
        if not combined and all(map(rule.fits, _ROOT.decode(raw).properties)):
            return None
        schema = flat_root(_OBJECT.decode(raw))
    except MALFORMED:
        return None
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return None
    keys = {name: rule.shorten(name) for name in properties if not rule.fits(name)}
    return (structs.replace(tool, parameters=Raw(_encode(_rename(schema, keys)))), keys) if keys else None


def _rename(schema: dict[str, Any], keys: Keys) -> dict[str, Any]:
    renamed = dict(schema)
    renamed["properties"] = {
        keys.get(name, name): _named(name, one) if name in keys else one
        for name, one in schema["properties"].items()
    }
    for field in ("required", "propertyOrdering"):
        if isinstance(schema.get(field), list):
            renamed[field] = _all_renamed(schema[field], keys)
    needed = schema.get("dependentRequired")
    if isinstance(needed, dict):
        renamed["dependentRequired"] = {
            keys.get(name, name): _all_renamed(names, keys) if isinstance(names, list) else names
            for name, names in needed.items()
        }
    return renamed


def _named(name: str, schema: Any) -> Any:
    """Return the schema of a property whose description begins with the property's own name."""
    if not isinstance(schema, dict):
        return {"description": name} if schema is True else schema
    description = schema.get("description")
    described = f"{name}: {description}" if isinstance(description, str) and description else name
    return {**schema, "description": described}


def _all_renamed(names: Iterable[Any], keys: Keys) -> list[Any]:
    return [keys.get(name, name) if isinstance(name, str) else name for name in names]


# --- earlier calls ---------------------------------------------------------------------------


def _with_keys(message: Message, given: Mapping[str, Keys]) -> Message:
    if not any(isinstance(part, ToolCall) and part.name in given for part in message.parts):
        return message
    parts = tuple(
        structs.replace(part, arguments=_renamed_arguments(part.arguments, given[part.name]))
        if isinstance(part, ToolCall) and part.name in given
        else part
        for part in message.parts
    )
    return structs.replace(message, parts=parts)


def _renamed_arguments(arguments: str, keys: Keys) -> str:
    try:
        found = _ARGUMENTS.decode(arguments)
    except MALFORMED:
        return arguments
    return _encode({keys.get(name, name): value for name, value in found.items()}).decode()


# --- calls in answers ------------------------------------------------------------------------


class OwnKeys:
    """Gives the calls of an answer the client's names of properties."""

    __slots__ = ("_calls", "_tools")

    def __init__(self, tools: Mapping[str, Keys]) -> None:
        self._tools = tools
        """The client's names by those that were sent, by the name of the tool as it was sent."""
        self._calls: dict[tuple[int, int], KeyRestorer] = {}

    def restore(self, events: list[Event]) -> list[Event]:
        """Return the events with the client's names."""
        restored: list[Event] = []
        for event in events:
            if type(event) is ToolCallStarted and event.name in self._tools:
                self._calls[event.choice, event.index] = KeyRestorer(self._tools[event.name])
            elif type(event) is ToolCallDelta and (event.choice, event.index) in self._calls:
                text = self._calls[event.choice, event.index].feed(event.arguments)
                event = ToolCallDelta(event.index, text, event.choice)
            elif type(event) is Finished:
                restored += self._cut_off(event.choice)
            restored.append(event)
        return restored

    def _cut_off(self, choice: int) -> list[Event]:
        """Return what is left of arguments that ended within a name."""
        calls = [(place, call) for place, call in self._calls.items() if place[0] == choice]
        return [ToolCallDelta(place[1], text, choice) for place, call in calls if (text := call.close())]


LONGEST_WRITTEN = 512
"""Characters of a name in JSON. One that is longer is none that was sent, and is not waited for."""


class KeyRestorer:
    """Replaces names at the root of a JSON object that arrives in pieces. Only a name is held back until it
    is whole.
    """

    __slots__ = ("_depth", "_expects_key", "_in_object", "_key", "_marks", "_names")

    def __init__(self, names: Keys) -> None:
        self._names = names
        self._marks = JsonMarks()
        self._depth = 0
        self._in_object = False
        """Whether the root is an object."""
        self._expects_key = False
        self._key: str | None = None
        """The beginning of a name at the root, with its quotation mark."""

    def feed(self, text: str) -> str:
        """Return the next piece with the names replaced."""
        passed: list[str] = []
        begin = 0
        for place in self._marks.places(text):
            if text[place] != '"':
                self._enter(text[place])
            elif self._key is not None:
                passed.append(self._own_name(self.close() + text[begin : place + 1]))
                begin = place + 1
            elif self._marks.in_text and self._expects_key:
                self._expects_key, self._key = False, ""
                passed.append(text[begin:place])
                begin = place
        passed.append(self._hold(text[begin:]))
        return "".join(passed)

    def close(self) -> str:
        """Return the beginning of a name that never ended."""
        key, self._key = self._key, None
        return key or ""

    def _hold(self, rest: str) -> str:
        """Hold back what may be the beginning of a name. Returns what is none."""
        if self._key is None:
            return rest
        self._key += rest
        return self.close() if len(self._key) > LONGEST_WRITTEN else ""

    def _enter(self, char: str) -> None:
        """Note a bracket or a comma."""
        if char in "{[":
            self._depth += 1
            if self._depth == 1:
                self._in_object = self._expects_key = char == "{"
        elif char in "}]":
            self._depth -= 1
        else:
            self._expects_key = self._in_object and self._depth == 1

    def _own_name(self, written: str) -> str:
        try:
            name = msgspec.json.decode(written, type=str)
        except MALFORMED:
            return written
        own = self._names.get(name)
        return written if own is None else _encode(own).decode()
