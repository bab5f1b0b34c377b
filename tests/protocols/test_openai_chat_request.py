"""OpenAI's door: what a request may be, what is wrong with it, and the turn that it becomes."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import needs_recordings, recordings
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.openai_chat import PROTOCOL
from tidegate.protocols.turn import (
    Audio,
    CacheControl,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    OutputFormat,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
USER = {"role": "user", "content": "hi"}
OPENAI_DIALECT = [
    "azure",
    "baseten",
    "bedrock",
    "cerebras",
    "deepseek",
    "doubleword",
    "gemini",
    "groq",
    "huggingface",
    "llamacpp",
    "mistral",
    "moonshot",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "qwen",
    "together",
    "vllm",
    "xai",
    "zai",
]


def ask(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


def said(*messages: dict[str, Any], **fields: Any) -> bytes:
    return ask(messages=list(messages), **fields)


def turn_of(body: bytes) -> Turn:
    return PROTOCOL.parse_request(body).turn()


def messages_of(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return turn_of(said(*messages)).messages


def part(**fields: Any) -> bytes:
    return said({"role": "user", "content": [fields]})


WRONG: list[tuple[str | None, bytes]] = [
    # the body
    (None, b""),
    (None, b"null"),
    (None, b"[]"),
    (None, b'{"model": "m", "messages": [{"role": "user", "content": "x"}]'),
    (None, b'\xff\xfe{"model": "m"}'),
    (None, b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}'),
    (None, b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "extra": "\xff"}'),
    (None, b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}'),
    (None, b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "extra": ' + b"[" * 100_000),
    (
        None,
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "metadata": ' + b'{"a":' * 100_000,
    ),
    ("model", b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "model": "n"}'),
    ("messages", b'{"messages": [], "model": "m",  "messages": [{"role": "user", "content": "x"}]}'),
    # the top level
    ("model", b'{"messages": [{"role": "user", "content": "x"}]}'),
    ("model", ask(model="")),
    ("model", ask(model=None)),
    ("model", ask(model=["m"])),
    ("messages", b'{"model": "m"}'),
    ("messages", ask(messages=[])),
    ("messages", ask(messages="hi")),
    ("messages.0", ask(messages=["hi"])),
    ("stream", ask(stream="true")),
    ("stream_options", ask(stream_options=True)),
    ("stream_options.include_usage", ask(stream_options={"include_usage": "yes"})),
    ("temperature", ask(temperature=2.1)),
    ("temperature", ask(temperature=-1)),
    ("temperature", ask(temperature="hot")),
    ("top_p", ask(top_p=1.01)),
    ("presence_penalty", ask(presence_penalty=3)),
    ("frequency_penalty", ask(frequency_penalty=-2.5)),
    ("n", ask(n=0)),
    ("n", ask(n=129)),
    ("n", ask(n=1.5)),
    ("seed", ask(seed="x")),
    ("stop", ask(stop=7)),
    ("stop.1", ask(stop=["a", 7])),
    ("max_tokens", ask(max_tokens=-2)),
    ("max_completion_tokens", ask(max_completion_tokens=-1)),
    ("max_tokens", ask(max_tokens=True)),
    ("logprobs", ask(logprobs="yes")),
    ("top_logprobs", ask(top_logprobs=21)),
    ("logit_bias", ask(logit_bias=[1])),
    ("logit_bias", ask(logit_bias={"50256": 101})),
    ("modalities", ask(modalities="text")),
    ("user", ask(user=5)),
    ("metadata", ask(metadata="x")),
    ("store", ask(store="yes")),
    ("parallel_tool_calls", ask(parallel_tool_calls="no")),
    ("reasoning_effort", ask(reasoning_effort="enormous")),
    ("reasoning.effort", ask(reasoning={"effort": "enormous"})),
    ("reasoning.max_tokens", ask(reasoning={"max_tokens": -1})),
    ("provider", ask(provider=5)),
    ("models", ask(models="m")),
    ("models.0", ask(models=[""])),
    ("system_message", ask(system_message=["x"])),
    # messages
    ("messages.0.role", said({"content": "hi"})),
    ("messages.0.role", said({"role": "", "content": "hi"})),
    ("messages.1.role", said(USER, {"role": None, "content": "hi"})),
    ("messages.0.content", said({"role": "user"})),
    ("messages.0.content", said({"role": "user", "content": None})),
    ("messages.0.content", said({"role": "user", "content": 5})),
    ("messages.0.content", said({"role": "user", "content": []})),
    ("messages.0.content", said({"role": "assistant"})),
    ("messages.0.content", said({"role": "system", "content": None})),
    ("messages.0.name", said({"role": "user", "content": "x", "name": 5})),
    ("messages.1.tool_call_id", said(USER, {"role": "tool", "content": "3"})),
    ("messages.1.tool_call_id", said(USER, {"role": "tool", "content": "3", "tool_call_id": "call_9"})),
    ("messages.0.name", said({"role": "function", "content": "3"})),
    ("messages.0.tool_calls.0.id", said({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]})),
    ("messages.0.tool_calls.0.function", said({"role": "assistant", "tool_calls": [{"id": "a"}]})),
    (
        "messages.0.tool_calls.0.function.arguments",
        said({"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}),
    ),
    # parts
    ("messages.0.content.0.type", part(text="x")),
    ("messages.0.content.0.text", part(type="text")),
    ("messages.0.content.0.text", part(type="text", text=5)),
    ("messages.0.content.0.image_url", part(type="image_url")),
    ("messages.0.content.0.image_url.url", part(type="image_url", image_url={})),
    ("messages.0.content.0.image_url.url", part(type="image_url", image_url={"url": "ftp://x/y.png"})),
    ("messages.0.content.0.image_url.url", part(type="image_url", image_url={"url": "not a url"})),
    ("messages.0.content.0.image_url.url", part(type="image_url", image_url={"url": "data:image/png,abc"})),
    (
        "messages.0.content.0.image_url.url",
        part(type="image_url", image_url={"url": "data:text/plain;base64,aGVsbG8="}),
    ),
    (
        "messages.0.content.0.image_url.url",
        part(type="image_url", image_url={"url": "data:image/png;base64,aGVsbG8gd29ybGQ="}),
    ),
    (
        "messages.0.content.0.image_url.url",
        part(type="image_url", image_url={"url": "data:image/png;base64,###"}),
    ),
    ("messages.0.content.0.input_audio", part(type="input_audio")),
    ("messages.0.content.0.input_audio.data", part(type="input_audio", input_audio={"format": "wav"})),
    ("messages.0.content.0.input_audio.data", part(type="input_audio", input_audio={"data": ""})),
    ("messages.0.content.0.file", part(type="file")),
    ("messages.0.content.0.file.file_data", part(type="file", file={})),
    ("messages.0.content.0.file.file_data", part(type="file", file={"file_data": "JVBERi0="})),
    ("messages.0.content.0.video_url", part(type="video_url")),
    ("messages.0.content.0.document_url", part(type="document_url", document_url="here")),
    # tools
    ("tools", ask(tools={})),
    ("tools.0.function", ask(tools=[{"type": "function"}])),
    ("tools.0.function.name", ask(tools=[{"type": "function", "function": {"description": "x"}}])),
    ("tools.0.function.name", ask(tools=[{"type": "function", "function": {"name": ""}}])),
    ("tools.0.function.parameters", ask(tools=[{"function": {"name": "f", "parameters": "object"}}])),
    ("tools.0.function.strict", ask(tools=[{"function": {"name": "f", "strict": "yes"}}])),
    ("tools.0.custom", ask(tools=[{"type": "custom"}])),
    ("functions.0.parameters", ask(functions=[{"name": "f", "parameters": [1]}])),
    ("tool_choice", ask(tools=[TOOL], tool_choice="always")),
    ("tool_choice", ask(tools=[TOOL], tool_choice=5)),
    ("tool_choice", ask(tool_choice="required")),
    ("tool_choice.type", ask(tools=[TOOL], tool_choice={"function": {"name": "add"}})),
    ("tool_choice.function", ask(tools=[TOOL], tool_choice={"type": "function"})),
    (
        "tool_choice.function.name",
        ask(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "sub"}}),
    ),
    ("tool_choice.function.name", ask(tool_choice={"type": "function", "function": {"name": "add"}})),
    ("tool_choice.allowed_tools", ask(tools=[TOOL], tool_choice={"type": "allowed_tools"})),
    (
        "tool_choice.allowed_tools.tools.0",
        ask(
            tools=[TOOL],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "sub"}}],
                },
            },
        ),
    ),
    ("function_call", ask(functions=[{"name": "f"}], function_call="maybe")),
    ("function_call.name", ask(functions=[{"name": "f"}], function_call={"name": "g"})),
    # the form of the answer
    ("response_format", ask(response_format="json")),
    ("response_format.type", ask(response_format={"type": "xml"})),
    ("response_format.type", ask(response_format={})),
    ("response_format.json_schema", ask(response_format={"type": "json_schema"})),
    (
        "response_format.json_schema.schema",
        ask(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": "object"}}),
    ),
]


@pytest.mark.parametrize(
    ("param", "body"), WRONG, ids=lambda one: one[:70] if isinstance(one, bytes) else str(one)
)
def test_a_mistake_is_reported_with_its_parameter(param, body):
    with pytest.raises(InvalidRequest) as caught:
        PROTOCOL.parse_request(body)
    assert caught.value.param == param
    assert caught.value.status == 400
    assert len(caught.value.message) > 10


def test_what_is_wrong_is_reported_in_plain_words():
    def complaint(body: bytes) -> str:
        with pytest.raises(InvalidRequest) as caught:
            PROTOCOL.parse_request(body)
        return caught.value.message

    assert complaint(said({"content": "x"})) == "messages.0.role: this field is required"
    assert complaint(ask(temperature=3)) == "temperature: expected a number <= 2.0"
    assert complaint(ask(user=1)) == "user: expected a string or null, got an integer"
    assert complaint(b"[]") == "the body: expected an object, got a list"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"x"}]}',
        b'{ "model" : "m",\n\t"messages" :\n [ {"role": "user", "content": "a \\"model\\": b"} ]\r\n}\n',
        '{"model":"m","messages":[{"role":"user","content":"ä"}],"é\\u00e9":1}'.encode(),
        b'{"model":"m","metadata":{"model":"x","a":"model"},"messages":[{"role":"user","content":"x"}]}',
    ],
)
def test_one_key_once_is_fine_however_it_is_written(body):
    assert PROTOCOL.parse_request(body).model == "m"


def test_nulls_and_unknown_fields_are_fine():
    asked = PROTOCOL.parse_request(
        ask(temperature=None, tools=None, stop=None, stream=None, top_a=0.3, x={"y": []})
    )
    assert not asked.stream
    assert set(asked.turn().extensions) == {"top_a", "x"}


@needs_recordings
@pytest.mark.parametrize("provider", OPENAI_DIALECT)
def test_every_request_that_a_provider_accepted_is_accepted(provider):
    for recording in recordings(provider, "chat", "chat_stream", path="/chat/completions", status=200):
        body = {**recording.request_body, "model": recording.model}
        asked = PROTOCOL.parse_request(json.dumps(body).encode())
        turn = asked.turn()
        assert asked.stream == bool(body.get("stream")) == turn.stream
        assert len(turn.messages) <= len(body["messages"])


BASE = json.loads(
    said(
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "https://x/y"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "add"}},
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
        stream=True,
        stream_options={"include_usage": True},
        stop=["a"],
        temperature=1,
        reasoning={"effort": "low"},
    )
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, one in inner for place in places(one, (*path, key))]


def read_or_refused(body: bytes) -> str:
    """Nothing but InvalidRequest may come of a client's bytes."""
    try:
        turn = PROTOCOL.parse_request(body).turn()
    except InvalidRequest as error:
        return error.message
    return turn.model


