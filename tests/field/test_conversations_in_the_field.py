"""Requests as clients really send them: over a provider's limits, and conversations that come back."""

import base64
import json
from typing import Any

import pytest

from field.calling import DOORS, answer, call, chunk, plan, received, sent
from tidegate.protocols.limits import NameRule

FAMILIES = [
    "openai/m",
    "openai_compatible/m",
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-flash",
    "bedrock/m",
]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


# --- over a limit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o", "openai_compatible/m", "azure/m", "deepseek/deepseek-chat"]
)
def test_a_long_user_id_has_a_short_stand_in(model: str) -> None:
    given = [sent("messages", model, metadata={"user_id": "u" * 180 + str(n)}).get("user") for n in (1, 1, 2)]
    assert all(user is None or len(user) <= 64 for user in given)
    assert given[0] == given[1]
    if given[0] is not None:
        assert given[0] != given[2]
    short = sent("messages", model, metadata={"user_id": "short"}).get("user")
    assert short in ("short", None)


@pytest.mark.parametrize(
    "user", ["ann@example.com", "Ann <ann@example.com>", "+1 (555) 010-9999", "5550109999", "x" * 300]
)
def test_a_person_is_never_named_to_anthropic(user: str) -> None:
    given = sent("chat", "anthropic/claude-sonnet-4-5", user=user)["metadata"]["user_id"]
    assert user not in given
    assert len(given) <= 256
    assert sent("chat", "anthropic/claude-sonnet-4-5", user="user-7")["metadata"]["user_id"] == "user-7"


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/gpt-5-codex", "openai_compatible/m"])
@pytest.mark.parametrize(
    "schema", [{"type": "object"}, {"type": "object", "additionalProperties": False}, {}]
)
def test_a_schema_without_properties_gets_them(schema: dict[str, Any], model: str) -> None:
    [tool] = sent("messages", model, tools=[{"name": "f", "input_schema": schema}])["tools"]
    parameters = tool.get("parameters") or tool["function"]["parameters"]
    assert parameters == {**schema, "type": "object", "properties": {}}


LONG = "mcp__server.example/tools:" + "very_long_" * 12


@pytest.mark.parametrize("model", FAMILIES)
def test_names_of_tools_are_replaced_and_put_back(model: str) -> None:
    tools = [{"name": LONG + end, "input_schema": {"type": "object"}} for end in ("a", "b")]
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": LONG + "a", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "1"}]},
    ]
    door = "messages" if not model.startswith("anthropic") else "chat"
    if door == "chat":
        tools = [{"type": "function", "function": {"name": LONG + end}} for end in ("a", "b")]
        call_in = {"id": "c", "type": "function", "function": {"name": LONG + "a", "arguments": "{}"}}
        history[1:] = [
            {"role": "assistant", "content": None, "tool_calls": [call_in]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ]
    body = json.dumps(sent(door, model, tools=tools, messages=history))
    assert LONG not in body
    if model.startswith("openai"):
        declared = json.loads(body)["tools"]
        names = [tool["function"]["name"] for tool in declared]
        assert all(NameRule().fits(name) for name in names)
        assert len(set(names)) == 2
        assert json.loads(body)["messages"][1]["tool_calls"][0]["function"]["name"] == names[0]
        stream = call(names[1], "{}", index=0, id="d") + chunk({}, "tool_calls") + b"data: [DONE]\n\n"
        given = received(door, model, stream, tools=tools, messages=history)
        assert [name for _, name, _ in given.calls] == [LONG + "b"]


def test_long_ids_of_calls_are_the_same_in_call_and_result() -> None:
    long = "toolu_" + "x" * 90
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": long, "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": long, "content": "1"}]},
    ]
    messages = sent("messages", "openai/gpt-4o", messages=history)["messages"]
    own = messages[1]["tool_calls"][0]["id"]
    assert len(own) <= 40
    assert messages[2]["tool_call_id"] == own
    items = sent("messages", "openai/gpt-5-codex", messages=history)["input"]
    assert items[1]["call_id"] == items[2]["call_id"]
    assert len(items[1]["call_id"]) <= 64


