"""Names of properties that Claude does not accept: replaced on the way there, restored on the way back."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field.calling import DOORS, plan, received, sent
from field.families import named, say
from protocols.bedrock_frames import event as frame
from tidegate.protocols.anthropic import PROTOCOL as CLAUDE
from tidegate.protocols.contract import Target
from tidegate.protocols.gemini import PROTOCOL as GEMINI
from tidegate.protocols.limits import CLAUDES_PROPERTIES
from tidegate.protocols.property_names import KeyRestorer

CLAUDES = ["anthropic/claude-sonnet-4-5", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"]
OTHERS = ["gemini/gemini-2.5-flash", "cohere/m", "bedrock/amazon.nova-lite-v1:0"]
ODD = [
    "$filter",
    "@odata.type",
    "filter[name]",
    "a name",
    "Straße",
    "城市",
    "",
    "x" * 65,
    'say "it"',
    "back\\slash",
]
HI = {"role": "user", "content": "hi"}
SCHEMA = {
    "type": "object",
    "properties": {
        **{name: {"type": "string", "description": f"About {name}."} for name in ODD},
        "plain": {"type": "object", "properties": {"$filter": {"type": "string"}}},
        "any": True,
    },
    "required": [*ODD, "plain"],
    "dependentRequired": {"$filter": ["filter[name]", "plain"]},
}
ARGUMENTS = {**dict.fromkeys(ODD, "$filter"), "plain": {"$filter": [{"$filter": "a"}, "$filter"]}}


def tools_of(door: str, schema: Any) -> list[dict[str, Any]]:
    function = {"name": "look", "parameters": schema}
    if door == "messages":
        return [{"name": "look", "input_schema": schema}]
    return [
        {"type": "function", "function": function} if door == "chat" else {"type": "function", **function}
    ]


def input_schema(body: Mapping[str, Any]) -> Any:
    if "toolConfig" in body:
        return body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
    return body["tools"][0]["input_schema"]


@pytest.mark.parametrize("model", CLAUDES)
@pytest.mark.parametrize("door", ["chat", "responses"])
def test_claude_gets_names_that_it_accepts(door: str, model: str) -> None:
    call, _ = plan(door, model, tools=tools_of(door, SCHEMA))
    schema = input_schema(json.loads(call.body))
    assert all(map(CLAUDES_PROPERTIES.fits, schema["properties"]))
    assert len(schema["properties"]) == len(SCHEMA["properties"])
    assert set(schema["required"]) <= set(schema["properties"])
    names = dict(zip(SCHEMA["properties"], schema["properties"], strict=True))
    assert schema["required"] == [names[name] for name in SCHEMA["required"]]
    assert schema["dependentRequired"] == {names["$filter"]: [names["filter[name]"], "plain"]}
    assert schema["properties"]["plain"] == SCHEMA["properties"]["plain"]  # only the root is looked at
    for name in ODD:
        assert schema["properties"][names[name]]["description"] == f"{name}: About {name}."
    assert "tools.properties" in call.dropped


@pytest.mark.parametrize("model", OTHERS)
def test_others_get_the_clients_own_names(model: str) -> None:
    call, _ = plan("chat", model, tools=tools_of("chat", SCHEMA))
    assert json.dumps("filter[name]") in call.body.decode()
    assert "tools.properties" not in call.dropped


def test_names_that_fit_and_claudes_own_clients_pass() -> None:
    fits = {"type": "object", "properties": {"a.b-c_D": {}}}
    assert input_schema(sent("chat", CLAUDES[0], tools=tools_of("chat", fits))) == fits
    assert input_schema(sent("messages", CLAUDES[0], tools=tools_of("messages", SCHEMA))) == SCHEMA


@pytest.mark.parametrize("combiner", ["anyOf", "oneOf", "allOf"])
@pytest.mark.parametrize("model", CLAUDES)
def test_names_in_alternatives_at_the_root(combiner: str, model: str) -> None:
    branch = {"type": "object", "properties": {"$top": {"type": "integer"}}, "required": ["$top"]}
    schema = input_schema(sent("chat", model, tools=tools_of("chat", {"type": "object", combiner: [branch]})))
    [name] = schema["properties"]
    assert CLAUDES_PROPERTIES.fits(name)
    assert schema["required"] == [name]


@pytest.mark.parametrize(
    "odd", [None, [], "x", {"$a": None}, {"$a": []}, {"$a": False}, {"$a": {"description": 7}}]
)
def test_odd_schemas_are_sent_or_refused_by_name(odd: Any) -> None:
    schema = {"type": "object", "properties": odd, "required": odd, "dependentRequired": odd}
    assert sent("chat", CLAUDES[0], tools=tools_of("chat", schema))


@pytest.mark.parametrize("model", CLAUDES)
def test_earlier_calls_have_the_same_names(model: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": json.dumps(ARGUMENTS)}}
    cut = {**call, "id": "c2", "function": {"name": "look", "arguments": '{"$filter": "a'}}
    results = [{"role": "tool", "tool_call_id": id_, "content": "x"} for id_ in ("c1", "c2")]
    messages = [HI, {"role": "assistant", "tool_calls": [call, cut]}, *results]
    body = sent("chat", model, messages=messages, tools=tools_of("chat", SCHEMA))
    names = dict(zip(SCHEMA["properties"], input_schema(body)["properties"], strict=True))
    block = body["messages"][1]["content"][0]
    given = block["input"] if "input" in block else block["toolUse"]["input"]
    assert given == {names[name]: value for name, value in ARGUMENTS.items()}


def sent_arguments(door: str, model: str) -> dict[str, Any]:
    """The arguments as the model writes them."""
    body = sent(door, model, tools=tools_of(door, SCHEMA))
    names = dict(zip(SCHEMA["properties"], input_schema(body)["properties"], strict=True))
    return {names[name]: value for name, value in ARGUMENTS.items()}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", CLAUDES)
@pytest.mark.parametrize("door", DOORS)
def test_clients_get_their_own_names_back(door: str, model: str, stream: bool) -> None:
    if (door, model) == ("messages", CLAUDES[0]):
        return  # the provider's own
    family = "bedrock/m" if model.startswith("bedrock") else model
    data = say(family, stream, calls=[("c1", "look", sent_arguments(door, model))])
    one = received(door, model, data, stream=stream, tools=tools_of(door, SCHEMA))
    [(_, name, arguments)] = one.calls
    assert (name, json.loads(arguments), one.failure) == ("look", ARGUMENTS, None)


def pieces_of(model: str, texts: list[str]) -> bytes:
    if model.startswith("bedrock"):
        out = frame("messageStart", role="assistant")
        out += frame(
            "contentBlockStart", contentBlockIndex=0, start={"toolUse": {"toolUseId": "c1", "name": "look"}}
        )
        for text in texts:
            out += frame("contentBlockDelta", contentBlockIndex=0, delta={"toolUse": {"input": text}})
        return (
            out + frame("contentBlockStop", contentBlockIndex=0) + frame("messageStop", stopReason="tool_use")
        )
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
    out = named("message_start", message=head)
    block = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
    out += named("content_block_start", index=0, content_block=block)
    for text in texts:
        out += named("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": text})
    out += named("content_block_stop", index=0)
    return out + named("message_delta", delta={"stop_reason": "tool_use"}) + named("message_stop")


@pytest.mark.parametrize("model", CLAUDES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_arguments_in_pieces(size: int, model: str) -> None:
    text = json.dumps(sent_arguments("chat", model), indent=1)
    data = pieces_of(model, [text[at : at + size] for at in range(0, len(text), size)])
    one = received("chat", model, data, tools=tools_of("chat", SCHEMA))
    assert json.loads(one.calls[0][2]) == ARGUMENTS


def test_arguments_that_end_within_a_name_arrive() -> None:
    data = pieces_of(CLAUDES[0], ['{"plain": 1, "pla'])
    one = received("chat", CLAUDES[0], data, tools=tools_of("chat", SCHEMA))
    assert one.calls[0][2] == '{"plain": 1, "pla'


def test_tokens_are_counted_with_the_names_that_are_sent() -> None:
    declared = {"functionDeclarations": [{"name": "a.b", "parametersJsonSchema": SCHEMA}]}
    body = {"model": "m", "contents": [{"parts": [{"text": "q"}]}], "tools": [declared]}
    asked = GEMINI.parse_request(json.dumps(body).encode())
    call = CLAUDE.render_count(asked, Target("m", CLAUDE.dialect()))
    assert call is not None
    assert all(map(CLAUDES_PROPERTIES.fits, input_schema(json.loads(call.body))["properties"]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "own"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    value=st.dictionaries(st.sampled_from(["a", "b", "c", 'q"', "\\"]), VALUES, max_size=5) | VALUES,
    cuts=st.lists(st.integers(0, 60), max_size=6),
    ascii_only=st.booleans(),
)
def test_names_are_replaced_at_the_root_only(value: Any, cuts: list[int], ascii_only: bool) -> None:
    own = {"a": "$a", 'q"': "ü", "\\": 'x"'}
    text = json.dumps(value, ensure_ascii=ascii_only)
    restorer = KeyRestorer(own)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[at:end] for at, end in pairwise(places)]
    out = "".join(map(restorer.feed, pieces)) + restorer.close()
    wanted = {own.get(name, name): one for name, one in value.items()} if isinstance(value, dict) else value
    assert json.loads(out) == wanted
