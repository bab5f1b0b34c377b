"""Conversion of JSON Schemas.

`parametersJsonSchema` and `responseJsonSchema` accept JSON Schema. The older `parameters` and
`responseSchema` are a proto message, the OpenAPI 3.0 subset: an unknown keyword is a 400, there is no `$ref`,
and null is a flag next to the type.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import InvalidRequest, Unsupported

__all__ = ["from_openapi", "is_empty_object", "mend_references", "to_openapi"]

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()

_WITHOUT_MEANING = frozenset({"type", "properties", "required", "additionalProperties", "$schema", "title"})
_EMPTY = frozenset({b"{}", b"[]", b"false", b"null"})

_PLAIN_KEYWORDS = """
title description format enum default example nullable pattern propertyOrdering required minItems
maxItems minLength maxLength minProperties maxProperties minimum maximum
"""
_KEPT = frozenset(_PLAIN_KEYWORDS.split())
"""Keywords of the subset (google-genai Schema) whose value is not a schema."""

_ONLY_OPENAPI = frozenset({"nullable", "example", "propertyOrdering"})
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})

_DEEPEST = 64
_LARGEST = 5_000
"""The maximum number of levels and subschemas, with references resolved."""
_GROWTH = 4
_ALLOWANCE = 64 * 1024
"""How much larger than the client's schema the result may become: as a factor, and in additional bytes."""


def is_empty_object(schema: Raw) -> bool:
    """Return whether this is the schema of a function without parameters, which is omitted (older servers
    reject an object without properties).
    """
    try:
        members = _MEMBERS.decode(schema)
    except MALFORMED:
        return False
    if members.keys() - _WITHOUT_MEANING:
        return False
    unsaid = [
        bytes(members[name]) for name in ("properties", "required", "additionalProperties") if name in members
    ]
    return all(b"".join(value.split()) in _EMPTY for value in unsaid)


@contextmanager
def _bounded(param: str) -> Iterator[None]:
    """Refuse a schema that is nested too deeply to be processed."""
    try:
        yield
    except RecursionError as error:
        raise InvalidRequest("the schema is nested too deeply", param=param) from error


def mend_references(schema: Raw, param: str) -> Raw:
    """Return a JSON Schema without siblings of `$ref`: Google answers 400 to a node that has any ("only
    description and default can be set alongside it"; none at all in the schema of an answer).
    """
    if b'"$ref"' not in bytes(schema):
        return schema
    with _bounded(param):
        decoded = _ANY.decode(schema)
        mended = _mend(decoded)
        return schema if mended == decoded else Raw(msgspec.json.encode(mended))


def _mend(value: Any) -> Any:
    if isinstance(value, list):
        return [_mend(one) for one in value]
    if not isinstance(value, dict):
        return value
    node = {name: one if name in _VALUES else _mend(one) for name, one in value.items()}
    alone = all(name.startswith("$") for name in node)
    if alone or "anyOf" in node or not isinstance(node.get("$ref"), str):
        return node
    return {"anyOf": [{"$ref": node.pop("$ref")}], **node}