@pytest.mark.parametrize("door", ["chat", "responses"])
def test_servers_of_which_nothing_is_known_get_system_messages(door: str) -> None:
    given = [{"role": "developer", "content": "brief"}, {"role": "user", "content": "x"}]
    body = sent(door, "openai_compatible/m", **{"messages" if door == "chat" else "input": given})
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200, 256)) * 3 + b"\xfb\xff\xfe\xfa"
PLAIN = base64.b64encode(PNG).decode()
FORMS = {
    "lines": "data:image/png;base64," + "\r\n".join(PLAIN[i : i + 76] for i in range(0, len(PLAIN), 76)),
    "a blank": "data:image/png;base64, " + PLAIN,
    "blanks around": "  data:image/png;base64," + PLAIN + "\n",
    "URL-safe": "data:image/png;base64," + base64.urlsafe_b64encode(PNG).decode(),
    "without padding": "data:image/png;base64," + PLAIN.rstrip("="),
    "upper case": "DATA:IMAGE/PNG;BASE64," + PLAIN,
    "a parameter": "data:image/png;charset=utf-8;base64," + PLAIN,
    "percent-encoded": "data:image/png;base64,"
    + PLAIN.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "bedrock/m"])
def test_data_urls_as_people_write_them(form: str, model: str) -> None:
    content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": FORMS[form]}}]
    body = json.dumps(sent("chat", model, messages=[{"role": "user", "content": content}]))
    assert f'"{PLAIN}"' in body


@pytest.mark.parametrize("given", ["image/jpg", "IMAGE/JPG", "image/pjpeg", "image/jpeg"])
def test_media_types_as_people_write_them(given: str) -> None:
    data = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()
    content = [{"type": "image_url", "image_url": {"url": f"data:{given};base64,{data}"}}]
    for model in ("gemini/gemini-2.5-flash", "anthropic/claude-sonnet-4-5"):
        body = json.dumps(sent("chat", model, messages=[{"role": "user", "content": content}]))
        assert '"image/jpeg"' in body
        assert "image/jpg" not in body.lower()
    source = {"type": "base64", "media_type": given, "data": data[:10] + "\n" + data[10:]}
    blocks = [{"type": "image", "source": source}]
    body = json.dumps(sent("messages", "openai/gpt-4o", messages=[{"role": "user", "content": blocks}]))
    assert f"data:image/jpeg;base64,{data}" in body


def test_a_scheme_may_be_in_any_case() -> None:
    content = [{"type": "image_url", "image_url": {"url": "HTTPS://example.com/A.png"}}]
    body = sent("chat", "anthropic/claude-sonnet-4-5", messages=[{"role": "user", "content": content}])
    assert body["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://example.com/A.png"}


# --- conversations that come back ------------------------------------------------------------


def _repeated(door: str) -> list[dict[str, Any]]:
    """Two steps whose calls have one id, as servers that count anew give it."""
    history: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    for number in ("1", "2"):
        if door == "chat":
            one = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            history.append({"role": "assistant", "content": None, "tool_calls": [one]})
            history.append({"role": "tool", "tool_call_id": "call_0", "content": number})
        else:
            use = {"type": "tool_use", "id": "call_0", "name": "f", "input": {}}
            result = {"type": "tool_result", "tool_use_id": "call_0", "content": number}
            history += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    return history


def _pairs(value: Any) -> tuple[list[str], dict[str, str]]:
    """The ids of calls in their order, and what was answered to each."""
    calls: list[str] = []
    results: dict[str, str] = {}

    def walk(one: Any) -> None:
        if isinstance(one, list):
            for inner in one:
                walk(inner)
        if not isinstance(one, dict):
            return
        if one.get("type") == "tool_use":
            calls.append(one["id"])
        elif one.get("type") == "tool_result":
            results[one["tool_use_id"]] = json.dumps(one["content"])
        elif "toolUseId" in one and "input" in one:
            calls.append(one["toolUseId"])
        elif "toolUseId" in one:
            results[one["toolUseId"]] = json.dumps(one["content"])
        elif one.get("role") == "tool":
            results[one["tool_call_id"]] = one["content"]
        calls.extend(inner["id"] for inner in one.get("tool_calls") or ())
        for inner in one.values():
            walk(inner)

    walk(value)
    return calls, results


@pytest.mark.parametrize("door", ["chat", "messages"])
@pytest.mark.parametrize(
    "model", ["anthropic/claude-sonnet-4-5", "bedrock/m", "openai_compatible/m", "mistral/m"]
)
def test_ids_that_come_again_are_distinguished(model: str, door: str) -> None:
    tools = [TOOL] if door == "chat" else [{"name": "f", "input_schema": {"type": "object"}}]
    body = sent(door, model, messages=_repeated(door), tools=tools)
    calls, results = _pairs(body["messages"])
    if (door, model.partition("/")[0]) in {("chat", "openai_compatible"), ("chat", "mistral")}:
        return  # their own dialect: they gave these ids, and take them back
    assert len(set(calls)) == 2
    assert ["1" in results[calls[0]], "2" in results[calls[1]]] == [True, True]


