"""Gateway D, LLM Gate ("Heimdall"): its documented calls, with its variables only.

Not here: the figures of its list of providers that are out of date. Context windows and prices are the
catalog's; docs/llm-gate.md says where they differ.
"""

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import Gateway, Reply, parse_environment
from sdk.dialects import OPENAI, TEXT
from simulator import Script, Seen, Simulator
from simulator import json as answer
from tidegate.config import ConfigError

CORRELATION = "4c0d6e0e-3b1f-4b57-9e7b-4f4b1e6a2a11"
HEADERS = {"X-Correlation-Id": CORRELATION, "X-User-Id": "u-1", "client_id": "c-1"}
CHAT: dict[str, Any] = {
    "provider": {"name": "azure_openai", "model": {"name": "gpt-35-turbo"}},
    "prompt": {
        "parameter": {"temperature": 0.7, "maxTokens": 50},
        "messages": [{"role": "user", "content": "Hello!"}],
    },
}
IMAGES: dict[str, Any] = {
    "provider": {"name": "azure_openai", "model": {"name": "dall-e-2"}},
    "prompt": {"message": "A harbour", "parameter": {"n": 1, "size": "1024x1024"}},
}
EMBEDDINGS: dict[str, Any] = {
    "provider": {"name": "azure_openai", "model": {"name": "text-embedding-ada-002"}},
    "prompt": {"message": "High water"},
}
PATHS = [
    ("/llm-gate/v1/chat", CHAT),
    ("/llm-gate/v1/images/generations", IMAGES),
    ("/llm-gate/v1/embeddings", EMBEDDINGS),
]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def environment(provider: Simulator, **more: str) -> dict[str, str]:
    return {
        "HEIMDALL_API_TITLE": "LLM Gate",
        "HEIMDALL_API_DESCRIPTION": "Heimdall",
        "HEIMDALL_API_PATH": "/llm-gate",
        "HEIMDALL_SERVER_HOST": "0.0.0.0",
        "HEIMDALL_SERVER_PORT": "8080",
        "AZURE_OPENAI_WEST_US_API_KEY": "west-0123456789",
        "AZURE_OPENAI_WEST_US_ENDPOINT": f"{provider.url}/west",
        "AZURE_OPENAI_EAST_US_API_KEY": "east-0123456789",
        "AZURE_OPENAI_EAST_US_ENDPOINT": f"{provider.url}/east",
        "HTTPX_CLIENT_VERIFY": "false",
        "LOG_LEVEL": "INFO",
        **more,
    }


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with Gateway(environ=environment(provider)) as running:
        yield running


async def post(gateway: Gateway, path: str, body: Any, **headers: str) -> Reply:
    return await gateway.post(path, body, {**HEADERS, **headers})


