"""Edits of images through the gateway: forms as clients write them, and what providers are sent."""

import base64
import json as jsonlib
from collections.abc import Mapping
from typing import Any

import openai
import pytest

from cases import Failures
from running import Gateway, Reply
from simulator import Script, Simulator, json, stream
from tidegate.config import Billing
from tidegate.exchange.facts import BYTES_PER_TOKEN
from tidegate.exchange.quoting import TOKENS_OF_PICTURE, demand_of
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.images.edits import parse_edit
from tidegate.protocols.images.multipart import parse_form

PIXELS = b"\x89PNG\r\n\x1a\n" + b"\0\xff\r\n--\r\n" * 5
PNG = base64.b64encode(PIXELS).decode()
USAGE = {
    "input_tokens": 300,
    "input_tokens_details": {"image_tokens": 290, "text_tokens": 10},
    "output_tokens": 1056,
    "output_tokens_details": {"image_tokens": 1056, "text_tokens": 0},
    "total_tokens": 1356,
}
ANSWER = json({"created": 1, "data": [{"b64_json": PNG}], "usage": USAGE})
DRAWN = json(
    {
        "candidates": [
            {
                "content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 294, "candidatesTokenCount": 1290, "totalTokenCount": 1584},
    }
)
BOUNDARY = "----Form7MA4YWxk"


def form(*parts: tuple[str, str | bytes], boundary: str = BOUNDARY) -> bytes:
    """A form; bytes are a file."""
    written = b""
    for name, value in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            head += '; filename="a.png"\r\nContent-Type: image/png'
        written += (
            head.encode() + b"\r\n\r\n" + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
        )
    return written + f"--{boundary}--\r\n".encode()


def config_of(kind: str, url: str) -> str:
    more = {"vertex": 'project = "p"\nlocation = "us-central1"', "azure": ""}.get(kind, "")
    return f'[providers.sim]\nkind = "{kind}"\nbase_url = "{url}"\napi_key = "k"\n{more}'


async def edit(
    server: Simulator,
    kind: str,
    answer: Script,
    *parts: tuple[str, str | bytes],
    model: str = "m",
    record: dict[str, Any] | None = None,
) -> Reply:
    server.answer(answer)
    async with Gateway(more=config_of(kind, server.url)) as gateway:
        body = form(("model", f"sim/{model}"), ("prompt", "Add a hat"), *parts)
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        reply = await gateway.post("/v1/images/edits", body, headers)
        if record is not None:
            record.update(await gateway.record())
        return reply


def sent(server: Simulator) -> list[tuple[str, bytes]]:
    """The parts that the provider was sent."""
    seen = server.requests[-1]
    boundary = seen.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    return [(part.name, part.data) for part in parse_form(seen.body, boundary)]


@pytest.fixture
async def provider() -> Any:
    async with Simulator() as simulator:
        yield simulator


async def test_a_form_passes_with_the_model_replaced(provider: Simulator) -> None:
    record: dict[str, Any] = {}
    parts: list[tuple[str, str | bytes]] = [
        ("image[]", PIXELS), ("image[]", PIXELS * 2), ("mask", PIXELS), ("n", "2"),
        ("input_fidelity", "high"), ("provider", '{"sort": "price"}'), ("models[]", "sim/other"),
    ]  # fmt: skip
    reply = await edit(provider, "openai", ANSWER, *parts, model="gpt-image-1", record=record)
    assert (reply.status, reply.json["data"]) == (200, [{"b64_json": PNG}])
    assert provider.requests[0].path == "/images/edits"
    assert sorted(sent(provider)) == sorted(
        [
            ("model", b"gpt-image-1"), ("prompt", b"Add a hat"), ("image[]", PIXELS), ("image[]", PIXELS * 2),
            ("mask", PIXELS), ("n", b"2"), ("input_fidelity", b"high"),
        ]
    )  # fmt: skip
    assert record["usage"] == {"input": 10, "input_image": 290, "output": 0, "output_image": 1056}
    assert reply.headers["x-tidegate-provider"] == "sim"


async def test_azure_is_called_at_its_deployment(provider: Simulator) -> None:
    await edit(provider, "azure", ANSWER, ("image", PIXELS), model="gpt-image-1")
    assert provider.requests[0].path.startswith("/openai/deployments/gpt-image-1/images/edits?api-version=")


async def test_gemini_gets_the_images_beside_the_prompt(provider: Simulator) -> None:
    record: dict[str, Any] = {}
    reply = await edit(
        provider, "gemini", DRAWN, ("image[]", PIXELS), ("image[]", PIXELS), ("size", "1024x1024"),
        ("input_fidelity", "high"), model="gemini-3.1-flash-image", record=record,
    )  # fmt: skip
    assert (reply.status, reply.json["data"]) == (200, [{"b64_json": PNG}])
    assert reply.headers["x-tidegate-dropped"] == "input_fidelity"
    seen = provider.requests[0]
    assert seen.path == "/v1beta/models/gemini-3.1-flash-image:generateContent"
    picture = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert seen.json["contents"] == [{"role": "user", "parts": [{"text": "Add a hat"}, picture, picture]}]
    assert seen.json["generationConfig"]["imageConfig"] == {"aspectRatio": "1:1"}
    assert seen.headers["content-type"] == "application/json"
    assert record["usage"]["input"] == 294


async def test_xai_gets_links_to_data(provider: Simulator) -> None:
    reply = await edit(
        provider, "xai", json({"data": [{"b64_json": PNG}]}), ("image", PIXELS), ("quality", "high")
    )
    assert (reply.status, reply.headers["x-tidegate-dropped"]) == (200, "quality")
    link = {"url": f"data:image/png;base64,{PNG}", "type": "image_url"}
    assert provider.requests[0].json == {"model": "m", "prompt": "Add a hat", "image": link}


@pytest.mark.parametrize(
    ("kind", "parts", "words"),
    [
        ("anthropic", [], "has no image edits"),
        ("together", [], "has no image edits"),
        ("mistral", [], "has no image edits"),
        ("gemini", [("mask", PIXELS)], "does not support a mask"),
        ("xai", [("mask", PIXELS)], "does not support a mask"),
        ("gemini", [("n", "2")], "one image at a time"),
    ],
)
async def test_what_a_provider_does_not_have_is_refused_by_name(
    provider: Simulator, kind: str, parts: list[tuple[str, str | bytes]], words: str
) -> None:
    reply = await edit(provider, kind, ANSWER, ("image", PIXELS), *parts)
    assert (reply.status, provider.requests) == (400, [])
    assert words in reply.error["message"]


async def test_imagen_edits_nothing(provider: Simulator) -> None:
    reply = await edit(provider, "gemini", DRAWN, ("image", PIXELS), model="imagen-4.0-generate-001")
    assert (reply.status, provider.requests) == (400, [])


async def test_edits_stream(provider: Simulator) -> None:
    done = {"type": "image_edit.completed", "b64_json": PNG, "usage": USAGE}
    part = {"type": "image_edit.partial_image", "b64_json": PNG, "partial_image_index": 0}
    pieces = [f"event: {one['type']}\ndata: {jsonlib.dumps(one)}\n\n".encode() for one in (part, done)]
    record: dict[str, Any] = {}
    reply = await edit(
        provider, "openai", stream(pieces), ("image", PIXELS), ("stream", "true"), ("partial_images", "1"),
        model="gpt-image-1", record=record,
    )  # fmt: skip
    assert reply.body == b"".join(pieces)
    assert (record["ended"], record["usage"]["output_image"]) == ("complete", 1056)
    assert ("stream", b"true") in sent(provider)


async def test_a_provider_that_does_not_stream_answers_in_the_events_of_edits(provider: Simulator) -> None:
    reply = await edit(
        provider, "gemini", DRAWN, ("image", PIXELS), ("stream", "true"), model="gemini-3.1-flash-image"
    )
    assert [event["type"] for event in reply.chunks] == ["image_edit.completed"]


async def test_json_passes_to_openai_and_is_translated_for_others(provider: Simulator) -> None:
    image = {"image_url": f"data:image/png;base64,{PNG}"}
    body = {"prompt": "Add a hat", "images": [image]}
    provider.answer(ANSWER)
    async with Gateway(more=config_of("openai", provider.url)) as gateway:
        headers = {"content-type": "application/json"}
        reply = await gateway.post("/v1/images/edits", {"model": "sim/gpt-image-1", **body}, headers)
    assert reply.status == 200
    assert provider.requests[0].json == {"model": "gpt-image-1", **body}
    provider.answer(DRAWN)
    async with Gateway(more=config_of("gemini", provider.url)) as gateway:
        reply = await gateway.post(
            "/v1/images/edits", {"model": "sim/gemini-3.1-flash-image", **body}, headers
        )
        linked = {"model": "sim/gemini-3.1-flash-image", "prompt": "x", "images": [{"file_id": "file-1"}]}
        refused = await gateway.post("/v1/images/edits", linked, headers)
    assert reply.status == 200
    assert provider.requests[1].json["contents"][0]["parts"][1]["inlineData"]["data"] == PNG
    assert (refused.status, len(provider.requests)) == (400, 2)


async def test_the_next_candidate_gets_the_whole_form(provider: Simulator) -> None:
    async with Simulator() as down:
        down.answer(json({"error": {"message": "no"}}, 503))
        provider.answer(ANSWER)
        more = '[models.m]\ncandidates = ["one/a", "two/b"]'
        named = {"one": ("openai", down.url), "two": ("openai_compatible", provider.url)}
        async with Gateway(named, more=more) as gateway:
            body = form(("model", "m"), ("prompt", "Add a hat"), ("image", PIXELS))
            headers = {"content-type": f'multipart/form-data; boundary="{BOUNDARY}"'}
            reply = await gateway.post("/v1/images/edits", body, headers)
    assert (reply.status, reply.headers["x-tidegate-attempts"]) == (200, "2")
    assert ("model", b"b") in sent(provider)
    assert ("image", PIXELS) in sent(provider)


async def test_the_official_sdk_edits(provider: Simulator) -> None:
    provider.answer(ANSWER)
    async with Gateway(more=config_of("openai", provider.url)) as gateway:
        images = [("a.png", PIXELS, "image/png"), ("b.png", PIXELS, "image/png")]
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k") as client:
            edited = await client.images.edit(model="sim/gpt-image-1", image=images, prompt="Add a hat", n=1)
    assert edited.data is not None
    assert edited.data[0].b64_json == PNG
    assert [name for name, _ in sent(provider)].count("image[]") == 2


def test_images_count_as_what_they_may_cost_and_not_by_their_bytes() -> None:
    one, two = (
        demand_of(parse_edit(form(("prompt", "p"), *[("image[]", PIXELS * 9999)] * count), FORM), Billing())
        for count in (1, 2)
    )
    assert two.size - one.size == TOKENS_OF_PICTURE * BYTES_PER_TOKEN
    assert one.images == 1


FORM = f"multipart/form-data; boundary={BOUNDARY}"
WHOLE = form(("model", "m"), ("prompt", "p"), ("image", PIXELS))
WRONG: Mapping[str, tuple[str, bytes]] = {
    "no type": ("", WHOLE),
    "another type": ("text/plain", WHOLE),
    "no boundary": ("multipart/form-data", WHOLE),
    "another boundary": ("multipart/form-data; boundary=x", WHOLE),
    "cut": (FORM, WHOLE[:-20]),
    "empty": (FORM, b""),
    "no image": (FORM, form(("model", "m"), ("prompt", "p"))),
    "an empty image": (FORM, form(("model", "m"), ("prompt", "p"), ("image", b""))),
    "no prompt": (FORM, form(("model", "m"), ("image", PIXELS))),
    "a blank prompt": (FORM, form(("prompt", " "), ("image", PIXELS))),
    "n is no number": (FORM, form(("prompt", "p"), ("n", "two"), ("image", PIXELS))),
    "n is 0": (FORM, form(("prompt", "p"), ("n", "0"), ("image", PIXELS))),
    "provider is half an object": (FORM, form(("prompt", "p"), ("provider", "{"), ("image", PIXELS))),
    "no name": (FORM, WHOLE.replace(b'name="prompt"', b"")),
    "no end of the headers": (
        FORM,
        f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n--{BOUNDARY}--".encode(),
    ),
    "long headers": (FORM, WHOLE.replace(b"image/png", b"image/png" * 2000)),
    "bad UTF-8": (FORM, WHOLE.replace(b"\r\n\r\np\r\n", b"\r\n\r\n\xff\r\n")),
    "many parts": (FORM, form(*[("x", "y")] * 300, ("prompt", "p"), ("image", PIXELS))),
    "many images": (FORM, form(("prompt", "p"), *[("image[]", PIXELS)] * 60)),
}


def test_a_form_that_is_wrong_is_refused() -> None:
    failures = Failures()
    for name, (content_type, body) in WRONG.items():
        with failures.case(name), pytest.raises(InvalidRequest):
            parse_edit(body, content_type)
    failures.report()


REFERENCES: dict[str, tuple[dict[str, Any], str]] = {
    "an image that refers to nothing": (
        {"images": [{"file_id": "file-1"}, {}]},
        "images.1",
    ),
    "an empty file id": ({"images": [{"file_id": ""}]}, "images.0"),
    "a mask that refers to nothing": ({"images": [{"file_id": "file-1"}], "mask": {}}, "mask"),
    "no URL": ({"images": [{"image_url": "pixel.png"}]}, "images.0.image_url"),
}


def test_a_reference_that_is_wrong_is_named() -> None:
    failures = Failures()
    for name, (fields, param) in REFERENCES.items():
        with failures.case(name):
            with pytest.raises(InvalidRequest) as refused:
                parse_edit(jsonlib.dumps({"prompt": "p", **fields}).encode())
            assert refused.value.param == param
    failures.report()
