"""What a client can write so that the gateway fails or works without end."""

import json
from typing import Any

import pytest
from msgspec import Raw

from cases import each
from tidegate.protocols.claude_schema import close_schema
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.gemini.schema import to_openapi

ANYTHING: list[Any] = [{}, [], [[]], {"a": 1}, None, True, 1, 1e300, "x"]


@each("value", ANYTHING)
@pytest.mark.parametrize(
    "keyword",
    ["format", "minItems", "type", "required", "properties", "enum", "anyOf", "items", "description"],
)
def test_a_keyword_of_a_schema_may_have_any_value(keyword: str, value: Any) -> None:
    schema = Raw(
        json.dumps({"type": "object", "properties": {"a": {keyword: value}}, keyword: value}).encode()
    )
    assert close_schema(schema) is not None
    assert to_openapi(schema, "tools")


def test_a_schema_does_not_grow_by_its_references() -> None:
    values = [f"a value of some length {n}" for n in range(2_000)]
    properties = {str(n): {"$ref": "#/$defs/large"} for n in range(600)}
    schema = Raw(json.dumps({"$defs": {"large": {"enum": values}}, "properties": properties}).encode())
    with pytest.raises(Unsupported, match="size"):
        to_openapi(schema, "tools")
