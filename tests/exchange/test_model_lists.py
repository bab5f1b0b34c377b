"""Services that alone know their models are asked for them, and never keep a list from being answered."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from running import Gateway
from simulator import Script, Simulator, html, json, nowhere

LIST = json({"object": "list", "data": [{"id": "llama3.2:3b"}, {"id": "org/name"}, {"id": ""}]})
KINDS = ["ollama", "vllm", "llamacpp", "openai_compatible"]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(LIST)
        yield simulator


def own(gateway_list: object) -> list[str]:
    assert isinstance(gateway_list, dict)
    return [model["id"] for model in gateway_list["data"] if model["id"].startswith(("sim/", "slow/"))]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_service_is_asked_once_for_its_models(provider: Simulator, kind: str) -> None:
    async with Gateway({"sim": (kind, f"{provider.url}/v1"), "demo": ("demo", "")}) as gateway:
        assert provider.requests == []
        for _ in range(2):
            assert own((await gateway.get("/v1/models")).json) == ["sim/llama3.2:3b", "sim/org/name"]
        by_provider = (await gateway.get("/models")).json["models"]
        described = (await gateway.get("/v1/models/sim/org/name")).json
    assert by_provider["sim"] == ["llama3.2:3b", "org/name"]
    assert described["owned_by"] == "sim"
    [seen] = provider.requests
    assert (seen.method, seen.path) == ("GET", "/v1/models")
    assert seen.headers["authorization"] == "Bearer sk-upstream-0123456789"


@pytest.mark.parametrize(
    "script", [html(502), json({"models": []}), json({"data": 1}), Script(cut_head_at=5)]
)
async def test_a_list_that_fails_is_missing_and_named_in_the_log(
    provider: Simulator, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    provider.answer(script)
    async with Gateway({"sim": ("ollama", f"{provider.url}/v1"), "demo": ("demo", "")}) as gateway:
        reply = await gateway.get("/v1/models")
    assert reply.status == 200
    assert own(reply.json) == []
    assert any(model["id"] == "demo/chat" for model in reply.json["data"])
    [line] = [record.message for record in caplog.records if "not listed" in record.message]
    assert line.startswith("sim: its models are not listed: ")


async def test_a_service_that_is_not_there_keeps_no_list_away() -> None:
    async with Gateway({"sim": ("vllm", nowhere()), "demo": ("demo", "")}) as gateway:
        assert (await gateway.get("/v1/models")).status == 200


async def test_the_list_of_one_is_there_while_another_is_silent(provider: Simulator) -> None:
    gate = asyncio.Event()
    async with Simulator() as silent:
        silent.answer(Script(pieces=(gate,)))
        providers = {"sim": ("ollama", f"{provider.url}/v1"), "slow": ("ollama", f"{silent.url}/v1")}
        async with Gateway(providers) as gateway:
            reply = await gateway.get("/v1/models")
            gate.set()
    assert own(reply.json) == ["sim/llama3.2:3b", "sim/org/name"]


async def test_what_a_catch_all_lists_is_requested_by_its_bare_name(provider: Simulator) -> None:
    more = f'[providers.sim]\nkind = "openai_compatible"\nbase_url = "{provider.url}/v1"\ncatch_all = true'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        listed = [model["id"] for model in (await gateway.get("/v1/models")).json["data"]]
    assert {"llama3.2:3b", "org/name", "demo/chat"} <= set(listed)
