"""Embeddings through the gateway: what providers are asked, and what clients get back."""

import base64
import struct
from collections.abc import AsyncIterator, Iterable
from typing import Any

import openai
import pytest

from recordings import Recording, needs_recordings, recordings
from running import Gateway, Reply
from simulator import Simulator, json

FLOATS = [0.5, -1.25, 3.0]
PACKED = base64.b64encode(struct.pack("<3f", *FLOATS)).decode()


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def vectors(*embeddings: Any, **more: Any) -> Any:
    """An answer in OpenAI's dialect."""
    data = [{"object": "embedding", "index": i, "embedding": one} for i, one in enumerate(embeddings)]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    return {"object": "list", "data": data, "model": "m", "usage": usage, **more}


GEMINI = {"embeddings": [{"values": FLOATS}], "usageMetadata": {"promptTokenCount": 4}}
COHERE = {
    "id": "e-1",
    "embeddings": {"float": [FLOATS]},
    "meta": {"billed_units": {"input_tokens": 4}},
    "response_type": "embeddings_by_type",
}
PREDICTED = {"predictions": [{"embeddings": {"values": FLOATS, "statistics": {"token_count": 4}}}]}

MORE = {"bedrock": 'region = "us-east-1"', "vertex": 'project = "p"\nlocation = "us-central1"'}


async def embed(server: Simulator, kind: str, answer: Any, named: str = "m", /, **fields: Any) -> Reply:
    """One request to a provider of this kind, which gives this answer."""
    server.answer(json(answer))
    more = f'[providers.sim]\nkind = "{kind}"\nbase_url = "{server.url}"\napi_key = "k"\n'
    async with Gateway(more=more + MORE.get(kind, "")) as gateway:
        return await gateway.post("/v1/embeddings", {"model": f"sim/{named}", "input": "Hello", **fields})


def embedding(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    return reply.json["data"][0]["embedding"]


# --- the same dialect on both sides ------------------------------------------------------------


async def test_bytes_pass_both_ways_with_the_model_replaced(provider: Simulator) -> None:
    provider.answer(
        json(
            b'{"object":"list", "data":[{"object":"embedding","index":0,"embedding":[1.50]}],'
            b'"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}, "x":1}'
        )
    )
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        reply = await gateway.post("/v1/embeddings", b'{"model":"sim/m","input":["a",  "b"],"odd":{"x":1.0}}')
        record = await gateway.record()
    assert reply.body.endswith(b'"x":1}')
    assert provider.requests[0].path == "/embeddings"
    assert provider.requests[0].body == b'{"model":"m","input":["a",  "b"],"odd":{"x":1.0}}'
    assert record["usage"] == {"input": 1, "output": 0}
    assert record["path"] == "/v1/embeddings"


async def test_tokens_reach_a_provider_that_takes_them(provider: Simulator) -> None:
    await embed(provider, "openai", vectors(FLOATS), input=[[1, 2], [3]])
    assert provider.requests[0].json["input"] == [[1, 2], [3]]


async def test_a_length_goes_by_the_name_that_the_provider_knows(provider: Simulator) -> None:
    await embed(provider, "mistral", vectors(FLOATS), dimensions=64, user="u-1")
    assert provider.requests[0].json == {"model": "m", "input": "Hello", "output_dimension": 64}


async def test_what_the_provider_does_not_support_is_named(provider: Simulator) -> None:
    reply = await embed(provider, "mistral", vectors(FLOATS), user="u-1", input_type="search_query")
    assert reply.headers["x-tidegate-dropped"] == "user,input_type"


async def test_a_provider_in_the_path_is_called(provider: Simulator) -> None:
    await embed(provider, "azure", vectors(FLOATS))
    assert provider.requests[0].path == "/openai/deployments/m/embeddings?api-version=2025-04-01-preview"


async def test_base64_is_made_here_where_the_provider_knows_only_numbers(provider: Simulator) -> None:
    reply = await embed(provider, "qwen", vectors(FLOATS), encoding_format="base64")
    assert embedding(reply) == PACKED
    assert "encoding_format" not in provider.requests[0].json


async def test_base64_is_unpacked_where_numbers_were_requested(provider: Simulator) -> None:
    assert embedding(await embed(provider, "openai", vectors(PACKED))) == FLOATS


async def test_base64_passes_where_it_was_requested(provider: Simulator) -> None:
    reply = await embed(provider, "openai", vectors(PACKED), encoding_format="base64")
    assert embedding(reply) == PACKED
    assert provider.requests[0].json["encoding_format"] == "base64"


async def test_an_encoding_that_only_the_provider_knows_passes_both_ways(provider: Simulator) -> None:
    reply = await embed(provider, "perplexity", vectors("/wAB"), encoding_format="base64_int8")
    assert embedding(reply) == "/wAB"
    assert provider.requests[0].json["encoding_format"] == "base64_int8"


async def test_vectors_of_bytes_become_numbers(provider: Simulator) -> None:
    reply = await embed(provider, "perplexity", vectors("/wAB"), encoding_format="float")
    assert embedding(reply) == [-1, 0, 1]
    assert provider.requests[0].path == "/v1/embeddings"
    assert "encoding_format" not in provider.requests[0].json


async def test_vectors_of_bytes_become_base64_of_floats(provider: Simulator) -> None:
    reply = await embed(provider, "perplexity", vectors("/wAB"), encoding_format="base64")
    assert struct.unpack("<3f", base64.b64decode(embedding(reply))) == (-1.0, 0.0, 1.0)


async def test_an_answer_out_of_shape_is_mended(provider: Simulator) -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    reply = await embed(provider, "openai", {"data": data, "extra": True})
    assert reply.json == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0]},
            {"object": "embedding", "index": 1, "embedding": [2.0]},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
        "extra": True,
    }


