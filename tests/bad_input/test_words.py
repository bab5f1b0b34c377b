"""Messages that say who, what and what to do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import HELLO, Gateway
from sdk.dialects import OPENAI
from simulator import Simulator, refusal

PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/images/generations"]
PATHS += ["/v1/completions", "/v1/moderations"]
BOSS = [{"role": "boss", "content": "Hi"}]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(OPENAI.text)
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    providers = {"sim": ("openai", f"{provider.url}/v1"), "claude": ("anthropic", provider.url)}
    async with Gateway(providers) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"", b" \n"])
async def test_an_empty_body_is_called_empty(gateway: Gateway, path: str, body: bytes) -> None:
    reply = await gateway.post(path, body)
    assert (reply.status, reply.error["message"]) == (400, "the body is empty; send JSON")


@pytest.mark.parametrize(
    ("model", "path", "field", "value", "choices"),
    [
        ("sim/m", "/v1/chat/completions", "reasoning_effort", "much", ["low", "medium", "high"]),
        ("claude/m", "/v1/chat/completions", "messages", BOSS, ["user", "assistant"]),
        ("sim/m", "/v1/messages", "messages", BOSS, ["user", "assistant"]),
    ],
)
async def test_a_wrong_choice_is_answered_with_those_that_there_are(
    gateway: Gateway, model: str, path: str, field: str, value: Any, choices: list[str]
) -> None:
    body = {"model": model, "max_tokens": 5, **HELLO, field: value}
    reply = await gateway.post(path, body)
    assert reply.status == 400
    message = reply.error["message"]
    assert field in message
    assert all(f'"{choice}"' in message for choice in choices)
    assert '"boss"' in message or 'not "much"' in message


@pytest.mark.parametrize("model", ["sim/", "openai/"])
async def test_a_model_that_ends_in_a_slash_is_refused_naming_what_is_missing(
    gateway: Gateway, model: str
) -> None:
    reply = await gateway.chat(model)
    assert reply.status == 404
    assert f'the model\'s name is missing after "{model}"' in reply.error["message"]


async def test_the_gateways_own_refused_key_is_not_taken_for_the_clients(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(refusal(401, "Incorrect API key provided"))
    reply = await gateway.chat("sim/m")
    assert (reply.status, reply.error["message"]) == (
        401,
        "sim refused this gateway's own key: Incorrect API key provided",
    )


async def test_a_clients_refused_key_is_reported_as_such() -> None:
    async with Gateway({"demo": ("demo", "")}, more='[auth]\nkeys = ["k"]') as gateway:
        wrong = await gateway.post("/v1/chat/completions", HELLO, {"x-api-key": "other"})
    assert wrong.status == 401
    assert "own key" not in wrong.error["message"]


async def test_a_parameter_that_a_provider_does_not_support_is_named(gateway: Gateway) -> None:
    reply = await gateway.chat("claude/claude-haiku-4-5", n=2)
    assert reply.status == 400
    assert "claude" in reply.error["message"]
    assert 'does not support the parameter "n"' in reply.error["message"]
