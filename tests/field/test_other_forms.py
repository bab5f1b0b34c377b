"""Answers whose text is there, but not where it should be: every door gets it, with the right end."""

# ruff: noqa: E501 an answer reads as it is sent

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.genai.types import GenerateContentResponse
from openai.types import Completion

from field.calling import DONE, DOORS, READ, REGISTRY, answer, chunk, event, plan, received
from field.families import FAMILIES, named, say
from protocols.bedrock_frames import event as frame
from tidegate.config.formats import protocol_named
from tidegate.protocols.completions.conduit import BodySplice as CompletionBody
from tidegate.protocols.completions.conduit import StreamSplice as CompletionStream
from tidegate.protocols.contract import Conduit

ENDS = {"chat": "stop", "messages": "end_turn", "responses": "completed"}
CALLS = {"chat": "tool_calls", "messages": "tool_use", "responses": "completed"}
CLAUDE, GOOGLE, COHERE, AWS, CODEX = [
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-flash",
    "cohere/command-a-03-2025",
    "bedrock/m",
    "openai/gpt-5-codex",
]
CHATS = ("openai/m", "openai_compatible/m", "ollama/m", "vllm/m", "deepseek/m", "mistral/m")
LINES = [model for model in (*FAMILIES, "openai/m", "vllm/m") if model != AWS]


def said(door: str, model: str, data: bytes, *, stream: bool, finish: dict[str, str] = ENDS) -> None:
    result = received(door, model, data, stream=stream)
    assert (result.text, result.finish, result.failure) == ("hello", finish[door], None)


def family_of(model: str) -> str:
    return model if model in FAMILIES else "openai_compatible/m"


def datas(stream: bytes) -> list[bytes]:
    """The JSON of a stream's events."""
    return [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]


# --- another framing -----------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", LINES)
@pytest.mark.parametrize(
    "join", [b"\n".join, b"\r\n".join, lambda all_: b"[" + b",\n".join(all_) + b"]", b"\n\n".join]
)
@pytest.mark.parametrize("stream", [True, False])
def test_json_lines_and_arrays_in_place_of_events(
    stream: bool, join: Callable[[list[bytes]], bytes], model: str, door: str
) -> None:
    lines = datas(say(family_of(model), True, text="hello"))
    said(door, model, join(lines) + b"\n", stream=stream)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", LINES)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_whole_answer_as_json_in_place_of_a_stream(indent: int | None, model: str, door: str) -> None:
    body = json.loads(say(family_of(model), False, text="hello"))
    said(door, model, json.dumps(body, indent=indent).encode(), stream=True)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", [*FAMILIES, "openai/m", "vllm/m"])
@pytest.mark.parametrize("wrap", ["response", "data", "result", "body"])
def test_a_wrapped_answer(wrap: str, model: str, door: str) -> None:
    body = json.loads(say(family_of(model), False, text="hello"))
    said(door, model, json.dumps({wrap: body}).encode(), stream=False)
    said(door, model, json.dumps([{wrap: body}]).encode(), stream=False)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", ["openai/m", "openai_compatible/m", "vllm/m", GOOGLE, CLAUDE])
@pytest.mark.parametrize("wrap", ["response", "data"])
def test_wrapped_events(wrap: str, model: str, door: str) -> None:
    lines = datas(say(family_of(model), True, text="hello"))
    data = b"".join(event(json.dumps({wrap: json.loads(line)})) for line in lines)
    said(door, model, data + (DONE if family_of(model) == "openai_compatible/m" else b""), stream=True)


def test_an_error_in_a_wrapper_is_an_error() -> None:
    for model in (*FAMILIES, "openai/m"):
        body = json.dumps({"error": {"message": "out of memory"}}).encode()
        for stream in (True, False):
            result = received("chat", model, body, stream=stream)
            assert result.failure is not None
            assert "out of memory" in result.failure


# --- OpenAI's chat format -------------------------------------------------------------------------

