"""What can be asked for, what is known about it and what it would cost, as clients see it."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from running import HELLO, Gateway

PROVIDERS = {
    "openai": ("openai", "http://127.0.0.1:9"),
    "azure-west": ("azure", "http://127.0.0.1:9"),
    "qwen": ("qwen", "http://127.0.0.1:9"),
    "local": ("llamacpp", "http://127.0.0.1:9"),
}
MORE = """
[models.smart]
candidates = ["openai/gpt-4o", "azure-west/gpt-4o-mini"]
[models.mine]
candidates = ["local/my-model"]
[prices."local/my-model"]
input = 0.1
output = 0.3
"""
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "one two three"}], "max_tokens": 100}
"""Three tokens, and four for being a message."""


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(PROVIDERS, more=MORE) as gateway:
        yield gateway


async def details(gateway: Gateway, path: str = "/v1/models?details=true") -> dict[str, Any]:
    return {model["id"]: model for model in (await gateway.get(path)).json["data"]}


# --- models --------------------------------------------------------------------------------------


async def test_the_list_of_models_has_names_alone_unless_more_is_requested(gateway: Gateway) -> None:
    for query in ("", "?details=false", "?details=0", "?other=true"):
        listed = (await gateway.get(f"/v1/models{query}")).json["data"]
        assert {frozenset(model) for model in listed} == {frozenset(["id", "object", "created", "owned_by"])}


@pytest.mark.parametrize("query", ["details=true", "details=1", "details", "x=1&details=TRUE"])
async def test_all_that_is_known_is_reported_on_request(gateway: Gateway, query: str) -> None:
    model = (await details(gateway, f"/v1/models?{query}"))["openai/gpt-4o"]
    assert model == {
        "id": "openai/gpt-4o",
        "object": "model",
        "created": 0,
        "owned_by": "openai",
        "label": "GPT-4o",
        "provider": "openai",
        "model": "gpt-4o",
        "identity": "gpt-4o",
        "description": "Sees and answers fast, without reasoning.",
        "type": "chat",
        "context_window": 128_000,
        "max_output_tokens": 16_384,
        "input_modalities": ["text", "image", "document"],
        "output_modalities": ["text"],
        "capabilities": ["stream", "tools", "parallel_tools", "schema", "vision", "documents"],
        "training_cutoff": "2023-10",
        "retires": "2027-01-14",
        "prices": {
            "currency": "USD",
            "per_million_tokens": {"input": 2.5, "cache_read": 1.25, "output": 10},
            "per_thousand": {"searches": 10},
        },
    }


async def test_a_name_of_the_operator_is_described_by_who_serves_it(gateway: Gateway) -> None:
    found = await details(gateway)
    assert found["smart"]["served_by"] == ["openai/gpt-4o", "azure-west/gpt-4o-mini"]
    assert (found["smart"]["label"], found["smart"]["context_window"]) == ("GPT-4o", 128_000)
    assert found["mine"]["prices"]["per_million_tokens"] == {"input": 0.1, "output": 0.3}
    assert "context_window" not in found["mine"]


async def test_prices_by_tier_and_by_image_are_reported(gateway: Gateway) -> None:
    found = await details(gateway)
    assert found["qwen/qwen3-max"]["prices"]["above"] == [
        {"prompt_tokens": 32_000, "per_million_tokens": {"input": 2.4, "output": 12}},
        {"prompt_tokens": 128_000, "per_million_tokens": {"input": 3, "output": 15}},
    ]
    images = found["azure-west/dall-e-3"]["prices"]["per_image"]
    assert {"size": "1024x1024", "quality": "hd", "price": 0.08} in images
    assert "prices" not in found["qwen/qwen3.8-max"]


async def test_one_model_is_described_in_full_on_request(gateway: Gateway) -> None:
    plain = (await gateway.get("/v1/models/openai/o3")).json
    model = (await gateway.get("/v1/models/openai/o3?details=true")).json
    assert plain == {"id": "openai/o3", "object": "model", "created": 0, "owned_by": "openai"}
    assert model["reasoning_efforts"] == ["low", "medium", "high"]
    assert model["retires"] == "2026-12-11"


async def test_the_official_sdk_reads_the_list_with_details(gateway: Gateway) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="x") as client:
        listed = await client.models.list(extra_query={"details": "true"})
        names = {model.id async for model in listed}
    assert {"smart", "openai/gpt-4o", "qwen/qwen3-max"} <= names


async def test_models_are_listed_by_provider(gateway: Gateway) -> None:
    answer = (await gateway.get("/models")).json
    assert list(answer["models"]) == list(PROVIDERS)
    assert {"gpt-4o", "smart"} <= set(answer["models"]["openai"])
    assert answer["models"]["local"] == ["mine"]
    assert answer["data"] == (await gateway.get("/v1/models")).json["data"]


async def test_the_models_that_chat_are_listed_in_full(gateway: Gateway) -> None:
    found = await details(gateway, "/v1/chat/models")
    assert "prices" in found["openai/gpt-4o"]
    assert "mine" in found
    assert not {"openai/text-embedding-3-small", "azure-west/dall-e-3"} & found.keys()


async def test_a_reload_changes_what_is_listed(gateway: Gateway) -> None:
    before = (await gateway.get("/v1/models")).json
    async with Gateway({"demo": ("demo", "")}) as other:
        config = other.config
    await gateway.app.reload(config)
    after = (await gateway.get("/v1/models")).json
    assert (
        {model["owned_by"] for model in after["data"]}
        == {"demo"}
        != {model["owned_by"] for model in before["data"]}
    )


# --- providers -----------------------------------------------------------------------------------


async def test_providers_are_reported_without_calling_them(gateway: Gateway) -> None:
    answer = (await gateway.get("/v1/chat/health")).json
    assert answer["status"] == "ok"
    assert answer["providers"][1] == {
        "name": "azure-west",
        "kind": "azure",
        "configured": True,
        "reachable": None,
        "status": "unknown",
        "models": [],
        "credentials": [],
    }


async def test_a_gateway_without_providers_reports_it() -> None:
    async with Gateway() as gateway:
        health = (await gateway.get("/v1/chat/health")).json
        assert (health["status"], health["providers"]) == ("unavailable", [])
        assert set(health["prompt_cache"].values()) == {0, None}
        assert (await gateway.get("/models")).json == {"object": "list", "data": [], "models": {}}


# --- estimates -----------------------------------------------------------------------------------


async def test_a_chat_is_estimated_without_asking_a_provider(gateway: Gateway) -> None:
    reply = await gateway.post("/v1/chat/estimate", {"model": "openai/gpt-4o", **ASKED})
    # 7 × 2.50, and 100 × 10.00 at the most
    assert reply.json == {
        "object": "chat.estimate",
        "model": "openai/gpt-4o",
        "prompt_tokens": 7,
        "estimated": True,
        "uncounted": [],
        "currency": "USD",
        "min_cost": 0.0000175,
        "likely_cost": 0.0010175,
        "max_cost": 0.0010175,
        "providers": [
            {
                "provider": "openai",
                "model": "gpt-4o",
                "max_completion_tokens": 100,
                "price_known": True,
                "min_cost": 0.0000175,
                "likely_cost": 0.0010175,
                "max_cost": 0.0010175,
                "allowed": True,
            }
        ],
        "allowed": True,
        "refusal": None,
    }
    assert b"0.0010175" in reply.body


async def test_several_who_serve_a_name_give_a_range(gateway: Gateway) -> None:
    answer = (await gateway.post("/v1/chat/estimate", {"model": "smart", "n": 2, **ASKED})).json
    assert [row["provider"] for row in answer["providers"]] == ["openai", "azure-west"]
    assert answer["min_cost"] == 0.00000105  # 7 × 0.15 at the cheaper
    assert answer["max_cost"] == 0.0020175  # 7 × 2.50 + 2 × 100 × 10.00 at the dearer


async def test_without_a_limit_that_of_the_model_counts(gateway: Gateway) -> None:
    asked = {"model": "openai/gpt-4o-mini", **HELLO}
    (row,) = (await gateway.post("/v1/chat/estimate", asked)).json["providers"]
    assert row["max_completion_tokens"] == 16_384


@pytest.mark.parametrize("model", ["qwen/qwen3.8-max", "local/unheard-of"])
async def test_what_has_no_price_is_null_and_not_zero(gateway: Gateway, model: str) -> None:
    answer = (await gateway.post("/v1/chat/estimate", {"model": model, **ASKED})).json
    assert (answer["min_cost"], answer["max_cost"], answer["prompt_tokens"]) == (None, None, 7)


async def test_without_any_limit_the_most_is_not_known(gateway: Gateway) -> None:
    answer = (await gateway.post("/v1/chat/estimate", {"model": "mine", **HELLO})).json
    assert answer["min_cost"] > 0
    assert answer["max_cost"] is None


async def test_the_count_reports_what_it_leaves_out(gateway: Gateway) -> None:
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    asked = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": parts}]}
    assert (await gateway.post("/v1/chat/estimate", asked)).json["uncounted"] == ["image"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"model": "nobody-has-this", **ASKED}, 404), ({"model": "openai/gpt-4o"}, 400), ({"model": 7}, 400)],
)
async def test_an_impossible_request_is_refused(gateway: Gateway, asked: Any, status: int) -> None:
    reply = await gateway.post("/v1/chat/estimate", asked)
    assert (reply.status, set(reply.error)) == (status, {"message", "type", "param", "code"})


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/models", "/v1/chat/models", "/v1/chat/health", "/v1/models?details=true"])
async def test_a_gateway_with_keys_reveals_nothing_without_one(path: str) -> None:
    async with Gateway({"demo": ("demo", "")}, more="[auth]\nkeys = ['sk-client-0123456789']") as gateway:
        assert (await gateway.get(path)).status == 401
        assert (await gateway.get(path, {"authorization": "Bearer sk-client-0123456789"})).status == 200
