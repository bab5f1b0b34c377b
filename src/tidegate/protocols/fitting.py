"""Values made to fit the type in which they are read.

A provider's JSON is decoded strictly first. Where that fails, `fit` walks through the value along its type
and converts what means the same: one object for a list of them, a text for a part with that text, a number
for a text, an object in JSON text, a field in the other spelling (`finish_reason`, `finishReason`). What says
nothing (null, and often "", [], {}, false) is as good as absent. What cannot be read is left out by name,
unless it is a part of the answer itself, without which there is none.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw, inspect

from .decode import MALFORMED
from .envelopes import other_spelling
from .events import Event, LeftOut
from .usage import MOST_TOKENS
from .wide_numbers import decode_any
from .words import is_nothing, words_in

__all__ = ["Unreadable", "fit", "objects_in"]


class Unreadable(msgspec.ValidationError):
    """A part of the answer itself has no form in which it can be read."""


ANSWER = frozenset(
    {
        "args", "arguments", "bytesBase64Encoded", "candidates", "choices", "citationsContent",
        "content", "content_block", "custom", "data", "delta", "embedding",
        "embeddings", "error", "function", "functionCall", "function_call", "inlineData",
        "input", "item", "message", "output", "partial_json", "parts",
        "predictions", "start", "text", "toolUse", "tool_calls", "values",
    }
)  # fmt: skip
"""Fields that are a part of the answer itself."""

ASIDE = frozenset({"annotations", "citations", "logprobs", "reasoning", "refusal", "usage"})
"""Optional fields, whatever the fields within them are called."""

ARGUMENTS = frozenset({"arguments", "partial_json", "input"})
"""A call's arguments, in JSON if they are no text."""

TEXTS = frozenset(
    {
        "content", "delta", "output_text", "reasoning", "reasoning_content", "refusal", "summary", "text",
        "thinking", "toolPlan", "tool_plan",
    }
)  # fmt: skip
"""Texts, whose words may be those of their parts. Other strings are names."""

WORDS_OF_ERROR = ("message",)
"""Where a text is an error, and not the text of the answer."""

BLOCKS: Mapping[str, Callable[[str], Any]] = {
    "content": lambda text: {"type": "text", "text": text},
    "parts": lambda text: {"text": text},
    "output": lambda text: {"type": "message", "content": [{"type": "output_text", "text": text}]},
}
"""Lists of blocks that are decoded one by one, and the block of a text in them."""

_ABSENT = object()
"""What says nothing."""
_WRONG = object()
"""What cannot be read."""


def fit(value: Any, kind: type, leave_out: Callable[[str], None]) -> Any:
    """Return a decoded value in a form that fits the type. Calls `leave_out` with the path of everything that
    is left out. Raises Unreadable.
    """
    fitted = _Fitting(leave_out).fit(value, _info(kind), (), aside=False)
    if fitted is _WRONG or fitted is _ABSENT:
        raise Unreadable(f"Expected `object`, got `{_name_of(value)}`")
    return fitted


def objects_in(values: Iterable[Raw], name: str, events: list[Event]) -> list[Raw]:
    """Return the blocks of a list with this name that are decoded one by one: a text is a block of its own.
    What is none is left out by name, in an event.
    """
    found = []
    for value in values:
        if bytes(memoryview(value)[:1]) == b"{":
            found.append(value)
            continue
        decoded = decode_any(value)
        words = words_in(decoded) if isinstance(decoded, str | list) else None
        if words:
            found.append(Raw(msgspec.json.encode(BLOCKS[name](words))))
        elif not is_nothing(decoded):
            events.append(LeftOut(name))
    return found


