"""Forms of requests that providers refuse although the client's own provider takes them."""

import json
from typing import Any

import pytest

from field.calling import plan, sent
from tidegate.protocols.anthropic import PROTOCOL as CLAUDE
from tidegate.protocols.contract import Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.flat_root import flat_root
from tidegate.protocols.gemini import PROTOCOL as GEMINI
from tidegate.protocols.sendable import refuse_meaning

CLAUDES = ["anthropic/claude-sonnet-4-5", "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"]
HI = {"role": "user", "content": "hi"}
A = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "kind": {"const": "a"}},
    "required": ["a", "kind"],
}
B = {
    "type": "object",
    "properties": {"b": {"type": "integer"}, "kind": {"const": "b"}},
    "required": ["b", "kind"],
}
KINDS = {"anyOf": [{"const": "a"}, {"const": "b"}]}
BOTH = {"a": {"type": "string"}, "b": {"type": "integer"}, "kind": KINDS}
NAMED = {"type": "object", "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": {"A": A, "B": B}}


def tools(schema: Any, **fields: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "look", "parameters": schema, **fields}}]


def schema_of(model: str, schema: Any, **fields: Any) -> Any:
    body = sent("chat", model, messages=[HI], tools=tools(schema, **fields))
    if model.startswith("bedrock"):
        return body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
    return body["tools"][0]["input_schema"]


