"""No top-level key may be there twice, whatever the body looks like: a provider might read the other one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.openai_chat.parse import parse_request

SHORT, LONG = "Hello", "Hello, world. " * 2000
STYLES: list[dict[str, Any]] = [
    {"separators": (",", ":")}, {}, {"indent": 2}, {"separators": (", ", ":")}, {"separators": (",", ": ")},
]  # fmt: skip


def bodies(prompt: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Requests with fields of their own, in every style."""
    for count in range(12):
        fields = {"model": "allowed", "messages": [{"role": "user", "content": prompt}]}
        fields |= {f"x{number}": number for number in range(count)}
        for style in STYLES:
            yield fields, json.dumps(fields, **style)


@pytest.mark.parametrize("prompt", [SHORT, LONG], ids=["short", "long"])
def test_a_second_model_is_refused_however_long_it_is(prompt: str) -> None:
    for _, body in bodies(prompt):
        for length in range(1, 24):
            other = json.dumps("g" * length)
            for twice in (f'{{"model":{other},{body[1:]}', f'{body.rstrip()[:-1]},"model":{other}}}'):
                with pytest.raises(InvalidRequest) as refused:
                    parse_request(twice.encode())
                assert refused.value.param == "model"


@pytest.mark.parametrize("prompt", [SHORT, LONG], ids=["short", "long"])
def test_a_body_without_duplicates_is_read(prompt: str) -> None:
    for fields, body in bodies(prompt):
        assert set(parse_request(body.encode()).fields) == set(fields)
