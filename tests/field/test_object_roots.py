"""Schemas of answers that are no objects: wrapped for providers that take nothing else, and unwrapped."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field.calling import REGISTRY, plan, received, sent
from field.families import FAMILIES, say
from tidegate.protocols.gemini import PROTOCOL as GEMINI
from tidegate.protocols.object_root import ValueReader

RECIPES = {"type": "array", "items": {"$ref": "#/$defs/Recipe"}, "$defs": {"Recipe": {"type": "object"}}}
OTHERS: list[dict[str, Any]] = [
    RECIPES,
    {"type": "string", "enum": ["a", "b"]},
    {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
    {"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}}},
    {"type": ["object", "null"], "items": {"$ref": "#/items"}},
    {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#"}]}},
]
OBJECTS: list[dict[str, Any]] = [{"type": "object"}, {"properties": {"a": {}}}, {}]
VALUES: list[Any] = [[], [{"a": 1}, {"value": [1, "}"]}], "a", 'q"\\', 7, None, {"a": {"b": "}"}}, True]
FOREIGN = [model for model in FAMILIES if not model.startswith("gemini")]


def schema_in(body: dict[str, Any]) -> Any:
    """The schema of the answer, wherever a provider wants it."""
    if "response_format" in body:
        form = body["response_format"]
        return form["json_schema"]["schema"] if form["type"] == "json_schema" else form["json_schema"]
    if "output_config" in body:
        return body["output_config"]["format"]["schema"]
    if "text" in body:
        return body["text"]["format"]["schema"]
    return json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])


def google(model: str, **config: Any) -> Any:
    """A request of google-genai to a provider of another format, and the way of its answer."""
    body = {"model": model, "contents": [{"parts": [{"text": "q"}]}], "generationConfig": config}
    asked = GEMINI.parse_request(json.dumps(body).encode())
    return REGISTRY.resolve(model, None, (), GEMINI.name).candidates[0].route(GEMINI).plan(asked)


def asked(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


@pytest.mark.parametrize("schema", OTHERS)
@pytest.mark.parametrize("model", FOREIGN)
def test_a_provider_gets_an_object(model: str, schema: dict[str, Any]) -> None:
    call, _ = google(model, responseMimeType="application/json", responseJsonSchema=schema)
    found = schema_in(json.loads(call.body))
    assert (found["type"], found["required"], list(found["properties"])) == ("object", ["value"], ["value"])
    for reference in references(found):
        at = found
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for inner in value for one in references(inner)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [one for inner in value.values() for one in references(inner)]


@pytest.mark.parametrize("schema", OBJECTS)
def test_objects_stay(schema: dict[str, Any]) -> None:
    call, _ = google("openai_compatible/m", responseMimeType="application/json", responseJsonSchema=schema)
    assert schema_in(json.loads(call.body)) == schema


def test_google_gets_any_schema() -> None:
    config = sent("chat", "gemini/gemini-2.5-flash", **asked(RECIPES))["generationConfig"]
    assert config["responseJsonSchema"] == RECIPES


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "cohere/command-a-03-2025", "bedrock/m"])
def test_clients_get_the_value(model: str, value: Any, stream: bool) -> None:
    text = json.dumps({"value": value}, indent=1)
    one = received("chat", model, say(model, stream, text=text), stream=stream, **asked(RECIPES))
    assert (json.loads(one.text), one.finish, one.failure) == (value, "stop", None)


@pytest.mark.parametrize("text", ["No.", "", "[1]", '{"valu', '{"values": 1}', '{"value"', " {"])
def test_what_is_no_such_object_arrives_as_it_is(text: str) -> None:
    model = "anthropic/claude-sonnet-4-5"
    assert received("chat", model, say(model, True, text=text), **asked(RECIPES)).text == text


@pytest.mark.parametrize("model", FOREIGN)
def test_one_of_several_texts_is_no_json(model: str) -> None:
    schema = {"type": "STRING", "enum": ["hot", "cold"]}
    _, conduit = google(model, responseMimeType="text/x.enum", responseSchema=schema)
    data = say(model, False, text='{"value": "hot"}')
    body = json.loads(conduit.feed(data) + conduit.close())
    assert body["candidates"][0]["content"]["parts"][0]["text"] == "hot"


def test_google_is_asked_for_one_of_several_texts_in_its_own_words() -> None:
    schema = {"type": "STRING", "enum": ["hot", "cold"]}
    body = {
        "model": "m",
        "contents": [{"parts": [{"text": "q"}]}],
        "generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": schema},
    }
    turn = GEMINI.parse_request(json.dumps(body).encode()).turn()
    call, _ = plan("chat", "gemini/gemini-2.5-flash")
    target = REGISTRY.resolve("gemini/gemini-2.5-flash", None, (), "gemini").candidates[0].target
    assert (
        json.loads(GEMINI.render_request(turn, target).body)["generationConfig"] == body["generationConfig"]
    )
    assert call.dropped == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    value=JSON,
    cuts=st.lists(st.integers(1, 40), max_size=6),
    indent=st.sampled_from([None, 2]),
    bare=st.booleans(),
)
def test_the_value_arrives_however_it_is_split(
    value: Any, cuts: list[int], indent: int | None, bare: bool
) -> None:
    text = json.dumps({"value": value}, indent=indent)
    reader = ValueReader(bare=bare)
    out, at = "", 0
    for cut in [*sorted(cuts), len(text)]:
        out += reader.feed(text[at:cut])
        at = max(at, cut)
    out += reader.close()
    assert out == value if bare and isinstance(value, str) else json.loads(out) == value


def test_blanks_without_end_before_a_value_are_not_kept() -> None:
    reader = ValueReader()
    passed = [reader.feed(" " * 50) for _ in range(10)]
    assert "".join(passed) + reader.close() == " " * 500
    assert reader.feed('{"value": 1}') == '{"value": 1}'
