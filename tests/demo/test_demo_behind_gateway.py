"""The demo behind the gateway: what a client sees of its answers and of its faults, by both doors."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from running import Gateway

MESSAGES: list[Any] = [{"role": "user", "content": "Hello, are you there?"}]
ASKED = "You said: “Hello, are you there?”"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as running:
        yield running


@pytest.fixture
async def by_openai(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
async def by_anthropic(gateway: Gateway) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="any", max_retries=0) as client:
        yield client


async def test_openais_sdk_gets_the_same_text_whole_and_streamed(by_openai: openai.AsyncOpenAI) -> None:
    whole = await by_openai.chat.completions.create(model="demo/echo", messages=MESSAGES)
    text = whole.choices[0].message.content
    assert text is not None
    assert ASKED in text
    stream = await by_openai.chat.completions.create(model="demo/echo", messages=MESSAGES, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == text


async def test_anthropics_sdk_gets_text_thinking_and_tokens(by_anthropic: anthropic.AsyncAnthropic) -> None:
    asked: dict[str, Any] = {
        "model": "demo/thinking",
        "max_tokens": 2000,
        "messages": MESSAGES,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    whole = await by_anthropic.messages.create(**asked)
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert ASKED in whole.content[1].text
    assert whole.usage.input_tokens > 0
    async with by_anthropic.messages.stream(**asked) as stream:
        streamed = await stream.get_final_message()
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.usage.output_tokens == whole.usage.output_tokens


async def test_a_tool_conversation_comes_to_its_end_by_anthropics_door(
    by_anthropic: anthropic.AsyncAnthropic,
) -> None:
    asked: dict[str, Any] = {
        "model": "demo/echo",
        "max_tokens": 2000,
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
    }
    called = await by_anthropic.messages.create(messages=MESSAGES, **asked)
    [call] = called.content
    assert (call.type, call.name, call.input) == ("tool_use", "weather", {"city": "demo city"})
    assert called.stop_reason == "tool_use"
    results: Any = [
        {"type": "tool_result", "tool_use_id": call.id, "content": "rain"},
        {"type": "text", "text": "And now?"},
    ]
    conversation = [
        *MESSAGES,
        {"role": "assistant", "content": [call.to_dict()]},
        {"role": "user", "content": results},
    ]
    [answer] = (await by_anthropic.messages.create(messages=conversation, **asked)).content
    assert answer.type == "text"
    assert "The tool weather returned: “rain”" in answer.text


ERRORS = [
    ("rate-limited", openai.RateLimitError, anthropic.RateLimitError, 429),
    ("server-error", openai.InternalServerError, anthropic.InternalServerError, 500),
    ("overloaded", openai.InternalServerError, anthropic.InternalServerError, 503),
    ("html-error", openai.InternalServerError, anthropic.InternalServerError, 502),
    ("nobody", openai.NotFoundError, anthropic.NotFoundError, 404),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "kind", "_other", "status"), ERRORS)
async def test_a_refusal_is_openais_own_exception(
    by_openai: openai.AsyncOpenAI,
    model: str,
    kind: type[openai.APIStatusError],
    _other: Any,
    status: int,
    stream: bool,
) -> None:
    with pytest.raises(kind) as caught:
        await by_openai.chat.completions.create(model=f"demo/{model}", messages=MESSAGES, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.message
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "_other", "kind", "status"), ERRORS)
async def test_a_refusal_is_anthropics_own_exception(
    by_anthropic: anthropic.AsyncAnthropic,
    model: str,
    _other: Any,
    kind: type[anthropic.APIStatusError],
    status: int,
    stream: bool,
) -> None:
    with pytest.raises(kind) as caught:
        await by_anthropic.messages.create(
            model=f"demo/{model}", max_tokens=100, messages=MESSAGES, stream=stream
        )
    assert caught.value.response.status_code in (status, 529)
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", ["cut-stream", "no-finish", "error-in-stream"])
async def test_a_stream_that_breaks_is_an_error_in_openais_sdk(
    by_openai: openai.AsyncOpenAI, model: str
) -> None:
    stream = await by_openai.chat.completions.create(model=f"demo/{model}", messages=MESSAGES, stream=True)
    text = ""
    with pytest.raises(openai.APIError):
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert text.startswith("I am ")


@pytest.mark.parametrize("model", ["cut-stream", "no-finish", "error-in-stream"])
async def test_a_stream_that_breaks_is_an_error_in_anthropics_sdk(
    by_anthropic: anthropic.AsyncAnthropic, model: str
) -> None:
    text = ""
    with pytest.raises(anthropic.APIError):
        async with by_anthropic.messages.stream(
            model=f"demo/{model}", max_tokens=2000, messages=MESSAGES
        ) as stream:
            async for piece in stream.text_stream:
                text += piece
    assert text.startswith("I am ")


@pytest.mark.parametrize("model", ["cut-stream", "error-in-stream"])
async def test_a_plain_answer_that_breaks_is_an_error_status(gateway: Gateway, model: str) -> None:
    reply = await gateway.chat(f"demo/{model}")
    assert reply.status in (500, 502)
    assert reply.error["message"]


@pytest.mark.parametrize("model", ["hang", "slow-5"])
async def test_a_provider_that_is_silent_for_too_long_is_given_up(model: str) -> None:
    async with Gateway({"demo": ("demo", "")}, routing="retries = 0\nfirst_byte_s = 0.5") as gateway:
        reply = await gateway.chat(f"demo/{model}", stream=True)
    assert reply.status == 504
    assert reply.error["code"] == "provider_timeout"


async def test_the_demos_models_are_listed(gateway: Gateway) -> None:
    listed = {model["id"] for model in (await gateway.get("/v1/models")).json["data"]}
    assert {"demo/echo", "demo/thinking"} <= listed