@cache
def _info(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


def _name_of(value: Any) -> str:
    names = {dict: "object", list: "array", str: "str", bool: "bool", int: "int", float: "float"}
    return names.get(type(value), "null")


class _Fitting:
    __slots__ = ("_leave_out",)

    def __init__(self, leave_out: Callable[[str], None]) -> None:
        self._leave_out = leave_out

    def fit(self, value: Any, kind: inspect.Type, path: tuple[str, ...], *, aside: bool) -> Any:
        """Return the value in this type, `_ABSENT` or `_WRONG`. `aside` is whether all of it is optional."""
        if isinstance(kind, inspect.RawType):
            return value
        if isinstance(kind, inspect.AnyType):
            return _as_anything(value, path)
        if isinstance(kind, inspect.UnionType):
            return self._fit_union(value, kind, path, aside)
        if isinstance(kind, inspect.StructType):
            return self._fit_struct(value, kind, path, aside)
        if isinstance(kind, inspect.ListType | inspect.VarTupleType):
            return self._fit_list(value, kind.item_type, path, aside)
        if isinstance(kind, inspect.DictType):
            return self._fit_dict(value, kind, path, aside)
        if value is None:
            return _ABSENT
        if isinstance(kind, inspect.StrType):
            return _as_text(value, path)
        return _as_scalar(value, kind)

    def _fit_union(self, value: Any, kind: inspect.UnionType, path: tuple[str, ...], aside: bool) -> Any:
        if value is None:
            return None if any(isinstance(one, inspect.NoneType) for one in kind.types) else _ABSENT
        types = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        types.sort(key=lambda one: not _is_native(value, one))
        found = [self.fit(value, types[0], path, aside=aside)]
        for other in types[1:]:
            if found[-1] is _WRONG:
                found.append(self.fit(value, other, path, aside=aside))
        return found[-1]

    # --- objects ---

    def _fit_struct(self, value: Any, kind: inspect.StructType, path: tuple[str, ...], aside: bool) -> Any:
        if not isinstance(value, dict):
            if is_nothing(value):
                return _ABSENT
            is_answer = not aside and bool(path) and path[-1] in ANSWER and path != WORDS_OF_ERROR
            value = _as_object(value, kind, is_answer=is_answer)
            if value is None:
                return _WRONG
        fitted = dict(value)
        for field in kind.fields:
            name = field.encode_name
            if name not in fitted:
                other = other_spelling(name)
                if other in fitted:
                    fitted[name] = fitted.pop(other)
                elif field.required and not path and name in ANSWER:
                    return _WRONG  # it is something else
                elif field.required:
                    fitted[name] = None
                else:
                    continue
            if not self._fit_field(fitted, field, (*path, name), aside):
                return _WRONG
        return fitted

    def _fit_field(
        self, fitted: dict[str, Any], field: inspect.Field, path: tuple[str, ...], aside: bool
    ) -> bool:
        """Return whether the object is readable with this field, or without it."""
        name, value = field.encode_name, fitted[field.encode_name]
        is_answer = name in ANSWER and not aside
        result = self.fit(value, field.type, path, aside=aside or name in ASIDE)
        if result is _WRONG and is_answer:
            return False
        if result is _WRONG or (result is _ABSENT and value is not None and value != "" and not is_answer):
            self._leave_out(".".join(path))
        if result is not _WRONG and result is not _ABSENT:
            fitted[name] = result
        elif field.required and is_answer and len(path) == 1:
            return False  # there is no answer in it
        elif field.required:
            fitted[name] = _empty(field.type)
            return fitted[name] is not _WRONG
        else:
            del fitted[name]
        return True

    def _fit_dict(self, value: Any, kind: inspect.DictType, path: tuple[str, ...], aside: bool) -> Any:
        if not isinstance(value, dict):
            return _ABSENT if is_nothing(value) else _WRONG
        fitted = {name: self.fit(one, kind.value_type, path, aside=aside) for name, one in value.items()}
        return {name: one for name, one in fitted.items() if one is not _WRONG and one is not _ABSENT}

    # --- lists ---

    def _fit_list(self, value: Any, item: inspect.Type, path: tuple[str, ...], aside: bool) -> Any:
        if not isinstance(value, list):
            if is_nothing(value):
                return _ABSENT
            if not isinstance(value, dict) and (aside or not isinstance(value, str)):
                return _WRONG
            value = [value]
        name = path[-1] if path else ""
        fitted, unread = [], 0
        for one in value:
            result = self._fit_element(one, item, name, path, aside)
            if result is _WRONG:
                unread += 1
            elif result is not _ABSENT:
                fitted.append(result)
        if unread and (not fitted or aside):
            return _WRONG
        if unread:
            self._leave_out(".".join(path))
        return fitted

    def _fit_element(
        self, value: Any, item: inspect.Type, name: str, path: tuple[str, ...], aside: bool
    ) -> Any:
        if value is None:
            return _ABSENT
        if not isinstance(item, inspect.RawType) or name not in BLOCKS or aside:
            return self.fit(value, item, path, aside=aside)
        if isinstance(value, dict):
            return value
        if is_nothing(value):
            return _ABSENT
        words = words_in(value) if isinstance(value, str | list) else None
        return _WRONG if words is None else BLOCKS[name](words)


# --- conversions ---


def _is_native(value: Any, kind: inspect.Type) -> bool:
    """Return whether a value has this type already, as far as its outside shows."""
    if isinstance(value, dict):
        return isinstance(kind, inspect.StructType | inspect.DictType)
    if isinstance(value, list):
        return isinstance(kind, inspect.ListType | inspect.VarTupleType)
    if isinstance(value, str):
        return isinstance(kind, inspect.StrType)
    if isinstance(value, bool):
        return isinstance(kind, inspect.BoolType)
    return isinstance(kind, inspect.IntType | inspect.FloatType)


def _as_text(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, str | Raw):
        return value if isinstance(value, str) else bytes(value).decode()
    if path and path[-1] in ARGUMENTS:
        return msgspec.json.encode(value).decode()
    if is_nothing(value):
        return _ABSENT
    if isinstance(value, list | dict) and not (path and path[-1] in TEXTS):
        return _WRONG
    words = words_in(value)
    return _WRONG if words is None else words


def _as_anything(value: Any, path: tuple[str, ...]) -> Any:
    """Return a value that any type holds: JSON text instead of arguments with a number that no type holds."""
    if not _holds_wide(value):
        return value
    return _as_text(value, path) if path and path[-1] in ARGUMENTS else _WRONG


def _holds_wide(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_wide, value.values()))
    return any(map(_holds_wide, value)) if isinstance(value, list) else isinstance(value, Raw)


