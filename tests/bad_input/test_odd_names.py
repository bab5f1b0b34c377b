"""Names of models and tools, preferences about providers and headers that are odd."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bad_input.requests import CHAT, COUNT, FORMATS, MESSAGES, Room, faults_of, open_room

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOORS = (CHAT, MESSAGES, COUNT)
HI = {"role": "user", "content": "Hello"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room() -> AsyncIterator[Room]:
    async with open_room() as opened:
        yield opened
        await opened.check()


def body(**fields: Any) -> bytes:
    return json.dumps({"max_tokens": 9, "messages": [HI], **fields}).encode()


MODELS = {
    "dots": "../../secret",
    "one dot": ".",
    "a query": "m?key=1#x",
    "percent": "%2e%2e%2f%00",
    "spaces": " m ",
    "a line break": "m\r\nx-injected: yes",
    "a NUL": "m\x00",
    "not ASCII": "größte-Flut-🌊",
    "a lone surrogate": "m\ud800",
    "slashes": "///",
    "a colon": "m:streamGenerateContent",
    "long": "m" * 100_000,
}


@pytest.mark.parametrize("what", MODELS)
async def test_an_odd_name_of_a_model_stays_a_name(room: Room, what: str) -> None:
    for door in DOORS:
        for provider in FORMATS:
            reply = await room.ask(door, body(model=f"{provider}/{MODELS[what]}"))
            assert faults_of(reply, door) is None, (door, provider)
            assert "x-injected" not in reply.headers
            for seen in room.simulator.requests:
                assert seen.path.startswith("/v1")
                assert "secret" not in seen.path.split("/")
                assert "x-injected" not in seen.headers


PREFERENCES: list[Any] = [
    "",
    "nobody",
    " ",
    "a\r\nb",
    {"order": 5},
    {"order": [5]},
    {"order": []},
    {"order": ["nobody"]},
    {"only": "openai"},
    {"only": {}},
    {"only": [None]},
    {"ignore": ["openai", "anthropic", "gemini"]},
    {"allow_fallbacks": "yes"},
    {"sort": ["price"]},
    {"": {}},
    {"order": [["openai"]]},
]


@pytest.mark.parametrize("preference", PREFERENCES, ids=json.dumps)
async def test_odd_preferences_are_followed_or_refused(room: Room, preference: Any) -> None:
    for door in DOORS:
        for model in ("openai/m", "m", "nobody/m"):
            reply = await room.ask(door, body(model=model, provider=preference))
            assert faults_of(reply, door) is None, (door, model)


@pytest.mark.parametrize("models", [["nobody/x"], ["openai/m"] * 500, ["", "x"], ["openai/m", "anthropic/m"]])
async def test_odd_fallbacks_are_followed_or_refused(room: Room, models: list[str]) -> None:
    for door in DOORS:
        reply = await room.ask(door, body(model="openai/m", models=models))
        assert faults_of(reply, door) is None


TOOLS = {"a space": "a b", "a slash": "a/b", "not ASCII": "größe", "a line break": "a\nb", "long": "a" * 129}
FOREIGN = [(CHAT, "anthropic"), (CHAT, "gemini"), (MESSAGES, "gemini")]


@pytest.mark.parametrize("what", TOOLS)
async def test_a_tool_whose_name_another_dialect_does_not_allow_is_offered_under_another(
    room: Room, what: str
) -> None:
    for door, provider in FOREIGN:
        function = {"name": TOOLS[what], "parameters": {"type": "object"}}
        declared = {"name": TOOLS[what], "input_schema": {"type": "object"}}
        tools = [{"type": "function", "function": function}] if door is CHAT else [declared]
        reply = await room.ask(door, body(model=f"{provider}/m", tools=tools))
        assert faults_of(reply, door) is None
        assert reply.status != 400, (door, provider)
        sent = room.simulator.requests[-1].body.decode()
        assert json.dumps(TOOLS[what], ensure_ascii=False) not in sent


@pytest.mark.parametrize("what", TOOLS)
async def test_the_name_of_a_tool_is_for_a_provider_of_the_same_dialect_to_judge(
    room: Room, what: str
) -> None:
    function = {"name": TOOLS[what], "parameters": {"type": "object"}}
    reply = await room.ask(CHAT, body(model="openai/m", tools=[{"type": "function", "function": function}]))
    assert reply.status == 200
    assert room.asked["tools"][0]["function"]["name"] == TOOLS[what]


HEADERS = [
    {"authorization": "Bearer \xff\xfe"},
    {"authorization": ""},
    {"authorization": "Basic !!!"},
    {"x-api-key": "a" * 9000},
    {"anthropic-version": "never"},
    {"anthropic-beta": "\xe9,,, ,x" * 50},
    {"openai-organization": "\xe9"},
    {"accept": "application/xml"},
    {"accept-encoding": "nonsense;q=x"},
    {"expect": "200-maybe"},
    {"connection": "upgrade", "upgrade": "h2c"},
    {"te": "trailers, x"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda one: next(iter(one)))
async def test_odd_headers_are_no_fault_of_ours(room: Room, headers: dict[str, str]) -> None:
    for door in DOORS:
        for provider in FORMATS:
            reply = await room.ask(door, body(model=f"{provider}/m"), headers)
            assert reply.status == 200 or faults_of(reply, door) is None, (door, provider, reply.body)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/%00",
        "/v1/models/%ff%fe",
        "/v1/models/",
        "/v1/models/..%2f..",
        "/v1/models/" + "a" * 8000,
        "/%",
        "//v1/chat/completions",
        "/v1/chat/completions?x=%ff",
        "/v1/messages/../models",
        "/\xff",
    ],
)
async def test_odd_paths_are_no_fault_of_ours(room: Room, path: str) -> None:
    reply = await room.gateway.get(path)
    assert reply.status < 500
    assert room.notes.faults == []
