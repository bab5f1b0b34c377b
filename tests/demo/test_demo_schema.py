"""Examples fit the schema that they are made for."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.demo.schema import MAX_LENGTH, MAX_VALUES, example

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
    "required": ["city"],
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "demo value"),
        ({"type": "string", "minLength": 12}, "demo value.."),
        ({"type": "string", "maxLength": 4}, "demo"),
        ({"type": "string", "format": "date"}, "2026-11-21"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 3, "maximum": 9}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "number", "minimum": 0.5}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 1),
        ({"enum": ["c", "f"]}, "c"),
        ({"const": 7}, 7),
        ({"type": "string", "default": "x"}, "x"),
        ({"type": "string", "examples": ["Rome"]}, "Rome"),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3}, [1, 2, 3]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 0}, []),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
            ["demo value", 1],
        ),
        (PLACE, {"city": "demo city"}),
        ({"properties": {"a": {"type": "integer"}, "b": {}}}, {"a": 1, "b": "demo b"}),
        ({"type": "object"}, {}),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 1),
        ({"$ref": "#/$defs/P", "$defs": {"P": PLACE}}, {"city": "demo city"}),
        ({"allOf": [PLACE, {"required": ["zip"]}]}, {"city": "demo city", "zip": "demo zip"}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        ({"$ref": "#/nowhere"}, "demo value"),
        (True, "demo value"),
    ],
)
def test_an_example_fits(schema: Any, value: Any) -> None:
    assert example(schema) == value


def test_another_variant_is_another_example() -> None:
    schema = {
        "properties": {"unit": {"enum": ["c", "f"]}, "city": {"type": "string"}, "days": {"type": "integer"}}
    }
    assert example(schema, 1) == {"unit": "f", "city": "demo city 2", "days": 2}


def test_a_variant_stays_within_the_limits() -> None:
    assert [example({"type": "integer", "minimum": 1, "maximum": 2}, variant) for variant in range(4)] == [
        1,
        2,
        1,
        1,
    ]


def test_a_tree_that_needs_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "next": {"$ref": "#"}},
        "required": ["next"],
    }
    tree, depth = example(node), 0
    while tree is not None:
        tree, depth = tree["next"], depth + 1
    assert depth > 1


def test_a_list_of_itself_is_short() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    assert example(tree)["children"][0]["children"]


def test_a_reference_to_itself_is_given_up() -> None:
    assert example({"$ref": "#"}) == "demo value"


def test_a_huge_example_is_not_made() -> None:
    assert len(example({"type": "array", "minItems": 10**12, "items": {"type": "integer"}})) == MAX_VALUES
    assert len(example({"type": "string", "minLength": 10**12})) == MAX_LENGTH
    wide = {"properties": {str(n): {"$ref": "#"} for n in range(30)}}
    assert set(example(wide)) == {str(n) for n in range(30)}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {}]},
        {"required": 5},
        {"properties": [1]},
        {"type": "integer", "minimum": "x"},
    ],
)
def test_what_is_no_schema_is_a_value_error(schema: Any) -> None:
    with pytest.raises(ValueError, match="not a JSON Schema"):
        example(schema)


KEYWORDS = (
    *("$ref", "allOf", "anyOf", "enum", "exclusiveMaximum", "format", "items", "maxLength", "minItems"),
    *("minLength", "minimum", "multipleOf", "prefixItems", "properties", "required", "type", "a"),
)

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["string", "object", "#", "#/a"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_no_schema_whatever_breaks_the_demo(schema: Any) -> None:
    with suppress(ValueError):
        assert example(schema) == example(schema)


def test_references_that_double_at_each_level_cost_no_more_than_an_example() -> None:
    doubling = {f"L{n}": {"allOf": [{"$ref": f"#/$defs/L{n + 1}"}] * 2} for n in range(40)}
    assert example({"$ref": "#/$defs/L0", "$defs": {**doubling, "L40": {"type": "integer"}}}) is not None


def test_a_large_value_that_is_referred_to_often_is_not_written_often() -> None:
    for large in ({"const": "x" * 100_000}, {"enum": [["x" * 100_000]]}, {"default": {"a": "x" * 100_000}}):
        made = example({"type": "array", "minItems": 2_000, "items": large})
        assert len(msgspec.json.encode(made)) < 1_000_000
    assert len(msgspec.json.encode(example({"properties": {str(n): LONG for n in range(2_000)}}))) < 1_000_000


LONG = {"type": "string", "minLength": 10_000}
