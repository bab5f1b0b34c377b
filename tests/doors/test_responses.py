"""The official openai SDK's `client.responses` as the client, with each wire format behind the gateway."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseFunctionToolCall
from pydantic import BaseModel

from running import Gateway
from sdk.dialects import ARGUMENTS, DIALECTS, OPENAI, PNG, SCHEMA_ANSWER, TEXT, TOOL, Dialect, sse
from simulator import Simulator
from simulator import json as answer_json
from simulator import stream as events

GAUGE: Any = {
    "type": "function",
    "name": TOOL,
    "description": "Read a tide gauge.",
    "parameters": {
        "type": "object",
        "properties": {
            "station": {"type": "string"},
            "hours": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["station"],
    },
    "strict": False,
}


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
async def client(provider: Simulator, dialect: Dialect) -> AsyncIterator[openai.AsyncOpenAI]:
    base = f"{provider.url}/v1" if dialect.kind == "openai" else provider.url
    async with (
        Gateway({"sim": (dialect.kind, base)}) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as sdk,
    ):
        yield sdk


def ask(question: Any = "How high is the tide?", **more: Any) -> Any:
    return {"model": "sim/m", "input": question, **more}


async def test_a_text(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    response = await client.responses.create(**ask(instructions="You read gauges."))
    assert response.output_text == TEXT
    assert response.status == "completed"
    assert response.instructions == "You read gauges."
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 7)
    assert "You read gauges." in provider.requests[0].body.decode()


async def test_a_stream(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.stream)
    said, numbers = [], []
    async with client.responses.stream(**ask()) as stream:
        async for event in stream:
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                said.append(event.delta)
        response = await stream.get_final_response()
    assert "".join(said) == response.output_text == TEXT
    assert len(said) > 1
    assert numbers == list(range(len(numbers)))
    assert response.usage is not None
    assert response.usage.total_tokens == 18


def call_of(response: Any) -> ResponseFunctionToolCall:
    [call] = [item for item in response.output if item.type == "function_call"]
    assert isinstance(call, ResponseFunctionToolCall)
    return call


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_with_its_result(
    client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect, stream: bool
) -> None:
    provider.answer(dialect.call_stream if stream else dialect.call, dialect.text)
    if stream:
        async with client.responses.stream(**ask(tools=[GAUGE])) as following:
            first: Any = await following.get_final_response()
    else:
        first = await client.responses.create(**ask(tools=[GAUGE], tool_choice="required"))
    call = call_of(first)
    assert (call.name, json.loads(call.arguments)) == (TOOL, ARGUMENTS)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12.5 metres"}
    given_back = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    history = [{"role": "user", "content": "How high is the tide?"}, *given_back, result]
    second = await client.responses.create(**ask(history, tools=[GAUGE]))
    assert second.output_text == TEXT
    assert "12.5 metres" in provider.requests[1].body.decode()


async def test_an_image(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}
    message = {"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, image]}
    await client.responses.create(**ask([message]))
    body = provider.requests[0].body.decode()
    assert PNG in body
    assert "image/png" in body


async def test_structured_output(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.schema)
    response = await client.responses.parse(**ask(), text_format=Tide)
    assert response.output_parsed == Tide(**SCHEMA_ANSWER)
    assert "metres" in provider.requests[0].body.decode()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_is_the_sdks_own_exception(
    client: openai.AsyncOpenAI,
    provider: Simulator,
    dialect: Dialect,
    status: int,
    error: type[openai.APIStatusError],
    stream: bool,
) -> None:
    provider.answer(dialect.error(status))
    with pytest.raises(error, match=f"simulated {status}"):
        await client.responses.create(**ask(), stream=stream)


async def test_an_error_in_mid_stream_is_raised_after_the_content_so_far(
    client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.broken_stream)
    said = ""
    with pytest.raises(openai.APIError, match="it burns"):
        async for event in await client.responses.create(**ask(), stream=True):
            said += event.delta if event.type == "response.output_text.delta" else ""
    assert said == "The tide is "


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"temperature": 9}, "temperature"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools"),
    ],
)
async def test_what_cannot_be_served_is_refused_by_name(
    client: openai.AsyncOpenAI, provider: Simulator, more: Any, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(**ask(**more))
    assert str(raised.value.param).startswith(param)
    assert provider.requests == []


# --- Codex ---------------------------------------------------------------------------------------

CUSTOM = {"type": "custom", "name": "apply_patch", "description": "Patch files.", "format": {"type": "text"}}
TOOLS = [{**GAUGE, "name": f"tool_{number}"} for number in range(30)]
CODEX: dict[str, Any] = {
    "model": "sim/m",
    "instructions": "You are a coding agent. " * 1500,
    "tools": [GAUGE, *TOOLS, CUSTOM],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-codex",
}
"""A request as Codex makes it: everything again with every turn, nothing stored."""


async def run_codex(client: openai.AsyncOpenAI, items: list[Any]) -> Any:
    """One turn, read as Codex reads it: from the events of finished items."""
    done: list[Any] = []
    async for event in await client.responses.create(**CODEX, input=items):
        if event.type == "response.output_item.done":
            done.append(event.item.model_dump(exclude_none=True))
        assert event.type not in ("error", "response.failed")
    assert event.type == "response.completed"
    return done


def two_calls(kind: str) -> Any:
    """A thought and two calls at once, streamed in each wire format."""
    return events(_TWO_CALLS[kind])


def _openai_calls() -> list[bytes]:
    head = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    call = {"type": "function", "function": {"name": TOOL, "arguments": "{}"}}
    deltas = [
        {"role": "assistant", "content": None},
        {"tool_calls": [{"index": 0, "id": "call_1", **call}]},
        {"tool_calls": [{"index": 1, "id": "call_2", **call}]},
    ]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return sse(*chunks, last, end="data: [DONE]\n\n")


def _anthropic_calls() -> list[bytes]:
    blocks = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "signature_delta", "signature": "SEAL"}],
        ),
        *(
            (
                {"type": "tool_use", "id": f"call_{number}", "name": TOOL, "input": {}},
                [{"type": "input_json_delta", "partial_json": "{}"}],
            )
            for number in (1, 2)
        ),
    ]
    message = {"id": "msg_7", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 11, "output_tokens": 1}
    written: list[Any] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}
    ]
    for index, (start, deltas) in enumerate(blocks):
        written.append({"type": "content_block_start", "index": index, "content_block": start})
        written += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        written.append({"type": "content_block_stop", "index": index})
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}}
    return sse(*written, end, {"type": "message_stop"}, name=True)


def _gemini_calls() -> list[bytes]:
    parts = [
        {"functionCall": {"name": TOOL, "args": {}}, "thoughtSignature": "U0VBTA=="},
        {"functionCall": {"name": TOOL, "args": {}}},
    ]
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}
    return sse({"candidates": [candidate], "modelVersion": "m", "responseId": "r"})


_TWO_CALLS = {"openai": _openai_calls(), "anthropic": _anthropic_calls(), "gemini": _gemini_calls()}
SEALS = {"openai": "", "anthropic": "SEAL", "gemini": "U0VBTA=="}


async def test_two_turns_of_codex(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(two_calls(dialect.kind), dialect.stream)
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Read both."}]}
    first = await run_codex(client, [question])
    calls = [item for item in first if item["type"] == "function_call"]
    assert [call["name"] for call in calls] == [TOOL, TOOL]
    outputs = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": f"level {number}"}
        for number, call in enumerate(calls)
    ]
    second = await run_codex(client, [question, *first, *outputs])
    assert second[-1]["content"][0]["text"] == TEXT
    sent = provider.requests[1].body.decode()
    assert sent.count("You are a coding agent.") == 1500
    assert "level 0" in sent
    assert "level 1" in sent
    assert SEALS[dialect.kind] in sent


# --- providers that speak it themselves ------------------------------------------------------------

RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "grok",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
}


@pytest.mark.parametrize(("kind", "base"), [("xai", "/v1"), ("azure", "/openai/v1")])
async def test_a_provider_that_supports_it_gets_the_clients_own_request(
    provider: Simulator, kind: str, base: str
) -> None:
    provider.answer(answer_json(RESPONSE))
    asked = {"input": "Hi", "tools": [{"type": "web_search"}], "previous_response_id": "resp_0"}
    async with Gateway({"sim": (kind, provider.url + base)}) as gateway:
        reply = await gateway.post("/v1/responses", {"model": "sim/m", **asked})
        record = await gateway.record()
    assert reply.json == RESPONSE
    [seen] = provider.requests
    assert (seen.path, seen.json) == (f"{base}/responses", {"model": "m", **asked})
    assert (record["door"], record["usage"]["input"]) == ("openai_responses", 11)


async def test_the_same_provider_is_called_for_chats_by_chat_clients(provider: Simulator) -> None:
    provider.answer(OPENAI.text)
    async with Gateway({"sim": ("xai", provider.url + "/v1")}) as gateway:
        assert (await gateway.chat("sim/m")).status == 200
    assert provider.requests[0].path == "/v1/chat/completions"


# --- without an SDK --------------------------------------------------------------------------------


async def test_tokens_are_counted() -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        reply = await gateway.post(
            "/v1/responses/input_tokens", {"model": "demo/chat", "input": "Say hello."}
        )
    assert reply.json["object"] == "response.input_tokens"
    assert reply.json["input_tokens"] > 0


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
async def test_both_paths_answer(path: str) -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        reply = await gateway.post(path, {"model": "demo/chat", "input": "Say hello."})
    assert reply.status == 200
    assert reply.json["object"] == "response"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_no_response_is_kept(method: str) -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        reply = await gateway.get("/v1/responses/resp_1", method=method)
    assert reply.status == 404
