"""What a client's name was resolved to is in the answer and in the record."""

from collections.abc import AsyncIterator

import pytest

from running import Gateway
from sdk.dialects import ANTHROPIC, OPENAI
from simulator import Script, Seen, Simulator


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    names = ("ANTHROPIC", "OPENAI", "TOGETHER", "DEEPINFRA", "PERPLEXITY")
    keys = {f"{name}_API_KEY": f"sk-{name.lower()}-0123456789" for name in names}
    where = {f"{name}_BASE_URL": f"{provider.url}/{name.lower()}" for name in names}
    async with Gateway(environ={**keys, **where, "TIDEGATE_ROUTING_RETRIES": "0"}) as running:
        yield running


async def test_a_retired_name_is_served_by_todays_model_and_the_record_reports_it(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(ANTHROPIC.text)
    reply = await gateway.chat("claude-3-5-sonnet")
    assert (reply.status, reply.headers["x-tidegate-model"]) == (200, "claude-sonnet-4-6")
    assert provider.requests[0].json["model"] == "claude-sonnet-4-6"
    record = await gateway.record()
    assert record["model"] == record["resolved_from"] == "claude-3-5-sonnet"
    assert record["provider_model"] == "claude-sonnet-4-6"


async def test_a_name_that_is_served_is_not_resolved_from_another(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(ANTHROPIC.text)
    assert (await gateway.chat("claude-sonnet-4-5")).status == 200
    assert "resolved_from" not in await gateway.record()


async def test_another_provider_of_the_same_model_takes_over(gateway: Gateway, provider: Simulator) -> None:
    def by_path(seen: Seen) -> Script:
        return OPENAI.text if seen.path.startswith("/together/") else OPENAI.error(500)

    provider.answer(by_path)
    reply = await gateway.chat("llama-3.3-70b")
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "together")
    assert [seen.json["model"] for seen in provider.requests] == [
        "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    ] * 2


async def test_a_provider_that_would_drop_a_parameter_is_passed_over_on_request(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(OPENAI.text)
    wish = {"provider": {"order": ["perplexity"], "require_parameters": True}, "models": ["openai/gpt-4o"]}
    reply = await gateway.chat("perplexity/sonar", seed=7, **wish)
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "openai")
    assert "x-tidegate-dropped" not in reply.headers
    [skipped] = (await gateway.record())["skipped"]
    assert skipped["provider"] == "perplexity"
    assert "seed" in skipped["reason"]


async def test_without_that_wish_the_parameter_is_dropped(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    reply = await gateway.chat("perplexity/sonar", seed=7)
    assert (reply.headers["x-tidegate-provider"], reply.headers["x-tidegate-dropped"]) == (
        "perplexity",
        "seed",
    )


@pytest.mark.parametrize(
    ("name", "served_by"),
    [
        ("llama-3.3-70b", ["together", "deepinfra"]),
        ("claude-3-5-sonnet", ["anthropic"]),
        ("anthropic/claude-sonnet-4-5", ["anthropic"]),
        ("gpt-3.5-turbo", ["openai"]),
        ("gpt-next", ["openai"]),
    ],
)
async def test_every_name_is_described(gateway: Gateway, name: str, served_by: list[str]) -> None:
    reply = await gateway.get(f"/v1/models/{name}?details=true")
    assert (reply.status, reply.json["id"]) == (200, name)
    places = reply.json.get("served_by", [f"{reply.json['provider']}/{reply.json['model']}"])
    assert sorted(place.partition("/")[0] for place in places) == sorted(served_by)
