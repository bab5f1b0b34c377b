"""The same oddity in every provider's format: what one family was seen to do, any other server may do."""

import json
from typing import Any

import pytest

from field.calling import DONE, DOORS, Collected, event, received
from field.families import FAMILIES, named, say

ENDS = {
    "stop": {"chat": "stop", "messages": "end_turn", "responses": "completed"},
    "calls": {"chat": "tool_calls", "messages": "tool_use", "responses": "completed"},
}
OWN = {
    ("messages", "anthropic/claude-sonnet-4-5"),
    ("responses", "openai/gpt-5-codex"),
}
"""Doors whose answers are the provider's own bytes."""
ROUTES = [(door, model) for model in FAMILIES for door in DOORS if (door, model) not in OWN]


def answered(door: str, model: str, *, stream: bool, **said: Any) -> Collected:
    return received(door, model, say(model, stream, **said), stream=stream)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("door", "model"), ROUTES)
def test_calls_are_announced_whatever_the_provider_says(door: str, model: str, stream: bool) -> None:
    plain = {"bedrock/m": "end_turn", "anthropic/claude-sonnet-4-5": "end_turn"}
    plain |= {"cohere/command-a-03-2025": "COMPLETE", "gemini/gemini-2.5-flash": "STOP"}
    finish = plain.get(model, "completed" if model.startswith("openai/") else "stop")
    result = answered(door, model, stream=stream, calls=[("a", "look", {"q": 1})], finish=finish)
    assert [(name, json.loads(text)) for _, name, text in result.calls] == [("look", {"q": 1})]
    assert (result.finish, result.failure) == (ENDS["calls"][door], None)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("door", "model"), [route for route in ROUTES if route[0] != "chat"])
def test_calls_that_never_come_are_not_waited_for(door: str, model: str, stream: bool) -> None:
    words = {"cohere/command-a-03-2025": "TOOL_CALL", "gemini/gemini-2.5-flash": "FUNCTION_CALL"}
    chat = model in ("openai_compatible/m", "ollama/m")
    finish = words.get(model, "tool_calls" if chat else "tool_use")
    finish = "completed" if model.startswith("openai/") else finish
    result = answered(door, model, stream=stream, text="hello", finish=finish)
    assert (result.text, result.finish, result.failure) == ("hello", ENDS["stop"][door], None)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("door", "model"), ROUTES)
@pytest.mark.parametrize("ids", [("a", "a"), (None, None), ("", ""), (7, 7)])
def test_calls_of_one_answer_have_different_ids(
    ids: tuple[Any, Any], door: str, model: str, stream: bool
) -> None:
    calls = [(ids[0], "look", {"n": 1}), (ids[1], "find", {"n": 2})]
    result = answered(door, model, stream=stream, calls=calls)  # `received` compares the ids
    found = [(name, json.loads(text)) for _, name, text in result.calls]
    assert found == [("look", {"n": 1}), ("find", {"n": 2})]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("door", "model"), ROUTES)
@pytest.mark.parametrize(
    ("sent", "arguments"),
    [(None, {}), ("", {}), ("{}", {}), ({}, {}), ('{"a": "{"}', {"a": "{"}), ({"a": [1]}, {"a": [1]})],
)
def test_arguments_are_an_object(
    sent: Any, arguments: dict[str, Any], door: str, model: str, stream: bool
) -> None:
    result = answered(door, model, stream=stream, calls=[("a", "look", sent)])
    assert result.failure is None
    assert [(name, json.loads(text or "{}")) for _, name, text in result.calls] == [("look", arguments)]


@pytest.mark.parametrize(("door", "model"), ROUTES)
@pytest.mark.parametrize("sent", ["null", "[]", '""', '"{\\"a\\": 1}"'])
def test_arguments_of_a_whole_answer_that_are_no_object(sent: str, door: str, model: str) -> None:
    is_json = model.startswith(("anthropic", "gemini", "bedrock"))  # elsewhere it is a text with JSON
    given = json.loads(sent) if is_json else sent
    result = answered(door, model, stream=False, calls=[("a", "look", given)])
    wanted = {"a": 1} if "a" in sent else {}
    assert [(name, json.loads(text)) for _, name, text in result.calls] == [("look", wanted)]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("door", "model"), ROUTES)
@pytest.mark.parametrize("name", ["", None])
def test_a_call_without_a_name_is_a_failure(name: str | None, door: str, model: str, stream: bool) -> None:
    if door == "chat" and model in ("openai_compatible/m", "ollama/m"):
        return  # taken out as a stub
    result = answered(door, model, stream=stream, calls=[("a", name, {"q": 1})])
    assert result.failure is not None
    assert "without a name" in result.failure


