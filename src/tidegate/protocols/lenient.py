"""Lenient decoding of provider data: a malformed optional field never ends an answer.

A field of an unexpected type is converted if its meaning is clear (a number as text), and otherwise omitted
and named. A field that is part of the answer itself (`ANSWER`) is never omitted. Lone surrogates become
U+FFFD, unless a stream has joined them before.
"""

import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import ValidationError
from msgspec.json import Decoder

from .decode import MALFORMED
from .events import Event, LeftOut
from .surrogates import has_halves, without_halves
from .usage import MOST_TOKENS
from .wide_numbers import decode_any

__all__ = ["decode_aside", "decode_leniently", "decode_view"]

T = TypeVar("T")

ANSWER = frozenset(
    {
        "$", "args", "arguments", "bytesBase64Encoded", "call_id", "candidates", "choices", "code",
        "content", "content_block", "custom", "data", "delta", "embedding", "embeddings", "error",
        "finishReason", "finish_reason", "function", "functionCall", "function_call", "index", "inlineData",
        "input", "item", "message", "name", "output", "output_index", "partial_json", "parts",
        "predictions", "response", "status", "stopReason", "stop_reason", "text", "toolUse",
        "tool_calls", "type", "values",
    }
)  # fmt: skip
"""Fields that are part of the answer itself."""

ASIDE = frozenset({"annotations", "citations", "logprobs", "reasoning", "refusal", "usage"})
"""Optional fields, whatever the fields within them are called."""

ARGUMENTS = ("arguments", "partial_json", "input")
"""A call's arguments are text or an object; nothing in them can be omitted."""

PATIENCE = 12
"""Maximum number of fields of one event that are repaired."""

_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[[^\]]*\]")


def decode_leniently(decoder: Decoder[T], data: bytes | msgspec.Raw, events: list[Event]) -> T:
    """Decode JSON, omitting optional fields that cannot be read. Each one adds a `LeftOut` event.

    Raises one of MALFORMED if the answer itself cannot be read.
    """
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        if has_halves(bytes(data)):
            data = without_halves(bytes(data))
        elif not isinstance(error, ValidationError):
            raise
    return _decode_mended(decoder, data, events)


def decode_aside(decoder: Decoder[T], data: bytes | msgspec.Raw, events: list[Event], name: str) -> T | None:
    """Decode a value that is optional as a whole. If it cannot be read, returns None, and the value is
    reported under this name.
    """
    try:
        return decode_leniently(decoder, data, events)
    except MALFORMED:
        events.append(LeftOut(name))
        return None


def decode_view(decoder: Decoder[T], data: bytes, leave_out: Callable[[str], None]) -> T:
    """Decode the fields that accounting needs from an answer that is passed through. Fields that cannot be
    read are not counted, and `leave_out` is called with their names.

    Raises one of MALFORMED if the answer itself cannot be read.
    """
    try:
        return decoder.decode(data)
    except ValidationError:
        events: list[Event] = []
        view = _decode_mended(decoder, data, events)
    for event in events:
        if isinstance(event, LeftOut):
            leave_out(event.name)
    return view


def _decode_mended(decoder: Decoder[T], data: bytes | msgspec.Raw, events: list[Event]) -> T:
    tree: Any = None
    for _ in range(PATIENCE):
        try:
            return decoder.decode(data)
        except ValidationError as error:
            tree = decode_any(data) if tree is None else tree
            name = _mend(tree, str(error))
            if name is None:
                raise
            if name:
                events.append(LeftOut(name))
            data = msgspec.json.encode(tree)
    return decoder.decode(data)


def _mend(tree: Any, complaint: str) -> str | None:
    """Repair the field that a complaint is about. Returns its name if it was omitted, "" if it was converted,
    None if it is part of the answer.
    """
    found = _PLACE.search(complaint)
    steps: list[str | None] = [step[1] for step in _STEP.finditer(found[1])] if found else []
    arguments = next((place for place, step in enumerate(steps) if step in ARGUMENTS), None)
    if arguments is not None:  # an object, perhaps with a number that no type holds
        _edit(tree, steps[: arguments + 1], _as_text)
        return ""
    if steps and _convert(tree, steps, complaint.partition(" - at ")[0]):
        return ""
    while steps and steps[-1] is None:
        steps.pop()  # an element of a list: the list goes
    aside = next((place for place, step in enumerate(steps) if step in ASIDE), len(steps))
    while len(steps) > aside + 1 and (steps[-1] is None or steps[-1] in ANSWER):
        steps.pop()
    if not steps or steps[-1] in ANSWER:
        return None
    _edit(tree, steps, None)
    return ".".join(step for step in steps if step)


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


Conversion: TypeAlias = Callable[[Any], Any]
"""Returns a value of the expected type that means the same, or None if there is none."""


def _convert(tree: Any, steps: list[str | None], complaint: str) -> bool:
    """Replace a field by a value of the expected type that means the same, if there is one. Without a field
    or an element that is null, nothing is missing.
    """
    expected, _, got = complaint.partition(", got ")
    is_element = steps[-1] is None
    if got == "`null`" and steps != [None]:
        _edit(tree, steps[:-1] if is_element else steps, _without_nulls if is_element else None)
        return True
    convert = next((convert for sign, convert in _CONVERSIONS if sign in expected), None)
    return convert is not None and not is_element and _edit(tree, steps, convert)


def _without_nulls(value: Any) -> Any:
    return [one for one in value if one is not None] if isinstance(value, list) else None


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value if isinstance(value, list) else None


def _as_count(value: Any) -> int | None:
    number = _as_int(value)
    return number if number is not None and 0 <= number <= MOST_TOKENS else None


def _as_int(value: Any) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) < 20 and value.strip().isdecimal():
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _as_word(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_CONVERSIONS: tuple[tuple[str, Conversion], ...] = (
    ("`int` <", _as_count),
    ("`int` >", _as_count),
    ("`float` <", _as_count),
    ("`float` >", _as_count),
    ("`int", _as_int),
    ("`float", _as_int),
    ("`str | array", lambda value: _as_word(value) or _as_list(value)),
    ("`str", _as_word),
    ("`array", _as_list),
)
"""By what a complaint says is expected; the first sign that it has counts."""


def _edit(value: Any, steps: list[str | None], mend: Conversion | None) -> bool:
    """Convert the field at a path, in every element of the lists on it, or remove it. Returns whether all
    could be converted.
    """
    step, rest = steps[0], steps[1:]
    if step is None:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        edited = [_edit(one, rest, mend) for one in inside]
        return all(edited)
    if not isinstance(value, dict) or step not in value:
        return True
    if rest:
        return _edit(value[step], rest, mend)
    mended = mend(value[step]) if mend is not None else None
    if mended is None:
        del value[step]
        return False
    value[step] = mended
    return True