MESSAGES: list[Any] = [
    {"content": "hello"},
    "hello",
    {"content": ["hel", "lo"]},
    {"content": [{"type": "output_text", "text": "hello"}]},
    {"content": [{"type": "text", "text": "hel"}, None, {"type": "text", "text": {"value": "lo"}}]},
    {"content": {"type": "text", "text": "hello"}},
    {"content": {"parts": ["hel", "lo"]}},
    {"content": "hello", "tool_calls": [], "function_call": {}, "refusal": ""},
    {"content": "hello", "tool_calls": {}, "annotations": {}, "audio": ""},
    {"content": "hello", "refusal": False, "reasoning": [], "reasoning_content": {}},
    [{"content": "hello"}],
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", CHATS)
@pytest.mark.parametrize("message", MESSAGES)
def test_texts_in_other_places_of_a_chat(message: Any, model: str, door: str) -> None:
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    body = {**whole, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    said(door, model, json.dumps(body).encode(), stream=False)
    if model != "openai/m" and model != "deepseek/m":  # the bytes of their events pass
        head = {**whole, "object": "chat.completion.chunk"}
        data = {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        said(door, model, event(json.dumps(data)) + chunk({}, "stop") + DONE, stream=True)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", CHATS)
def test_a_completion_in_place_of_a_chat(model: str, door: str) -> None:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    body = {**head, "choices": [{"index": 0, "text": "hello", "logprobs": None, "finish_reason": "stop"}]}
    said(door, model, json.dumps(body).encode(), stream=False)
    pieces = [("hel", None), ("lo", None), ("", "stop")]
    chunks = [
        {**head, "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": end}]}
        for text, end in pieces
    ]
    data = b"".join(event(json.dumps(one)) for one in chunks)
    said(door, model, data + DONE, stream=True)
    raw = received("chat", model, data + DONE, stream=True).raw
    assert b'"text"' not in raw
    assert b'"chat.completion.chunk"' in raw


@pytest.mark.parametrize(
    "thought",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning_text": "Hm."},
        {"thinking": "Hm."},
        {"thinking": {"content": "Hm."}},
        {"reasoning": {"content": "Hm.", "summary": None}},
        {"reasoning": [{"type": "text", "text": "Hm."}]},
        {"reasoning_content": [{"text": "Hm."}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"reasoning_details": {"type": "reasoning.text", "text": "Hm."}},
        {"reasoning_details": [{"text": "Hm."}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]},
    ],
)
@pytest.mark.parametrize("model", ["openai/m", "openai_compatible/m", "vllm/m"])
def test_thinking_by_any_name(model: str, thought: dict[str, Any]) -> None:
    whole = received("messages", model, answer({"content": "hello", **thought}), stream=False)
    assert whole.text == "hello"
    assert [
        block["thinking"] for block in json.loads(whole.raw)["content"] if block["type"] == "thinking"
    ] == ["Hm."]
    stream = chunk({"role": "assistant", **thought}) + chunk({"content": "hello"}) + chunk({}, "stop") + DONE
    streamed = received("messages", model, stream)
    assert streamed.text == "hello"
    assert b'"thinking":"Hm."' in streamed.raw


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "Infinity"])
@pytest.mark.parametrize("model", [*FAMILIES, "openai/m", "vllm/m"])
@pytest.mark.parametrize("stream", [True, False])
def test_numbers_that_are_no_json(stream: bool, model: str, number: str, door: str) -> None:
    """Python's encoder writes them: servers of open models do so for log probabilities."""
    if model == AWS and stream:
        data = frame("messageStart", role="assistant") + frame(
            "contentBlockDelta", delta={"text": "hello"}, x=float("nan")
        )
        data += frame("messageStop", stopReason="end_turn")
    else:
        data = say(family_of(model), stream, text="hello")
        data = re.sub(
            rb'\{("(?:id|type|output|candidates|choices)")',
            rb'{"logprob": ' + number.encode() + rb", \1",
            data,
        )
    result = received(door, model, data, stream=stream)
    assert (result.text, result.finish, result.failure) == ("hello", ENDS[door], None)
    assert number.encode() not in result.raw


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", [*FAMILIES, "openai/m"])
def test_control_characters_in_a_text(model: str, door: str) -> None:
    data = say(family_of(model), False, text="a@b").replace(b"a@b", b"a\tb\x01\nc")
    result = received(door, model, data, stream=False)
    assert (result.text, result.finish, result.failure) == ("a\tb\x01\nc", ENDS[door], None)


