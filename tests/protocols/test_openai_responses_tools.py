"""Tools in namespaces, in items of the input and found by a search: flat elsewhere, and back as declared."""

import json
from typing import Any

import pytest

from tidegate.protocols.contract import Target
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.events import Finished, Started, ToolCallDelta, ToolCallStarted
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.protocols.openai_responses.dialect import Dialect
from tidegate.protocols.turn import Message, Text, ToolCall, ToolChoice, ToolResult

TARGET = Target("m", Dialect())
SCHEMA = {"type": "object", "properties": {"station": {"type": "string"}}}
USER = {"role": "user", "content": "How high is the tide?"}


def function(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": f"Does {name}.", "parameters": SCHEMA, **fields}


def namespace(name: str, *tools: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": "", "tools": list(tools), **fields}


SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": SCHEMA}
CALL = {"type": "tool_search_call", "call_id": "s1", "execution": "client", "arguments": {"query": "tide"}}


def ask(*items: Any, **fields: Any) -> Any:
    return PROTOCOL.parse_request(json.dumps({"model": "m", "input": [USER, *items], **fields}).encode())


def names(*items: Any, **fields: Any) -> list[str]:
    return [tool.name for tool in ask(*items, **fields).turn().tools]


def written(
    asked: Any, name: str, arguments: str, kind: Any = "function"
) -> tuple[dict[str, Any], list[str]]:
    """The item of a call in an answer, and the names of the stream's events."""
    writer = PROTOCOL.writer(asked, "m")
    out = writer.write(
        [
            Started("resp_1", "m"),
            ToolCallStarted(0, "call_1", name, kind=kind),
            ToolCallDelta(0, arguments),
            Finished("tool_calls"),
        ]
    )
    out += writer.close()
    events = [json.loads(line[6:]) for line in out.decode().split("\n") if line.startswith("data: ")]
    item = next(event["item"] for event in events if event["type"] == "response.output_item.done")
    return item, [event["type"] for event in events]


def test_tools_of_a_namespace_have_its_name_in_theirs() -> None:
    tools = [function("shell"), namespace("mcp__node", function("js"), {"type": "custom", "name": "raw"})]
    assert names(tools=tools) == ["shell", "mcp__node__js", "mcp__node__raw"]


def test_a_namespaces_description_is_reported_once() -> None:
    tools = [namespace("mcp__node", function("js"), function("ts"), description="Runs scripts.")]
    first, second = ask(tools=tools).turn().tools
    assert first.description == "Does js.\n\nAbout the tools of mcp__node: Runs scripts."
    assert second.description == "Does ts."


def test_a_call_comes_back_with_its_namespace() -> None:
    asked = ask(tools=[namespace("mcp__node", function("js"))], stream=True)
    item, events = written(asked, "mcp__node__js", '{"station":"Brest"}')
    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "mcp__node", "js")
    assert item["arguments"] == '{"station":"Brest"}'
    assert "response.function_call_arguments.delta" in events


def test_a_call_of_a_plain_tool_has_no_namespace() -> None:
    item, _ = written(ask(tools=[function("js")], stream=True), "js", "{}")
    assert "namespace" not in item


def test_a_custom_tool_of_a_namespace_comes_back_as_one() -> None:
    asked = ask(tools=[namespace("functions", {"type": "custom", "name": "exec"})], stream=True)
    assert [tool.name for tool in asked.turn().tools] == ["exec"]
    item, _ = written(asked, "exec", "print(1)", "custom")
    assert (item["type"], item["namespace"], item["name"], item["input"]) == (
        "custom_tool_call",
        "functions",
        "exec",
        "print(1)",
    )


@pytest.mark.parametrize(
    ("space", "name"),
    [("mcp__" + "n" * 60, "t" * 60), ("mcp__a.b", "read file"), ("mcp__ü", "x")],
    ids=["long", "spaces", "letters"],
)
def test_a_name_that_providers_refuse_is_made_one_that_they_take(space: str, name: str) -> None:
    asked = ask(tools=[namespace(space, function(name), function(name + "2"))], stream=True)
    flat, other = (tool.name for tool in asked.turn().tools)
    assert flat != other
    assert len(flat) <= 64
    assert all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in flat)
    item, _ = written(asked, flat, "{}")
    assert (item["namespace"], item["name"]) == (space, name)


def test_two_tools_never_share_a_flat_name() -> None:
    tools = [namespace("a", function("b__c")), namespace("a__b", function("c")), function("a__b__c")]
    flat = names(tools=tools)
    assert len(set(flat)) == 3
    assert flat[2] == "a__b__c"
    asked = ask(tools=tools, stream=True)
    received = [written(asked, name, "{}")[0] for name in flat]
    assert [(item.get("namespace"), item["name"]) for item in received] == [
        ("a", "b__c"),
        ("a__b", "c"),
        (None, "a__b__c"),
    ]


@pytest.mark.parametrize("offered", [True, False], ids=["offered", "not offered any more"])
def test_history_calls_a_tool_by_its_flat_name(offered: bool) -> None:
    call = {
        "type": "function_call",
        "call_id": "c",
        "name": "js",
        "namespace": "mcp__node",
        "arguments": "{}",
    }
    output = {"type": "function_call_output", "call_id": "c", "output": "1"}
    turn = ask(call, output, tools=[namespace("mcp__node", function("js"))] if offered else None).turn()
    assert turn.messages[1:] == (
        Message("assistant", (ToolCall("c", "mcp__node__js", "{}"),)),
        Message("tool", (ToolResult("c", "mcp__node__js", (Text("1"),)),)),
    )


