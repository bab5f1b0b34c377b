"""Real answers of a gateway, held against the schemas that describe them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from running import Gateway, Reply
from tidegate.control.description import describe

DOCUMENT = describe("", "")
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def resolve(schema: Any) -> Any:
    if "$ref" not in schema:
        return schema
    value: Any = DOCUMENT
    for step in schema["$ref"].removeprefix("#/").split("/"):
        value = value[step]
    return resolve(value)


def faults(value: Any, schema: Any, path: str = "$") -> Iterator[str]:
    """Where a value is not what its schema says; fields that the schema does not name are faults too."""
    schema = resolve(schema)
    forms = schema.get("anyOf") or schema.get("oneOf")
    if forms:
        if all(any(True for _ in faults(value, form, path)) for form in forms):
            yield f"{path}: {value!r} has none of {len(forms)} forms"
        return
    kinds = schema.get("type", list(TYPES))
    allowed = [kind for name in ([kinds] if isinstance(kinds, str) else kinds) for kind in TYPES[name]]
    if type(value) not in allowed:
        yield f"{path}: {value!r} is no {kinds}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), f"{path}[{place}]")
    elif isinstance(value, dict) and "properties" in schema:
        yield from (f"{path}.{name} is missing" for name in schema.get("required", []) if name not in value)
        for name, item in value.items():
            if name in schema["properties"]:
                yield from faults(item, schema["properties"][name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is not described"


def described(method: str, path: str, status: int, media: str = "application/json") -> Any:
    return resolve(DOCUMENT["paths"][path][method]["responses"][str(status)])["content"][media]["schema"]


def assert_as_described(reply: Reply, method: str, path: str) -> None:
    assert list(faults(reply.json, described(method, path, reply.status))) == []


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        yield gateway


CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
ASKED: dict[str, Any] = {
    "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
    "max_tokens": 300,
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


@pytest.mark.parametrize("model", ["chat", "thinking", "rate-limited", "server-error", "no-such-model"])
@pytest.mark.parametrize("more", [{}, {"tools": [WEATHER]}], ids=["text", "tools"])
async def test_a_completion_is_as_described(gateway: Gateway, model: str, more: Any) -> None:
    assert_as_described(await gateway.post(CHAT, {**ASKED, **more, "model": f"demo/{model}"}), "post", CHAT)


@pytest.mark.parametrize("model", ["chat", "thinking"])
async def test_every_chunk_is_as_described(gateway: Gateway, model: str) -> None:
    asked = {**ASKED, "model": f"demo/{model}", "stream": True, "stream_options": {"include_usage": True}}
    reply = await gateway.post(CHAT, {**asked, "tools": [WEATHER]})
    assert reply.chunks
    schema = described("post", CHAT, 200, "text/event-stream")
    assert [fault for chunk in reply.chunks for fault in faults(chunk, schema)] == []


@pytest.mark.parametrize("model", ["chat", "thinking", "rate-limited", "server-error", "no-such-model"])
@pytest.mark.parametrize(
    "more", [{}, {"tools": [{"name": "weather", "input_schema": SCHEMA}]}], ids=["text", "tools"]
)
async def test_a_message_is_as_described(gateway: Gateway, model: str, more: Any) -> None:
    reply = await gateway.post(MESSAGES, {**ASKED, **more, "model": f"demo/{model}"})
    assert_as_described(reply, "post", MESSAGES)


async def test_a_count_is_as_described(gateway: Gateway) -> None:
    path = "/v1/messages/count_tokens"
    reply = await gateway.post(path, {"messages": ASKED["messages"], "model": "demo/chat"})
    assert reply.status == 200
    assert_as_described(reply, "post", path)


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2023-06-01"}], ids=["openai", "anthropic"])
async def test_the_models_are_as_described(gateway: Gateway, headers: Any) -> None:
    models = await gateway.get("/v1/models", headers)
    assert_as_described(models, "get", "/v1/models")
    name = models.json["data"][0]["id"]
    one = await gateway.get(f"/v1/models/{name}", headers)
    assert one.status == 200
    assert_as_described(one, "get", "/v1/models/{model}")


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_the_state_of_health_is_as_described(gateway: Gateway, path: str) -> None:
    assert_as_described(await gateway.get(path), "get", path)


async def test_a_gateway_without_providers_is_not_ready_as_described() -> None:
    async with Gateway() as gateway:
        reply = await gateway.get("/health/ready")
    assert reply.status == 503
    assert_as_described(reply, "get", "/health/ready")


async def test_every_described_header_of_an_answer_is_there(gateway: Gateway) -> None:
    reply = await gateway.post(CHAT, {**ASKED, "model": "demo/chat"})
    promised = DOCUMENT["paths"][CHAT]["post"]["responses"]["200"]["headers"].keys()
    assert promised - {name.lower() for name in reply.headers} == {"x-tidegate-dropped"}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({}, {"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        ({"b": 1}, {"type": "object", "properties": {}}),
        (True, {"type": "integer"}),
        ("x", {"type": "string", "enum": ["y"]}),
        ([1], {"type": "array", "items": {"type": "string"}}),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"id": 1}, {"$ref": "#/components/schemas/Model"}),
    ],
)
def test_a_fault_is_found(value: Any, schema: Any) -> None:
    assert list(faults(value, schema))