# --- completions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("key", ["message", "delta"])
@pytest.mark.parametrize("content", ["hello", [{"type": "text", "text": "hello"}]])
def test_a_chat_in_place_of_a_completion(content: Any, key: str, stream: bool) -> None:
    choice = {"index": 0, key: {"role": "assistant", "content": content}, "finish_reason": "stop"}
    body = json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )
    conduit: Conduit = CompletionStream(include_usage=False) if stream else CompletionBody()
    out = conduit.feed(event(body) + DONE if stream else body.encode()) + conduit.close()
    answer_ = Completion.model_validate(json.loads(datas(out)[0] if stream else out))
    assert (conduit.failure, answer_.object) == (None, "text_completion")
    assert [(one.text, one.finish_reason) for one in answer_.choices] == [("hello", "stop")]


def test_a_completion_as_json_lines_becomes_events() -> None:
    head = {"id": "c1", "object": "text_completion", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": 0, "text": text, "finish_reason": end}]}
        for text, end in (("hel", None), ("lo", "stop"))
    ]
    lines = "".join(json.dumps(one) + "\n" for one in chunks).encode()
    conduit = CompletionStream(include_usage=False)
    out = conduit.feed(lines) + conduit.close()
    assert conduit.failure is None
    assert [json.loads(line)["choices"][0]["text"] for line in datas(out)] == [
        "hel",
        "lo",
    ]
    assert out.endswith(DONE)


# --- Google's door --------------------------------------------------------------------------------


