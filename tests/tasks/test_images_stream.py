"""Streamed images: what providers are asked, and the events that clients get, from providers that stream and
from providers that do not.
"""

import asyncio
import base64
import json as jsonlib
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from running import Gateway, Reply
from simulator import Simulator, drop, json, refusal, stream
from tidegate.protocols.contract import Target
from tidegate.protocols.images import TASK
from tidegate.protocols.profile import PLAIN

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 30).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"\0" * 30).decode()

LOOK = {
    "created_at": 7,
    "size": "1024x1024",
    "quality": "high",
    "background": "opaque",
    "output_format": "png",
}
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
    "output_tokens": 1223,
    "output_tokens_details": {"image_tokens": 1056, "text_tokens": 167},
    "total_tokens": 1233,
}


def event(kind: str, **fields: Any) -> bytes:
    """An event as OpenAI writes it."""
    data = jsonlib.dumps({"type": f"image_generation.{kind}", **fields, **LOOK})
    return f"event: image_generation.{kind}\ndata: {data}\n\n".encode()


PREVIEW = event("partial_image", b64_json=JPEG, partial_image_index=0)
IMAGE = event("completed", b64_json=PNG, usage=USAGE)
WHOLE = {
    "created": 7,
    "data": [{"b64_json": PNG}],
    **{name: value for name, value in LOOK.items() if name != "created_at"},
    "usage": USAGE,
}
DRAWN = {
    "candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/jpeg", "data": JPEG}}]}}],
    "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1290, "totalTokenCount": 1294},
}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


async def draw(provider: Simulator, kind: str, model: str, /, **fields: Any) -> tuple[Reply, Any]:
    """The answer to a streamed request, and its record."""
    async with Gateway({"sim": (kind, provider.url)}) as gateway:
        body = {"model": f"sim/{model}", "prompt": "A cat", "stream": True, **fields}
        return await gateway.post("/v1/images/generations", body), await gateway.record()


# --- providers that stream -----------------------------------------------------------------------


async def test_the_events_of_a_provider_pass_unchanged(provider: Simulator) -> None:
    provider.answer(stream([PREVIEW, IMAGE]))
    reply, record = await draw(provider, "openai", "gpt-image-1", partial_images=1)
    assert provider.requests[0].json == {
        "model": "gpt-image-1",
        "prompt": "A cat",
        "stream": True,
        "partial_images": 1,
    }
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.body == PREVIEW + IMAGE
    assert record["ended"] == "complete"
    assert record["usage"] == {"input": 10, "input_image": 0, "output": 167, "output_image": 1056}


async def test_a_preview_arrives_before_the_image_is_there(provider: Simulator) -> None:
    gate = asyncio.Event()
    provider.answer(stream([PREVIEW, gate, IMAGE]))
    async with (
        Gateway({"sim": ("openai", provider.url)}) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as sdk,
    ):
        events = await sdk.images.generate(
            model="sim/gpt-image-1", prompt="A cat", stream=True, partial_images=1
        )
        got = []
        async for one in events:
            got.append(one)
            gate.set()
    assert [one.type for one in got] == ["image_generation.partial_image", "image_generation.completed"]
    assert [one.b64_json for one in got] == [JPEG, PNG]


async def test_the_usage_of_several_images_adds_up(provider: Simulator) -> None:
    provider.answer(stream([IMAGE, IMAGE]))
    _, record = await draw(provider, "openai", "gpt-image-1", n=2)
    assert record["usage"] == {"input": 20, "input_image": 0, "output": 334, "output_image": 2112}


async def test_a_form_that_a_stream_lacks_is_not_requested(provider: Simulator) -> None:
    provider.answer(stream([IMAGE]))
    reply, _ = await draw(provider, "openai", "gpt-image-1", response_format="url")
    assert "response_format" not in provider.requests[0].json
    assert reply.body == IMAGE


@pytest.mark.parametrize("cut", range(0, len(PREVIEW + IMAGE), 7))
def test_events_pass_however_the_network_splits_them(cut: int) -> None:
    _, conduit = TASK.formats["openai"].plan(
        TASK.parse(b'{"model":"gpt-image-1","prompt":"A cat","stream":true}'),
        Target("gpt-image-1", TASK.formats["openai"].dialect(streams=("*",)), PLAIN),
    )
    whole = PREVIEW + IMAGE
    out = conduit.feed(whole[:cut]) + conduit.feed(whole[cut:]) + conduit.close()
    assert (out, conduit.failure, conduit.tally.images) == (whole, None, 1)


@pytest.mark.parametrize("splits", [1, 5, 1000])
async def test_a_provider_that_ignores_stream_is_answered_as_a_stream(
    provider: Simulator, splits: int
) -> None:
    body = jsonlib.dumps(WHOLE).encode()
    pieces = [body[at : at + splits] for at in range(0, len(body), splits)]
    provider.answer(stream(pieces, headers={"content-type": "application/json"}))
    reply, record = await draw(provider, "openai_compatible", "m")
    assert provider.requests[0].json["stream"] is True
    assert reply.chunks == [{"type": "image_generation.completed", "b64_json": PNG, **LOOK, "usage": USAGE}]
    assert record["usage"]["output_image"] == 1056


