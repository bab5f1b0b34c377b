"""The official anthropic SDK as the client, with each wire format behind the gateway."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from running import Gateway
from sdk.dialects import ARGUMENTS, DIALECTS, PNG, TEXT, TOOL, Dialect
from simulator import Simulator
from simulator import json as answer_json

GAUGE: Any = {
    "name": TOOL,
    "description": "Read a tide gauge.",
    "input_schema": {
        "type": "object",
        "properties": {
            "station": {"type": "string"},
            "hours": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["station"],
    },
}


@pytest.fixture(params=DIALECTS, ids=repr)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(provider: Simulator, dialect: Dialect) -> AsyncIterator[anthropic.AsyncAnthropic]:
    base = f"{provider.url}/v1" if dialect.kind == "openai" else provider.url
    async with (
        Gateway({"sim": (dialect.kind, base)}) as gateway,
        anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none", max_retries=0) as sdk,
    ):
        yield sdk


def ask(content: Any = "How high is the tide?") -> Any:
    return {"model": "sim/m", "max_tokens": 100, "messages": [{"role": "user", "content": content}]}


async def test_a_text(client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    message = await client.messages.create(**ask(), system="You read gauges.")
    [block] = message.content
    assert block.type == "text"
    assert block.text == TEXT
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)
    assert str(message._request_id).startswith("req_")
    assert "You read gauges." in provider.requests[0].body.decode()


async def test_a_stream(client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.stream)
    async with client.messages.stream(**ask()) as stream:
        said = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert "".join(said) == TEXT
    assert len(said) > 1
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)


async def test_a_streamed_call(
    client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.call_stream)
    async with client.messages.stream(**ask(), tools=[GAUGE]) as stream:
        message = await stream.get_final_message()
    [block] = message.content
    assert block.type == "tool_use"
    assert (block.name, block.input) == (TOOL, ARGUMENTS)
    assert message.stop_reason == "tool_use"


async def test_a_tool_with_its_result(
    client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.call, dialect.text)
    question = ask()
    first = await client.messages.create(**question, tools=[GAUGE], tool_choice={"type": "any"})
    [block] = first.content
    assert block.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": block.id, "content": "12.5 metres"}
    question["messages"] += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True)]},
        {"role": "user", "content": [result, {"type": "text", "text": "And now?"}]},
    ]
    second = await client.messages.create(**question, tools=[GAUGE])
    assert second.stop_reason == "end_turn"
    body = json.dumps(provider.requests[1].json)
    assert "12.5 metres" in body
    assert "And now?" in body


async def test_an_image(client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect) -> None:
    provider.answer(dialect.text)
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    await client.messages.create(**ask([{"type": "image", "source": source}, {"type": "text", "text": "?"}]))
    assert PNG in provider.requests[0].body.decode()


async def test_structured_output(
    client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.schema)
    schema = {"type": "object", "properties": {"metres": {"type": "number"}}, "additionalProperties": False}
    form: Any = {"format": {"type": "json_schema", "schema": schema}}
    message = await client.messages.create(**ask(), output_config=form)
    [block] = message.content
    assert block.type == "text"
    assert json.loads(block.text)["metres"] == 12.5
    assert "metres" in provider.requests[0].body.decode()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
async def test_an_error_is_the_sdks_own_exception(
    client: anthropic.AsyncAnthropic,
    provider: Simulator,
    dialect: Dialect,
    status: int,
    error: type[anthropic.APIStatusError],
) -> None:
    provider.answer(dialect.error(status))
    with pytest.raises(error, match=f"simulated {status}"):
        await client.messages.create(**ask())


async def test_an_error_in_mid_stream_is_raised_after_the_content_so_far(
    client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(dialect.broken_stream)
    said = ""
    with pytest.raises(anthropic.APIStatusError, match="it burns"):
        async with client.messages.stream(**ask()) as stream:
            async for text in stream.text_stream:
                said += text
    assert said == "The tide is "


async def test_a_mistake_names_its_parameter(
    client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect
) -> None:
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        await client.messages.create(**{**ask(), "max_tokens": -1})
    assert provider.requests == []


async def test_counting_asks_the_provider_where_it_can_count(
    client: anthropic.AsyncAnthropic, provider: Simulator, dialect: Dialect
) -> None:
    provider.answer(answer_json({"input_tokens": 14, "totalTokens": 14}))
    question = {key: value for key, value in ask().items() if key != "max_tokens"}
    counted = await client.messages.count_tokens(**question)
    if dialect.kind == "openai":
        assert counted.input_tokens > 5  # estimated here: the provider has no such feature
        assert provider.requests == []
    else:
        assert counted.input_tokens == 14


async def test_the_list_of_models(client: anthropic.AsyncAnthropic, dialect: Dialect) -> None:
    page = await client.models.list()
    assert all(model.type == "model" for model in page.data)
