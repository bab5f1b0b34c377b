"""Every door refuses a name that is no plausible one, by the field that holds it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from running import HELLO, Gateway, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "m" * 600
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
INPUT = {"input": "Hello"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": HELLO,
    "/v1/messages": {**HELLO, "max_tokens": 9},
    "/v1/messages/count_tokens": HELLO,
    "/v1/responses": INPUT,
    "/v1/embeddings": INPUT,
    "/v1/images/generations": {"prompt": "Hello"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as opened:
        yield opened


def message_of(reply: Reply) -> str:
    return reply.body.decode()


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", [LONG, "demo/m\x1b[2J", "m" * 100_000], ids=["long", "ESC", "very long"])
async def test_a_door_refuses_an_implausible_name(gateway: Gateway, path: str, name: str) -> None:
    reply = await gateway.post(path, {**BODIES[path], "model": name})
    assert reply.status == 400
    assert "model: names" in message_of(reply)
    assert len(reply.body) < 400


@pytest.mark.parametrize("path", [path for path in BODIES if "count" not in path])
async def test_a_door_refuses_many_fallbacks(gateway: Gateway, path: str) -> None:
    reply = await gateway.post(path, {**BODIES[path], "model": "demo/m", "models": ["demo/m"] * 20_000})
    assert reply.status == 400
    assert "models: at most 20 names are allowed, got 20000" in message_of(reply)


@pytest.mark.parametrize("path", [path for path in BODIES if "count" not in path])
async def test_a_door_refuses_many_preferences(gateway: Gateway, path: str) -> None:
    wish = {"order": [str(number) for number in range(100_000)]}
    reply = await gateway.post(path, {**BODIES[path], "model": "demo/m", "provider": wish})
    assert reply.status == 400
    assert "provider.order: at most 20 names" in message_of(reply)


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent", "countTokens"])
async def test_the_door_of_gemini_refuses_an_implausible_name_in_its_path(
    gateway: Gateway, method: str
) -> None:
    for name in (LONG, "demo%2Fm%1B"):
        reply = await gateway.post(f"/v1beta/models/{name}:{method}", GEMINI)
        assert reply.status == 400
        assert "model: names" in message_of(reply)


@pytest.mark.parametrize("path", ["/v1/models/", "/v1beta/models/"])
async def test_the_description_of_a_model_refuses_an_implausible_name(gateway: Gateway, path: str) -> None:
    reply = await gateway.get(f"{path}{LONG}")
    assert reply.status == 400
    assert "model: names" in message_of(reply)


async def test_the_door_of_llm_gate_refuses_an_implausible_name(gateway: Gateway) -> None:
    body = {
        "provider": {"name": "demo", "model": {"name": LONG}},
        "prompt": {"messages": HELLO["messages"]},
    }
    user = "2f1b6ddc-2f43-4a5c-9d51-0c1de9d4b1a0"
    headers = {"x-correlation-id": user, "x-user-id": user, "client_id": "tests"}
    reply = await gateway.post("/llm-gate/v1/chat", body, headers)
    assert reply.status == 422, message_of(reply)
    assert "names are limited to 240 characters" in message_of(reply)
