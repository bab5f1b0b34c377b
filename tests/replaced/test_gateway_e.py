"""Gateway E, on LiteLLM: its documented calls by the official SDK and its log files, with its variables."""

from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from process.serving import CHAT, Served, eventually
from running import Gateway, parse_environment
from sdk.dialects import OPENAI, TEXT
from simulator import Simulator, json, refusal

SETTINGS = {"HOST": "0.0.0.0", "PORT": "8728", "ENABLE_RELOAD": "true", "LOG_LEVEL": "INFO"}
KEY = "sk-litellm-0123456789"


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture(params=["LITELLM", "OPENAI"])
async def gateway(provider: Simulator, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    provider.answer(OPENAI.text)
    own = {f"{request.param}_API_KEY": KEY, f"{request.param}_BASE_URL": f"{provider.url}/v1"}
    async with Gateway(environ={**SETTINGS, **own}) as running:
        yield running


@pytest.fixture
async def both(provider: Simulator) -> AsyncIterator[Gateway]:
    """With LITELLM_* and OPENAI_* side by side, as its README has them."""
    own = {
        "LITELLM_API_KEY": KEY,
        "LITELLM_BASE_URL": f"{provider.url}/litellm",
        "OPENAI_API_KEY": "sk-openai-0123456789",
        "OPENAI_BASE_URL": f"{provider.url}/openai",
    }
    async with Gateway(environ={**SETTINGS, **own}) as running:
        yield running


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as sdk:
        yield sdk


async def test_a_chat(client: openai.AsyncOpenAI, provider: Simulator) -> None:
    answer = await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "你好"}], temperature=0.7
    )
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None
    assert answer.usage.total_tokens == 18
    [seen] = provider.requests
    assert (seen.path, seen.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert seen.json["messages"][0]["content"] == "你好"


async def test_a_stream(client: openai.AsyncOpenAI, provider: Simulator) -> None:
    provider.answer(OPENAI.stream)
    result = await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in result if chunk.choices])
    assert text == TEXT


async def test_a_model_that_only_the_provider_knows(client: openai.AsyncOpenAI, provider: Simulator) -> None:
    await client.chat.completions.create(model="our-own-model", messages=[{"role": "user", "content": "Hi"}])
    assert provider.requests[0].json["model"] == "our-own-model"


NAMES = [
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-3.5-turbo",
    "claude-3-sonnet",
    "claude-3-haiku",
    "gemini-pro",
    "mistral-large",
    "llama-2-70b-chat",
    "anthropic/claude-3-opus",
]


@pytest.mark.parametrize("name", NAMES)
async def test_litellm_is_first_for_every_name(both: Gateway, provider: Simulator, name: str) -> None:
    provider.answer(OPENAI.text)
    assert (await both.chat(name)).status == 200
    [seen] = provider.requests
    assert (seen.path, seen.json["model"]) == ("/litellm/chat/completions", name)
    assert seen.headers["authorization"] == f"Bearer {KEY}"


