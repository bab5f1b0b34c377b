"""Example values for a JSON Schema, for tool arguments and structured output.

Deterministic and small: an object gets its required properties (or all, if none is required), an array its
minimum number of items. Keywords that would need a search (`not`, `if`, `pattern`) are ignored.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

__all__ = ["example"]

MAX_DEPTH = 8
"""Maximum nesting depth, for schemas that contain themselves."""
MAX_PARTS = 64
"""Maximum number of nested `allOf` and `anyOf`."""
MAX_VALUES = 4_000
"""Maximum number of values and subschemas of one example; the rest is null."""
MAX_SIZE = 200_000
"""Approximate maximum size of an example, in characters; the rest is null."""
MAX_LENGTH = 10_000
"""Maximum length of a string, in characters."""

FORMATS = {
    "date": "2026-11-21",
    "date-time": "2026-11-21T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
}
"""An example for each supported `format`."""

Schema = Any


def example(schema: Schema, variant: int = 0) -> Any:
    """A value that matches the schema. Different variants give different values if there is a choice.

    Raises ValueError if the schema is invalid.
    """
    try:
        return _Example(schema, variant).of(schema, "value", 0)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError("not a JSON Schema") from error


class _Example:
    """One walk through a schema."""

    def __init__(self, root: Schema, variant: int) -> None:
        self._root = root
        self._variant = variant
        self._made = 0
        """Values and schemas so far."""
        self._size = 0
        """Characters of the values so far."""
        self._sizes: dict[int, int] = {}
        """Sizes of values given by the schema, by their identity."""

    def of(self, schema: Schema, name: str, depth: int) -> Any:
        """A value for the schema of the property `name`."""
        self._made += 1
        if depth > MAX_DEPTH or self._is_spent():
            return None
        value = self._value(self._resolve(schema, 0), name, depth)
        if not isinstance(value, dict | list):
            self._size += len(value) if isinstance(value, str) else 8
        return value

    def _value(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if "const" in schema:
            return self._given(schema["const"])
        for choices in ("enum", "examples"):
            if isinstance(schema.get(choices), list) and schema[choices]:
                return self._given(schema[choices][self._variant % len(schema[choices])])
        if "default" in schema:
            return self._given(schema["default"])
        return _MAKERS[_type_of(schema)](self, schema, name, depth)

    def _is_spent(self) -> bool:
        return self._made > MAX_VALUES or self._size > MAX_SIZE

    def _given(self, value: Any) -> Any:
        """A value given by the schema (`const`, `default`, …), which may be referenced repeatedly."""
        if isinstance(value, dict | list):
            if id(value) not in self._sizes:
                self._sizes[id(value)] = len(msgspec.json.encode(value))
            self._size += self._sizes[id(value)]
        return value

    def _resolve(self, schema: Schema, depth: int) -> Mapping[str, Any]:
        """The schema with references resolved, alternatives chosen and parts merged; {} if the limit is
        reached. Raises ValueError for a schema that only refers to itself.
        """
        self._made += 1
        if self._is_spent():
            return {}
        if depth > MAX_PARTS:
            raise ValueError("this schema only refers to itself")
        resolved: dict[str, Any] = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(MAX_DEPTH):
            if isinstance(reference := resolved.pop("$ref", None), str):
                target = self._point(reference)
                resolved = (target if isinstance(target, dict) else {}) | resolved
            elif parts := resolved.pop("allOf", None):
                resolved = _merge([resolved, *(self._resolve(part, depth + 1) for part in parts)])
            elif options := resolved.pop("anyOf", None) or resolved.pop("oneOf", None):
                resolved = _merge([resolved, self._resolve(self._choose(options), depth + 1)])
            else:
                break
        return resolved

    def _choose(self, options: list[Schema]) -> Schema:
        values = [option for option in options if option != {"type": "null"}]
        return values[0] if values else options[0]

    def _point(self, reference: str) -> Schema:
        """The target of a local reference (`#/$defs/Place`), or {}."""
        found = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(key)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                return {}
        return found

    def _object(self, schema: Mapping[str, Any], _name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or properties
        return {name: self.of(properties.get(name, {}), name, depth + 1) for name in required}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        fixed = schema.get("prefixItems") or []
        values = [self.of(item, name, depth + 1) for item in fixed]
        items = schema.get("items", {})
        least = schema.get("minItems", 0 if fixed or depth >= MAX_DEPTH - 1 else 1)
        count = min(least, schema.get("maxItems", least), MAX_VALUES)
        variant = self._variant
        for _ in range(len(values), count if items is not False else 0):
            values.append(self.of(items, name, depth + 1))
            self._variant += 1  # so that items differ where they can
        self._variant = variant
        return values

    def _string(self, schema: Mapping[str, Any], name: str, _depth: int) -> str:
        text = FORMATS.get(schema.get("format", ""))
        if text is None:
            text = f"demo {name}" + (f" {self._variant + 1}" if self._variant else "")
        text = text.ljust(min(schema.get("minLength", 0), MAX_LENGTH), ".")
        return text[: schema.get("maxLength", len(text))]

    def _number(self, schema: Mapping[str, Any], _name: str, _depth: int) -> Any:
        step = schema.get("multipleOf", 1)
        low = _first(schema, "minimum", "exclusiveMinimum")
        high = _first(schema, "maximum", "exclusiveMaximum")
        start = low if low is not None else min(1, high) if high is not None else 1
        value = -(-start // step) * step
        if value == schema.get("exclusiveMinimum") or value == schema.get("exclusiveMaximum"):
            value += step if value == schema.get("exclusiveMinimum") else -step
        ahead = value + step * self._variant
        fits = high is None or ahead < high or ahead == schema.get("maximum")
        return ahead if fits else value

    def _boolean(self, _schema: Mapping[str, Any], _name: str, _depth: int) -> bool:
        return self._variant % 2 == 0

    def _null(self, _schema: Mapping[str, Any], _name: str, _depth: int) -> None:
        return None


_MAKERS: dict[str, Callable[[_Example, Mapping[str, Any], str, int], Any]] = {
    "object": _Example._object,
    "array": _Example._array,
    "string": _Example._string,
    "number": _Example._number,
    "integer": _Example._number,
    "boolean": _Example._boolean,
    "null": _Example._null,
}

_HINTS = {
    "properties": "object",
    "required": "object",
    "items": "array",
    "prefixItems": "array",
    "minimum": "number",
}
"""The type of a schema without `type`, by its keywords."""


def _type_of(schema: Mapping[str, Any]) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        declared = next((one for one in declared if one != "null"), "null")
    if declared in _MAKERS:
        return str(declared)
    return next((kind for keyword, kind in _HINTS.items() if keyword in schema), "string")


def _merge(schemas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge schemas; earlier ones take precedence."""
    merged: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    required: dict[str, None] = {}
    for schema in schemas:
        for keyword, value in schema.items():
            merged.setdefault(keyword, value)
        for name, value in (schema.get("properties") or {}).items():
            properties.setdefault(name, value)
        required |= dict.fromkeys(schema.get("required") or ())
    if "properties" in merged:
        merged["properties"] = properties
    if "required" in merged:
        merged["required"] = list(required)
    return merged


def _first(schema: Mapping[str, Any], *keywords: str) -> Any:
    return next((schema[keyword] for keyword in keywords if keyword in schema), None)