async def test_an_own_field_of_a_provider_that_knows_it_passes(provider: Simulator) -> None:
    await embed(provider, "openrouter", vectors(FLOATS), provider={"order": ["sim"]}, models=["sim/n"])
    assert provider.requests[0].json["provider"] == {"order": ["sim"]}
    # Tidegate itself tries the fallbacks, by its own names.
    assert "models" not in provider.requests[0].json


async def test_gateway_fields_stay_here(provider: Simulator) -> None:
    await embed(provider, "openai", vectors(FLOATS), model="m", provider="sim", models=["sim/n"])
    assert provider.requests[0].json == {"model": "m", "input": "Hello"}


async def test_the_cheapest_model_embeds_and_a_price_can_be_limited(provider: Simulator) -> None:
    provider.answer(json(vectors(FLOATS)))
    more = f'[providers.sim]\nkind = "openai"\nbase_url = "{provider.url}"\napi_key = "k"\n'
    more += '[models.e]\ncandidates = ["sim/text-embedding-3-large", "sim/text-embedding-3-small"]\n'
    async with Gateway(more=more, routing='order = "cost"') as gateway:
        # Longer in all than the context of each model: that is for each of the texts.
        texts = ["a word " * 1000] * 50
        reply = await gateway.post("/v1/embeddings", {"model": "e", "input": texts})
        assert reply.headers["x-tidegate-model"] == "text-embedding-3-small"
        limited = {
            "model": "sim/text-embedding-3-large",
            "input": "a",
            "provider": {"max_price": {"prompt": 0.1}},
        }
        reply = await gateway.post("/v1/embeddings", limited)
        assert (reply.status, reply.error["param"]) == (400, "provider")
        routing = (await gateway.record())["routing"]
    costs = [one["cost_usd"] for one in routing["candidates"]]
    assert costs == sorted(costs)
    assert costs[0] == pytest.approx(50 * 7000 / 4 * 0.02e-6, rel=0.01)


# --- other formats -----------------------------------------------------------------------------


