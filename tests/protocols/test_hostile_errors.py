"""Provider errors of every shape: each is reported, none is fatal."""

import json
from typing import Any

import pytest

from cases import each
from tidegate.protocols.errors import ProviderError
from tidegate.protocols.openai_errors import error_inside
from tidegate.providers import FORMATS, protocol_named

DEPTHS = (1, 7, 8, 9, 64, 450, 490, 900, 960, 970, 980, 990, 1000, 5000)


def nested(depth: int, name: str = "error") -> bytes:
    return b'{"%s":' % name.encode() * depth + b'"x"' + b"}" * depth


@each("depth", DEPTHS)
@pytest.mark.parametrize("name", ["error", "detail", "message", "metadata"])
@pytest.mark.parametrize("format_", FORMATS)
def test_an_error_may_be_nested_as_deeply_as_it_likes(format_: str, name: str, depth: int) -> None:
    for body in (
        nested(depth, name),
        b"[" * depth + b"]" * depth,
        b'{"error":{"message":%s}}' % nested(depth),
    ):
        error = protocol_named(format_).parse_error(500, {}, body)
        assert isinstance(error, ProviderError)
        assert 0 < len(error.message) < 5_000


ANYTHING: list[Any] = [
    {}, [], [1], {"a": []}, None, True, -1, 10**30, 1e308, "", "x", "9" * 5_000, {"message": {"message": []}},
]  # fmt: skip


@each("value", ANYTHING)
@pytest.mark.parametrize(
    "field", ["type", "code", "param", "message", "status", "loc", "metadata", "details"]
)
@pytest.mark.parametrize("format_", FORMATS)
def test_every_field_of_an_error_may_have_any_value(format_: str, field: str, value: Any) -> None:
    error = {"type": "t", "code": "c", "message": "Words", field: value}
    for body in ({"error": error}, error, [{"error": error}], {"type": "error", "error": error}):
        result = protocol_named(format_).parse_error(500, {}, json.dumps(body).encode())
        assert isinstance(result, ProviderError)
        assert result.message
    assert error_inside(error).message


def test_markup_costs_its_size() -> None:
    body = b"<" * 1_000_000
    assert protocol_named("openai_chat").parse_error(500, {}, body).message