@given(st.sampled_from(places(BASE)), JSON, st.booleans())
def test_whatever_a_field_contains_the_request_is_read_or_refused(place, value, remove):
    body = json.loads(json.dumps(BASE))
    holder = body
    for step in place[:-1]:
        holder = holder[step]
    if remove:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    assert read_or_refused(json.dumps(body).encode())


@given(st.binary(max_size=60), st.integers(0, 400))
def test_broken_bytes_are_read_or_refused(noise, position):
    whole = json.dumps(BASE).encode()
    body = whole[:position] + noise + whole[position + len(noise) :]
    assert read_or_refused(body)


# --- Tidegate's own fields -------------------------------------------------------------------


def test_the_request_shows_who_should_answer_it():
    asked = PROTOCOL.parse_request(ask(provider="groq", models=["a", "b/c"]))
    assert (asked.provider, list(asked.fallbacks)) == ("groq", ["a", "b/c"])
    preferred = PROTOCOL.parse_request(ask(provider={"order": ["x"], "allow_fallbacks": False}))
    assert preferred.provider == {"order": ["x"], "allow_fallbacks": False}


def test_usage_can_be_requested_in_either_form():
    assert not PROTOCOL.parse_request(ask(stream=True)).include_usage
    assert PROTOCOL.parse_request(ask(stream=True, stream_options={"include_usage": True})).include_usage
    assert PROTOCOL.parse_request(ask(stream=True, usage={"include": True})).include_usage