FAILING = {
    "an error event": [
        PREVIEW,
        b'event: error\ndata: {"type":"error","error":{"message":"Blocked","code":"moderation_blocked"}}\n\n',
    ],
    "an error object": [PREVIEW, b'data: {"error":{"message":"Blocked","code":"moderation_blocked"}}\n\n'],
    "only a preview": [PREVIEW],
    "no JSON": [PREVIEW, b"data: {oops\n\n"],
}


@pytest.mark.parametrize("pieces", FAILING.values(), ids=FAILING.keys())
async def test_a_stream_that_fails_ends_in_an_error(provider: Simulator, pieces: list[bytes]) -> None:
    gate = asyncio.Event()
    provider.answer(stream([pieces[0], gate, *pieces[1:]]))
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        body = {"model": "sim/gpt-image-1", "prompt": "A cat", "stream": True}
        got = b""
        url = f"{gateway.url}/v1/images/generations"
        async with gateway.session.post(url, json=body) as reply:
            async for piece in reply.content.iter_any():
                got += piece
                gate.set()
        record = await gateway.record()
    assert got.startswith(PREVIEW + b'data: {"error":')
    assert record["ended"] == "provider_broke"


async def test_a_stream_that_fails_at_once_is_a_failure_with_its_status(provider: Simulator) -> None:
    provider.answer(stream([b'data: {"error":{"message":"Slow down","code":429}}\n\n']))
    reply, _ = await draw(provider, "openai", "gpt-image-1")
    assert (reply.status, reply.error["message"]) == (429, "Slow down")


async def test_a_refusal_of_the_provider_keeps_its_status(provider: Simulator) -> None:
    provider.answer(refusal(400, "moderation"))
    reply, _ = await draw(provider, "openai", "gpt-image-1")
    assert (reply.status, reply.error["message"]) == (400, "moderation")


# --- providers that do not -----------------------------------------------------------------------


async def test_a_model_that_does_not_stream_is_asked_for_the_whole(provider: Simulator) -> None:
    answer = {"created": 7, "data": [{"b64_json": JPEG, "revised_prompt": "A fat cat."}, {"b64_json": PNG}]}
    provider.answer(json(answer))
    reply, _ = await draw(
        provider, "openai", "dall-e-3", partial_images=2, size="1792x1024", response_format="url"
    )
    assert provider.requests[0].json == {
        "model": "dall-e-3",
        "prompt": "A cat",
        "size": "1792x1024",
        "response_format": "b64_json",
    }
    assert reply.headers["x-tidegate-dropped"] == "partial_images"
    look = {"created_at": 7, "size": "1792x1024", "quality": "auto", "background": "auto"}
    assert reply.chunks == [
        {
            "type": "image_generation.completed",
            "b64_json": JPEG,
            "revised_prompt": "A fat cat.",
            **look,
            "output_format": "jpeg",
        },
        {"type": "image_generation.completed", "b64_json": PNG, **look, "output_format": "png"},
    ]


async def test_an_image_that_is_only_linked_keeps_its_link(provider: Simulator) -> None:
    provider.answer(json({"created": 7, "data": [{"url": "https://files.example/a.png"}]}))
    reply, _ = await draw(provider, "xai", "grok-imagine")
    assert provider.requests[0].json["response_format"] == "b64_json"
    assert reply.chunks[0]["url"] == "https://files.example/a.png"


async def test_together_is_asked_in_its_own_words(provider: Simulator) -> None:
    provider.answer(json({"data": [{"b64_json": PNG}]}))
    reply, _ = await draw(provider, "together", "flux")
    assert provider.requests[0].json["response_format"] == "base64"
    assert reply.chunks[0]["b64_json"] == PNG


async def test_google_draws_for_a_stream_too(provider: Simulator) -> None:
    provider.answer(json(DRAWN))
    async with (
        Gateway({"sim": ("gemini", provider.url)}) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as sdk,
    ):
        events = await sdk.images.generate(
            model="sim/gemini-3.1-flash-image", prompt="A cat", stream=True, size="1024x1024"
        )
        got = [one async for one in events]
        record = await gateway.record()
    (image,) = got
    assert image.type == "image_generation.completed"
    assert (image.b64_json, image.output_format, image.size) == (JPEG, "jpeg", "1024x1024")
    assert image.usage.output_tokens == 1290
    assert record["usage"]["output"] == 1290


@pytest.mark.parametrize(
    ("script", "status"), [(json({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}), 400), (drop(), 502)]
)
async def test_a_failure_before_the_images_has_its_status(
    provider: Simulator, script: Any, status: int
) -> None:
    provider.answer(script)
    reply, _ = await draw(provider, "gemini", "gemini-3.1-flash-image")
    assert reply.status == status


# --- patience ------------------------------------------------------------------------------------


async def test_an_image_may_take_as_long_as_a_whole_answer(provider: Simulator) -> None:
    """The limits for the first byte and for the silence of a stream are those of text."""
    provider.answer(stream([0.6, PREVIEW, 0.6, IMAGE]))
    routing = "retries = 0\nfirst_byte_s = 0.2\nidle_s = 0.2"
    async with Gateway({"sim": ("openai", provider.url)}, routing=routing) as gateway:
        body = {"model": "sim/gpt-image-1", "prompt": "A cat", "stream": True}
        reply = await gateway.post("/v1/images/generations", body)
    assert reply.body == PREVIEW + IMAGE