async def test_a_chat(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    reply = await post(gateway, "/llm-gate/v1/chat", CHAT)
    assert reply.status == 200
    assert reply.json == {
        "usage": {"completionTokens": 7, "promptTokens": 11, "totalTokens": 18},
        "messages": [{"role": "assistant", "content": TEXT}],
    }
    [seen] = provider.requests
    assert seen.path.startswith("/west/openai/deployments/gpt-35-turbo/chat/completions?api-version=")
    assert seen.headers["api-key"] == "west-0123456789"
    assert seen.json["temperature"] == 0.7
    assert 50 in (seen.json.get("max_tokens"), seen.json.get("max_completion_tokens"))
    assert seen.json["messages"] == CHAT["prompt"]["messages"]
    assert "prompt" not in seen.json


async def test_the_regions_are_tried_in_their_order(gateway: Gateway, provider: Simulator) -> None:
    def by_region(seen: Seen) -> Script:
        return OPENAI.text if seen.path.startswith("/east/") else OPENAI.error(500)

    provider.answer(by_region)
    reply = await post(gateway, "/llm-gate/v1/chat", CHAT)
    assert reply.status == 200
    assert reply.headers["x-tidegate-provider"] == "azure-east-us"
    assert provider.requests[0].path.startswith("/west/")


async def test_images(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(answer({"created": 1, "data": [{"url": "https://images.example/1.png"}]}))
    reply = await post(gateway, "/llm-gate/v1/images/generations", IMAGES)
    assert reply.json == {"data": [{"url": "https://images.example/1.png"}]}
    [seen] = provider.requests
    assert "/openai/deployments/dall-e-2/images/generations" in seen.path
    assert (seen.json["prompt"], seen.json["n"], seen.json["size"]) == ("A harbour", 1, "1024x1024")


async def test_embeddings(gateway: Gateway, provider: Simulator) -> None:
    vector = {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    provider.answer(answer({"object": "list", "data": [vector], "model": "ada", "usage": usage}))
    reply = await post(gateway, "/llm-gate/v1/embeddings", EMBEDDINGS)
    assert reply.json["data"] == [{"index": 0, "embedding": [0.5, -0.25]}]
    assert reply.json["usage"] == {"promptTokens": 2, "totalTokens": 2}
    assert provider.requests[0].json["input"] == "High water"


async def test_the_correlation_id_runs_through(gateway: Gateway, provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    reply = await post(gateway, "/llm-gate/v1/chat", CHAT)
    assert reply.headers["x-correlation-id"] == CORRELATION
    record = await gateway.record()
    assert (record["correlation"], record["door"], record["usage"]["input"]) == (CORRELATION, "llm_gate", 11)


@pytest.mark.parametrize("missing", HEADERS)
@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_a_missing_header_is_named(
    gateway: Gateway, provider: Simulator, missing: str, path: str, body: Any
) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    reply = await gateway.post(path, body, headers)
    assert reply.status == 422
    [fault] = reply.json["detail"]
    assert fault["loc"] == ["header", missing]
    assert provider.requests == []


async def test_a_correlation_id_is_a_uuid(gateway: Gateway) -> None:
    reply = await post(gateway, "/llm-gate/v1/chat", CHAT, **{"X-Correlation-Id": "no uuid"})
    assert reply.status == 422
    assert reply.json["detail"][0]["loc"] == ["header", "X-Correlation-Id"]
    assert "x-correlation-id" not in reply.headers


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"prompt": CHAT["prompt"]}, ["body", "provider"]),
        ({**CHAT, "provider": {"name": "azure_openai"}}, ["body", "provider", "model"]),
        ({**CHAT, "prompt": {"parameter": {}}}, ["body", "prompt", "messages"]),
        (
            {**CHAT, "prompt": {"messages": [{"role": "robot", "content": "x"}]}},
            ["body", "prompt", "messages", 0],
        ),
        (
            {**CHAT, "prompt": {**CHAT["prompt"], "parameter": {"maxTokens": -1}}},
            ["body", "prompt", "parameter", "maxTokens"],
        ),
        (
            {**CHAT, "prompt": {**CHAT["prompt"], "parameter": {"stream": True}}},
            ["body", "prompt", "parameter", "stream"],
        ),
        ({**CHAT, "provider": {"name": "nobody", "model": {"name": "m"}}}, ["body", "provider"]),
    ],
)
async def test_a_wrong_body_is_reported_by_place(
    gateway: Gateway, provider: Simulator, body: Any, place: list[Any]
) -> None:
    reply = await post(gateway, "/llm-gate/v1/chat", body)
    assert reply.status == 422
    [fault] = reply.json["detail"]
    assert fault["loc"][: len(place)] == place
    assert fault["msg"]
    assert provider.requests == []


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_an_invalid_answer_is_reported(
    gateway: Gateway, provider: Simulator, path: str, body: Any
) -> None:
    provider.answer(answer({"choices": 7, "data": 7}))
    reply = await post(gateway, path, body)
    assert reply.status == 502
    assert reply.json["detail"]


@pytest.mark.parametrize("status", [401, 404, 429])
async def test_a_providers_error_has_its_status_and_words(
    gateway: Gateway, provider: Simulator, status: int
) -> None:
    provider.answer(OPENAI.error(status))
    reply = await post(gateway, "/llm-gate/v1/chat", CHAT)
    assert reply.status == status
    assert reply.json["detail"].endswith(f"simulated {status}")
    assert ("this gateway's own key" in reply.json["detail"]) == (status in (401, 403))


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/llm-gate/x", 404), ("GET", "/llm-gate/v1/chat", 405)]
)
async def test_a_wrong_path_is_reported_in_the_same_shape(
    gateway: Gateway, method: str, path: str, status: int
) -> None:
    reply = await gateway.get(path, HEADERS, method=method)
    assert reply.status == status
    assert reply.json.keys() == {"detail"}


# --- the list of providers -------------------------------------------------------------------------


async def listed(gateway: Gateway) -> Any:
    reply = await gateway.get("/llm-gate/v1/providers", HEADERS)
    assert reply.status == 200
    return reply.json["data"]


async def test_the_providers_have_the_documented_form(gateway: Gateway) -> None:
    [provider] = await listed(gateway)
    assert provider.keys() == {"id", "name", "label", "description", "model"}
    assert provider["name"] == "azure_openai"
    for model in provider["model"]:
        optional = {"price", "contextWindow", "tranningData"}
        assert model.keys() - optional == {"id", "name", "label", "description", "enabled"}
        assert None not in model.values()
        for price in model.get("price", []):
            assert (price["currency"], price["unitOfMeasure"]) == ("USD", 1_000_000)
            assert {"token", "pixel"} & price.keys()


async def test_the_figures_that_are_still_true(gateway: Gateway) -> None:
    [provider] = await listed(gateway)
    models = {model["name"]: model for model in provider["model"]}
    windows = {name: models[name]["contextWindow"] for name in ("gpt-35-turbo", "gpt-4", "gpt-4o")}
    assert windows == {"gpt-35-turbo": 16385, "gpt-4": 8192, "gpt-4o": 128000}
    [gpt_4] = models["gpt-4"]["price"]
    assert (gpt_4["unitOfMeasure"], gpt_4["token"]) == (1_000_000, {"inputValue": 30, "outputValue": 60})
    pixels = [price["pixel"] for price in models["dall-e-2"]["price"]]
    assert [(pixel["width"], pixel["height"], pixel["value"]) for pixel in pixels] == [
        (1024, 1024, 0.02),
        (512, 512, 0.018),
        (256, 256, 0.016),
    ]
    large = [price["pixel"] for price in models["dall-e-3"]["price"]]
    assert {"width": 1792, "height": 1024, "quality": "HD", "value": 0.12} in large
    assert {"width": 1024, "height": 1024, "quality": "Standard", "value": 0.04} in large


async def test_a_cutoff_is_written_as_in_the_original(gateway: Gateway) -> None:
    [provider] = await listed(gateway)
    models = {model["name"]: model.get("tranningData") for model in provider["model"]}
    assert models["gpt-4o"] == "Oct 2023"
    assert models["dall-e-3"] is None
    assert all(
        value is None or re.fullmatch(r"[A-Z][a-z]{2} \d{4}|\d{4}", value) for value in models.values()
    )


async def test_ids_stay_the_same(provider: Simulator) -> None:
    seen = []
    for _ in range(2):
        async with Gateway(environ=environment(provider)) as gateway:
            [one] = await listed(gateway)
            seen.append([one["id"], *(model["id"] for model in one["model"])])
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == len(seen[0])
    assert all(uuid.UUID(one) for one in seen[0])


async def test_the_list_requires_the_headers_too(gateway: Gateway) -> None:
    reply = await gateway.get("/llm-gate/v1/providers")
    assert reply.status == 422


# --- the rest --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/llm-gate/health", "/llm-gate/v1/health"])
async def test_its_health_is_reported(gateway: Gateway, path: str) -> None:
    assert (await gateway.get(path)).json["status"] == "ok"


async def test_swagger_is_below_the_prefix(gateway: Gateway) -> None:
    page = await gateway.get("/llm-gate/docs")
    assert page.status == 200
    assert b"LLM Gate" in page.body
    description = (await gateway.get("/llm-gate/openapi.json")).json
    assert all(path.startswith("/llm-gate/") for path in description["paths"])
    for path, operations in description["paths"].items():
        for operation in operations.values():
            if "requestBody" in operation:
                assert path in dict(PATHS)


async def test_the_prefix_can_be_another(provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    async with Gateway(environ=environment(provider, HEIMDALL_API_PATH="heimdall/")) as gateway:
        assert (await post(gateway, "/heimdall/v1/chat", CHAT)).status == 200
        assert (await gateway.get("/heimdall/docs")).status == 200
        assert (await post(gateway, "/llm-gate/v1/chat", CHAT)).status == 404


async def test_the_prefix_and_the_title_can_change_while_running(
    gateway: Gateway, provider: Simulator
) -> None:
    provider.answer(OPENAI.text)
    assert (await gateway.get("/llm-gate/docs")).status == 200
    renamed = {"HEIMDALL_API_PATH": "/gate", "HEIMDALL_API_TITLE": "The Gate"}
    await gateway.app.reload(parse_environment({**environment(provider), **renamed}))
    assert (await post(gateway, "/gate/v1/chat", CHAT)).status == 200
    assert (await post(gateway, "/llm-gate/v1/chat", CHAT)).status == 404
    assert b"The Gate" in (await gateway.get("/gate/docs")).body


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/gate", "a b", "/docs"])
def test_a_prefix_that_is_taken_or_none_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="llm_gate"):
        parse_environment({"HEIMDALL_API_PATH": path})
