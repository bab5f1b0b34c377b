"""Models in the dialect of who asks, whole or by the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from running import Gateway
from simulator import Simulator, refusal
from simulator import json as answer_json

ANTHROPIC = {"anthropic-version": "2023-06-01"}
NOWHERE = "http://127.0.0.1:9"
GOOGLE = {"x-goog-api-key": "none"}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    more = '[models.smart]\ncandidates = ["openai/gpt-4o"]'
    async with Gateway({"openai": ("openai", NOWHERE), "demo": ("demo", "")}, more=more) as running:
        yield running


@asynccontextmanager
async def google_sdk(gateway: Gateway, version: str) -> AsyncIterator[Any]:
    async with httpx.AsyncClient() as http:
        options = types.HttpOptions(base_url=gateway.url, api_version=version, httpx_async_client=http)
        yield genai.Client(api_key="none", vertexai=False, http_options=options).aio.models


async def names(gateway: Gateway, query: str = "", headers: dict[str, str] | None = None) -> list[str]:
    listed = (await gateway.get(f"/v1/models{query}", headers)).json
    return [one["id"] for one in listed["data"]]


async def test_every_name_that_works_in_a_chat_is_described(gateway: Gateway) -> None:
    for name in ("openai/gpt-4o", "gpt-4o", "smart", "gpt-of-tomorrow", "openai/not-in-any-list"):
        openai = (await gateway.get(f"/v1/models/{name}")).json
        assert (openai["id"], openai["object"]) == (name, "model")
        anthropic = (await gateway.get(f"/v1/models/{name}", ANTHROPIC)).json
        assert (anthropic["id"], anthropic["type"]) == (name, "model")
        google = (await gateway.get(f"/v1/models/{name}", GOOGLE)).json
        assert google["name"] == f"models/{name}"


async def test_a_models_limits_are_those_of_the_catalog(gateway: Gateway) -> None:
    for name in ("openai/gpt-4o", "gpt-4o", "smart"):
        anthropic = (await gateway.get(f"/v1/models/{name}", ANTHROPIC)).json
        assert (anthropic["max_input_tokens"], anthropic["max_tokens"]) == (128_000, 16_384)
        google = (await gateway.get(f"/v1/models/{name}", GOOGLE)).json
        assert (google["inputTokenLimit"], google["outputTokenLimit"]) == (128_000, 16_384)
    unknown = (await gateway.get("/v1/models/gpt-of-tomorrow", ANTHROPIC)).json
    assert (unknown["max_input_tokens"], unknown["max_tokens"]) == (None, None)
    assert "inputTokenLimit" not in (await gateway.get("/v1/models/gpt-of-tomorrow", GOOGLE)).json
    listed = (await gateway.get("/v1/models", ANTHROPIC)).json["data"]
    assert {one["id"]: one["max_input_tokens"] for one in listed}["openai/gpt-4o"] == 128_000


async def test_an_unserved_model_is_not_found_in_the_clients_dialect(gateway: Gateway) -> None:
    openai = await gateway.get("/v1/models/nobody/nothing")
    anthropic = await gateway.get("/v1/models/nobody/nothing", ANTHROPIC)
    google = await gateway.get("/v1/models/nobody/nothing", GOOGLE)
    assert [reply.status for reply in (openai, anthropic, google)] == [404, 404, 404]
    assert openai.error["code"] == "model_not_found"
    assert anthropic.json["type"] == "error"
    assert anthropic.error["type"] == "not_found_error"
    assert google.error["status"] == "NOT_FOUND"


async def test_anthropics_list_comes_by_the_page_forwards_and_backwards(gateway: Gateway) -> None:
    whole = await names(gateway, headers=ANTHROPIC)
    pages: list[str] = []
    query, more = "?limit=7", True
    while more:
        page = (await gateway.get(f"/v1/models{query}", ANTHROPIC)).json
        pages += [one["id"] for one in page["data"]]
        more, query = page["has_more"], f"?limit=7&after_id={page['last_id']}"
    assert pages == whole
    back = (await gateway.get(f"/v1/models?limit=3&before_id={whole[5]}", ANTHROPIC)).json
    assert [one["id"] for one in back["data"]] == whole[2:5]
    assert back["has_more"] is True
    start = (await gateway.get(f"/v1/models?limit=9&before_id={whole[2]}", ANTHROPIC)).json
    assert ([one["id"] for one in start["data"]], start["has_more"]) == (whole[:2], False)


async def test_googles_list_comes_by_the_page(gateway: Gateway) -> None:
    whole = [one["name"] for one in (await gateway.get("/v1beta/models")).json["models"]]
    pages: list[str] = []
    query = "?pageSize=10"
    while query:
        page = (await gateway.get(f"/v1/models{query}", GOOGLE)).json
        pages += [one["name"] for one in page["models"]]
        token = page.get("nextPageToken")
        query = f"?pageSize=10&pageToken={token}" if token else ""
    assert pages == whole


async def test_openais_list_may_be_cut(gateway: Gateway) -> None:
    whole = await names(gateway)
    assert await names(gateway, "?limit=4") == whole[:4]
    assert await names(gateway, f"?limit=4&after={whole[3]}") == whole[4:8]
    assert "has_more" not in (await gateway.get("/v1/models")).json


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"), ("after_id=nobody/x", "after_id")],
)
async def test_a_page_that_cannot_be_is_refused(gateway: Gateway, query: str, param: str) -> None:
    reply = await gateway.get(f"/v1/models?{query}", ANTHROPIC)
    assert reply.status == 400
    assert param in reply.error["message"]


# --- Google's SDK at its default version, and names with slashes -----------------------------


async def test_googles_sdk_lists_models_at_its_default_version(gateway: Gateway) -> None:
    async with google_sdk(gateway, "v1") as sdk:
        listed = [one.name async for one in await sdk.list(config={"page_size": 50})]
        assert "models/openai/gpt-4o" in listed
        described = await sdk.get(model="models/openai/gpt-4o")
        assert described.name == "models/openai/gpt-4o"


VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": at, "embedding": [0.5, at]} for at in range(2)],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_googles_sdk_embeds(version: str) -> None:
    async with Simulator() as provider, Gateway({"sim": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(answer_json(VECTORS))
        config = types.EmbedContentConfig(output_dimensionality=2)
        async with google_sdk(gateway, version) as sdk:
            answer = await sdk.embed_content(model="sim/m", contents=["a", "b"], config=config)
        assert [one.values for one in answer.embeddings or ()] == [[0.5, 0.0], [0.5, 1.0]]
        sent = provider.requests[0].json
        assert (sent["input"], sent["dimensions"], sent["model"]) == (["a", "b"], 2, "m")


ONE = {"content": {"parts": [{"text": "a"}]}}


async def test_one_content_is_embedded() -> None:
    vectors = {**VECTORS, "data": VECTORS["data"][:1]}  # type: ignore[index]
    async with Simulator() as provider, Gateway({"sim": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(answer_json(vectors))
        reply = await gateway.post("/v1beta/models/sim/m:embedContent", ONE)
        assert reply.json == {"embedding": {"values": [0.5, 0]}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"requests": []}, "at least one"),
        ({"requests": [{"content": {"parts": [{"inlineData": {}}]}}]}, "only texts"),
        ({"requests": [ONE, {**ONE, "outputDimensionality": 3}]}, "the same taskType"),
        ({}, "requests"),
    ],
)
async def test_what_cannot_be_embedded_is_refused_in_googles_shape(body: Any, said: str) -> None:
    async with Gateway({"sim": ("openai", NOWHERE)}) as gateway:
        reply = await gateway.post("/v1beta/models/sim/m:batchEmbedContents", body)
        assert (reply.status, reply.error["status"]) == (400, "INVALID_ARGUMENT")
        assert said in reply.error["message"]


async def test_a_name_with_a_slash_may_stand_without_models() -> None:
    path = "/v1beta/sim/m:generateContent"
    async with Simulator() as provider, Gateway({"sim": ("gemini", provider.url)}) as gateway:
        provider.answer(refusal(400))
        await gateway.post(path, {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]})
        assert provider.requests[0].path == "/v1beta/models/m:generateContent"