async def test_gemini_receives_a_batch(provider: Simulator) -> None:
    answer = {**GEMINI, "embeddings": [{"values": FLOATS}, {"values": [1.0]}]}
    reply = await embed(
        provider, "gemini", answer, input=["a", "b"], dimensions=3, input_type="query", user="u", odd=1
    )
    one = {"model": "models/m", "outputDimensionality": 3, "taskType": "RETRIEVAL_QUERY"}
    assert provider.requests[0].path == "/v1beta/models/m:batchEmbedContents"
    assert provider.requests[0].json == {
        "requests": [
            {**one, "content": {"parts": [{"text": "a"}]}},
            {**one, "content": {"parts": [{"text": "b"}]}},
        ]
    }
    assert reply.json == vectors(FLOATS, [1.0])
    assert reply.headers["x-tidegate-dropped"] == "user,odd"


async def test_vertex_predicts(provider: Simulator) -> None:
    reply = await embed(provider, "vertex", PREDICTED, "text-embedding-005", input_type="clustering")
    place = "/v1beta1/projects/p/locations/us-central1/publishers/google/models"
    assert provider.requests[0].path == f"{place}/text-embedding-005:predict"
    assert provider.requests[0].json == {
        "instances": [{"content": "Hello", "task_type": "CLUSTERING"}],
        "parameters": {},
    }
    assert reply.json == {**vectors(FLOATS), "model": "text-embedding-005"}


async def test_vertex_embeds_one_content_with_its_newest_model(provider: Simulator) -> None:
    answer = {"embedding": {"values": FLOATS}, "usageMetadata": {"promptTokenCount": 4}}
    reply = await embed(provider, "vertex", answer, "gemini-embedding-2", dimensions=3)
    assert provider.requests[0].path.endswith("/gemini-embedding-2:embedContent")
    assert provider.requests[0].json == {
        "content": {"parts": [{"text": "Hello"}]},
        "outputDimensionality": 3,
    }
    assert embedding(reply) == FLOATS


async def test_cohere_receives_the_purpose_of_the_vectors(provider: Simulator) -> None:
    reply = await embed(provider, "cohere", COHERE, dimensions=3)
    assert provider.requests[0].path == "/v2/embed"
    assert provider.requests[0].json == {
        "model": "m",
        "texts": ["Hello"],
        "input_type": "search_document",
        "embedding_types": ["float"],
        "output_dimension": 3,
    }
    assert reply.json == vectors(FLOATS)


async def test_the_client_sets_the_purpose_of_the_vectors(provider: Simulator) -> None:
    await embed(provider, "cohere", COHERE, input_type="classification")
    assert provider.requests[0].json["input_type"] == "classification"


async def test_titan_embeds_one_text(provider: Simulator) -> None:
    answer = {"embedding": FLOATS, "inputTextTokenCount": 4}
    reply = await embed(provider, "bedrock", answer, "amazon.titan-embed-text-v2:0", dimensions=256, user="u")
    assert provider.requests[0].path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    assert provider.requests[0].json == {"inputText": "Hello", "dimensions": 256}
    assert reply.json == {**vectors(FLOATS), "model": "amazon.titan-embed-text-v2:0"}
    assert reply.headers["x-tidegate-dropped"] == "user"


async def test_coheres_models_at_bedrock_are_called_in_coheres_words(provider: Simulator) -> None:
    answer = {"id": "e-1", "embeddings": {"float": [FLOATS]}, "response_type": "embeddings_by_type"}
    reply = await embed(provider, "bedrock", answer, "us.cohere.embed-v4:0", input_type="query")
    assert provider.requests[0].json == {
        "texts": ["Hello"],
        "input_type": "search_query",
        "embedding_types": ["float"],
    }
    assert embedding(reply) == FLOATS


@pytest.mark.parametrize(("kind", "answer"), [("gemini", GEMINI), ("cohere", COHERE), ("vertex", PREDICTED)])
async def test_base64_is_made_here_for_other_formats(provider: Simulator, kind: str, answer: Any) -> None:
    reply = await embed(provider, kind, answer, encoding_format="base64")
    assert embedding(reply) == PACKED


