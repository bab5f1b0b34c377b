"""Official SDKs put a stream that was carried on together to the exact text."""

from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from continuation.models import TEXT, Writing
from continuation.world import PROVIDERS, World, world

FIRST = ["openai", "anthropic", "gemini", "responses"]


def chain(first: str) -> tuple[tuple[str, Any], ...]:
    """A provider that breaks, another that breaks, and one that ends the answer."""
    return (
        (first, Writing(PROVIDERS[first][2], keep=7)),
        ("gemini", Writing("gemini", keep=3)),
        ("anthropic", Writing("anthropic")),
    )


async def assert_carried_on(asked: World) -> None:
    assert (await asked.gateway.record())["continued"] == 2


@pytest.mark.parametrize("first", FIRST)
async def test_openai_chat(first: str) -> None:
    async with (
        world(*chain(first)) as asked,
        openai.AsyncOpenAI(base_url=f"{asked.gateway.url}/v1", api_key="none", max_retries=0) as sdk,
        sdk.chat.completions.stream(model="m", messages=[{"role": "user", "content": "Write."}]) as stream,
    ):
        ids = {event.chunk.id async for event in stream if event.type == "chunk"}
        whole = await stream.get_final_completion()
        await assert_carried_on(asked)
    [choice] = whole.choices
    assert (choice.message.content, choice.finish_reason, choice.message.role) == (TEXT, "stop", "assistant")
    assert ids == {whole.id}


@pytest.mark.parametrize("first", FIRST)
async def test_openai_responses(first: str) -> None:
    async with (
        world(*chain(first)) as asked,
        openai.AsyncOpenAI(base_url=f"{asked.gateway.url}/v1", api_key="none", max_retries=0) as sdk,
        sdk.responses.stream(model="m", input="Write.") as stream,
    ):
        text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
        whole = await stream.get_final_response()
        await assert_carried_on(asked)
    assert (whole.output_text, whole.status) == (TEXT, "completed")
    assert text == TEXT
    assert [item.type for item in whole.output] == ["message"]


@pytest.mark.parametrize("first", FIRST)
async def test_anthropic(first: str) -> None:
    async with (
        world(*chain(first)) as asked,
        anthropic.AsyncAnthropic(base_url=asked.gateway.url, api_key="none", max_retries=0) as sdk,
        sdk.messages.stream(
            model="m", max_tokens=1000, messages=[{"role": "user", "content": "Write."}]
        ) as stream,
    ):
        text = "".join([piece async for piece in stream.text_stream])
        whole = await stream.get_final_message()
        await assert_carried_on(asked)
    assert text == TEXT
    assert [(block.type, getattr(block, "text", None)) for block in whole.content] == [("text", TEXT)]
    assert (whole.stop_reason, whole.usage.input_tokens, whole.usage.output_tokens) == ("end_turn", 11, 7)


@pytest.mark.parametrize("first", FIRST)
async def test_google_genai(first: str) -> None:
    async with world(*chain(first)) as asked, httpx.AsyncClient() as http:
        options = types.HttpOptions(base_url=asked.gateway.url, httpx_async_client=http)
        sdk = genai.Client(api_key="none", vertexai=False, http_options=options).aio.models
        chunks = [one async for one in await sdk.generate_content_stream(model="m", contents="Write.")]
        await assert_carried_on(asked)
    assert "".join(chunk.text or "" for chunk in chunks) == TEXT
    finishes = [one.finish_reason for chunk in chunks for one in chunk.candidates or () if one.finish_reason]
    assert finishes == ["STOP"]
    assert len({chunk.response_id for chunk in chunks}) == 1