async def test_openai_itself_is_reached_by_its_name(both: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    assert (await both.chat("openai/gpt-4o")).status == 200
    assert provider.requests[0].path == "/openai/chat/completions"


async def test_the_models_of_litellm_are_listed_and_described(both: Gateway, provider: Simulator) -> None:
    provider.answer(json({"object": "list", "data": [{"id": "our-own-model"}, {"id": "gpt-4o"}]}))
    async with openai.AsyncOpenAI(base_url=f"{both.url}/v1", api_key="any", max_retries=0) as client:
        listed = {model.id: model.owned_by for model in (await client.models.list()).data}
        one = await client.models.retrieve("our-own-model")
        named = await client.models.retrieve("gpt-4o-mini")
    assert (listed["our-own-model"], listed["gpt-4o"]) == ("litellm", "litellm")
    assert (one.id, named.id) == ("our-own-model", "gpt-4o-mini")
    assert {seen.path for seen in provider.requests} == {"/litellm/models"}


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/openapi.json"])
async def test_the_api_describes_itself(gateway: Gateway, page: str) -> None:
    assert (await gateway.get(page)).status == 200


def test_its_settings_are_understood() -> None:
    config = parse_environment({**SETTINGS, "DEBUG": "true"})
    assert (config.server.host, config.server.port, config.logs.level) == ("127.0.0.1", 8728, "info")
    assert any("not listening on 0.0.0.0" in warning for warning in config.warnings)
    assert parse_environment({"DEBUG": "true"}).logs.level == "debug"
    assert config.not_used_yet == ("ENABLE_RELOAD",)


async def test_one_id_runs_through_a_request(gateway: Gateway) -> None:
    reply = await gateway.chat("gpt-4o")
    record = await gateway.record()
    assert record["id"] == reply.headers["x-request-id"]
    assert (record["provider_model"], record["usage"]["input"], record["usage"]["output"]) == (
        "gpt-4o",
        11,
        7,
    )


async def test_variables_that_are_missing_are_reported() -> None:
    config = parse_environment({"LITELLM_API_KEY": KEY})
    [result] = config.warnings
    assert "LITELLM_BASE_URL" in result


async def test_its_figures_are_served_to_everybody(client: openai.AsyncOpenAI, gateway: Gateway) -> None:
    for _ in range(2):
        await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    now = await gateway.get("/metrics")
    models = await gateway.get("/metrics/models")
    trends = await gateway.get("/metrics/trends?hours=24")
    assert {reply.status for reply in (now, models, trends)} == {200}
    assert 'model="gpt-4o",status_class="2xx"} 2' in now.body.decode()
    [model] = models.json["models"]
    assert (model["name"], model["requests"], model["success_rate"]) == ("gpt-4o", 2, 1)
    assert (model["tokens"]["input"], model["tokens"]["output"]) == (22, 14)
    assert model["latency_ms"]["p50"] > 0
    assert sum(point["requests"] for point in trends.json["series"]) == 2
    assert trends.json["to"] - trends.json["from"] >= 24 * 3_600_000


def test_interactions_are_kept_in_files_by_its_variables_alone() -> None:
    own = {"LITELLM_API_KEY": KEY, "LITELLM_BASE_URL": "https://litellm.example/v1"}
    logs = parse_environment({**SETTINGS, **own}).logs
    assert (logs.directory, logs.bodies) == ("logs", "full")
    chosen = parse_environment({**SETTINGS, **own, "TIDEGATE_LOGS_BODIES": "none"}).logs
    assert (chosen.directory, chosen.bodies) == ("logs", "none")
    others = parse_environment({"OPENAI_API_KEY": "sk-0123456789"}).logs
    assert (others.directory, others.bodies) == (None, "none")


async def test_its_three_log_files_are_written(
    provider: Simulator, tmp_path: Path, unused_tcp_port: int
) -> None:
    provider.answer(OPENAI.text, refusal(500))
    own = {"LITELLM_API_KEY": KEY, "LITELLM_BASE_URL": f"{provider.url}/v1", "PORT": str(unused_tcp_port)}
    dotenv = "".join(f"{name}={value}\n" for name, value in {**SETTINGS, **own}.items())
    (tmp_path / ".env").write_text(dotenv)
    async with Served(tmp_path, None, port=unused_tcp_port, args=(), secrets=(KEY,)) as gateway:
        said = {"role": "user", "content": "周树人和鲁迅是什么关系？"}
        reply = await gateway.post(CHAT, {"model": "gpt-4o", "messages": [said]})
        await gateway.post(CHAT, {"model": "gpt-4o", "messages": [said]})
        logs = tmp_path / "logs"

        def text(stream: str) -> str:
            return "".join(path.read_text() for path in logs.glob(f"*_{stream}_*.log"))

        await eventually(lambda: text("llm_interactions").count("response complete") == 2, "both requests")
        await eventually(lambda: "500" in text("error"), "the error")
        begins = f"[{reply.headers['x-request-id']}] "
        lines = [line for line in text("llm_interactions").splitlines() if begins in line]
        stories = [line.partition("] ")[2] for line in lines]
        assert [story.split(" |")[0].split(":")[0] for story in stories] == [
            "request start", "downstream request", "downstream response", "response complete", "answer",
            "token usage",
        ]  # fmt: skip
        assert stories[0] == "request start | model=gpt-4o | user: 周树人和鲁迅是什么关系？"
        assert "周树人和鲁迅是什么关系？" in stories[1]
        assert stories[5] == "token usage | input=11 | output=7 | total=18"
        assert KEY not in text("llm_interactions")
        assert list(logs.glob("*_system_*.log"))
