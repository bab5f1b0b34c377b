"""Words in which JSON Schemas are written here."""

from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = [
    "Schema",
    "any_of",
    "array",
    "boolean",
    "integer",
    "null_or",
    "number",
    "one_of",
    "ref",
    "schemas_of",
    "string",
    "struct",
]

Schema = dict[str, Any]


def ref(name: str, kind: str = "schemas") -> Schema:
    """Another component by its name."""
    return {"$ref": f"#/components/{kind}/{name}"}


def string(description: str = "", *values: str, **more: Any) -> Schema:
    """A string, one of `values` where they are given."""
    return _described({"type": "string", **({"enum": list(values)} if values else {}), **more}, description)


def integer(description: str = "", **more: Any) -> Schema:
    """A whole number."""
    return _described({"type": "integer", **more}, description)


def number(description: str = "", **more: Any) -> Schema:
    """A number."""
    return _described({"type": "number", **more}, description)


def boolean(description: str = "", **more: Any) -> Schema:
    """True or false."""
    return _described({"type": "boolean", **more}, description)


def array(items: Schema, description: str = "", **more: Any) -> Schema:
    """A list."""
    return _described({"type": "array", "items": items, **more}, description)


def struct(required: str = "", description: str = "", /, **fields: Schema) -> Schema:
    """An object; `required` names fields, separated by blanks. Other fields than these may be there."""
    schema: Schema = {"type": "object", "properties": fields}
    if required:
        schema["required"] = required.split()
    return _described(schema, description)


def any_of(*schemas: Schema, description: str = "") -> Schema:
    """One of several forms."""
    return _described({"anyOf": list(schemas)}, description)


def one_of(kinds: dict[str, str], by: str = "type") -> Schema:
    """One of several structs, distinguished by a field: its values and the components that they mean."""
    mapping = {value: ref(name)["$ref"] for value, name in kinds.items()}
    return {
        "oneOf": [ref(name) for name in dict.fromkeys(kinds.values())],
        "discriminator": {"propertyName": by, "mapping": mapping},
    }


def null_or(schema: Schema) -> Schema:
    """The schema, or null."""
    kind = schema.get("type")
    if not isinstance(kind, str):
        return {"anyOf": [schema, {"type": "null"}]}
    nullable = {**schema, "type": [kind, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def schemas_of(kinds: Sequence[Any]) -> dict[str, Schema]:
    """The schemas of structs, and of those within them, by name. Amounts of money are numbers."""
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return {name: _with_numbers(schema) for name, schema in schemas.items()}


def _with_numbers(schema: Any) -> Any:
    """Decimals are written as numbers (see `answers.respond`), which msgspec does not know."""
    if isinstance(schema, list):
        return [_with_numbers(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {name: one for name, one in {**schema, "type": "number"}.items() if name != "format"}
    return {name: _with_numbers(one) for name, one in schema.items()}


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema
