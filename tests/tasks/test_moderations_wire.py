"""`POST /v1/moderations` over real sockets: what providers that have it receive and return."""

import json
from typing import Any

import openai
import pytest

from running import Gateway
from simulator import Simulator, refusal
from simulator import json as reply_with

RESULT = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.98}}
BODY: dict[str, Any] = {"id": "modr-1152", "model": "omni-moderation-2024", "results": [RESULT], "new": [1]}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


async def moderated(body: dict[str, Any], script: Any, kind: str = "openai") -> tuple[Any, ...]:
    """The reply, what the provider received, and the record."""
    async with Simulator() as provider:
        provider.answer(script)
        async with Gateway({"sim": (kind, f"{provider.url}/v1")}) as gateway:
            reply = await gateway.post("/v1/moderations", body)
            record = await gateway.record()
        return reply, provider.requests, record


@pytest.mark.parametrize("sent", ["text", ["one", "two"], [PICTURE, {"type": "text", "text": "x"}]])
async def test_bytes_pass_with_the_models_name_replaced(sent: Any) -> None:
    body = {"model": "sim/omni-moderation-latest", "input": sent, "odd": 1}
    reply, (seen,), record = await moderated({**body, "models": ["sim/other"]}, reply_with(BODY))
    assert seen.path == "/v1/moderations"
    assert seen.json == {**body, "model": "omni-moderation-latest"}
    assert (reply.status, reply.body) == (200, json.dumps(BODY).encode())
    assert record["ended"] == "complete_without_usage"


async def test_openais_default_model() -> None:
    reply, (seen,), _ = await moderated({"input": "text"}, reply_with(BODY))
    assert reply.status == 200
    assert seen.json == {"input": "text", "model": "omni-moderation-latest"}


async def test_mistrals_tokens_are_recorded() -> None:
    counted = {**BODY, "usage": {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}}
    body = {"model": "mistral-moderation-latest", "input": ["text"]}
    _, _, record = await moderated(body, reply_with(counted), "mistral")
    assert (record["usage"], record["ended"]) == ({"input": 7, "output": 0}, "complete")


@pytest.mark.parametrize("kind", ["anthropic", "gemini", "groq", "cohere"])
async def test_providers_without_moderations_are_named(kind: str) -> None:
    reply, seen, _ = await moderated({"model": "m", "input": "text"}, reply_with(BODY), kind)
    assert (reply.status, reply.error["code"], seen) == (400, "unsupported_feature", [])
    assert "sim" in reply.error["message"]
    assert "moderations" in reply.error["message"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", b'{"results":null}', b'{"error":{"message":"no"}}'])
async def test_an_answer_without_results_is_the_providers_failure(body: bytes) -> None:
    reply, _, _ = await moderated({"input": "text"}, reply_with(body))
    assert reply.status == 502
    assert reply.error["message"]


async def test_a_refusal_keeps_its_status_and_words() -> None:
    reply, _, _ = await moderated({"input": "text"}, refusal(429, "slow down", retry_after="7"))
    assert (reply.status, reply.error["message"]) == (429, "slow down")
    assert reply.headers["retry-after"] == "7"


@pytest.mark.parametrize("body", [{}, {"input": 5}, {"input": []}, {"input": [5]}, {"input": None}])
async def test_a_wrong_input_is_named(body: dict[str, Any]) -> None:
    reply, seen, _ = await moderated(body, reply_with(BODY))
    assert (reply.status, seen) == (400, [])
    assert reply.error["param"].startswith("input")


async def test_the_sdk_reads_the_answer() -> None:
    async with Simulator() as provider:
        provider.answer(reply_with(BODY))
        async with Gateway({"sim": ("openai", provider.url)}) as gateway:
            client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)
            answer = await client.moderations.create(input="text")
            await client.close()
    assert answer.results[0].flagged
