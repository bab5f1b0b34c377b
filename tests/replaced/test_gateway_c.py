"""Gateway C, whose models are chosen by prefix: its documented calls, with its variables only.

Nothing is left out. Its way to add a provider (a decorated class) is a row of a file here:
docs/adding-a-provider.md.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, OPENAI, TEXT, Dialect
from simulator import Simulator

PATH = "/api/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def environment(provider: Simulator) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "sk-openai-0123456789",
        "OPENAI_API_BASE": f"{provider.url}/openai/v1",
        "ANTHROPIC_API_KEY": "sk-anthropic-0123456789",
        "ANTHROPIC_API_BASE": f"{provider.url}/anthropic/v1",
        "DEEPSEEK_API_KEY": "sk-deepseek-0123456789",
        "DEEPSEEK_API_BASE": f"{provider.url}/deepseek/v1",
    }


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with Gateway(environ=environment(provider)) as running:
        yield running


ROUTES = [
    ("gpt-3.5-turbo", OPENAI, "/openai/v1/chat/completions", "gpt-5.6-terra", "sk-openai-0123456789"),
    ("gpt-4", OPENAI, "/openai/v1/chat/completions", "gpt-5.6-sol", "sk-openai-0123456789"),
    (
        "anthropic-claude-3-opus-20240229",
        ANTHROPIC,
        "/anthropic/v1/messages",
        "claude-3-opus-20240229",
        "sk-anthropic-0123456789",
    ),
    ("deepseek-chat", OPENAI, "/deepseek/v1/chat/completions", "deepseek-chat", "sk-deepseek-0123456789"),
]


async def post(gateway: Gateway, model: str, **more: Any) -> Reply:
    return await gateway.post(PATH, {"model": model, "messages": MESSAGES, **more})


@pytest.mark.parametrize(("model", "dialect", "path", "own_name", "key"), ROUTES)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_prefix_of_a_model_shows_who_serves_it(
    gateway: Gateway,
    provider: Simulator,
    model: str,
    dialect: Dialect,
    path: str,
    own_name: str,
    key: str,
    stream: bool,
) -> None:
    provider.answer(dialect.stream if stream else dialect.text)
    reply = await post(gateway, model, stream=stream, temperature=0.7, max_tokens=100)
    assert reply.status == 200
    assert (reply.text if stream else reply.json["choices"][0]["message"]["content"]) == TEXT
    [seen] = provider.requests
    assert (seen.path, seen.json["model"]) == (path, own_name)
    assert key in " ".join(seen.headers.values())


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-4"},
        {"messages": MESSAGES},
        {"model": "gpt-4", "messages": MESSAGES, "temperature": 9},
        {"model": "gpt-4", "messages": "Hello!"},
    ],
)
async def test_wrong_input_is_a_400(gateway: Gateway, provider: Simulator, body: Any) -> None:
    reply = await gateway.post(PATH, body)
    assert reply.status == 400
    assert reply.error["param"]
    assert provider.requests == []


async def test_a_wrong_key_is_a_401(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.error(401))
    assert (await post(gateway, "gpt-4")).status == 401


async def test_an_unknown_path_is_a_404(gateway: Gateway) -> None:
    assert (await gateway.post("/api/v1/nothing", {})).status == 404


async def test_a_providers_failure_is_a_500(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.error(500))
    assert (await post(gateway, "deepseek-chat")).status == 500


async def test_a_provider_without_a_key_is_reported_to_be_missing(provider: Simulator) -> None:
    environ = {name: value for name, value in environment(provider).items() if "DEEPSEEK" not in name}
    async with Gateway(environ=environ) as gateway:
        reply = await post(gateway, "deepseek-chat")
    assert reply.status == 404
    assert "DeepSeek" in reply.error["message"]
