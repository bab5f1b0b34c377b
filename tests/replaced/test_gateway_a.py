"""Gateway A, a unified API over eleven providers: its documented calls, with its variables only.

Not here: the script that tries every provider (`tidegate check`, see tests/check).
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import Gateway
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI, TEXT
from simulator import Script, Simulator
from simulator import json as answer

COHERE = answer(
    {
        "id": "c1",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": TEXT}]},
        "usage": {"billed_units": {"input_tokens": 11, "output_tokens": 7}},
    }
)
PROVIDERS = {
    "OpenAI": ("OPENAI", "gpt-4o", OPENAI.text),
    "Anthropic": ("ANTHROPIC", "claude-3-5-sonnet-20241022", ANTHROPIC.text),
    "Mistral": ("MISTRAL", "mistral-large-latest", OPENAI.text),
    "Cohere": ("COHERE", "command-r", COHERE),
    "Google": ("GOOGLE", "gemini-1.5-pro", GEMINI.text),
    "DeepSeek": ("DEEPSEEK", "deepseek-chat", OPENAI.text),
    "xAI": ("XAI", "grok-2", OPENAI.text),
    "Qwen": ("QWEN", "qwen2.5-72b-instruct", OPENAI.text),
    "AI21": ("AI21", "jamba-1.5-large", OPENAI.text),
    "Perplexity": ("PERPLEXITY", "sonar", OPENAI.text),
    "DeepInfra": ("DEEPINFRA", "mistralai/Mixtral-8x7B-Instruct-v0.1", OPENAI.text),
}
"""As the gateway names them → the name of its variables, a model, an answer."""

TODAY = {"gemini-1.5-pro": "gemini-3.8-flash"}
"""Retired names → what their provider serves in their place."""

KEY = "sk-of-the-operator-0123456789"


def environment(provider: Simulator, *names: str) -> dict[str, str]:
    """Keys under the gateway's own names; where the providers are is said for the test alone."""
    keys = {f"{name}_API_KEY": KEY for name in names}
    return {**keys, **{f"{name}_BASE_URL": provider.url for name in names}}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    names = [name for name, _, _ in PROVIDERS.values()]
    async with Gateway(environ=environment(provider, *names)) as running:
        yield running


def call(name: str, model: str, **more: Any) -> dict[str, Any]:
    return {"provider": name, "model": model, "messages": [{"role": "user", "content": "Hello!"}], **more}


async def post(gateway: Gateway, body: dict[str, Any]) -> Any:
    return await gateway.post("/v1/chat/completions", body)


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("form", [str, str.lower], ids=["as-shown", "lower-case"])
async def test_every_provider_answers_by_its_name(
    gateway: Gateway, provider: Simulator, name: str, form: Any
) -> None:
    _, model, script = PROVIDERS[name]
    provider.answer(script)
    reply = await post(gateway, call(form(name), model))
    assert (reply.status, reply.json["object"]) == (200, "chat.completion")
    assert reply.json["choices"][0]["message"]["content"] == TEXT
    [seen] = provider.requests
    assert KEY in " ".join(seen.headers.values())
    assert TODAY.get(model, model) in f"{seen.path} {seen.body.decode()}"
    assert KEY not in f"{dict(reply.headers)} {reply.body.decode()}"


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_provider_that_is_used_is_all_that_needs_a_key(provider: Simulator, name: str) -> None:
    variable, model, script = PROVIDERS[name]
    provider.answer(script)
    async with Gateway(environ=environment(provider, variable)) as gateway:
        assert (await post(gateway, call(name, model))).status == 200
        other = next(other for other in PROVIDERS if other != name)
        missing = await post(gateway, call(other, "m"))
    assert missing.status == 400
    assert missing.error["param"] == "provider"


ALL_FIELDS: dict[str, Any] = {
    "temperature": 0.7,
    "stream": False,
    "max_tokens": 100,
    "system_message": "You read gauges.",
    "stop": ["END", "STOP"],
    "top_p": 0.9,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "response_format": {"type": "text"},
}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_every_field_is_taken_by_every_provider(
    gateway: Gateway, provider: Simulator, name: str
) -> None:
    _, model, script = PROVIDERS[name]
    provider.answer(script)
    reply = await post(gateway, call(name, model, **ALL_FIELDS))
    assert reply.status == 200
    sent = provider.requests[0].body.decode()
    assert "You read gauges." in sent
    assert "0.7" in sent
    assert "system_message" not in sent


async def test_an_effort_reaches_a_model_that_reasons(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    await post(gateway, call("OpenAI", "o3-mini", reasoning_effort="low"))
    assert provider.requests[0].json["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("AI21", "jamba-large"),
        ("Perplexity", "sonar"),
        ("Mistral", "mistral-large-latest"),
        ("OpenAI", "o3-mini"),
    ],
)
async def test_an_effort_of_null_is_not_sent(
    gateway: Gateway, provider: Simulator, name: str, model: str
) -> None:
    await post(gateway, call(name, model, reasoning_effort=None))
    assert "reasoning_effort" not in provider.requests[0].json