# --- what is refused ---------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no input": ({"input": None}, "input"),
    "an empty list": ({"input": []}, "input"),
    "an empty text": ({"input": ""}, "input"),
    "an empty text in a list": ({"input": ["a", ""]}, "input.1"),
    "an empty list of tokens": ({"input": [[1], []]}, "input.1"),
    "texts and tokens": ({"input": ["a", 1]}, "input"),
    "numbers that are no tokens": ({"input": [1.5]}, "input.0"),
    "an object": ({"input": {"text": "a"}}, "input"),
    "no length": ({"dimensions": 0}, "dimensions"),
    "a length in words": ({"dimensions": "many"}, "dimensions"),
    "an encoding that is a number": ({"encoding_format": 1}, "encoding_format"),
    "a user that is none": ({"user": 7}, "user"),
    "no model": ({"model": 3}, "model"),
}


@pytest.mark.parametrize(("fields", "param"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_reported_by_parameter(fields: dict[str, Any], param: str) -> None:
    async with Gateway({"sim": ("openai", "http://127.0.0.1:9")}) as gateway:
        reply = await gateway.post("/v1/embeddings", {"model": "sim/m", "input": "Hello", **fields})
    assert reply.status == 400
    assert reply.error["param"] == param
    assert reply.error["type"] == "invalid_request_error"


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "tokens at Gemini": ("gemini", "m", {"input": [1, 2]}, "input"),
    "tokens at Cohere": ("cohere", "m", {"input": [1, 2]}, "input"),
    "tokens at Mistral": ("mistral", "m", {"input": [[1]]}, "input"),
    "a length at Together": ("together", "m", {"dimensions": 8}, "dimensions"),
    "two texts at once": ("vertex", "gemini-embedding-2", {"input": ["a", "b"]}, "input"),
    "two texts at Titan": ("bedrock", "amazon.titan-embed-text-v1", {"input": ["a", "b"]}, "input"),
    "a maker that nobody knows": ("bedrock", "meta.llama", {}, "model"),
    "a provider without embeddings": ("anthropic", "m", {}, "model"),
}


@pytest.mark.parametrize(("kind", "model", "fields", "param"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_the_provider_cannot_do_is_refused_by_name(
    provider: Simulator, kind: str, model: str, fields: dict[str, Any], param: str
) -> None:
    reply = await embed(provider, kind, {}, model, **fields)
    assert reply.status == 400
    assert (reply.error["code"], reply.error["param"]) == ("unsupported_feature", param)
    assert provider.requests == []


@pytest.mark.parametrize("kind", ["openai", "gemini", "cohere"])
@pytest.mark.parametrize("answer", [b"no json", b"{}", b"[]", b'{"data":5,"embeddings":5}'])
async def test_an_invalid_answer_is_reported(provider: Simulator, kind: str, answer: bytes) -> None:
    reply = await embed(provider, kind, answer)
    assert reply.status == 502
    assert reply.error["code"] == "provider_broke"


async def test_an_error_inside_an_answer_is_reported(provider: Simulator) -> None:
    reply = await embed(provider, "openrouter", {"error": {"code": 429, "message": "too many"}})
    assert (reply.status, reply.error["message"]) == (429, "too many")


async def test_a_fallback_answers_where_the_first_has_no_embeddings(provider: Simulator) -> None:
    provider.answer(json(vectors(FLOATS)))
    async with Gateway({"no": ("anthropic", provider.url), "yes": ("openai", provider.url)}) as gateway:
        fields = {"model": "no/m", "models": ["yes/m"], "input": "Hello"}
        reply = await gateway.post("/v1/embeddings", fields)
    assert embedding(reply) == FLOATS
    assert reply.headers["x-tidegate-provider"] == "yes"


# --- the official SDK --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("openai", vectors(PACKED)), ("together", vectors(FLOATS)), ("gemini", GEMINI), ("cohere", COHERE)],
)
async def test_the_official_sdk_reads_the_vectors(provider: Simulator, kind: str, answer: Any) -> None:
    """It asks for base64 by itself, and unpacks it."""
    provider.answer(json(answer))
    async with (
        Gateway({"sim": (kind, provider.url)}) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as sdk,
    ):
        got = await sdk.embeddings.create(model="sim/m", input=["Hello"])
    assert got.data[0].embedding == FLOATS
    assert got.usage.prompt_tokens == 4


# --- the recordings ----------------------------------------------------------------------------


def embedded(*providers: str) -> Iterable[Recording]:
    return [one for name in providers for one in recordings(name, "embeddings", status=200)]


OPENAI_KINDS = ("openai", "azure", "mistral", "openrouter", "vllm", "perplexity")


@needs_recordings
@pytest.mark.parametrize("recording", embedded(*OPENAI_KINDS), ids=repr)
async def test_a_recorded_request_and_answer_pass(provider: Simulator, recording: Recording) -> None:
    kind = recording.provider
    provider.answer(json(recording.body))
    asked = recording.request_body
    async with Gateway({"sim": (kind, provider.url)}) as gateway:
        reply = await gateway.post("/v1/embeddings", {**asked, "model": f"sim/{recording.model}"})
    assert reply.status == 200
    sent = provider.requests[0].json
    assert {**sent, "model": ""} == {**asked, "model": ""}
    result = recording.response["body"]
    assert [len(one["embedding"]) > 0 for one in reply.json["data"]] == [True] * len(result["data"])
    assert reply.json["usage"]["prompt_tokens"] == result["usage"]["prompt_tokens"]


@needs_recordings
@pytest.mark.parametrize("recording", embedded("gemini"), ids=repr)
async def test_a_recorded_gemini_request_is_what_we_would_send(
    provider: Simulator, recording: Recording
) -> None:
    wanted = recording.request_body["requests"]
    if any("text" not in part for one in wanted for part in one["content"]["parts"]):
        pytest.skip("it embeds an image")
    provider.answer(json(recording.body))
    fields: dict[str, Any] = {
        "input": [one["content"]["parts"][0]["text"] for one in wanted],
        "dimensions": wanted[0].get("outputDimensionality"),
        "input_type": wanted[0].get("taskType"),
    }
    async with Gateway({"sim": ("gemini", provider.url)}) as gateway:
        reply = await gateway.post("/v1/embeddings", {"model": f"sim/{recording.model}", **fields})
    assert provider.requests[0].json == {"requests": wanted}
    result = recording.response["body"]["embeddings"]
    assert [one["embedding"] for one in reply.json["data"]] == [one["values"] for one in result]


@needs_recordings
@pytest.mark.parametrize("recording", embedded("bedrock"), ids=repr)
async def test_a_recorded_answer_of_bedrock_is_read(provider: Simulator, recording: Recording) -> None:
    asked, result = recording.request_body, recording.response["body"]
    if "data" in result:
        pytest.skip("it is recorded in another form than AWS sends")
    texts = asked.get("texts") or [asked["inputText"]]
    reply = await embed(provider, "bedrock", result, recording.model, input=texts)
    sent = provider.requests[0].json
    assert (sent.get("texts") or [sent["inputText"]]) == texts
    wanted = result["embeddings"]["float"] if "embeddings" in result else [result["embedding"]]
    assert [one["embedding"] for one in reply.json["data"]] == wanted


def errors(*providers: str) -> list[Recording]:
    found = [one for name in providers for one in recordings(name, "error")]
    return [one for one in found if "mbed" in one.path and one.status >= 400]


@needs_recordings
@pytest.mark.parametrize("recording", errors("openai", "azure", "gemini", "cohere", "mistral"), ids=repr)
async def test_a_recorded_error_keeps_its_status_and_words(provider: Simulator, recording: Recording) -> None:
    provider.answer(json(recording.body, recording.status))
    more = f'[providers.sim]\nkind = "{recording.provider}"\nbase_url = "{provider.url}"\napi_key = "k"\n'
    async with Gateway(more=more) as gateway:
        reply = await gateway.post("/v1/embeddings", {"model": f"sim/{recording.model}", "input": "Hello"})
    assert reply.status == recording.status
    result = recording.response["body"]
    words = result.get("message") or result["error"]["message"]
    assert reply.error["message"].endswith(words)  # before a refused key stands whose key it is
