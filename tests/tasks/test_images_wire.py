"""Images through the gateway: what providers are asked, and what clients get back."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from recordings import Recording, needs_recordings, recordings
from running import Gateway, Reply
from simulator import Simulator, json

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 30).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"\0" * 30).decode()

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
    "output_tokens": 1223,
    "output_tokens_details": {"image_tokens": 1056, "text_tokens": 167},
    "total_tokens": 1233,
}
BYTES = {"created": 1, "data": [{"b64_json": PNG}], "usage": USAGE}
LINK = {"created": 1, "data": [{"url": "https://files.example/a.png", "revised_prompt": "A cat."}]}
IMAGEN = {"predictions": [{"bytesBase64Encoded": PNG, "mimeType": "image/png", "prompt": "A cat."}]}
DRAWN = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": JPEG}, "thought": True},
                    {"text": "Here it is."},
                    {"inlineData": {"mimeType": "image/png", "data": PNG}},
                ],
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1290, "totalTokenCount": 1294},
}

MORE = {"vertex": 'project = "p"\nlocation = "us-central1"'}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


async def draw(server: Simulator, kind: str, answer: Any, named: str = "m", /, **fields: Any) -> Reply:
    """One request to a provider of this kind, which gives this answer."""
    server.answer(json(answer))
    more = f'[providers.sim]\nkind = "{kind}"\nbase_url = "{server.url}"\napi_key = "k"\n'
    async with Gateway(more=more + MORE.get(kind, "")) as gateway:
        return await gateway.post(
            "/v1/images/generations", {"model": f"sim/{named}", "prompt": "A cat", **fields}
        )


# --- the same dialect on both sides ------------------------------------------------------------


async def test_bytes_pass_both_ways_with_the_model_replaced(provider: Simulator) -> None:
    provider.answer(json(b'{"created":1, "data":[{"url":"https://a.example/"}],"x":1.0}'))
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        reply = await gateway.post(
            "/v1/images/generations", b'{"model":"sim/dall-e-3","prompt":"A  cat","odd":{"x":1.0}}'
        )
    assert reply.body == b'{"created":1, "data":[{"url":"https://a.example/"}],"x":1.0}'
    assert provider.requests[0].path == "/images/generations"
    assert provider.requests[0].body == b'{"model":"dall-e-3","prompt":"A  cat","odd":{"x":1.0}}'


async def test_tokens_of_texts_and_images_are_distinguished(provider: Simulator) -> None:
    provider.answer(json(BYTES))
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        await gateway.post("/v1/images/generations", {"model": "sim/gpt-image-1", "prompt": "A cat"})
        record = await gateway.record()
    assert record["usage"] == {"input": 10, "input_image": 0, "output": 167, "output_image": 1056}


async def test_a_request_without_a_model_is_for_openais_default(provider: Simulator) -> None:
    provider.answer(json(BYTES))
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        await gateway.post("/v1/images/generations", {"prompt": "A cat"})
    assert provider.requests[0].json == {"model": "dall-e-2", "prompt": "A cat"}


@pytest.mark.parametrize("form", ["url", "b64_json", None])
async def test_models_that_return_bytes_get_no_response_format(provider: Simulator, form: str | None) -> None:
    reply = await draw(provider, "openai", BYTES, "gpt-image-1", response_format=form)
    assert provider.requests[0].json == {"model": "gpt-image-1", "prompt": "A cat"}
    image = {"url": f"data:image/png;base64,{PNG}"} if form == "url" else {"b64_json": PNG}
    assert reply.json == {**BYTES, "data": [image]}
    assert "x-tidegate-dropped" not in reply.headers


async def test_a_form_is_requested_where_there_is_a_choice(provider: Simulator) -> None:
    reply = await draw(provider, "openai", LINK, "dall-e-3", response_format="url")
    assert provider.requests[0].json["response_format"] == "url"
    assert reply.json == LINK


@pytest.mark.parametrize(
    ("size", "ratio", "dropped"),
    [
        ("1024x1024", "1:1", None),
        ("1536x1024", "3:2", None),
        ("1792x1024", "16:9", "size"),
        ("auto", None, None),
        (None, None, None),
    ],
)
async def test_xai_receives_an_aspect_ratio(
    provider: Simulator, size: str | None, ratio: str | None, dropped: str | None
) -> None:
    reply = await draw(provider, "xai", LINK, size=size)
    assert provider.requests[0].json.get("aspect_ratio") == ratio
    assert "size" not in provider.requests[0].json
    assert reply.headers.get("x-tidegate-dropped") == dropped


async def test_a_ratio_of_the_clients_own_stays(provider: Simulator) -> None:
    await draw(provider, "xai", LINK, size="1024x1024", aspect_ratio="4:3", resolution="2k")
    assert provider.requests[0].json["aspect_ratio"] == "4:3"
    assert provider.requests[0].json["resolution"] == "2k"


async def test_xai_reports_what_it_drops(provider: Simulator) -> None:
    reply = await draw(provider, "xai", LINK, quality="hd", style="vivid")
    assert provider.requests[0].json == {"model": "m", "prompt": "A cat"}
    assert reply.headers["x-tidegate-dropped"] == "quality,style"


async def test_together_receives_width_and_height_and_its_own_value(provider: Simulator) -> None:
    answer = {"id": "i-1", "object": "list", "data": [{"index": 0, "b64_json": PNG}]}
    reply = await draw(provider, "together", answer, size="512x256", response_format="b64_json", seed=7)
    assert provider.requests[0].json == {
        "model": "m",
        "prompt": "A cat",
        "seed": 7,
        "width": 512,
        "height": 256,
        "response_format": "base64",
    }
    assert reply.json["data"] == answer["data"]
    assert isinstance(reply.json["created"], int)


async def test_azure_is_called_at_the_deployment(provider: Simulator) -> None:
    await draw(provider, "azure", BYTES, "gpt-image-1")
    path = "/openai/deployments/gpt-image-1/images/generations?api-version=2025-04-01-preview"
    assert provider.requests[0].path == path


async def test_bytes_become_an_address_of_their_own_type(provider: Simulator) -> None:
    answer = {"created": 1, "data": [{"b64_json": JPEG, "revised_prompt": "A cat."}]}
    reply = await draw(provider, "openai_compatible", answer, response_format="url")
    assert reply.json["data"] == [{"revised_prompt": "A cat.", "url": f"data:image/jpeg;base64,{JPEG}"}]


# --- Google's formats --------------------------------------------------------------------------


async def test_imagen_predicts(provider: Simulator) -> None:
    fields = {"n": 2, "size": "2816x1536", "output_format": "jpeg", "quality": "high", "user": "u"}
    reply = await draw(provider, "gemini", IMAGEN, "imagen-4.0-generate-001", **fields)
    assert provider.requests[0].path == "/v1beta/models/imagen-4.0-generate-001:predict"
    assert provider.requests[0].json == {
        "instances": [{"prompt": "A cat"}],
        "parameters": {
            "sampleCount": 2,
            "aspectRatio": "16:9",
            "sampleImageSize": "2K",
            "outputOptions": {"mimeType": "image/jpeg"},
        },
    }
    assert reply.json["data"] == [{"b64_json": PNG, "revised_prompt": "A cat."}]
    assert reply.headers["x-tidegate-dropped"] == "quality,user,size"


async def test_gemini_draws(provider: Simulator) -> None:
    reply = await draw(provider, "gemini", DRAWN, "gemini-3.1-flash-image", size="1536x1024", n=1)
    assert provider.requests[0].path == "/v1beta/models/gemini-3.1-flash-image:generateContent"
    assert provider.requests[0].json == {
        "contents": [{"role": "user", "parts": [{"text": "A cat"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "3:2"}},
    }
    assert reply.json["data"] == [{"b64_json": PNG}]
    assert reply.json["usage"]["output_tokens"] == 1290
    assert reply.json["usage"]["total_tokens"] == 1294


async def test_vertex_is_called_in_the_project(provider: Simulator) -> None:
    reply = await draw(provider, "vertex", IMAGEN, "imagen-4.0-generate-001", response_format="url")
    place = "/v1/projects/p/locations/us-central1/publishers/google/models"
    assert provider.requests[0].path == f"{place}/imagen-4.0-generate-001:predict"
    assert reply.json["data"][0]["url"] == f"data:image/png;base64,{PNG}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"predictions": [{"raiFilteredReason": "Too dark."}]}, "Too dark."),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, "IMAGE_SAFETY"),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT"),
        ({}, "no reason given"),
    ],
)
async def test_a_filter_that_leaves_nothing_is_reported(
    provider: Simulator, answer: Any, reason: str
) -> None:
    reply = await draw(provider, "gemini", answer, "imagen-4.0-generate-001")
    assert reply.status == 400
    assert reply.error["code"] == "content_policy_violation"
    assert reply.error["message"] == f"the provider returned no image: {reason}"


# --- what is refused ---------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no prompt": ({"prompt": None}, "prompt"),
    "an empty prompt": ({"prompt": "  "}, "prompt"),
    "a prompt that is a list": ({"prompt": ["a"]}, "prompt"),
    "no image": ({"n": 0}, "n"),
    "a number in words": ({"n": "two"}, "n"),
    "a size that is a number": ({"size": 1024}, "size"),
    "a quality that is a number": ({"quality": 1}, "quality"),
    "a stream in words": ({"stream": "yes"}, "stream"),
    "a number of previews in words": ({"partial_images": "two"}, "partial_images"),
    "a size in words": ({"size": "large"}, "size"),
    "a size of nothing": ({"size": "0x1024"}, "size"),
    "a form that nobody knows": ({"response_format": "svg"}, "response_format"),
    "several of a model that draws one": ({"n": 2}, "n"),
}


@pytest.mark.parametrize(("fields", "param"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_reported_by_parameter(
    provider: Simulator, fields: dict[str, Any], param: str
) -> None:
    reply = await draw(provider, "gemini", DRAWN, **fields)
    assert reply.status == 400
    assert reply.error["param"] == param
    assert provider.requests == []


async def test_a_provider_without_images_is_refused(provider: Simulator) -> None:
    reply = await draw(provider, "anthropic", {})
    assert (reply.status, reply.error["code"]) == (400, "unsupported_feature")


@pytest.mark.parametrize("kind", ["openai", "gemini"])
@pytest.mark.parametrize("answer", [b"no json", b"[]", b'{"data":5,"predictions":5}'])
async def test_an_invalid_answer_is_reported(provider: Simulator, kind: str, answer: bytes) -> None:
    reply = await draw(provider, kind, answer)
    assert (reply.status, reply.error["code"]) == (502, "provider_broke")


async def test_an_error_of_the_provider_keeps_its_words(provider: Simulator) -> None:
    result = {
        "message": "Your request was rejected",
        "type": "image_generation_user_error",
        "param": None,
        "code": "moderation_blocked",
    }
    provider.answer(json({"error": result}, 400))
    async with Gateway({"sim": ("openai", provider.url)}) as gateway:
        reply = await gateway.post("/v1/images/generations", {"model": "sim/gpt-image-1", "prompt": "A cat"})
    assert (reply.status, reply.error) == (400, result)


# --- the official SDK and the recordings -------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "model", "answer"),
    [("openai", "gpt-image-1", BYTES), ("gemini", "imagen-4", IMAGEN), ("gemini", "gemini-3-image", DRAWN)],
)
async def test_the_official_sdk_reads_the_images(
    provider: Simulator, kind: str, model: str, answer: Any
) -> None:
    provider.answer(json(answer))
    async with (
        Gateway({"sim": (kind, provider.url)}) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as sdk,
    ):
        got = await sdk.images.generate(model=f"sim/{model}", prompt="A cat", response_format="b64_json")
    assert got.data is not None
    assert got.data[0].b64_json == PNG
    assert openai.types.ImagesResponse.model_validate_json(got.model_dump_json(), strict=True) == got


def drawn(*providers: str) -> list[Recording]:
    found = [one for name in providers for one in recordings(name, "images", status=200)]
    return [one for one in found if not one.path.endswith("/edits")]


@needs_recordings
@pytest.mark.parametrize("recording", drawn("openai", "xai", "together"), ids=repr)
async def test_a_recorded_request_and_answer_pass(provider: Simulator, recording: Recording) -> None:
    asked, result = recording.request_body, recording.response["body"]
    provider.answer(json(recording.body))
    async with Gateway({"sim": (recording.provider, provider.url)}) as gateway:
        reply = await gateway.post("/v1/images/generations", {**asked, "model": f"sim/{asked['model']}"})
    form = {"b64_json": "base64"} if recording.provider == "together" else {}
    if "response_format" in asked:
        asked = {**asked, "response_format": form.get(asked["response_format"], asked["response_format"])}
    assert provider.requests[0].json == asked
    assert {**reply.json, "created": 0} == {**result, "created": 0}


@needs_recordings
@pytest.mark.parametrize("recording", drawn("vertex"), ids=repr)
async def test_what_a_filter_leaves_of_a_recorded_answer_passes(
    provider: Simulator, recording: Recording
) -> None:
    provider.answer(json(recording.body))
    async with Gateway(
        more=f'[providers.sim]\nkind = "vertex"\nbase_url = "{provider.url}"\napi_key = "k"\n'
        + MORE["vertex"]
    ) as gateway:
        fields = {"model": "sim/imagen-4.0-generate-001", "prompt": "A cat", "n": 4}
        reply = await gateway.post("/v1/images/generations", fields)
    result = [one for one in recording.response["body"]["predictions"] if "raiFilteredReason" not in one]
    got = [one.get("b64_json") or one["url"] for one in reply.json["data"]]
    assert got == [one.get("bytesBase64Encoded") or one["gcsUri"] for one in result]


@needs_recordings
@pytest.mark.parametrize(
    "recording",
    [one for one in recordings("gemini", "chat", status=200) if "image-basic" in one.id],
    ids=repr,
)
async def test_a_recorded_picture_of_geminis_arrives(provider: Simulator, recording: Recording) -> None:
    parts = recording.response["body"]["candidates"][0]["content"]["parts"]
    result = [
        part["inlineData"]["data"] for part in parts if "inlineData" in part and not part.get("thought")
    ]
    if not result:
        pytest.skip("it drew nothing")
    reply = await draw(provider, "gemini", recording.body, recording.model)
    assert [one["b64_json"] for one in reply.json["data"]] == result