def _as_object(value: Any, kind: inspect.StructType, *, is_answer: bool) -> dict[str, Any] | None:
    """Return the object that a value stands for: the only one of a list, one in JSON text, or a part of the
    answer whose text or whose parts the value is.
    """
    names = {field.encode_name for field in kind.fields}
    if isinstance(value, list):
        objects = [one for one in value if isinstance(one, dict)]
        if len(objects) == 1 and not names.isdisjoint(objects[0]):
            return objects[0]
    if isinstance(value, str):
        inner = _object_in(value)
        if inner is not None and not names.isdisjoint(inner):
            return inner
    words = words_in(value) if is_answer and isinstance(value, str | list) else None
    holder = next((name for name in ("text", "content", "parts") if name in names), None)
    if words is None or holder is None:
        return None
    return {holder: value if isinstance(value, list) and holder != "text" else words}


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(text) if text.lstrip().startswith("{") else None
    except MALFORMED:
        return None
    return found if isinstance(found, dict) else None


def _as_scalar(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.LiteralType):
        return value if value in kind.values else _WRONG
    if isinstance(kind, inspect.BoolType):
        return _as_boolean(value)
    if value == "":
        return _ABSENT
    if isinstance(kind, inspect.IntType):
        number = _as_int(value)
        return _WRONG if number is None or not _is_within(number, kind) else number
    if isinstance(kind, inspect.FloatType):
        counted = _as_int(value) if kind.ge is not None else _as_float(value)
        return _WRONG if counted is None or not _is_within(counted, kind) else counted
    return _WRONG


def _as_boolean(value: Any) -> Any:
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower(), _WRONG)
    return value != 0 if isinstance(value, int | float) else _WRONG


_BOOLEANS: Mapping[str, bool] = {
    "true": True,
    "yes": True,
    "1": True,
    "false": False,
    "no": False,
    "0": False,
    "": False,
}


def _is_within(number: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    return (kind.ge is None or number >= kind.ge) and (kind.le is None or number <= kind.le)


def _as_int(value: Any) -> int | None:
    if type(value) is int:
        return value if abs(value) <= MOST_TOKENS else None
    if isinstance(value, str) and len(value) < 20 and value.strip().isdecimal():
        return int(value)
    return (
        int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= MOST_TOKENS else None
    )


def _as_float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value) if not isinstance(value, str) or len(value) < 40 else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) < float("inf") else None


def _empty(kind: inspect.Type) -> Any:
    """Return the value of a required field that says nothing."""
    if isinstance(kind, inspect.StrType):
        return ""
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return []
    if isinstance(kind, inspect.DictType):
        return {}
    if isinstance(kind, inspect.StructType) and not any(field.required for field in kind.fields):
        return {}
    if isinstance(kind, inspect.StructType):
        inside = {field.encode_name: _empty(field.type) for field in kind.fields if field.required}
        return _WRONG if _WRONG in inside.values() else inside
    return _WRONG
