"""Requests whose every type is right and that contradict themselves: refused by name, whoever is asked."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bad_input.requests import CHAT, COUNT, FORMATS, MESSAGES, Door, Room, faults_of, names, open_room

pytestmark = pytest.mark.asyncio(loop_scope="module")

HI = {"role": "user", "content": "Hello"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
USE = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
TEXT_FILE = base64.b64encode(b"no image").decode()
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room() -> AsyncIterator[Room]:
    async with open_room() as opened:
        yield opened
        await opened.check()


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def said(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def image_url(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def image(**source: str) -> dict[str, Any]:
    return {"type": "image", "source": source}


def inline_image(data: str, media_type: str = "image/png") -> dict[str, Any]:
    return image(type="base64", media_type=media_type, data=data)


def result(call_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, **fields}


WRONG_URLS = {
    "a file": "file:///etc/passwd",
    "no URL": "the picture from yesterday",
    "another scheme": "ftp://example.com/a.png",
    "a script": "javascript:alert(1)",
    "data without base64": "data:image/png,hello",
    "data that is no base64": "data:image/png;base64,????",
    "data that is no image": f"data:image/png;base64,{TEXT_FILE}",
    "data of another kind": f"data:text/plain;base64,{TEXT_FILE}",
    "no data": "data:image/png;base64,",
    "nothing": "",
}
ADDRESS = "messages.0.content.0.image_url.url"

CHATS: dict[str, tuple[str, list[Any]]] = {
    **{f"an image by {what}": (ADDRESS, [user(image_url(url))]) for what, url in WRONG_URLS.items()},
    "a message without a role": ("messages.1.role", [HI, {"content": "?"}]),
    "a message of nothing": ("messages.0.role", [{}]),
    "a user message without content": ("messages.0.content", [{"role": "user"}]),
    "an assistant that says nothing": ("messages.1.content", [HI, {"role": "assistant"}]),
    "a result that answers nothing": (
        "messages.1.tool_call_id",
        [HI, {"role": "tool", "tool_call_id": "c9", "content": "ok"}],
    ),
    "a result before its call": (
        "messages.1.tool_call_id",
        [HI, {"role": "tool", "tool_call_id": "c1", "content": "ok"}, CALLED],
    ),
    "a result without an id": ("messages.2.tool_call_id", [HI, CALLED, {"role": "tool", "content": "ok"}]),
    "a call of nothing": ("messages.1.tool_calls.0.function", [HI, {**CALLED, "tool_calls": [{"id": "c1"}]}]),
    "a part without a type": ("messages.0.content.0.type", [user({"text": "Hello"})]),
    "a text part without a text": ("messages.0.content.0.text", [user({"type": "text"})]),
    "an image part without an image": ("messages.0.content.0.image_url", [user({"type": "image_url"})]),
    "audio without data": (
        "messages.0.content.0.input_audio.data",
        [user({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})],
    ),
    "a file of nothing": ("messages.0.content.0.file", [user({"type": "file", "file": {}})]),
    "a file by another scheme": (
        "messages.0.content.0.file.file_data",
        [user({"type": "file", "file": {"file_data": "file:///etc/passwd"}})],
    ),
    "a PDF that is none": (
        "messages.0.content.0.file.file_data",
        [user({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{TEXT_FILE}"}})],
    ),
    "a PDF that is no base64": (
        "messages.0.content.0.file.file_data",
        [user({"type": "file", "file": {"file_data": "data:application/pdf;base64,????"}})],
    ),
}

PROMPTS: dict[str, tuple[str, list[Any]]] = {
    "an image by a file URL": (
        "messages.0.content.0.source.url",
        [user(image(type="url", url="file:///etc/passwd"))],
    ),
    "an image by no URL": ("messages.0.content.0.source.url", [user(image(type="url", url="here"))]),
    "an image that is no image": ("messages.0.content.0.source.data", [user(inline_image(TEXT_FILE))]),
    "an image that is no base64": ("messages.0.content.0.source.data", [user(inline_image("????"))]),
    "an image without data": ("messages.0.content.0.source.data", [user(inline_image(""))]),
    "an image of another kind": (
        "messages.0.content.0.source.data",
        [user(inline_image(TEXT_FILE, "text/plain"))],
    ),
    "an image without a source": ("messages.0.content.0.source", [user({"type": "image"})]),
    "a PDF that is none": (
        "messages.0.content.0.source.data",
        [
            user(
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": TEXT_FILE},
                }
            )
        ],
    ),
    "a message without a role": ("messages.1.role", [HI, {"content": "?"}]),
    "a message without content": ("messages.1.content", [HI, {"role": "assistant"}]),
    "a result that answers nothing": ("messages.1.content.0.tool_use_id", [HI, user(result("t9"))]),
    "a result before its call": ("messages.0.content.0.tool_use_id", [user(result("t1")), said(USE)]),
    "a result that holds an image that is none": (
        "messages.2.content.0.content.0.source.data",
        [HI, said(USE), user(result("t1", content=[inline_image(TEXT_FILE)]))],
    ),
    "a call by the user": ("messages.0.content.0", [user(USE)]),
    "a result by the assistant": ("messages.1.content.0", [HI, said(result("t1"))]),
    "a call without input": (
        "messages.1.content.0.input",
        [HI, said({"type": "tool_use", "id": "t1", "name": "look"})],
    ),
    "a block without a type": ("messages.0.content.0.type", [user({"text": "Hello"})]),
    "a text block without a text": ("messages.0.content.0.text", [user({"type": "text"})]),
    "thinking without thinking": (
        "messages.1.content.0.thinking",
        [HI, said({"type": "thinking", "signature": "x"})],
    ),
}

CASES = [
    *((CHAT, what, path, messages) for what, (path, messages) in CHATS.items()),
    *((MESSAGES, what, path, messages) for what, (path, messages) in PROMPTS.items()),
    *((COUNT, what, path, messages) for what, (path, messages) in PROMPTS.items()),
]


def ids(value: Any) -> str:
    return (
        value.replace(" ", "-") if isinstance(value, str) else repr(value) if isinstance(value, Door) else ""
    )


@pytest.mark.parametrize(("door", "what", "path", "messages"), CASES, ids=ids)
async def test_a_malformed_conversation_is_refused_by_name(
    room: Room, door: Door, what: str, path: str, messages: list[Any]
) -> None:
    for provider in FORMATS:
        body = {"model": f"{provider}/m", "max_tokens": 9, "messages": messages}
        reply = await room.ask(door, json.dumps(body).encode())
        assert faults_of(reply, door) is None
        assert reply.status == 400, what
        assert names(reply, door, path), reply.error
        assert room.simulator.requests == []


FUNCTION = {"type": "function", "function": {"name": "look"}}
DECLARED = {"name": "look", "input_schema": {"type": "object"}}

FIELDS: list[tuple[Door, str, dict[str, Any]]] = [
    (CHAT, "tool_choice", {"tool_choice": "required"}),
    (CHAT, "tool_choice", {"tool_choice": {"type": "function", "function": {"name": "look"}}}),
    (
        CHAT,
        "tool_choice.function.name",
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "other"}}},
    ),
    (CHAT, "tools.0.function", {"tools": [{"type": "function"}]}),
    (CHAT, "tools.0.custom", {"tools": [{"type": "custom"}]}),
    (CHAT, "response_format.json_schema", {"response_format": {"type": "json_schema"}}),
    (CHAT, "function_call.name", {"function_call": {"name": "other"}}),
    (MESSAGES, "tool_choice", {"tool_choice": {"type": "any"}}),
    (MESSAGES, "tool_choice.name", {"tools": [DECLARED], "tool_choice": {"type": "tool"}}),
    (MESSAGES, "tool_choice.name", {"tools": [DECLARED], "tool_choice": {"type": "tool", "name": "other"}}),
    (MESSAGES, "tools.1.name", {"tools": [DECLARED, DECLARED]}),
    (MESSAGES, "thinking.budget_tokens", {"thinking": {"type": "enabled"}}),
    (MESSAGES, "max_tokens", {"max_tokens": None}),
]


@pytest.mark.parametrize(("door", "path", "fields"), FIELDS, ids=ids)
async def test_fields_that_do_not_go_together_are_refused_by_name(
    room: Room, door: Door, path: str, fields: dict[str, Any]
) -> None:
    for provider in FORMATS:
        body = {"model": f"{provider}/m", "max_tokens": 9, "messages": [HI], **fields}
        reply = await room.ask(door, json.dumps(body).encode())
        assert faults_of(reply, door) is None
        assert reply.status == 400
        assert names(reply, door, path), reply.error


@pytest.mark.parametrize("door", [CHAT, MESSAGES, COUNT], ids=repr)
async def test_a_missing_model_and_missing_messages_are_named(room: Room, door: Door) -> None:
    for missing in ("model", "messages"):
        body = {"model": "openai/m", "max_tokens": 9, "messages": [HI]}
        del body[missing]
        reply = await room.ask(door, json.dumps(body).encode())
        assert reply.status == 400
        assert names(reply, door, missing)


async def test_an_unknown_field_reaches_a_provider_of_the_same_dialect_as_it_was(room: Room) -> None:
    strange = '{"a": [1.0, 1e400, 12345678901234567890123, null, "\\ud83c\\udf0a"]}'
    for door in (CHAT, MESSAGES):
        body = json.dumps({"model": f"{door.dialect}/m", "max_tokens": 9, "messages": [HI], "x_new": "@@"})
        reply = await room.ask(door, body.replace('"@@"', strange).encode())
        assert reply.status == 200
        assert strange.encode() in room.simulator.requests[-1].body


async def test_an_unknown_field_is_named_to_clients_of_providers_of_other_dialects(room: Room) -> None:
    for door, provider in ((CHAT, "anthropic"), (CHAT, "gemini"), (MESSAGES, "openai"), (MESSAGES, "gemini")):
        body = {"model": f"{provider}/m", "max_tokens": 9, "messages": [HI], "x_new": {"a": 1}}
        reply = await room.ask(door, json.dumps(body).encode())
        assert reply.status == 200
        assert "x_new" in reply.headers["x-tidegate-dropped"].split(",")
        assert "x_new" not in room.asked