@pytest.mark.parametrize("model", CLAUDES)
@pytest.mark.parametrize(
    ("schema", "properties", "required"),
    [
        ({"anyOf": [A, B]}, BOTH, ["kind"]),
        ({"type": "object", "oneOf": [A, B]}, BOTH, ["kind"]),
        ({"allOf": [A, B]}, BOTH, ["a", "kind", "b"]),
        (NAMED, BOTH, ["kind"]),
        ({"anyOf": [{"anyOf": [A]}, {"allOf": [B]}]}, BOTH, ["kind"]),
        ({"anyOf": [A, {"type": "null"}]}, A["properties"], ["a", "kind"]),
        ({**A, "oneOf": [{"required": ["a"]}, {"required": ["kind"]}]}, A["properties"], ["a", "kind"]),
        ({"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}]}, {"a": {}}, ["a"]),
        ({"anyOf": []}, {}, None),
        ({"anyOf": "odd", "allOf": [5, None, {"$ref": "#/nowhere"}, {"$ref": 7}]}, {}, None),
    ],
)
def test_alternatives_at_the_root_of_a_tools_schema(
    schema: Any, properties: Any, required: list[str] | None, model: str
) -> None:
    found = schema_of(model, schema)
    assert not {"anyOf", "oneOf", "allOf"} & set(found)
    assert (found["type"], found["properties"], found.get("required")) == ("object", properties, required)
    for name in {"anyOf", "oneOf", "allOf"} & set(schema):
        assert json.dumps(schema[name], separators=(",", ":")) in found["description"]


@pytest.mark.parametrize("model", CLAUDES)
def test_a_strict_tool_with_alternatives_at_its_root(model: str) -> None:
    found = schema_of(model, {"anyOf": [A, B], "description": "Either."}, strict=True)
    assert not {"anyOf", "oneOf", "allOf"} & set(found)
    assert found["description"].startswith("Either.\n\n")
    assert set(found["properties"]) == set(BOTH)


@pytest.mark.parametrize("model", CLAUDES)
def test_alternatives_below_the_root_stay(model: str) -> None:
    schema = {"type": "object", "properties": {"x": {"anyOf": [A, B]}}}
    assert schema_of(model, schema) == schema


def test_alternatives_that_contain_themselves_end() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/N"}], "$defs": {"N": {"anyOf": [{"$ref": "#/$defs/N"}, A]}}}
    assert set(flat_root(schema)["properties"]) == set(A["properties"])
    assert flat_root(A) is A


USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]}
EMPTY: list[dict[str, Any]] = [{}, {"content": ""}, {"content": " \n"}, {"content": []}]
EMPTY += [{"content": [{"type": "text", "text": ""}]}]
LOOK = [{"name": "look", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize("content", EMPTY)
def test_a_failed_result_without_output_says_so(content: dict[str, Any]) -> None:
    failed = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, **content}
    body = {"tools": LOOK, "messages": [HI, USE, {"role": "user", "content": [failed]}]}
    result = sent("messages", CLAUDES[1], **body)["messages"][2]["content"][0]["toolResult"]
    assert (result["status"], result["content"]) == ("error", [{"text": "(no output)"}])
    body["messages"][2]["content"][0]["is_error"] = False
    result = sent("messages", CLAUDES[1], **body)["messages"][2]["content"][0]["toolResult"]
    assert "status" not in result


@pytest.mark.parametrize("said", ["", " ", {}, None])
def test_a_failed_result_of_geminis_dialect_says_so_to_claude(said: Any) -> None:
    call = {"functionCall": {"id": "c1", "name": "look", "args": {}}}
    result = {"functionResponse": {"id": "c1", "name": "look", "response": {"error": said}}}
    contents = [{"parts": [{"text": "hi"}]}, {"role": "model", "parts": [call]}, {"parts": [result]}]
    turn = GEMINI.parse_request(json.dumps({"model": "m", "contents": contents}).encode()).turn()
    body = json.loads(CLAUDE.render_request(turn, Target("m", CLAUDE.dialect())).body)
    sent_result = body["messages"][2]["content"][0]
    assert sent_result["is_error"] is True
    assert str(sent_result["content"]).strip()


@pytest.mark.parametrize(("description", "kept"), [("", False), (" \n", False), (" x ", True)])
def test_converse_gets_no_blank_description(description: str, kept: bool) -> None:
    body = sent("chat", CLAUDES[1], messages=[HI], tools=tools({"type": "object"}, description=description))
    assert ("description" in body["toolConfig"]["tools"][0]["toolSpec"]) == kept


@pytest.mark.parametrize(
    ("model", "most"), [("openai/gpt-4o", 4), ("azure/m", 4), ("openai_compatible/m", 9), ("mistral/m", 9)]
)
def test_stop_sequences_beyond_what_a_provider_takes_are_named(model: str, most: int) -> None:
    stops = list("abcdefghi")
    call, _ = plan("messages", model, stop_sequences=stops)
    assert json.loads(call.body)["stop"] == stops[:most]
    assert [name for name in call.dropped if name.startswith("stop")] == [
        f"stop.{place}" for place in range(most, len(stops))
    ]
    assert sent("chat", model, stop=stops)["stop"] == stops


def test_alternatives_that_multiply_are_refused() -> None:
    levels = {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 9} for n in range(15)}
    for schema in (
        {"anyOf": [{"$ref": "#/$defs/D0"}], "$defs": {**levels, "D15": A}},
        {"anyOf": [{"$ref": "#/$defs/N"}], "$defs": {"N": {"anyOf": [{"$ref": "#/$defs/N"}] * 9}}},
        {"anyOf": [{"properties": {f"p{n}": {} for n in range(200)}}] * 200},
    ):
        with pytest.raises(Unsupported):
            flat_root(schema)


MCP = {"mcp_servers": [{"type": "url", "url": "https://mcp.example", "name": "s"}]}
CACHED = {"cachedContent": "cachedContents/1"}


@pytest.mark.parametrize("model", ["openai/gpt-4o", "gemini/gemini-2.5-flash", CLAUDES[1], "cohere/m"])
def test_tools_of_servers_are_not_left_out(model: str) -> None:
    with pytest.raises(Unsupported) as refused:
        plan("messages", model, **MCP)
    assert refused.value.param == "mcp_servers"
    assert plan("messages", model, mcp_servers=[])
    assert sent("messages", CLAUDES[0], **MCP)["mcp_servers"] == MCP["mcp_servers"]


def test_a_cached_part_of_the_prompt_is_not_left_out() -> None:
    body = {"model": "m", "contents": [{"parts": [{"text": "q"}]}], **CACHED}
    turn = GEMINI.parse_request(json.dumps(body).encode()).turn()
    with pytest.raises(Unsupported) as refused:
        refuse_meaning(turn)
    assert refused.value.param == "cachedContent"