def test_system_message_comes_first():
    turn = turn_of(ask(system_message="Be kind."))
    assert turn.messages[0] == Message("system", (Text("Be kind."),))
    assert not turn.extensions


# --- the turn --------------------------------------------------------------------------------


def test_tuning_arrives_under_one_name():
    turn = turn_of(
        ask(
            max_completion_tokens=5,
            temperature=0.5,
            top_p=0.9,
            stop="END",
            seed=7,
            n=2,
            logprobs=True,
            top_logprobs=3,
            presence_penalty=1,
            frequency_penalty=-1,
            user="u",
            service_tier="flex",
            verbosity="low",
            top_k=4,
            logit_bias={"1": -100},
            modalities=["text"],
            parallel_tool_calls=False,
        )
    )
    assert (turn.max_tokens, turn.temperature, turn.top_p, turn.stop, turn.seed) == (5, 0.5, 0.9, ("END",), 7)
    assert (turn.n, turn.logprobs, turn.top_logprobs, turn.top_k) == (2, True, 3, 4)
    assert (turn.presence_penalty, turn.frequency_penalty, turn.user) == (1, -1, "u")
    assert (turn.service_tier, turn.verbosity, turn.modalities) == ("flex", "low", ("text",))
    assert bytes(turn.logit_bias) == b'{"1": -100}'
    assert turn.parallel_tool_calls is False
    assert turn_of(ask(max_tokens=6)).max_tokens == 6
    assert turn_of(ask(safety_identifier="s", user="u")).user == "s"