@pytest.mark.parametrize(
    ("name", "model", "script", "place"),
    [
        ("OpenAI", "gpt-4o", OPENAI.text, lambda body: body["messages"][0]),
        ("OpenAI", "o3-mini", OPENAI.text, lambda body: body["messages"][0]),
        ("Anthropic", "claude-3-opus-20240229", ANTHROPIC.text, lambda body: body["system"]),
        ("Google", "gemini-1.5-flash", GEMINI.text, lambda body: body["systemInstruction"]),
    ],
)
async def test_the_system_message_goes_where_the_provider_expects_it(
    gateway: Gateway, provider: Simulator, name: str, model: str, script: Script, place: Any
) -> None:
    provider.answer(script)
    await post(gateway, call(name, model, system_message="You read gauges."))
    body = provider.requests[0].json
    result = place(body)
    assert "You read gauges." in str(result)
    if name == "OpenAI":
        assert result["role"] == ("developer" if model.startswith("o") else "system")
    else:
        assert "You read gauges." not in str(body.get("messages", body.get("contents")))


async def test_a_reasoning_model_takes_no_temperature(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    reply = await post(gateway, call("OpenAI", "o1", temperature=0.3, max_tokens=50))
    assert reply.status == 200
    sent = provider.requests[0].json
    assert "temperature" not in sent
    assert sent["max_completion_tokens"] == 50
    assert "temperature" in reply.headers["x-tidegate-dropped"]


async def test_a_model_that_cannot_stream_gives_a_stream(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(RESPONSE)
    reply = await post(gateway, call("OpenAI", "o1-pro", stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert (reply.text, reply.events[-1]) == (TEXT, "[DONE]")
    [seen] = provider.requests
    assert seen.path == "/responses"
    assert not seen.json.get("stream")


RESPONSE = answer(
    {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "o1-pro",
        "output": [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("name", "model", "dialect"),
    [
        ("OpenAI", "gpt-4o", OPENAI),
        ("Anthropic", "claude-3-haiku-20240307", ANTHROPIC),
        ("Google", "gemini-1.5-pro", GEMINI),
        ("xAI", "grok-2", OPENAI),
    ],
)
async def test_streams_arrive_as_openai_chunks(
    gateway: Gateway, provider: Simulator, name: str, model: str, dialect: Any
) -> None:
    provider.answer(dialect.stream)
    reply = await post(gateway, call(name, model, stream=True))
    assert {chunk["object"] for chunk in reply.chunks} == {"chat.completion.chunk"}
    assert (reply.text, reply.events[-1]) == (TEXT, "[DONE]")


async def test_contents_may_be_parts(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(ANTHROPIC.text)
    image = {"type": "image_url", "image_url": {"url": "https://images.example/tide.png"}}
    parts = [{"type": "text", "text": "What is this?"}, image]
    asked = {
        **call("Anthropic", "claude-3-5-sonnet-20241022"),
        "messages": [{"role": "user", "content": parts}],
    }
    assert (await post(gateway, asked)).status == 200
    assert "https://images.example/tide.png" in provider.requests[0].body.decode()


@pytest.mark.parametrize(
    ("name", "model", "dialect"),
    [("OpenAI", "gpt-4o", OPENAI), ("Anthropic", "claude-3-opus-20240229", ANTHROPIC)],
)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_errors_have_one_shape(
    gateway: Gateway, provider: Simulator, name: str, model: str, dialect: Any, status: int
) -> None:
    provider.answer(dialect.error(status))
    reply = await post(gateway, call(name, model))
    assert reply.status == status
    assert reply.error["message"].endswith(f"simulated {status}")
    assert reply.error.keys() == {"message", "type", "param", "code"}


async def test_a_providers_limits_are_passed_on(gateway: Gateway, provider: Simulator) -> None:
    limits = {"x-ratelimit-remaining-requests": "0", "retry-after": "7"}
    provider.answer(answer({"error": {"message": "slow down", "type": "requests"}}, 429, limits))
    reply = await post(gateway, call("OpenAI", "gpt-4o"))
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")


async def test_the_models_are_listed_by_provider(gateway: Gateway) -> None:
    models = (await gateway.get("/models")).json["models"]
    assert set(models) == {"gemini" if name == "Google" else name.lower() for name in PROVIDERS}
    assert "gpt-4o" in models["openai"]
    assert all(models.values())


async def test_browsers_may_call_where_their_origin_is_let_in(provider: Simulator) -> None:
    # A let every page call. Tidegate without client keys wants the origin named: any page could spend money.
    asks = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    environ = {**environment(provider, "OPENAI"), "TIDEGATE_SERVER_CORS_ORIGINS": "https://app.example"}
    async with Gateway(environ=environ) as gateway:
        reply = await gateway.get("/v1/chat/completions", asks, method="OPTIONS")
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "https://app.example"


async def test_the_api_describes_itself(gateway: Gateway) -> None:
    assert (await gateway.get("/docs")).status == 200
