"""Gateway B, with fallback: its documented calls, with its variables only.

Not here, because it comes later: keys in Supabase's tables, wallets and their transactions,
the order by cost and measured performance, notices by ntfy, the cache, rate limits, metrics. Until then
clients have keys of `TIDEGATE_API_KEYS` or tokens of Supabase, and fallbacks are those that a request names.
"""

from collections.abc import AsyncIterator
from time import time
from typing import Any

import jwt
import pytest

from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, ARGUMENTS, GEMINI, OPENAI, PNG, TEXT, TOOL, Dialect
from simulator import Script, Seen, Simulator

KEY = "a-key-of-the-clients"
OWN = {"X-API-Key": KEY}
LATER = {
    "SUPABASE_URL": "https://project.supabase.example",
    "SUPABASE_ANON_KEY": "anon",
    "SUPABASE_SERVICE_ROLE_KEY": "service",
    "MINIMAL_FUND": "0.01",
    "NTFY_ERROR_URL": "https://ntfy.example/errors",
    "CACHE_TTL_SECONDS": "300",
    "BALANCE_CACHE_TTL_SECONDS": "60",
    "RATE_LIMIT_REQUESTS_PER_MINUTE": "60",
}
MESSAGES = [{"role": "user", "content": "Hello!"}]
MODELS: list[tuple[str, Dialect, str]] = [
    ("gpt-4o-mini", OPENAI, "sk-openai-0123456789"),
    ("claude-3-5-sonnet-20241022", ANTHROPIC, "sk-anthropic-0123456789"),
    ("gemini-1.5-pro", GEMINI, "sk-google-0123456789"),
    ("together/meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", OPENAI, "sk-together-0123456789"),
]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    names = ("OPENAI", "ANTHROPIC", "GOOGLE", "TOGETHER")
    keys = {f"API_KEY_{name}": f"sk-{name.lower()}-0123456789" for name in names}
    where = {f"{name}_BASE_URL": f"{provider.url}/{name.lower()}" for name in names}
    environ = {**LATER, **keys, **where, "PORT": "3000", "NODE_ENV": "production", "TIDEGATE_API_KEYS": KEY}
    async with Gateway(environ=environ) as running:
        yield running


async def chat(gateway: Gateway, model: str, **more: Any) -> Reply:
    return await gateway.post("/v1/chat/completions", {"model": model, "messages": MESSAGES, **more}, OWN)


async def test_what_comes_later_is_taken_without_complaint(gateway: Gateway) -> None:
    assert gateway.config.warnings == ()
    used = {"NTFY_ERROR_URL", "MINIMAL_FUND", "RATE_LIMIT_REQUESTS_PER_MINUTE", "SUPABASE_URL"}
    assert gateway.config.not_used_yet == tuple(sorted(LATER.keys() - used))
    assert [url.reveal() for url in gateway.config.alerts.urls] == [LATER["NTFY_ERROR_URL"]]
    assert gateway.config.server.port == 3000


@pytest.mark.parametrize(("model", "dialect", "key"), MODELS)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_provider_answers(
    gateway: Gateway, provider: Simulator, model: str, dialect: Dialect, key: str, stream: bool
) -> None:
    provider.answer(dialect.stream if stream else dialect.text)
    reply = await chat(gateway, model, stream=stream)
    assert reply.status == 200
    assert (reply.text if stream else reply.json["choices"][0]["message"]["content"]) == TEXT
    assert key in " ".join(provider.requests[0].headers.values())
    assert KEY not in " ".join(provider.requests[0].headers.values())


@pytest.mark.parametrize(("model", "dialect", "key"), MODELS)
async def test_tools_and_images_are_carried(
    gateway: Gateway, provider: Simulator, model: str, dialect: Dialect, key: str
) -> None:
    provider.answer(dialect.call)
    tool = {"type": "function", "function": {"name": TOOL, "parameters": {"type": "object"}}}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "How high?"}, image]}]
    reply = await gateway.post(
        "/v1/chat/completions", {"model": model, "messages": messages, "tools": [tool]}, OWN
    )
    [call] = reply.json["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == TOOL
    assert all(word in call["function"]["arguments"] for word in ARGUMENTS)
    assert PNG in provider.requests[0].body.decode()


@pytest.mark.parametrize("headers", [OWN, {"Authorization": f"Bearer {KEY}"}])
async def test_a_key_comes_in_either_header(
    gateway: Gateway, provider: Simulator, headers: dict[str, str]
) -> None:
    provider.answer(OPENAI.text)
    asked = {"model": "gpt-4o-mini", "messages": MESSAGES}
    assert (await gateway.post("/v1/chat/completions", asked, headers)).status == 200


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "another"}, {"Authorization": "Bearer another"}])
async def test_without_a_key_there_is_no_answer(
    gateway: Gateway, provider: Simulator, headers: dict[str, str]
) -> None:
    reply = await gateway.post(
        "/v1/chat/completions", {"model": "gpt-4o-mini", "messages": MESSAGES}, headers
    )
    assert reply.status == 401
    assert provider.requests == []


