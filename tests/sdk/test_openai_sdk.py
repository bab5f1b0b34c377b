"""The official openai SDK as the client, with each wire format behind the gateway."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from running import Gateway
from sdk.dialects import ARGUMENTS, DIALECTS, PNG, SCHEMA_ANSWER, TEXT, TOOL, Dialect
from simulator import Simulator

GAUGE: Any = {
    "type": "function",
    "function": {
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
    },
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


def ask(text: Any = "How high is the tide?") -> Any:
    return {"model": "sim/m", "messages": [{"role": "user", "content": text}]}


async def test_a_text(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    answer = await client.chat.completions.create(**ask())
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)


async def test_a_stream(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.stream)
    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            **ask(), stream=True, stream_options={"include_usage": True}
        )
    ]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (11, 7)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_the_sdks_own_accumulator(
    client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.call_stream)
    async with client.chat.completions.stream(**ask(), tools=[GAUGE]) as stream:
        answer = await stream.get_final_completion()
    message = answer.choices[0].message
    assert message.role == "assistant"
    assert message.tool_calls is not None
    assert json.loads(message.tool_calls[0].function.arguments) == ARGUMENTS
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_a_tool_with_its_result(
    client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.call, dialect.text)
    question = ask()
    first = await client.chat.completions.create(**question, tools=[GAUGE], tool_choice="required")
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    [call] = message.tool_calls
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == (TOOL, ARGUMENTS)
    result = {"role": "tool", "tool_call_id": call.id, "content": "12.5 metres"}
    question["messages"] += [message.model_dump(exclude_none=True), result]
    second = await client.chat.completions.create(**question, tools=[GAUGE])
    assert second.choices[0].message.content == TEXT
    assert RESULT_IN[dialect.kind](provider.requests[1].json) == "12.5 metres"


RESULT_IN: dict[str, Any] = {
    "openai": lambda body: body["messages"][2]["content"],
    "anthropic": lambda body: text_of(body["messages"][2]["content"][0]["content"]),
    "gemini": lambda body: body["contents"][2]["parts"][0]["functionResponse"]["response"]["output"],
}


def text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


async def test_an_image(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    await client.chat.completions.create(**ask([{"type": "text", "text": "What is this?"}, image]))
    body = provider.requests[0].body.decode()
    assert PNG in body
    assert "image/png" in body


async def test_structured_output(client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.schema)
    answer = await client.chat.completions.parse(**ask(), response_format=Tide)
    assert answer.choices[0].message.parsed == Tide(**SCHEMA_ANSWER)
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
    with pytest.raises(error, match=f"simulated {status}") as raised:
        await client.chat.completions.create(**ask(), stream=stream)
    assert raised.value.status_code == status


async def test_an_error_in_mid_stream_is_raised_after_the_content_so_far(
    client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.broken_stream)
    said = ""
    with pytest.raises(openai.APIError, match="it burns"):
        async for chunk in await client.chat.completions.create(**ask(), stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said == "The tide is "


async def test_a_mistake_names_its_parameter(
    client: openai.AsyncOpenAI, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.text)
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(**ask(), temperature=9)
    assert raised.value.param == "temperature"
    assert provider.requests == []