def test_fields_without_counterpart_are_extensions_as_they_were_written():
    turn = turn_of(
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"metadata":{"a": 1 },"store":false}'
    )
    assert {name: bytes(raw) for name, raw in turn.extensions.items()} == {
        "metadata": b'{"a": 1 }',
        "store": b"false",
    }


def test_contents_become_parts():
    data = f"data:image/png;base64,{PNG}"
    (message,) = messages_of(
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "look", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "image_url", "image_url": {"url": data, "detail": "low"}},
                {"type": "image_url", "image_url": "https://x/y.png"},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"},
                },
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    )
    assert message == Message(
        "user",
        (
            Text("look", CacheControl("1h")),
            Image(Inline("image/png", PNG), "low"),
            Image(Link("https://x/y.png")),
            Audio(Inline("audio/mpeg", "UklGRg==")),
            Document(Inline("application/pdf", "JVBERi0="), "a.pdf"),
            Document(FileRef("file-1")),
        ),
        "ann",
    )


def test_neighbouring_results_are_one_message_and_know_their_functions():
    second = {"id": "call_2", "type": "function", "function": {"name": "sub", "arguments": ""}}
    messages = messages_of(
        USER,
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL, second]},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "b"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a"},
        USER,
    )
    assert messages[1].parts == (
        Text("Let me see."),
        ToolCall("call_1", "add", '{"a": 1}'),
        ToolCall("call_2", "sub", "{}"),
    )
    assert messages[2] == Message(
        "tool", (ToolResult("call_2", "sub", (Text("b"),)), ToolResult("call_1", "add", (Text("a"),)))
    )
    assert len(messages) == 4


def test_functions_of_old_are_tools_and_calls_get_ids():
    function = {"name": "add", "parameters": {"type": "object"}}
    called = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}}
    result = {"role": "function", "name": "add", "content": "3"}
    turn = turn_of(
        said(USER, called, result, called, result, functions=[function], function_call={"name": "add"})
    )
    first, second = turn.messages[1].parts[0], turn.messages[3].parts[0]
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert turn.messages[2].parts[0] == ToolResult(first.id, "add", (Text("3"),))
    assert turn.messages[4].parts[0] == ToolResult(second.id, "add", (Text("3"),))
    assert [tool.name for tool in turn.tools] == ["add"]
    assert turn.tool_choice == ToolChoice("named", ("add",))