_VALUES = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose value does not contain schemas."""


def to_openapi(schema: Raw, param: str) -> Raw:
    """Convert a JSON Schema to the OpenAPI subset: references are resolved, unsupported keywords are left
    out. Raises Unsupported for a recursive schema.
    """
    with _bounded(param):
        root = _ANY.decode(schema)
        room = _GROWTH * len(memoryview(schema)) + _ALLOWANCE
        return Raw(msgspec.json.encode(_Converter(root, param, room).convert(root, 0)))


def from_openapi(schema: Raw, param: str) -> Raw:
    """Convert a schema of the OpenAPI subset to JSON Schema."""
    with _bounded(param):
        return Raw(msgspec.json.encode(_from_openapi(_ANY.decode(schema))))


def _from_openapi(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    found = {name: value for name, value in schema.items() if name not in _ONLY_OPENAPI}
    if isinstance(found.get("type"), str):
        found["type"] = found["type"].lower()
    if isinstance(found.get("properties"), dict):
        found["properties"] = {name: _from_openapi(one) for name, one in found["properties"].items()}
    if "items" in found:
        found["items"] = _from_openapi(found["items"])
    if isinstance(found.get("anyOf"), list):
        found["anyOf"] = [_from_openapi(one) for one in found["anyOf"]]
    for name in _COUNTS & found.keys():  # 64-bit numbers are strings in Google's JSON
        if isinstance(found[name], str) and found[name].isdecimal():
            found[name] = int(found[name])
    if schema.get("nullable") is True:
        return _nullable(found)
    return found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*_list(schema["anyOf"]), {"type": "null"}]}
    if "type" not in schema:
        return schema
    if "enum" in schema:
        schema = {**schema, "enum": [*_list(schema["enum"]), None]}
    return {**schema, "type": [schema["type"], "null"]}


class _Converter:
    """Converts one schema."""

    def __init__(self, root: Any, param: str, room: int) -> None:
        self._root = root
        self._param = param
        self._count = 0
        self._room = room
        """How many bytes may still be written."""
        self._open: set[str] = set()
        """The references that are being resolved."""

    def convert(self, schema: Any, depth: int) -> dict[str, Any]:
        self._count += 1
        if depth > _DEEPEST or self._count > _LARGEST:
            raise self._too_large()
        if not isinstance(schema, dict):  # `true`, which allows anything
            return {}
        if "$ref" in schema:
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            return {**self._convert_target(str(schema["$ref"]), depth + 1), **self.convert(rest, depth + 1)}
        found = {name: value for name, value in schema.items() if name in _KEPT}
        self._room -= len(msgspec.json.encode(found))
        if self._room < 0:
            raise self._too_large()
        self._add_type(schema, found)
        self._add_members(schema, found, depth)
        return found

    def _too_large(self) -> Unsupported:
        return Unsupported("this provider does not accept a schema of this size", param=self._param)

    def _convert_target(self, reference: str, depth: int) -> dict[str, Any]:
        if reference in self._open:
            raise Unsupported(
                "this provider does not accept a schema that refers to itself", param=self._param
            )
        self._open.add(reference)
        converted = self.convert(self._resolve(reference), depth)
        self._open.remove(reference)
        return converted

    def _resolve(self, reference: str) -> Any:
        """Return what a `#/…` points to; a schema that allows anything if it points nowhere."""
        target = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            target = target.get(step) if step and isinstance(target, dict) else target if not step else None
        return target

    def _add_type(self, schema: dict[str, Any], found: dict[str, Any]) -> None:
        given = schema.get("type")
        types = [given] if isinstance(given, str) else [one for one in _list(given) if isinstance(one, str)]
        real = [one for one in types if one != "null"]
        if len(real) < len(types):
            found["nullable"] = True
        if len(real) == 1:
            found["type"] = real[0].upper()
        elif real:
            found["anyOf"] = [{"type": one.upper()} for one in real]
        if "const" in schema:
            found["enum"] = [schema["const"]]
        if "enum" in found:
            found["enum"] = [one if isinstance(one, str) else _text(one) for one in _list(found["enum"])]
            found["type"] = "STRING"  # the subset only allows enums of strings

    def _add_members(self, schema: dict[str, Any], found: dict[str, Any], depth: int) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            found["properties"] = {name: self.convert(one, depth + 1) for name, one in properties.items()}
        items = schema.get("items", schema.get("prefixItems"))
        if items is not None:
            found["items"] = self.convert(items[0] if isinstance(items, list) and items else items, depth + 1)
        _merge(found, [self.convert(part, depth + 1) for part in _list(schema.get("allOf"))])
        branches = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
        real = [one for one in branches if not (isinstance(one, dict) and one.get("type") == "null")]
        if len(real) < len(branches):
            found["nullable"] = True
        if len(real) == 1:
            _merge(found, [self.convert(real[0], depth + 1)])
        elif real:
            found["anyOf"] = [self.convert(one, depth + 1) for one in real]


def _merge(found: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    """Merge an `allOf`: its keywords if they are not set yet, and all its properties and required names."""
    properties: dict[str, Any] = {}
    required: dict[str, None] = {}
    for part in [found.copy(), *parts]:
        for name, value in part.get("properties", {}).items():
            properties.setdefault(name, value)
        required |= {one: None for one in _list(part.get("required")) if isinstance(one, str)}
        for name, value in part.items():
            found.setdefault(name, value)
    if properties:
        found["properties"] = properties
    if required:
        found["required"] = list(required)


def _list(value: Any) -> list[Any]:
    """Return the value if it is a list: a schema is unchecked client input."""
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
