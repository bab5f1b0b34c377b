"""Schemas of tools without alternatives at their root.

Claude rejects them there, at Anthropic as at Bedrock ("input_schema does not support oneOf, allOf, or anyOf
at the top level"), and one such tool fails the whole request; deeper in a schema they are accepted. So the
properties of all alternatives become properties of the root, and the alternatives themselves a part of its
description, where the model still reads them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from .errors import Unsupported

__all__ = ["flat_root"]

COMBINERS = ("allOf", "anyOf", "oneOf")

_DEEPEST = 16
"""How many levels of alternatives within alternatives are looked at."""
_LARGEST = 20_000
"""How many properties, with those of all levels of alternatives, are put together."""

Properties = dict[str, dict[bytes, Any]]
"""The schemas of each property, each once: by their JSON."""
_encode = msgspec.json.Encoder().encode


def flat_root(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with the properties of its alternatives at its root; the same one if it has none.
    Raises Unsupported if it has too many.
    """
    aside = {name: schema[name] for name in COMBINERS if name in schema}
    if not aside:
        return schema
    flat = {name: value for name, value in schema.items() if name not in aside and name != "required"}
    properties, required = _Merger(schema).merge(schema, _DEEPEST)
    flat["properties"] = {
        name: next(iter(found.values())) if len(found) == 1 else {"anyOf": [*found.values()]}
        for name, found in properties.items()
    }
    if required:
        flat["required"] = [*required]
    hint = _encode(aside).decode()
    description = flat.get("description")
    flat["description"] = f"{description}\n\n{hint}" if isinstance(description, str) and description else hint
    return flat


class _Merger:
    """Puts the alternatives of one schema together."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = _LARGEST

    def merge(self, schema: dict[str, Any], deepest: int) -> tuple[Properties, dict[str, None]]:
        """Return the properties, and the names of those that are always required."""
        own = schema.get("properties")
        properties: Properties = {}
        for name, one in own.items() if isinstance(own, dict) else ():
            properties[name] = {_encode(one): one}
        required = _names(schema)
        self._count(len(properties) + len(required))
        for combiner in COMBINERS if deepest else ():
            wanted = None
            for branch in self._branches(schema, combiner):
                found, names = self.merge(branch, deepest - 1)
                self._count(len(found) + len(names))
                for name, several in found.items():
                    properties.setdefault(name, {}).update(several)
                if wanted is None:
                    wanted = names
                else:
                    wanted = {**wanted, **names} if combiner == "allOf" else _both(wanted, names)
            required.update(wanted or {})
        return properties, required

    def _branches(self, schema: dict[str, Any], combiner: str) -> Iterator[dict[str, Any]]:
        """Return the alternatives that are objects, those by reference too."""
        listed = schema.get(combiner)
        for one in listed if isinstance(listed, list) else ():
            self._count(1)
            found = self._resolved(one)
            if isinstance(found, dict) and found.get("type") in (None, "object"):
                yield found

    def _resolved(self, schema: Any) -> Any:
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        found: Any = self._root
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def _count(self, more: int) -> None:
        self._left -= more
        if self._left < 0:
            raise Unsupported(
                "this provider does not support schemas with so many alternatives at their root"
            )


def _both(one: dict[str, None], other: dict[str, None]) -> dict[str, None]:
    return {name: None for name in one if name in other}


def _names(schema: dict[str, Any]) -> dict[str, None]:
    required = schema.get("required")
    listed = required if isinstance(required, list) else ()
    return {one: None for one in listed if isinstance(one, str)}