def test_what_other_formats_have_more_comes_back_from_the_client():
    (message,) = messages_of(
        {
            "role": "assistant",
            "content": "Well.",
            "reasoning_content": "hm",
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "hm",
                    "signature": "s1",
                    "format": "anthropic",
                    "index": 0,
                },
                {"type": "reasoning.encrypted", "data": "xyz", "format": "anthropic-claude-v1"},
            ],
            "native_blocks": [{"format": "anthropic", "block": {"type": "server_tool_use"}}],
            "extra_content": {"google": {"thought_signature": "t"}},
            "refusal": "No.",
            "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "c"}}}],
        }
    )
    reasoning, hidden, native, text, refusal, call = message.parts
    assert reasoning == Reasoning("hm", "s1", "anthropic")
    assert hidden == RedactedReasoning("xyz", "anthropic")
    assert isinstance(native, Native)
    assert json.loads(bytes(native.block)) == {"type": "server_tool_use"}
    assert text == Text("Well.", signature="t")
    assert refusal == Refusal("No.")
    assert call == ToolCall("call_1", "add", '{"a": 1}', signature="c")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"reasoning_content": "hm"}, [Reasoning("hm")]),
        ({"reasoning": "hm"}, [Reasoning("hm")]),
        (
            {
                "reasoning": "hm",
                "reasoning_details": [{"type": "reasoning.text", "signature": "s", "format": "anthropic"}],
            },
            [Reasoning("hm", "s", "anthropic")],
        ),
        (
            {
                "reasoning": "hm",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "format": "gemini"}],
            },
            [Reasoning("hm"), RedactedReasoning("d", "gemini")],
        ),
    ],
)
def test_thinking_is_read_once_in_whichever_form_it_comes(fields, wanted):
    (message,) = messages_of({"role": "assistant", "content": "x", **fields})
    assert list(message.parts) == [*wanted, Text("x")]


def test_tools_keep_their_declarations():
    custom = {"type": "custom", "custom": {"name": "grep", "format": {"type": "text"}}}
    turn = turn_of(
        ask(
            tools=[TOOL, custom, {"type": "web_search", "x": 1}],
            tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}},
        )
    )
    assert [(tool.name, tool.kind) for tool in turn.tools] == [
        ("add", "function"),
        ("grep", "custom"),
        ("web_search", "native"),
    ]
    assert json.loads(bytes(turn.tools[1].block)) == custom
    assert turn.tool_choice == ToolChoice("required", ("add",))


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ({"reasoning_effort": "low"}, ReasoningControl("low")),
        ({"reasoning_effort": "ultra"}, ReasoningControl("max")),
        ({"reasoning": {"max_tokens": 2000, "exclude": True}}, ReasoningControl(budget=2000, show=False)),
        ({"reasoning": {"enabled": False}}, ReasoningControl(mode="disabled")),
        ({}, None),
    ],
)
def test_thinking_can_be_requested_in_two_forms(sent, wanted):
    assert turn_of(ask(**sent)).reasoning == wanted


def test_forms_of_answers():
    assert turn_of(ask(response_format={"type": "text"})).output is None
    assert turn_of(ask(response_format={"type": "json_object"})).output == OutputFormat("json_object")
    schema = {"name": "x", "schema": {"type": "object"}, "strict": True}
    output = turn_of(ask(response_format={"type": "json_schema", "json_schema": schema})).output
    assert output is not None
    assert (output.kind, output.name, output.strict) == ("json_schema", "x", True)
    together = turn_of(ask(response_format={"type": "json_schema", "schema": {"type": "object"}})).output
    assert together is not None
    assert bytes(together.schema or b"") == b'{"type": "object"}'


def test_a_part_of_an_unknown_type_passes_but_cannot_be_translated():
    asked = PROTOCOL.parse_request(part(type="hologram", hologram={}))
    with pytest.raises(InvalidRequest, match="hologram") as caught:
        asked.turn()
    assert caught.value.param == "messages.0.content.0.type"