def test_additional_tools_are_offered_beside_those_of_the_request() -> None:
    item = {"type": "additional_tools", "role": "developer", "tools": [namespace("mcp__x", function("f"))]}
    turn = ask(item, tools=[function("shell")]).turn()
    assert [tool.name for tool in turn.tools] == ["shell", "mcp__x__f"]
    assert len(turn.messages) == 1


def test_a_tool_that_is_declared_again_is_offered_once() -> None:
    item = {"type": "additional_tools", "tools": [function("shell"), namespace("n", function("f"))]}
    assert names(item, item, tools=[function("shell")]) == ["shell", "n__f"]


def test_a_choice_may_name_a_tool_of_a_namespace() -> None:
    tools = [namespace("n", function("f"), function("g"))]
    named = {"type": "function", "namespace": "n", "name": "f"}
    assert ask(tools=tools, tool_choice=named).turn().tool_choice == ToolChoice("named", ("n__f",))
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [named]}
    assert ask(tools=tools, tool_choice=allowed).turn().tool_choice == ToolChoice("auto", ("n__f",))


def test_the_clients_own_search_for_tools_is_a_function() -> None:
    asked = ask(tools=[SEARCH], stream=True)
    assert [tool.name for tool in asked.turn().tools] == ["tool_search"]
    item, events = written(asked, "tool_search", '{"query":"tide"}')
    assert item["type"] == "tool_search_call"
    assert (item["execution"], item["call_id"], item["arguments"]) == ("client", "call_1", {"query": "tide"})
    assert not [event for event in events if "arguments" in event]


def test_a_search_and_what_it_found_are_a_call_and_its_result() -> None:
    output = {
        "type": "tool_search_output",
        "call_id": "s1",
        "tools": [namespace("mcp__sea", function("tide"))],
    }
    turn = ask(CALL, output, tools=[SEARCH]).turn()
    call, result = turn.messages[1].parts[0], turn.messages[2].parts[0]
    assert call == ToolCall("s1", "tool_search", '{"query": "tide"}')
    assert isinstance(result, ToolResult)
    assert "mcp__sea__tide" in str(result.content)
    assert [tool.name for tool in turn.tools] == ["tool_search", "mcp__sea__tide"]


def test_a_search_that_found_nothing_reports_it() -> None:
    turn = ask(CALL, {"type": "tool_search_output", "call_id": "s1", "tools": []}, tools=[SEARCH]).turn()
    assert turn.messages[2].parts == (ToolResult("s1", "tool_search", (Text("No tools were found."),)),)


def test_a_search_of_the_providers_is_left_out_and_named() -> None:
    items = [
        {"type": "tool_search_call", "execution": "server", "call_id": None, "arguments": {}},
        {"type": "tool_search_output", "execution": "server", "call_id": None, "tools": []},
    ]
    deferred = function("f", defer_loading=True)
    turn = ask(*items, tools=[{"type": "tool_search"}, deferred]).turn()
    assert [tool.name for tool in turn.tools] == ["f"]
    assert "tools.tool_search" in turn.extensions
    assert {part.kind for part in turn.messages[1].parts} == {"tool_search_call", "tool_search_output"}  # type: ignore[union-attr]


CACHED = {"type": "web_search", "external_web_access": False}


def test_a_search_without_the_web_gives_way_beside_other_tools() -> None:
    turn = ask(tools=[function("shell"), CACHED]).turn()
    assert [tool.name for tool in turn.tools] == ["shell"]
    assert "tools.web_search" in turn.extensions


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [CACHED]},
        {"tools": [function("shell"), {"type": "web_search"}]},
        {"tools": [function("shell"), CACHED], "tool_choice": "required"},
    ],
    ids=["alone", "with the web", "a tool is required"],
)
def test_any_other_search_is_still_the_providers(fields: dict[str, Any]) -> None:
    assert "native" in {tool.kind for tool in ask(**fields).turn().tools}


def test_what_is_left_out_is_no_field_of_a_body() -> None:
    turn = ask(tools=[function("shell"), CACHED]).turn()
    call = PROTOCOL.render_request(turn, TARGET)
    assert "tools.web_search" not in json.loads(call.body)
    assert "tools.web_search" in call.dropped


def test_an_agents_message_is_a_users_with_its_author() -> None:
    content = [
        {"type": "input_text", "text": "done"},
        {"type": "encrypted_content", "encrypted_content": "x"},
    ]
    turn = ask({"type": "agent_message", "author": "helper", "recipient": "root", "content": content}).turn()
    assert turn.messages[1] == Message(
        "user", (Text("Message of the agent helper to root:"), Text("done"), Text("(encrypted)"))
    )


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([namespace("n", namespace("m", function("f")))], "tools.0.tools"),
        ([namespace("n", {"type": "function"})], "tools.0.tools.0.name"),
        ([{"type": "namespace", "tools": []}], "tools.0.name"),
    ],
    ids=["nested", "without a name", "a namespace without a name"],
)
def test_a_mistake_in_a_namespace_is_reported_with_its_place(tools: list[Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        ask(tools=tools).turn()
    assert wrong.value.param == param


def test_a_tool_of_the_providers_within_a_namespace_is_still_the_providers() -> None:
    (tool,) = ask(tools=[namespace("n", {"type": "mcp"})]).turn().tools
    assert (tool.kind, tool.name) == ("native", "mcp")


def test_the_same_format_gets_it_all_untouched() -> None:
    item = {"type": "additional_tools", "tools": [namespace("n", function("f"))]}
    asked = ask(item, CALL, tools=[SEARCH, namespace("n", function("g"))])
    body = json.loads(PROTOCOL.splice_request(asked, TARGET).body)
    assert body["input"][1:] == [item, CALL]
    assert body["tools"] == [SEARCH, namespace("n", function("g"))]