def to_google(model: str, data: bytes, *, stream: bool) -> tuple[str, str | None]:
    protocol: Any = protocol_named("gemini")
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}).encode()
    asked = protocol.parse_request(body, model, stream=stream)
    conduit = REGISTRY.resolve(model, None, (), "gemini").candidates[0].route(protocol).plan(asked)[1]
    out = conduit.feed(data) + conduit.close()
    assert conduit.failure is None
    answers = (
        [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
        if stream
        else [json.loads(out)]
    )
    candidates = [GenerateContentResponse.model_validate(one).candidates or [] for one in answers]
    parts = [
        part
        for one in candidates
        for candidate in one
        if candidate.content
        for part in candidate.content.parts or ()
    ]
    ends = [candidate.finish_reason for one in candidates for candidate in one if candidate.finish_reason]
    return "".join(part.text or "" for part in parts), ends[-1] if ends else None


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        {"candidates": [{"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}]},
        {
            "candidates": [{"content": {"parts": [{"text": "hello"}]}, "finish_reason": "STOP"}],
            "usage_metadata": {},
        },
        {"response": {"candidates": [{"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}]}},
        {"candidates": [{"content": {"parts": "hello"}, "finishReason": "STOP"}]},
        {"candidates": [{"content": "hello", "finishReason": "STOP"}]},
        {"candidates": {"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}},
    ],
)
@pytest.mark.parametrize("framing", ["as asked", "as json", "indented"])
def test_clients_of_google_get_googles_answers_in_its_form(framing: str, body: Any, stream: bool) -> None:
    data = json.dumps(body, indent=2 if framing == "indented" else None).encode()
    sent = event(data.decode()) if stream and framing == "as asked" else data
    assert to_google(GOOGLE, sent, stream=stream) == ("hello", "STOP")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", [*FAMILIES, "openai/m", "vllm/m"])
def test_clients_of_google_get_every_text(model: str, stream: bool) -> None:
    assert to_google(model, say(family_of(model), stream, text="hello"), stream=stream) == ("hello", "STOP")


def test_half_a_pair_in_googles_arguments_is_not_waited_for() -> None:
    part = '{"functionCall":{"name":"look","args":{"q":"a\\ud83d"}}}'
    data = event(f'{{"candidates":[{{"content":{{"parts":[{part}]}},"finishReason":"STOP"}}]}}')
    result = received("chat", GOOGLE, data)
    assert [json.loads(arguments) for _, _, arguments in result.calls] == [{"q": "a\ufffd"}]


# --- finish reasons -------------------------------------------------------------------------------

STRICT = {"stop", "length", "tool_calls", "content_filter", "function_call"}
WORDS = {
    "eos": "stop", "eos_token": "stop", "load": "stop", "unload": "stop", "end_turn": "stop", "STOP": "stop",
    "max_tokens": "length", "MAX_TOKENS": "length", "SAFETY": "content_filter",
}  # fmt: skip


@pytest.mark.parametrize("model", CHATS)
@pytest.mark.parametrize("word", WORDS)
def test_strict_clients_get_words_that_they_know(word: str, model: str) -> None:
    stream = chunk({"role": "assistant", "content": "hello"}) + chunk({}, word) + DONE
    for result in (
        received("chat", model, stream),
        received("chat", model, answer({"content": "hello"}, word), stream=False),
    ):
        assert (result.text, result.failure) == ("hello", None)
        assert result.finish in STRICT
        assert result.finish == WORDS[word]


# --- Anthropic ------------------------------------------------------------------------------------

HEAD = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "usage": {"input_tokens": 3}}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "content",
    [
        "hello", {"type": "text", "text": "hello"}, ["hello"], ["hel", {"type": "text", "text": "lo"}],
        [{"text": "hello"}], [None, {"type": "text", "text": "hello"}], [{"type": "output_text", "text": "hello"}],
        [{"type": "text", "text": {"value": "hello"}}], [{"type": None, "text": "hello"}],
        [{"type": "text", "text": "hello", "citations": {}}], [7, {"type": "text", "text": "hello"}][1:],
    ],
)  # fmt: skip
def test_texts_in_other_places_of_a_message(content: Any, door: str) -> None:
    body = {**HEAD, "content": content, "stop_reason": "end_turn"}
    said(door, CLAUDE, json.dumps(body).encode(), stream=False)
    del body["type"]
    said(door, CLAUDE, json.dumps(body).encode(), stream=False)


def start(index: Any, block: Any) -> bytes:
    return named("content_block_start", index=index, content_block=block)


def delta(index: Any, **fields: Any) -> bytes:
    return named("content_block_delta", index=index, delta=fields)


BEGIN = named("message_start", message={**HEAD, "content": [], "stop_reason": None})
SHUT = named("content_block_stop", index=0)
OVER = named("message_delta", delta={"stop_reason": "end_turn"}) + named("message_stop")
TEXT = {"type": "text", "text": ""}


@pytest.mark.parametrize("door", ["chat", "responses"])
@pytest.mark.parametrize(
    "blocks",
    [
        start(0, {"type": "text", "text": "hello"}) + SHUT,
        start(0, {"text": "hello"}) + SHUT,
        start(0, TEXT) + delta(0, text="hello") + SHUT,
        start(0, TEXT) + delta(None, type="text_delta", text="hello") + SHUT,
        start("x", TEXT) + delta(0, type="text_delta", text="hello") + SHUT,
        start(0, TEXT) + delta(0, type="text_delta", text=["hel", "lo"]) + SHUT,
        start(0, TEXT) + event('{"index":0,"delta":{"type":"text_delta","text":"hello"}}') + SHUT,
        start(0, TEXT)
        + delta(0, type="citations_delta", citation=None)
        + delta(0, type="text_delta", text="hello"),
    ],
)
def test_texts_in_other_places_of_a_stream_of_messages(blocks: bytes, door: str) -> None:
    said(door, CLAUDE, BEGIN + blocks + OVER, stream=True)
    said(door, CLAUDE, BEGIN + blocks + named("message_delta", delta={}) + named("message_stop"), stream=True)


# --- Gemini ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        "hello", {"parts": "hello"}, {"parts": {"text": "hello"}}, {"parts": ["hello"]}, {"parts": [{"text": "hello"}]},
        {"parts": [None, {"text": "hello"}]}, {"parts": [{"text": "hello", "functionCall": None}]},
        {"parts": [{"text": ["hel", "lo"]}]}, [{"parts": [{"text": "hello"}]}], {"text": "hello"},
    ],
)  # fmt: skip
def test_texts_in_other_places_of_a_candidate(content: Any, stream: bool, door: str) -> None:
    body = json.dumps({"candidates": [{"content": content, "finishReason": "STOP"}]})
    said(door, GOOGLE, event(body) if stream else body.encode(), stream=stream)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_in_snake_case(stream: bool, door: str) -> None:
    call = {"function_call": {"name": "look", "args": {"a_b": 1, "cD": 2}}}
    bodies: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": "hel"}]}}], "model_version": "m"},
        {"candidates": [{"content": {"parts": [{"text": "lo"}, call]}, "finish_reason": "STOP"}],
         "usage_metadata": {"prompt_token_count": 3, "candidates_token_count": 2}},
    ]  # fmt: skip
    if not stream:
        bodies[1]["candidates"][0]["content"]["parts"][0] = {"text": "hello"}
        bodies = bodies[1:]
    data = b"".join(event(json.dumps(one)) for one in bodies) if stream else json.dumps(bodies[0]).encode()
    result = received(door, GOOGLE, data, stream=stream)
    assert (result.text, result.finish, result.failure) == ("hello", CALLS[door], None)
    assert [(name, json.loads(arguments)) for _, name, arguments in result.calls] == [
        ("look", {"a_b": 1, "cD": 2})
    ]
    conduit = plan(door, GOOGLE, stream=stream)[1]
    conduit.feed(data)
    conduit.close()
    assert conduit.tally.usage is not None
    assert (conduit.tally.usage.input, conduit.tally.usage.output) == (3, 2)


# --- Cohere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "message",
    [
        {"content": "hello"}, {"content": {"type": "text", "text": "hello"}}, {"content": ["hello"]},
        {"content": [{"text": "hello"}]}, {"text": "hello"}, {"content": [None, {"text": "hello"}]},
    ],
)  # fmt: skip
def test_texts_in_other_places_of_coheres_message(message: Any, door: str) -> None:
    body = {"id": "m1", "finish_reason": "COMPLETE", "message": message}
    said(door, COHERE, json.dumps(body).encode(), stream=False)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "change",
    [
        {"text": "hello"}, {"content": "hello"}, {"content": {"text": "hello"}}, {"message": {"content": "hello"}},
        {"message": {"text": "hello"}}, {"message": {"content": [{"text": "hello"}]}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("typed", [True, False])
def test_texts_in_other_places_of_coheres_deltas(typed: bool, change: Any, door: str) -> None:
    one = {"type": "content-delta", "index": 0, "delta": change}
    if not typed:
        del one["type"]
    end = {"delta": {"finish_reason": "COMPLETE"}}
    data = (
        named("message-start", id="m1")
        + event(json.dumps(one))
        + event(json.dumps({"type": "message-end", **end} if typed else end))
    )
    said(door, COHERE, data, stream=True)


# --- Bedrock --------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "content",
    [
        "hello",
        {"text": "hello"},
        ["hello"],
        [{"text": "hello"}],
        [None, {"text": "hello"}],
        [{"text": ["hel", "lo"]}],
    ],
)
@pytest.mark.parametrize("reason", ["stopReason", "stop_reason"])
def test_texts_in_other_places_of_converses_message(reason: str, content: Any, door: str) -> None:
    body = {"output": {"message": {"role": "assistant", "content": content}}, reason: "end_turn"}
    said(door, AWS, json.dumps(body).encode(), stream=False)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("snake", [True, False])
def test_converse_in_snake_case(snake: bool, door: str) -> None:
    call = {"tool_use": {"tool_use_id": "a", "name": "look", "input": {"q": 1}}}
    body = {"output": {"message": {"content": [{"text": "hello"}, call]}}, "stop_reason": "tool_use"}
    if not snake:
        body = json.loads(
            json.dumps(body).replace("tool_use_id", "toolUseId").replace('"tool_use":', '"toolUse":')
        )
    result = received(door, AWS, json.dumps(body).encode(), stream=False)
    assert (result.text, result.finish, result.failure) == ("hello", CALLS[door], None)
    assert [(name, json.loads(text)) for _, name, text in result.calls] == [("look", {"q": 1})]


# --- Responses ------------------------------------------------------------------------------------

PART = {"type": "output_text", "text": "hello", "annotations": []}
ITEM = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [PART]}
RESPONSE = {"id": "r1", "object": "response", "status": "completed", "model": "m", "created_at": 1}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "fields",
    [
        {"output": [ITEM]}, {"output": [], "output_text": "hello"}, {"output_text": "hello"},
        {"output": [ITEM], "output_text": "hello"}, {"output": [{**ITEM, "content": "hello"}]},
        {"output": [{**ITEM, "content": PART}]}, {"output": [None, ITEM]}, {"output": ITEM},
        {"output": [{**ITEM, "content": [None, PART]}]}, {"output": [PART]}, {"output": "hello"},
        {"output": [{"role": "assistant", "content": [{"text": "hello"}]}]}, {"output": ["hello"]},
        {"output": [{**ITEM, "content": [{"type": "text", "text": "hello"}]}], "status": None},
    ],
)  # fmt: skip
def test_texts_in_other_places_of_a_response(fields: Any, door: str) -> None:
    said(door, CODEX, json.dumps({**RESPONSE, **fields}).encode(), stream=False)


BEGUN = named("response.created", response={**RESPONSE, "status": "in_progress", "output": []})
ADDED = named("response.output_item.added", output_index=0, item={**ITEM, "content": []})
AT = {"output_index": 0, "content_index": 0, "item_id": "m1"}
ONLY = {
    "delta": named("response.output_text.delta", **AT, delta="hello"),
    "text": named("response.output_text.done", **AT, text="hello"),
    "part": named("response.content_part.done", **AT, part=PART),
    "item": named("response.output_item.done", output_index=0, item=ITEM),
    "nothing": b"",
}


def ended(**fields: Any) -> bytes:
    return named("response.completed", response={**RESPONSE, **fields})


def stories() -> Iterator[bytes]:
    for name, only in ONLY.items():
        yield BEGUN + only + ended(output=[ITEM])
        yield BEGUN + ADDED + only + ended(output=[ITEM])
        if name != "nothing":
            yield BEGUN + ADDED + only + ended(output=[])
            yield BEGUN + only + ended()
            yield only + named("response.completed")
    yield BEGUN + b"".join(ONLY.values()) + ended(output=[ITEM], output_text="hello")
    yield BEGUN + ended(output=[], output_text="hello")


@pytest.mark.parametrize("door", ["chat", "messages"])
@pytest.mark.parametrize("stream", list(stories()))
def test_a_text_that_only_one_of_the_events_has(stream: bytes, door: str) -> None:
    said(door, CODEX, stream, stream=True)


def test_arguments_that_only_the_last_event_has() -> None:
    item = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "look", "arguments": ""}
    whole = {**item, "arguments": '{"q": 1}'}
    done = named("response.function_call_arguments.done", output_index=0, item_id="f1", arguments='{"q": 1}')
    for pieces in (done, named("response.output_item.done", output_index=0, item=whole)):
        begun = BEGUN + named("response.output_item.added", output_index=0, item=item)
        result = received("chat", CODEX, begun + pieces + ended(output=[]))
        assert [(name, text) for _, name, text in result.calls] == [("look", '{"q": 1}')]
        assert (result.finish, result.failure) == ("tool_calls", None)


assert set(READ) == set(DOORS)
