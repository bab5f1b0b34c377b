"""Answers within other objects, and with their fields in the other spelling.

Relays wrap an answer (`{"response": …}`, `{"data": …}`, `{"result": …}`, a list of one), and libraries write
a format's fields as their language likes them (`finish_reason`, `finishReason`).
"""

from functools import cache
from typing import Any

from msgspec import inspect

__all__ = ["other_spelling", "respelled", "unwrapped"]

DEEPEST = 4
"""How many objects may be around an answer."""


def unwrapped(value: Any, marks: frozenset[str], depth: int = 0) -> Any:
    """Return the object with one of these fields, in either spelling, that is there or inside; None if there
    is none.
    """
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if not isinstance(value, dict) or depth > DEEPEST:
        return None
    if any(isinstance(value.get(one), dict | list) for name in marks for one in (name, other_spelling(name))):
        return value
    inside = (unwrapped(one, marks, depth + 1) for one in value.values() if isinstance(one, dict | list))
    return next((found for found in inside if found is not None), None)


def respelled(value: Any, kind: type) -> Any:
    """Return a value with the fields that the type has in its spelling."""
    return _respelled(value, inspect.type_info(kind))


def _respelled(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            value = _respelled(value, one)
        return value
    if isinstance(value, list) and isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [_respelled(one, kind.item_type) for one in value]
    if not isinstance(value, dict) or not isinstance(kind, inspect.StructType):
        return value
    renamed = dict(value)
    for field in kind.fields:
        name, other = field.encode_name, other_spelling(field.encode_name)
        if name not in renamed and other in renamed:
            renamed[name] = renamed.pop(other)
        if name in renamed:
            renamed[name] = _respelled(renamed[name], field.type)
    return renamed


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


@cache
def other_spelling(name: str) -> str:
    """Return a name in camelCase if it is in snake_case, and the other way round."""
    if "_" in name.strip("_"):
        first, *rest = name.split("_")
        return first + "".join(map(_capital, rest))
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
