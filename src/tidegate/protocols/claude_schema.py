"""JSON Schemas as Claude's structured output accepts them.

Its compiler requires `additionalProperties: false` on every object and supports only some keywords; it
rejects a schema that uses any other. Unsupported keywords move into the description, where the model still
reads them (platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations";
recorded: `For 'integer' type, property 'minimum' is not supported`).
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from .decode import decode
from .flat_root import flat_root

__all__ = ["close_input", "close_schema", "object_schema"]

FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
UNKNOWN = frozenset(
    [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "then",
        "else",
        "not",
        "prefixItems",
        "additionalItems",
        "examples",
    ]
)
"""Keywords that the compiler rejects."""
SCHEMAS = frozenset(("properties", "$defs", "definitions"))
"""Keywords whose values map names to schemas."""
LISTS = frozenset(("anyOf", "allOf", "oneOf"))
"""Keywords whose values are lists of schemas."""


class SchemaKind(Struct, frozen=True):
    """The fields that decide whether a schema can be the root of a tool's input."""

    type: Any = None
    all_of: Raw | UnsetType = field(default=UNSET, name="allOf")
    any_of: Raw | UnsetType = field(default=UNSET, name="anyOf")
    one_of: Raw | UnsetType = field(default=UNSET, name="oneOf")

    @property
    def is_plain_object(self) -> bool:
        """Whether it is an object without alternatives."""
        return self.type == "object" and self.all_of is self.any_of is self.one_of is UNSET


_KIND = msgspec.json.Decoder(SchemaKind)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode


def close_schema(schema: Raw) -> Any:
    """Close the schema at every object and remove unsupported keywords."""
    return _close(decode(_OBJECT, schema, "schema"))


def close_input(schema: Raw) -> Any:
    """Do the same to the schema of a tool's input (see `object_schema`)."""
    return _close(flat_root(decode(_OBJECT, schema, "schema")) | {"type": "object"})


def object_schema(schema: Raw | None) -> Any:
    """Convert the schema of a tool's input: always of type object and without alternatives at its root,
    otherwise as the client wrote it.
    """
    if schema is None:
        return {"type": "object", "properties": {}}
    if decode(_KIND, schema, "schema").is_plain_object:
        return schema
    return flat_root(decode(_OBJECT, schema, "schema")) | {"type": "object"}


def _close(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    closed: dict[str, Any] = {}
    aside: dict[str, Any] = {}
    for key, value in schema.items():
        if key in UNKNOWN or _is_unknown(key, value):
            aside[key] = value
        elif key in SCHEMAS and isinstance(value, dict):
            closed[key] = {name: _close(member) for name, member in value.items()}
        elif key in LISTS and isinstance(value, list):
            closed["anyOf" if key == "oneOf" else key] = [_close(member) for member in value]
        else:
            closed[key] = _close(value) if key == "items" else value
    if "properties" in closed or _is_object(schema.get("type")):
        opened = closed.get("additionalProperties")
        if opened not in (None, False):
            aside["additionalProperties"] = opened
        closed["additionalProperties"] = False
    if aside:
        closed["description"] = _describe(closed.get("description"), aside)
    return closed


def _is_object(kind: Any) -> bool:
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _is_unknown(key: str, value: Any) -> bool:
    """Whether this keyword is unsupported with this value."""
    if key == "format":
        return not isinstance(value, str) or value not in FORMATS
    return key == "minItems" and value not in (0, 1)


def _describe(description: Any, aside: dict[str, Any]) -> str:
    hint = _encode(aside).decode()
    return f"{description}\n\n{hint}" if description else hint
