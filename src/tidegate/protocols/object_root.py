"""Schemas of answers whose root is no object: an array, a choice of values, a reference.

Google takes any schema (`response_schema=list[Recipe]`), most others only objects: OpenAI answers 400 "schema
must be a JSON Schema of 'type: "object"'", and where the answer is the input of a tool that must be called,
it cannot be anything else. So the schema becomes the one property of an object, and the client gets the value
of that property while it arrives in pieces.
"""

import re
from typing import Any

import msgspec
from msgspec import Raw, structs

from .decode import MALFORMED
from .events import Event, Finished, TextDelta
from .json_marks import JsonMarks
from .turn import OutputFormat, Turn

__all__ = ["OnlyValue", "ValueReader", "with_object_root"]

KEY = "value"
DEFINITIONS = ("$defs", "definitions")
"""Where references point to: these stay at the root."""

_ANY = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def with_object_root(turn: Turn) -> tuple[Turn, bool]:
    """The Turn with a schema whose root is an object, and whether it was none."""
    output = turn.output
    if output is None or output.schema is None:
        return turn, False
    try:
        schema = _ANY.decode(output.schema)
    except MALFORMED:
        return turn, False
    if not isinstance(schema, dict) or not (output.bare or _is_other(schema)):
        return turn, False
    wrapped = structs.replace(output, schema=Raw(_encode(_wrap(schema))), bare=False)
    return structs.replace(turn, output=wrapped), True


def _is_other(schema: dict[str, Any]) -> bool:
    """Return whether a schema says something else than that the answer is an object."""
    return bool(schema) and schema.get("type") != "object" and "properties" not in schema


def _wrap(schema: dict[str, Any]) -> dict[str, Any]:
    inner = dict(schema)
    outer = {name: _moved(inner.pop(name)) for name in DEFINITIONS if name in inner}
    return {
        "type": "object",
        "properties": {KEY: _moved(inner)},
        "required": [KEY],
        "additionalProperties": False,
        **outer,
    }


def _moved(value: Any) -> Any:
    """Return a part of a schema whose references into the rest of it follow to its new place."""
    if isinstance(value, list):
        return [_moved(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _moved_reference(one) if name == "$ref" and isinstance(one, str) else _moved(one)
        for name, one in value.items()
    }


def _moved_reference(reference: str) -> str:
    stays = not reference.startswith("#") or reference.startswith(tuple(f"#/{name}/" for name in DEFINITIONS))
    return reference if stays else f"#/properties/{KEY}{reference[1:]}"


# --- answers ---------------------------------------------------------------------------------


class OnlyValue:
    """Takes the object around the values of an answer away."""

    __slots__ = ("_bare", "_texts")

    def __init__(self, output: OutputFormat) -> None:
        self._bare = output.bare
        self._texts: dict[int, ValueReader] = {}
        """By choice."""

    def restore(self, events: list[Event]) -> list[Event]:
        """Return the events without that object."""
        restored: list[Event] = []
        for event in events:
            if type(event) is TextDelta:
                text = self._reader_of(event.choice).feed(event.text)
                if text or event.signature is not None:
                    restored.append(TextDelta(text, event.choice, event.signature))
                continue
            if type(event) is Finished and (rest := self._reader_of(event.choice).close()):
                restored.append(TextDelta(rest, event.choice))
            restored.append(event)
        return restored

    def _reader_of(self, choice: int) -> "ValueReader":
        if choice not in self._texts:
            self._texts[choice] = ValueReader(bare=self._bare)
        return self._texts[choice]


_HEAD = re.compile(rf'\s*\{{\s*"{KEY}"\s*:\s*')
_BARE_HEAD = f'{{"{KEY}":'
_LONGEST_HEAD = 200
"""Characters: more blanks than that around it are not waited for."""


class ValueReader:
    """Reads the value out of an object with one property. A text that is no such object passes as it is."""

    __slots__ = ("_bare", "_depth", "_held", "_marks", "_next", "_value")

    def __init__(self, *, bare: bool = False) -> None:
        self._bare = bare
        """Whether the value is a text that the client gets without its quotation marks."""
        self._held = ""
        self._value: list[str] = []
        """The value so far, if it is a bare text."""
        self._marks = JsonMarks()
        self._depth = 0
        self._next = self._find_value

    def feed(self, text: str) -> str:
        """Return what these characters add to the value."""
        return self._next(text)

    def close(self) -> str:
        """Return what was held back, at the end of the text."""
        held, self._held = self._held, ""
        value, self._value = "".join(self._value), []
        if not value:
            return held
        try:
            return msgspec.json.decode(value, type=str)
        except MALFORMED:
            return value

    def _find_value(self, text: str) -> str:
        self._held += text
        head = _HEAD.match(self._held)
        if head is None:
            if len(self._held) < _LONGEST_HEAD and _BARE_HEAD.startswith("".join(self._held.split())):
                return ""
            self._next = _as_it_is
            return self.close()
        rest, self._held = self._held[head.end() :], ""
        self._next = self._read_value
        return self._read_value(rest)

    def _read_value(self, text: str) -> str:
        for place in self._marks.places(text):
            if self._ends_at(text[place]):
                self._next = _nothing
                text = text[:place]
                break
        if not self._bare:
            return text
        self._value.append(text)
        return ""

    def _ends_at(self, char: str) -> bool:
        """Return whether the object around the value goes on or ends with this bracket or comma."""
        if char in "{[":
            self._depth += 1
        elif char in "}],":
            if self._depth == 0:
                return True
            self._depth -= char != ","
        return False


def _as_it_is(text: str) -> str:
    return text


def _nothing(text: str) -> str:
    return ""