def elsewhere(place: str, script: Script, failure: Script) -> Any:
    """Answers at one provider, failures at all others."""

    def by_path(seen: Seen) -> Script:
        return script if seen.path.startswith(place) else failure

    return by_path


async def test_a_technical_failure_is_tried_elsewhere(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(elsewhere("/anthropic/", ANTHROPIC.text, OPENAI.error(500)))
    reply = await chat(gateway, "gpt-4o-mini", models=["claude-3-5-sonnet-20241022"])
    assert reply.json["choices"][0]["message"]["content"] == TEXT
    assert reply.headers["x-tidegate-provider"] == "anthropic"
    record = await gateway.record()
    assert record["attempts"][0]["provider"] == "openai"


async def test_a_fault_of_the_request_is_reported_at_once(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(elsewhere("/anthropic/", ANTHROPIC.text, OPENAI.error(400)))
    reply = await chat(gateway, "gpt-4o-mini", models=["claude-3-5-sonnet-20241022"])
    assert reply.status == 400
    assert len(provider.requests) == 1


async def test_several_providers_serve_one_name_in_the_order_of_the_request(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(elsewhere("/openai/", OPENAI.text, OPENAI.error(503)))
    reply = await chat(gateway, "gpt-4o-mini", provider={"order": ["together", "openai"]})
    assert reply.status == 200
    assert provider.requests[0].path.startswith("/together/")
    assert reply.headers["x-tidegate-provider"] == "openai"


async def test_the_models_are_listed(gateway: Gateway) -> None:
    models = (await gateway.get("/v1/chat/models", OWN)).json["data"]
    assert {"openai", "anthropic", "gemini", "together"} == {model["provider"] for model in models}


async def test_the_health_of_each_provider_is_reported(gateway: Gateway) -> None:
    health = (await gateway.get("/v1/chat/health", OWN)).json
    assert health["status"] == "ok"
    assert {one["name"] for one in health["providers"]} == {"openai", "anthropic", "gemini", "together"}


async def test_a_cost_is_estimated_before_the_call(gateway: Gateway, provider: Simulator) -> None:
    asked = {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 100}
    reply = await gateway.post("/v1/chat/estimate", asked, OWN)
    assert reply.status == 200
    assert reply.json["prompt_tokens"] > 0
    assert 0 < reply.json["min_cost"] < reply.json["max_cost"]
    assert provider.requests == []


async def test_its_own_health_needs_no_key(gateway: Gateway) -> None:
    assert (await gateway.get("/health")).status == 200


async def test_tokens_are_tracked_exactly(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    await chat(gateway, "gpt-4o-mini")
    record = await gateway.record()
    assert (record["usage"]["input"], record["usage"]["output"]) == (11, 7)
    assert record["caller"].startswith("key-")


async def test_the_users_of_supabase_may_call_with_their_tokens_and_nobody_else(provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    secret = "the-jwt-secret-of-the-supabase-project"
    environ = {
        **LATER, "SUPABASE_JWT_SECRET": secret, "API_KEY_OPENAI": "sk-openai-0123456789",
        "OPENAI_BASE_URL": f"{provider.url}/openai", "HOST": "0.0.0.0",
    }  # fmt: skip
    claims = {"iss": f"{LATER['SUPABASE_URL']}/auth/v1", "aud": "authenticated", "role": "authenticated"}
    body = {"model": "gpt-4o-mini", "messages": MESSAGES}
    async with Gateway(environ=environ) as gateway:
        assert gateway.config.server.host == "0.0.0.0"
        assert (await gateway.post("/v1/chat/completions", body)).status == 401
        token = jwt.encode({**claims, "sub": "7d1c0a52", "exp": int(time()) + 3600}, secret, "HS256")
        headers = {"Authorization": f"Bearer {token}"}
        assert (await gateway.post("/v1/chat/completions", body, headers)).status == 200
        assert (await gateway.record(2))["caller"] == "7d1c0a52"