def test_one_id_for_two_calls_of_a_message_is_taken_back() -> None:
    calls = [{"id": "g:3", "type": "function", "function": {"name": "f", "arguments": "{}"}}] * 2
    history = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "g:3", "content": "1"},
        {"role": "tool", "tool_call_id": "g:3", "content": "2"},
    ]
    for model in ("openai_compatible/m", "anthropic/claude-sonnet-4-5"):
        found, results = _pairs(sent("chat", model, messages=history, tools=[TOOL])["messages"])
        assert len(set(found)) == 2
        assert ["1" in results[found[0]], "2" in results[found[1]]] == [True, True]


BETWEEN = [
    {"type": "message", "role": "developer", "content": "noted"},
    {"type": "message", "role": "user", "content": "noted"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "noted"}]},
]


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("model", [*FAMILIES[1:], "deepseek/deepseek-chat"])
def test_results_follow_their_calls_at_once(model: str, split: bool, between: dict[str, Any]) -> None:
    calls = [{"type": "function_call", "call_id": one, "name": "f", "arguments": "{}"} for one in "ab"]
    outputs = [{"type": "function_call_output", "call_id": one, "output": one.upper()} for one in "ab"]
    middle = [outputs[0], between, outputs[1]] if split else [between, *outputs]
    items = [{"type": "message", "role": "user", "content": "x"}, *calls, *middle]
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    body = sent("responses", model, input=items, tools=tools)
    text = json.dumps(body.get("messages") or body["contents"])
    last_call = max(map(text.rfind, ('"tool_calls"', '"tool_use"', '"toolUse"', '"functionCall"')))
    noted = text.find("noted")
    assert last_call < text.find('"A"') < text.find('"B"')
    # Claude and Gemini have instructions elsewhere; what the model says at once belongs to its calls.
    if between["role"] == "user" or (between["role"] == "assistant" and split):
        assert text.find('"B"') < noted


@pytest.mark.parametrize("model", FAMILIES[1:4])
def test_a_call_without_an_output_is_answered(model: str) -> None:
    items = [
        {"type": "message", "role": "user", "content": "x"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "message", "role": "user", "content": "never mind"},
    ]
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    text = json.dumps(sent("responses", model, input=items, tools=tools))
    assert text.find("interrupted") < text.find("never mind")


def _loop(thinking: list[dict[str, Any]]) -> list[dict[str, Any]]:
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    return [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [*thinking, use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
    ]


@pytest.mark.parametrize(
    ("thinking", "gives_way"),
    [
        ([{"type": "thinking", "thinking": "r", "signature": ""}], True),
        ([{"type": "thinking", "thinking": "r", "signature": "tidegate:gemini:s"}], True),
        ([{"type": "redacted_thinking", "data": "tidegate:openai_responses:s"}], True),
        ([], True),
        ([{"type": "thinking", "thinking": "r", "signature": "own"}], False),
        ([{"type": "redacted_thinking", "data": "own"}], False),
    ],
)
def test_thinking_gives_way_in_a_loop_that_another_model_began(
    thinking: list[dict[str, Any]], gives_way: bool
) -> None:
    asked = {
        "messages": _loop(thinking),
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 4000,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    }
    call_out, _ = plan("messages", "anthropic/claude-sonnet-4-5", **asked)
    assert ("thinking" not in json.loads(call_out.body)) == gives_way
    assert call_out.dropped == (("thinking",) if gives_way else ())


@pytest.mark.parametrize("door", DOORS)
def test_a_door_takes_back_what_it_answered(door: str) -> None:
    calls = [
        {"id": "f:3", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": number})}}
        for number in (1, 2)
    ]
    given = received(door, "openai_compatible/m", answer({"tool_calls": calls}, "tool_calls"), stream=False)
    said = json.loads(given.raw)
    if door == "chat":
        back = [{"role": "tool", "tool_call_id": one[0], "content": "1"} for one in given.calls]
        body = {"messages": [{"role": "user", "content": "x"}, said["choices"][0]["message"], *back]}
    elif door == "messages":
        results = [{"type": "tool_result", "tool_use_id": one[0], "content": "1"} for one in given.calls]
        turns = [("user", "x"), ("assistant", said["content"]), ("user", results)]
        body = {"messages": [{"role": role, "content": content} for role, content in turns]}
    else:
        outputs = [{"type": "function_call_output", "call_id": one[0], "output": "1"} for one in given.calls]
        body = {"input": [{"role": "user", "content": "x"}, *said["output"], *outputs]}
    for model in FAMILIES:
        assert sent(door, model, **body)