# --- ends --------------------------------------------------------------------------------------

END_MARKS = {
    "openai_compatible/m": b"data: [DONE]\n\n",
    "openai/m": b"data: [DONE]\n\n",
    "vllm/m": b"data: [DONE]\n\n",
    "anthropic/claude-sonnet-4-5": named("message_stop"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", END_MARKS)
def test_an_answer_with_a_finish_reason_is_whole_without_the_end_mark(model: str, door: str) -> None:
    family = model if model in FAMILIES else "openai_compatible/m"
    mark = END_MARKS[model]
    stream = say(family, True, text="hello")
    assert stream.endswith(mark)
    result = received(door, model, stream.removesuffix(mark))
    assert (result.text, result.finish, result.failure) == ("hello", ENDS["stop"][door], None)
    ends = {"chat": b"data: [DONE]", "messages": b"message_stop", "responses": b"response.completed"}
    assert ends[door] in result.raw.splitlines()[-2 if door == "chat" else -3] + result.raw[-40:]


@pytest.mark.parametrize("door", DOORS)
def test_a_stream_that_stops_before_its_finish_reason_has_failed(door: str) -> None:
    for model in END_MARKS:
        family = model if model in FAMILIES else "openai_compatible/m"
        begin = b"".join(block + b"\n\n" for block in say(family, True, text="hello").split(b"\n\n")[:1])
        assert received(door, model, begin).failure is not None


# --- deltas of Anthropic's format ----------------------------------------------------------------


def delta(kind: str, index: int = 0, **fields: Any) -> bytes:
    return named("content_block_delta", index=index, delta={"type": kind, **fields})


START = named("message_start", message={"id": "m1", "type": "message", "role": "assistant", "content": []})
STOP = named("message_delta", delta={"stop_reason": "end_turn"}) + named("message_stop")
HELLO = delta("text_delta", text="hel") + delta("text_delta", text="lo")
OPEN = named("content_block_start", index=0, content_block={"type": "text", "text": ""})
SHUT = named("content_block_stop", index=0)


@pytest.mark.parametrize("door", ["chat", "responses"])
@pytest.mark.parametrize(
    "blocks",
    [
        HELLO,
        HELLO + SHUT,
        OPEN + delta("text_delta", text="hel") + SHUT + delta("text_delta", text="lo"),
        OPEN + delta("text_delta", text="hel") + SHUT + delta("text_delta", 1, text="lo"),
        delta("thinking_delta", thinking="hm") + delta("text_delta", 1, text="hello"),
        OPEN.replace(b'""', b"null") + HELLO + delta("text_delta", text=None) + SHUT,
        OPEN + HELLO + delta("another_delta", 7, other=[1]),
        OPEN + HELLO,
    ],
)
def test_deltas_whose_block_never_began_or_has_ended_are_read(blocks: bytes, door: str) -> None:
    result = received(door, "anthropic/claude-sonnet-4-5", START + blocks + STOP)
    assert (result.text, result.finish, result.failure) == ("hello", ENDS["stop"][door], None)


@pytest.mark.parametrize("door", ["chat", "responses"])
def test_arguments_of_a_call_that_never_began_are_a_failure(door: str) -> None:
    result = received(
        door, "anthropic/claude-sonnet-4-5", START + delta("input_json_delta", partial_json="{}") + STOP
    )
    assert result.failure is not None
    assert "without a name" in result.failure


# --- values of another type that mean the same -----------------------------------------------------


@pytest.mark.parametrize("door", ["messages", "responses"])
@pytest.mark.parametrize(
    "sent",
    [
        '{"choices":[null,{"index":"0","delta":{"content":"hello"},"finish_reason":"stop"}]}',
        '{"choices":{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}}',
        '{"id":7,"choices":[{"index":0.0,"delta":{"content":"hello","tool_calls":[null]},"finish_reason":0}]}',
        '{"choices":[{"delta":{"content":[null,{"text":"hello"}]},"finish_reason":"stop"}]}',
        '{"choices":[{"delta":{"content":{"type":"text","text":"hello"}},"finish_reason":"stop"}]}',
    ],
)
def test_values_that_mean_the_same_are_read(sent: str, door: str) -> None:
    result = received(door, "openai/m", event(sent) + DONE)
    assert (result.text, result.finish, result.failure) == ("hello", ENDS["stop"][door], None)


def test_arguments_that_no_type_holds_leave_those_of_other_calls() -> None:
    whole, huge = '{"q":1}', f'{{"q":{"9" * 400}}}'
    first = f'{{"id":"a","function":{{"name":"f","arguments":{json.dumps(whole)}}}}}'
    second = f'{{"id":"b","function":{{"name":"g","arguments":{huge}}}}}'
    message = f'{{"message":{{"tool_calls":[{first},{second}]}},"finish_reason":"tool_calls"}}'
    result = received("responses", "openai/m", f'{{"choices":[{message}]}}'.encode(), stream=False)
    assert [text for _, _, text in result.calls] == [whole, huge]


# --- a body in the other form ----------------------------------------------------------------------

STREAMED = [*FAMILIES, "openai/m", "vllm/m"]
ONE_VENDOR = ("bedrock/m", "cohere/command-a-03-2025")
"""Formats that only the vendor's own servers speak."""
SECRET = "the tide turns"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", STREAMED)
def test_a_stream_in_place_of_a_whole_answer_is_collected(model: str, door: str) -> None:
    family = model if model in FAMILIES else "openai_compatible/m"
    stream = say(family, True, text="hello", calls=[("a", "look", '{"q": 1}')])
    result = received(door, model, stream, stream=False)
    assert (result.text, result.finish, result.failure) == ("hello", ENDS["calls"][door], None)
    assert [(name, json.loads(text)) for _, name, text in result.calls] == [("look", {"q": 1})]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", [*STREAMED, "mistral/m", "together/m", "azure/m"])
def test_a_whole_answer_in_place_of_a_stream_is_streamed(model: str, door: str) -> None:
    family = model if model in FAMILIES else "openai_compatible/m"
    body = say(family, False, text="hello", calls=[("a", "look", '{"q": 1}')])
    result = received(door, model, body)
    assert (result.text, result.finish, result.failure) == ("hello", ENDS["calls"][door], None)
    assert [(name, json.loads(text)) for _, name, text in result.calls] == [("look", {"q": 1})]
    assert b'"message":{' not in result.raw or door != "chat"
    assert b'"message": {' not in result.raw or door != "chat"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", [model for model in STREAMED if model not in ONE_VENDOR])
def test_a_byte_order_mark_before_an_answer_is_left_out(model: str, door: str) -> None:
    family = model if model in FAMILIES else "openai_compatible/m"
    result = received(door, model, b"\xef\xbb\xbf" + say(family, False, text="hello"), stream=False)
    assert (result.text, result.failure) == ("hello", None)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", STREAMED)
@pytest.mark.parametrize("begin", ["", "{", "data: {", "\ufeff{", "event: error\x00", "id: 7\n"])
def test_an_answer_that_cannot_be_read_is_not_quoted(begin: str, model: str, stream: bool, door: str) -> None:
    body = f'{begin}"content": "{SECRET}", "id": 7, "x'.encode()
    result = received(door, model, body, stream=stream)
    assert result.failure is not None
    assert SECRET not in result.failure


@pytest.mark.parametrize("door", ["chat", "messages"])
@pytest.mark.parametrize("added", [True, False])
def test_items_of_a_response_may_share_an_index(added: bool, door: str) -> None:
    output = [
        {"type": "function_call", "call_id": id_, "name": "f", "arguments": json.dumps({"q": id_})}
        for id_ in "ab"
    ]
    stream = named("response.created", response={"id": "r1", "status": "in_progress"})
    for item in output:
        begun = {**item, "arguments": ""}
        stream += named("response.output_item.added", output_index=0, item=begun) if added else b""
        sent = item["arguments"] if added else ""
        stream += named("response.function_call_arguments.delta", output_index=0, delta=sent)
        stream += named("response.output_item.done", output_index=0, item=item)
    end = {"id": "r1", "object": "response", "output": output}  # without a status
    result = received(door, "openai/gpt-5-codex", stream + named("response.completed", response=end))
    assert [json.loads(text) for _, _, text in result.calls] == [{"q": "a"}, {"q": "b"}]
    assert (result.finish, result.failure) == (ENDS["calls"][door], None)


def test_the_type_of_a_response_event_may_be_its_name_alone() -> None:
    stream = say("openai/gpt-5-codex", True, text="hello")
    bare = b"\n".join(
        line.replace(line[line.find(b'"type"') : line.find(b", ", line.find(b'"type"')) + 2], b"", 1)
        if line.startswith(b'data: {"type"')
        else line
        for line in stream.split(b"\n")
    )
    assert b'"type": "response.' not in bare
    result = received("chat", "openai/gpt-5-codex", bare)
    assert (result.text, result.finish, result.failure) == ("hello", "stop", None)
