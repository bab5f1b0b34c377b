"""Odd but usual requests, through every door to every format: a sensible request, or a 400 that names the field."""

# ruff: noqa: E501 a request reads as it is sent

import json
from collections.abc import Mapping
from typing import Any

import pytest

from field.calling import DOORS, plan, sent
from tidegate.protocols.errors import InvalidRequest, TidegateError
from tidegate.protocols.noise import without_noise

MODELS = [
    "openai/gpt-4o", "openai_compatible/m", "mistral/m", "deepseek/m", "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-flash", "cohere/command-a-03-2025", "bedrock/m", "openai/gpt-5-codex",
]  # fmt: skip
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
U = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q":1}'}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "x"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def said(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def image(url: Any) -> list[Any]:
    return said({"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": url}})


def tool(**fields: Any) -> list[Any]:
    return [{"type": "function", "function": {"name": "look", **fields}}]


def schema(**fields: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", **fields}}}


CHATS: Mapping[str, dict[str, Any]] = {
    "null content with calls": {"messages": [U, ASKED, RESULT]},
    "no content with calls": {"messages": [U, {"role": "assistant", "tool_calls": [CALL]}, RESULT]},
    "empty content with calls": {"messages": [U, {**ASKED, "content": ""}, RESULT]},
    "a part alone": {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]},
    "parts as texts": {"messages": said("hi", "you")},
    "null content": {"messages": [{"role": "user", "content": None}]},
    "null assistant": {"messages": [U, {"role": "assistant", "content": None}, U]},
    "empty user": {"messages": [{"role": "user", "content": ""}]},
    "no parts": {"messages": said()},
    "empty part": {"messages": said({"type": "text", "text": ""})},
    "null text": {"messages": said({"type": "text", "text": None}, {"type": "text", "text": "hi"})},
    "null part": {"messages": said(None, {"type": "text", "text": "hi"})},
    "empty assistant": {"messages": [U, {"role": "assistant", "content": ""}, U]},
    "blank assistant": {"messages": [U, {"role": "assistant", "content": "  "}]},
    **{f"max_tokens {value!r}": {"messages": [U], "max_tokens": value} for value in (64.0, "64", None, 0, -1, "many", 6.5, True, [], {}, 10**30)},
    **{f"temperature {value!r}": {"messages": [U], "temperature": value} for value in ("0.5", None, 1, 2, -1, [], True)},
    **{f"stream {value!r}": {"messages": [U], "stream": value} for value in ("true", None, 1, {})},
    **{f"tools {value!r}": {"messages": [U], "tools": value} for value in ([], None, {}, TOOL, "look", [None], [{}])},
    **{f"tool_choice {value!r} without tools": {"messages": [U], "tool_choice": value} for value in ("auto", "none", "required", None, {}, "look")},
    **{f"tool_choice {value!r}": {"messages": [U], "tools": [TOOL], "tool_choice": value} for value in ("any", "look", None, {}, {"type": "function"}, {"type": "function", "function": {"name": "other"}})},
    **{f"stop {value!r}": {"messages": [U], "stop": value} for value in ("a", ["a", "b"], None, [], "", [""], [None], ["", "a"], list("abcdef"), 7)},
    **{f"user {value!r}": {"messages": [U], "user": value} for value in (None, "", 7, "a" * 200, "a@b.example")},
    **{f"name {value!r}": {"messages": [{**U, "name": value}]} for value in ("Jörg <a@b>", "", None, "a" * 200, 7)},
    **{f"role {value!r}": {"messages": [{"role": value, "content": "hi"}]} for value in ("User", "human", "developer", None, "")},
    **{f"messages {value!r}": {"messages": value} for value in ([], None, U, "hi", ["hi"], [None, U], [{"content": "hi"}], [{}])},
    **{f"image {value[:20]!r}": {"messages": image(value)} for value in (
        f"data:;base64,{PNG}", f"data:base64,{PNG}", PNG, f"data:image/jpg;base64,{PNG}", f"data:application/octet-stream;base64,{PNG}",
        f"data:image/png;base64,{PNG[:40]}\n{PNG[40:]}", f"data:image/png;base64,{PNG.replace('+', '-').replace('/', '_')}",
        f"data:image/png;base64,{PNG.rstrip('=')}", f"DATA:IMAGE/PNG;BASE64,{PNG}", "data:image/png;base64,@@@", "", "ftp://a.example/x.png",
    )},
    "image as a text": {"messages": said({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"})},
    "image of another format": {"messages": said({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})},
    "part of another format": {"messages": said({"type": "input_text", "text": "hi"})},
    "unknown fields": {"messages": [{**U, "id": "x", "timestamp": 1, "metadata": {"a": 1}, "extra": None}], "what": {"is": ["this"]}},
    "system in the middle": {"messages": [U, {"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}, U]},
    "system at the end": {"messages": [U, {"role": "system", "content": "s"}]},
    "system alone": {"messages": [{"role": "system", "content": "s"}]},
    "several systems": {"messages": [{"role": "system", "content": "s"}, {"role": "system", "content": "t"}, U]},
    "empty system": {"messages": [{"role": "system", "content": ""}, U]},
    "null system": {"messages": [{"role": "system", "content": None}, U]},
    "begins with the assistant": {"messages": [{"role": "assistant", "content": "hello"}, U]},
    "prefill": {"messages": [U, {"role": "assistant", "content": "Sure "}]},
    "penalties": {"messages": [U], "presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {"1": 1}, "seed": 7, "top_k": -1},
    "nulls": {"messages": [U], **dict.fromkeys(("temperature", "top_p", "n", "stop", "seed", "response_format", "logprobs", "top_logprobs", "reasoning_effort", "metadata", "stream_options"))},
    "a schema that is open": {"messages": [U], **schema(schema={"type": "object", "properties": {"a": {"type": "string"}}})},
    "a strict schema that is open": {"messages": [U], **schema(strict=True, schema={"type": "object", "properties": {"a": {"type": "string"}}})},
    "no schema": {"messages": [U], **schema()},
    "an odd name of a schema": {"messages": [U], "response_format": {"type": "json_schema", "json_schema": {"name": "my schema!", "schema": {"type": "object"}}}},
    "an empty format": {"messages": [U], "response_format": {}},
    **{f"parameters {value!r}": {"messages": [U], "tools": tool(parameters=value)} for value in (
        None, {}, {"properties": {"a": {"type": "string"}}}, {"type": "object"}, '{"type":"object"}', [], {"type": "object", "properties": None, "required": None},
        {"type": ["object", "null"]}, {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}},
    )},
    "no parameters": {"messages": [U], "tools": tool()},
    "a flat tool": {"messages": [U], "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}]},
    "an odd name of a tool": {"messages": [U], "tools": [{"type": "function", "function": {"name": "look at.this"}}]},
    "the same tool twice": {"messages": [U], "tools": [TOOL, TOOL]},
    "a result without an id": {"messages": [U, ASKED, {"role": "tool", "content": "x"}]},
    "a result of another call": {"messages": [U, ASKED, {**RESULT, "tool_call_id": "zz"}]},
    "a result before its call": {"messages": [U, RESULT, ASKED, U]},
    "a result alone": {"messages": [U, RESULT]},
    "no result": {"messages": [U, {**ASKED, "tool_calls": [CALL, {**CALL, "id": "c2"}]}, RESULT, U]},
    "results out of order": {"messages": [U, {**ASKED, "tool_calls": [CALL, {**CALL, "id": "c2"}]}, {**RESULT, "tool_call_id": "c2"}, RESULT]},
    **{f"result {value!r}": {"messages": [U, ASKED, {**RESULT, "content": value}]} for value in (None, "", {"a": 1}, [{"type": "text", "text": "x"}], [], 7)},
    **{f"arguments {value!r}": {"messages": [U, {**ASKED, "tool_calls": [{**CALL, "function": {"name": "look", "arguments": value}}]}, RESULT]} for value in ("", None, {"q": 1}, "no json", "[]")},
    "a call without arguments": {"messages": [U, {**ASKED, "tool_calls": [{**CALL, "function": {"name": "look"}}]}, RESULT]},
    "a call without a type": {"messages": [U, {**ASKED, "tool_calls": [{"id": "c1", "function": CALL["function"]}]}, RESULT]},
    "a call without an id": {"messages": [U, {**ASKED, "tool_calls": [{"type": "function", "function": CALL["function"]}]}, RESULT]},
    "no calls": {"messages": [U, {"role": "assistant", "content": "a", "tool_calls": [], "function_call": None, "refusal": None, "audio": None}, U]},
    "thinking in the history": {"messages": [U, {"role": "assistant", "content": "a", "reasoning_content": "t", "reasoning": None, "thinking": "x", "reasoning_details": []}, U]},
    "NUL": {"messages": [{"role": "user", "content": "a\0b"}]},
}  # fmt: skip

BLOCK = {"type": "text", "text": "hi"}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"q": 1}}]}
OUT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
MESSAGES: Mapping[str, dict[str, Any]] = {
    **{f"content {value!r}": {"messages": [{"role": "user", "content": value}]} for value in (BLOCK, None, "", [], [None, BLOCK], ["hi"], [{"type": "text"}], 7)},
    **{f"system {value!r}": {"system": value} for value in (None, "", [], BLOCK, [BLOCK], ["hi"], 7)},
    **{f"max_tokens {value!r}": {"max_tokens": value} for value in (64.0, "64", None, 0, -1, 10**30)},
    **{f"tools {value!r}": {"tools": value} for value in ([], None, {}, LOOK, [LOOK, LOOK], [{"name": "look"}], [{"name": "look", "input_schema": None}], [{}])},
    **{f"tool_choice {value!r}": {"tool_choice": value} for value in ({"type": "auto"}, {"type": "any"}, "auto", None, {}, {"type": "tool", "name": "x"})},
    **{f"stop_sequences {value!r}": {"stop_sequences": value} for value in (None, [], [""], "a", [None], list("abcdef"))},
    **{f"metadata {value!r}": {"metadata": value} for value in (None, {}, {"user_id": None}, {"user_id": 7}, {"user_id": "a@b.example"}, "x")},
    **{f"thinking {value!r}": {"thinking": value} for value in (None, {}, {"type": "disabled"}, {"type": "enabled"}, {"type": "enabled", "budget_tokens": 1}, True)},
    "results out of order": {"messages": [U, {"role": "assistant", "content": [*USE["content"], {**USE["content"][0], "id": "t2"}]}, {"role": "user", "content": [{**OUT["content"][0], "tool_use_id": "t2"}, *OUT["content"]]}]},
    "no result": {"messages": [U, USE, U]},
    "a result alone": {"messages": [OUT]},
    "a result without an id": {"messages": [U, USE, {"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]},
    "prefill": {"messages": [U, {"role": "assistant", "content": "Sure "}]},
    "an odd image": {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": PNG[:30] + "\n" + PNG[30:]}}]}]},
    "an image without a type": {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": PNG}}]}]},
    "empty messages": {"messages": []},
    "the role system": {"messages": [{"role": "system", "content": "s"}, U]},
    "two users": {"messages": [U, U], "temperature": None, "top_p": 0, "top_k": 0},
}  # fmt: skip

ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
ASK = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
GIVE = {"type": "function_call_output", "call_id": "c1", "output": "x"}
FLAT = {"type": "function", "name": "look", "parameters": {"type": "object"}}
RESPONSES: Mapping[str, dict[str, Any]] = {
    **{f"input {value!r}": {"input": value} for value in ("", [], None, ITEM, [U], ["hi"], [None, ITEM], [{}], [{**ITEM, "content": "hi"}], [{**ITEM, "content": []}], [{**ITEM, "content": None}], 7)},
    **{f"instructions {value!r}": {"instructions": value} for value in (None, "", [], 7)},
    **{f"max_output_tokens {value!r}": {"max_output_tokens": value} for value in (64.0, "64", None, 0, -1)},
    **{f"tools {value!r}": {"tools": value} for value in ([], None, {}, [FLAT, FLAT], [TOOL], [{"type": "function", "name": "look"}], [{**FLAT, "parameters": None}], [{}])},
    **{f"tool_choice {value!r}": {"tool_choice": value} for value in ("auto", "required", None, {}, {"type": "function", "name": "x"}, "look")},
    **{f"text {value!r}": {"text": value} for value in (None, {}, {"format": None}, {"format": {}}, {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}})},
    **{f"reasoning {value!r}": {"reasoning": value} for value in (None, {}, {"effort": None}, {"effort": "huge"}, {"summary": "auto"})},
    "results out of order": {"input": [ITEM, ASK, {**ASK, "call_id": "c2"}, {**GIVE, "call_id": "c2"}, GIVE]},
    "a result before its call": {"input": [ITEM, GIVE, ASK]},
    "a result alone": {"input": [ITEM, GIVE]},
    "no result": {"input": [ITEM, ASK, ITEM]},
    "a result without an id": {"input": [ITEM, ASK, {"type": "function_call_output", "output": "x"}]},
    **{f"output {value!r}": {"input": [ITEM, ASK, {**GIVE, "output": value}]} for value in (None, "", {}, [], [{"type": "input_text", "text": "x"}])},
    "an image": {"input": [{**ITEM, "content": [{"type": "input_image", "image_url": f"data:;base64,{PNG}"}]}]},
    "nulls": {"input": "hi", **dict.fromkeys(("temperature", "top_p", "metadata", "user", "truncation", "store", "include", "service_tier", "previous_response_id"))},
}  # fmt: skip

BODIES = {"chat": CHATS, "messages": MESSAGES, "responses": RESPONSES}
CASES = [(door, name) for door, bodies in BODIES.items() for name in bodies]


@pytest.mark.parametrize(("door", "name"), CASES)
def test_an_odd_request_is_sent_sensibly_or_refused_by_name(door: str, name: str) -> None:
    for model in MODELS:
        refused: TidegateError | None = None
        try:
            assert json.loads(plan(door, model, **BODIES[door][name])[0].body)
        except TidegateError as error:
            refused = error
        if refused is not None:
            fields = {*BODIES[door][name], "model", "tools", "messages"}
            assert (model, refused.status, bool(refused.param)) == (model, 400, True)
            assert (refused.param or "").split(".")[0] in fields


FOREIGN = MODELS[4:]


@pytest.mark.parametrize("model", FOREIGN)
def test_what_means_nothing_is_not_sent(model: str) -> None:
    tools = [TOOL, {**TOOL, "function": {**TOOL["function"], "name": "find"}}, TOOL]
    call, _ = plan("chat", model, messages=[U], stop=["", "end"], top_k=-1, tools=tools)
    assert {"stop.empty", "top_k<0", "tools.repeated"} <= set(call.dropped)
    assert without_noise(call.dropped) == tuple(name for name in call.dropped if name == "stop")
    text = call.body.decode()
    assert '""' not in text
    assert "-1" not in text
    assert (text.count('"look"'), text.count('"find"')) == (1, 1)


@pytest.mark.parametrize("model", FOREIGN)
@pytest.mark.parametrize("door", DOORS)
def test_different_tools_with_one_name_are_refused(door: str, model: str) -> None:
    if (door, model) in (("messages", MODELS[4]), ("responses", MODELS[8])):
        return  # the provider's own to judge
    parameters = {"type": "object", "properties": {"other": {"type": "string"}}}
    pairs: dict[str, list[Any]] = {
        "chat": [TOOL, *tool(parameters=parameters)],
        "messages": [LOOK, {"name": "look", "input_schema": parameters}],
        "responses": [FLAT, {**FLAT, "parameters": parameters}],
    }
    with pytest.raises(InvalidRequest) as refused:
        plan(door, model, tools=pairs[door])
    assert (refused.value.param or "").startswith("tools")
    assert "look" in refused.value.message


IMAGES = [
    "data:;base64,",
    "data:application/octet-stream;base64,",
    "data:image/x-png;base64,",
    "DATA:image/PNG;BASE64,",
]


@pytest.mark.parametrize("head", IMAGES)
def test_the_type_of_an_image_is_told_by_its_bytes(head: str) -> None:
    claude = sent("chat", MODELS[4], messages=image(head + PNG))["messages"][0]["content"][1]
    assert claude["source"] == {"type": "base64", "media_type": "image/png", "data": PNG}
    google = sent("chat", MODELS[5], messages=image(head + PNG))["contents"][0]["parts"][1]
    assert google["inlineData"] == {"mimeType": "image/png", "data": PNG}
    jpeg = sent("chat", MODELS[5], messages=image("data:;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/"))["contents"][
        0
    ]["parts"][1]
    assert jpeg["inlineData"]["mimeType"] == "image/jpeg"
