"""The official google-genai SDK as the client, with each wire format behind the gateway."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from running import Gateway, Reply
from sdk.dialects import ARGUMENTS, DIALECTS, GEMINI, PNG, SCHEMA_ANSWER, TEXT, TOOL, Dialect
from simulator import Simulator
from simulator import json as answer_json

GAUGE = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name=TOOL,
            description="Read a tide gauge.",
            parameters_json_schema={
                "type": "object",
                "properties": {
                    "station": {"type": "string"},
                    "hours": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["station"],
            },
        )
    ]
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)
QUESTION = "How high is the tide?"


class Tide(BaseModel):
    place: str
    metres: float


@pytest.fixture(params=DIALECTS, ids=repr)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator, dialect: Dialect) -> AsyncIterator[Gateway]:
    base = f"{provider.url}/v1" if dialect.kind == "openai" else provider.url
    async with Gateway({"sim": (dialect.kind, base)}) as running:
        yield running


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Any]:
    async with httpx.AsyncClient() as http:
        options = types.HttpOptions(base_url=gateway.url, httpx_async_client=http)
        yield genai.Client(api_key="none", vertexai=False, http_options=options).aio.models


async def test_a_text(client: Any, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    received = types.GenerateContentConfig(system_instruction="You read gauges.", temperature=0.5)
    answer = await client.generate_content(model="sim/m", contents=QUESTION, config=received)
    assert answer.text == TEXT
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (11, 7, 18)
    assert "You read gauges." in provider.requests[0].body.decode()


async def test_a_stream(client: Any, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(replace(dialect.stream, gap_s=0.02))
    pieces = [one async for one in await client.generate_content_stream(model="sim/m", contents=QUESTION)]
    said = [piece.text for piece in pieces if piece.text]
    assert "".join(said) == TEXT
    assert len(said) > 1
    assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert pieces[-1].usage_metadata.total_token_count == 18


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_with_its_result(
    client: Any, provider: Simulator, dialect: Dialect, stream: bool
) -> None:
    provider.answer(dialect.call_stream if stream else dialect.call, dialect.text)
    received = types.GenerateContentConfig(tools=[GAUGE], automatic_function_calling=BY_HAND)
    question = types.UserContent(QUESTION)
    if stream:
        following = await client.generate_content_stream(model="sim/m", contents=question, config=received)
        parts = [
            part
            async for piece in following
            for part in (piece.candidates[0].content and piece.candidates[0].content.parts) or []
            if part.function_call
        ]
    else:
        first = await client.generate_content(model="sim/m", contents=question, config=received)
        parts = first.candidates[0].content.parts
    [call] = [part.function_call for part in parts if part.function_call]
    assert (call.name, call.args) == (TOOL, ARGUMENTS)
    result = types.Part(
        function_response=types.FunctionResponse(id=call.id, name=TOOL, response={"output": "12.5 metres"})
    )
    history = [question, types.ModelContent(parts), types.UserContent([result])]
    second = await client.generate_content(model="sim/m", contents=history, config=received)
    assert second.text == TEXT
    assert "12.5 metres" in provider.requests[1].body.decode()


async def test_an_image(client: Any, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    image = types.Part(inline_data=types.Blob(mime_type="image/png", data=PNG))  # type: ignore[arg-type]
    await client.generate_content(model="sim/m", contents=[types.Part(text="What is this?"), image])
    body = provider.requests[0].body.decode()
    assert PNG.rstrip("=") in body.replace("-", "+").replace("_", "/")
    assert "image/png" in body


async def test_structured_output(client: Any, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.schema)
    received = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Tide)
    answer = await client.generate_content(model="sim/m", contents=QUESTION, config=received)
    assert answer.parsed == Tide(**SCHEMA_ANSWER)
    assert "metres" in provider.requests[0].body.decode()


@pytest.mark.parametrize(
    ("status", "error"),
    [(code, errors.ClientError) for code in (400, 401, 403, 404, 429)] + [(500, errors.ServerError)],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_is_the_sdks_own_exception(
    client: Any,
    provider: Simulator,
    dialect: Dialect,
    status: int,
    error: type[errors.APIError],
    stream: bool,
) -> None:
    provider.answer(dialect.error(status))
    method = client.generate_content_stream if stream else client.generate_content
    with pytest.raises(error, match=f"simulated {status}") as raised:
        answer = await method(model="sim/m", contents=QUESTION)
        _ = [piece async for piece in answer]
    assert raised.value.code == status


async def test_an_error_in_mid_stream_is_raised_after_the_content_so_far(
    client: Any, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.broken_stream)
    said = ""
    with pytest.raises(errors.APIError, match="it burns"):
        async for piece in await client.generate_content_stream(model="sim/m", contents=QUESTION):
            said += piece.text or ""
    assert said == "The tide is "


async def test_tokens_are_counted(client: Any, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(lambda seen: answer_json(COUNTED["anthropic" if "messages" in seen.path else "gemini"]))
    counted = await client.count_tokens(model="sim/m", contents=QUESTION)
    assert counted.total_tokens == (9 if dialect.kind != "openai" else 10)


COUNTED: dict[str, Any] = {"anthropic": {"input_tokens": 9}, "gemini": {"totalTokens": 9}}


# --- without the SDK -------------------------------------------------------------------------------

ASKED = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}


async def stream_of(gateway: Gateway, query: str) -> Reply:
    return await gateway.post(f"/v1beta/models/sim/m:streamGenerateContent{query}", ASKED)


async def test_a_stream_without_alt_is_one_array(
    gateway: Gateway, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.stream)
    reply = await stream_of(gateway, "")
    assert reply.headers["content-type"] == "application/json"
    texts = [
        part.get("text", "")
        for answer in reply.json
        for one in answer["candidates"]
        for part in one.get("content", {}).get("parts", [])
    ]
    assert "".join(texts) == TEXT
    assert len(reply.json) > 1


async def test_a_stream_with_alt_is_events(gateway: Gateway, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.stream)
    reply = await stream_of(gateway, "?alt=sse")
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert len([json.loads(event) for event in reply.events]) > 1


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_both_versions_of_the_path_answer(
    gateway: Gateway, provider: Simulator, dialect: Dialect, version: str
) -> None:
    provider.answer(dialect.text)
    reply = await gateway.post(f"/{version}/models/sim/m:generateContent", ASKED)
    assert reply.json["candidates"][0]["content"]["parts"][0]["text"] == TEXT
    record = await gateway.record()
    assert (record["door"], record["provider_model"]) == ("gemini", "m")


async def test_gemini_itself_gets_the_clients_own_request(provider: Simulator) -> None:
    provider.answer(GEMINI.text)
    asked = {**ASKED, "tools": [{"googleSearch": {}}], "safetySettings": []}
    async with Gateway({"sim": ("gemini", provider.url)}) as gateway:
        await gateway.post("/v1beta/models/sim/m:generateContent", asked)
    [seen] = provider.requests
    assert seen.path == "/v1beta/models/m:generateContent"
    assert seen.json == asked


KEYS = '[auth]\nkeys = ["a-key-of-this-gateway"]'


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?key=a-key-of-this-gateway", {}, 200),
        ("", {"x-goog-api-key": "a-key-of-this-gateway"}, 200),
        ("?key=another", {}, 401),
        ("", {}, 401),
    ],
)
async def test_the_key_is_in_a_header_or_in_the_query(
    provider: Simulator, query: str, headers: dict[str, str], status: int
) -> None:
    provider.answer(GEMINI.text)
    async with Gateway({"sim": ("gemini", provider.url)}, more=KEYS) as gateway:
        reply = await gateway.post(f"/v1beta/models/sim/m:generateContent{query}", ASKED, headers)
    assert reply.status == status
    if status == 401:
        assert reply.error["status"] == "UNAUTHENTICATED"
    assert all("a-key-of-this-gateway" not in f"{seen.path}{seen.headers}" for seen in provider.requests)


async def test_the_models_are_listed_and_described() -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        listed = (await gateway.get("/v1beta/models")).json["models"]
        one = await gateway.get(f"/v1beta/{listed[0]['name']}")
    assert all(model["name"].startswith("models/demo/") for model in listed)
    assert one.json == listed[0]


async def test_a_name_that_nobody_serves_is_not_described() -> None:
    async with Gateway({"demo": ("demo", ""), "other": ("demo", "")}) as gateway:
        missing = await gateway.get("/v1beta/models/nobody/nothing")
    assert (missing.status, missing.error["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/v1beta/models/sim/m:generateContent", 405, "INVALID_ARGUMENT"),
        ("POST", "/v1beta/nothing", 404, "NOT_FOUND"),
        ("POST", "/v1beta/models/m", 405, "INVALID_ARGUMENT"),
    ],
)
async def test_a_wrong_path_is_reported_in_googles_shape(
    method: str, path: str, status: int, name: str
) -> None:
    async with Gateway() as gateway:
        reply = await gateway.get(path, method=method)
    assert (reply.status, reply.error["code"], reply.error["status"]) == (status, status, name)
