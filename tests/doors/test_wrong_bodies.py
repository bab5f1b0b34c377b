"""Invalid bodies at every door: reported as the client's fault, in the door's format."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import Gateway, Reply

HEADERS = {
    "X-Correlation-Id": "4c0d6e0e-3b1f-4b57-9e7b-4f4b1e6a2a11",
    "X-User-Id": "u-1",
    "client_id": "c-1",
}
GEMINI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
GATE: dict[str, Any] = {
    "provider": {"name": "demo", "model": {"name": "chat"}},
    "prompt": {
        "parameter": {"temperature": 0.7},
        "messages": [{"role": "user", "content": "Hi"}],
        "message": "Hi",
    },
}
RESPONSES: dict[str, Any] = {
    "model": "demo/chat",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    "reasoning": {"effort": "low"},
    "text": {"format": {"type": "text"}},
}
PATHS: dict[str, dict[str, Any]] = {
    "/v1/responses": RESPONSES,
    "/v1/responses/input_tokens": RESPONSES,
    "/v1beta/models/demo/chat:generateContent": GEMINI,
    "/v1beta/models/demo/chat:streamGenerateContent": GEMINI,
    "/v1beta/models/demo/chat:countTokens": GEMINI,
    "/llm-gate/v1/chat": GATE,
    "/llm-gate/v1/images/generations": GATE,
    "/llm-gate/v1/embeddings": GATE,
}
BROKEN = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b'{"model": "\xff"}',
    b"[" * 5000,
    b'{"contents":' + b"[" * 5000,
    b'{"model":"demo/chat","input":' + b'[{"a":' * 3000,
]
WRONG: list[Any] = [None, True, 7, -1.5, "x", "", [], {}, [None], [[]], {"x": None}]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as running:
        yield running


def assert_told(reply: Reply, path: str) -> None:
    result = reply.json
    if path.startswith("/llm-gate"):
        assert result["detail"]
    elif "v1beta" in path:
        assert (result["error"]["code"], bool(result["error"]["message"])) == (reply.status, True)
    else:
        assert result["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
async def test_what_is_no_request_is_refused(gateway: Gateway, path: str, body: bytes) -> None:
    reply = await gateway.post(path, body, HEADERS)
    assert reply.status in (400, 422)
    assert_told(reply, path)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body."""
    found = [at] if at else []
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for step, inner in steps for place in places(inner, (*at, step))]


def changed(body: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(body))
    inner: Any = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return copy


@pytest.mark.parametrize("path", PATHS)
async def test_no_wrong_value_is_a_fault_of_the_gateway(gateway: Gateway, path: str) -> None:
    """Some are understood, some are refused; none is met with a 500."""
    for place in places(PATHS[path]):
        for value in WRONG:
            reply = await gateway.post(path, changed(PATHS[path], place, value), HEADERS)
            assert reply.status != 500, (place, value, reply.body)
            if reply.status != 200:
                assert_told(reply, path)
