"""Requests of the Responses API: what is read, what is refused, and how they come to other formats."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.responses_observed import TARGET, ask, target_of
from tidegate.protocols.contract import Target
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.protocols.openai_responses.dialect import Dialect
from tidegate.protocols.openai_responses.foreign import WrappedSignature, wrap
from tidegate.protocols.profile import Profile
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
from tidegate.providers import protocol_named

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"station": {"type": "string"}}, "required": ["station"]}
GAUGE = {"type": "function", "name": "read_gauge", "description": "Read a gauge.", "parameters": SCHEMA}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edit files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
CALL = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "read_gauge",
    "arguments": '{"station":"Brest"}',
}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "7.2 m"}


def messages(*items: Any, **fields: Any) -> tuple[Message, ...]:
    """The messages of an input."""
    return ask(input=list(items), **fields).turn().messages


def parts(*items: Any) -> list[Any]:
    """All parts of all messages of an input."""
    return [part for message in messages(*items) for part in message.parts]


# --- the input -------------------------------------------------------------------------------


def test_a_string_is_a_users_message_and_instructions_come_first() -> None:
    turn = ask(input="Hi", instructions="Be brief.").turn()
    assert turn.messages == (Message("system", (Text("Be brief."),)), Message("user", (Text("Hi"),)))


def test_messages_come_with_or_without_a_type() -> None:
    sent = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    ]
    assert messages(*sent) == (Message("developer", (Text("Be brief."),)), Message("user", (Text("Hi"),)))


USER_PARTS: dict[str, tuple[dict[str, Any], Any]] = {
    "text": ({"type": "input_text", "text": "Hi"}, Text("Hi")),
    "text before a cache breakpoint": (
        {"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {}},
        Text("Hi", CacheControl()),
    ),
    "image by URL": (
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
        Image(Link("https://x.test/a.png"), "low"),
    ),
    "image inline": (
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        Image(Inline("image/png", PNG)),
    ),
    "uploaded image": ({"type": "input_image", "file_id": "file_1"}, Image(FileRef("file_1"))),
    "file inline": (
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        Document(Inline("application/pdf", "JVBERi0="), "a.pdf"),
    ),
    "file by URL": (
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
        Document(Link("https://x.test/a.pdf")),
    ),
    "uploaded file": ({"type": "input_file", "file_id": "file_1"}, Document(FileRef("file_1"))),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
        Audio(Inline("audio/mpeg", "UklGRg==")),
    ),
}


@pytest.mark.parametrize("name", USER_PARTS)
def test_a_part_of_a_users_message_is_read(name: str) -> None:
    sent, part = USER_PARTS[name]
    assert parts({"role": "user", "content": [sent]}) == [part]


def test_items_of_one_step_are_one_message_and_outputs_another() -> None:
    second = {**CALL, "call_id": "call_2", "arguments": ""}
    assert messages(
        {"role": "user", "content": "How high?"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Two gauges."}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]},
        CALL,
        second,
        OUTPUT,
        {**OUTPUT, "call_id": "call_2", "output": [{"type": "input_text", "text": "3.1 m"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ) == (
        Message("user", (Text("How high?"),)),
        Message(
            "assistant",
            (
                Reasoning("Two gauges."),
                Text("Looking."),
                ToolCall("call_1", "read_gauge", '{"station":"Brest"}'),
                ToolCall("call_2", "read_gauge", "{}"),
            ),
        ),
        Message(
            "tool",
            (
                ToolResult("call_1", "read_gauge", (Text("7.2 m"),)),
                ToolResult("call_2", "read_gauge", (Text("3.1 m"),)),
            ),
        ),
        Message("assistant", (Refusal("No."),)),
    )


def test_custom_tools_keep_their_free_text() -> None:
    called = {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"}
    result = {"type": "custom_tool_call_output", "call_id": "c", "output": "Done"}
    assert parts(called, result) == [
        ToolCall("c", "apply_patch", "*** Begin", "custom"),
        ToolResult("c", "apply_patch", (Text("Done"),)),
    ]


def test_an_image_that_the_model_made_is_an_image() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG}
    assert parts(item) == [Image(Inline("image/png", PNG))]


def test_what_the_providers_tools_did_is_kept_for_it() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    (native,) = parts(item)
    assert (native.format, native.kind) == ("openai_responses", "web_search_call")
    assert json.loads(bytes(native.block)) == item


REASONING: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "a summary": ({"summary": [{"type": "summary_text", "text": "A"}, {"text": "B"}]}, [Reasoning("A\n\nB")]),
    "readable thinking": (
        {"summary": [], "content": [{"type": "reasoning_text", "text": "A"}]},
        [Reasoning("A")],
    ),
    "OpenAI's own": (
        {"summary": [{"text": "A"}], "encrypted_content": "gAAAA"},
        [Reasoning("A", "gAAAA", "openai_responses")],
    ),
    "OpenAI's own, without a summary": (
        {"summary": [], "encrypted_content": "gAAAA"},
        [RedactedReasoning("gAAAA", "openai_responses")],
    ),
    "a reference to what OpenAI stored": ({"id": "rs_1", "summary": []}, []),
    "signed thinking": (
        {
            "summary": [{"text": "shortened"}],
            "encrypted_content": wrap(WrappedSignature("anthropic", "thinking", "sig", "whole")),
        },
        [Reasoning("whole", "sig", "anthropic")],
    ),
    "signed thinking that was never shown": (
        {"summary": [], "encrypted_content": wrap(WrappedSignature("anthropic", "thinking", "sig"))},
        [Reasoning("", "sig", "anthropic")],
    ),
    "unsigned thinking": (
        {"summary": [{"text": "A"}], "encrypted_content": wrap(WrappedSignature("", "thinking"))},
        [Reasoning("A")],
    ),
    "encrypted thinking": (
        {"summary": [], "encrypted_content": wrap(WrappedSignature("anthropic", "redacted", "data"))},
        [RedactedReasoning("data", "anthropic")],
    ),
}


@pytest.mark.parametrize("name", REASONING)
def test_thinking_is_read_back(name: str) -> None:
    item, thoughts = REASONING[name]
    assert parts({"type": "reasoning", **item}) == thoughts


def wrapped(on: Any, signature: str = "sig", **fields: Any) -> dict[str, Any]:
    """A reasoning item that carries a signature of Gemini's."""
    return {
        "type": "reasoning",
        "summary": [],
        "encrypted_content": wrap(WrappedSignature("gemini", on, signature, **fields)),
    }


def test_a_seal_comes_back_to_its_call() -> None:
    other = {**CALL, "call_id": "call_2"}
    first, second = parts(wrapped("call", call_id="call_2"), CALL, other)
    assert (first.signature, second.signature) == (None, "sig")


def test_a_seal_comes_back_to_the_text_before_it() -> None:
    said = {"role": "assistant", "content": "High tide."}
    assert parts(said, wrapped("text")) == [Text("High tide.", signature="sig")]


def test_a_seal_on_no_text_is_a_part_of_its_own() -> None:
    assert parts(CALL, wrapped("text"))[1] == Text("", signature="sig")


def test_a_seal_comes_back_to_the_image_before_it() -> None:
    made = {"type": "image_generation_call", "result": PNG, "output_format": "webp"}
    assert parts(made, wrapped("image")) == [Image(Inline("image/webp", PNG), signature="sig")]


def test_a_block_of_another_format_comes_back_whole() -> None:
    (native,) = parts(wrapped("block", block={"type": "server_tool_use", "id": "srv_1"}))
    assert isinstance(native, Native)
    assert (native.format, native.kind) == ("gemini", "server_tool_use")
    assert json.loads(bytes(native.block)) == {"type": "server_tool_use", "id": "srv_1"}


@pytest.mark.parametrize("broken", ["tidegate:2:x", "tidegate:1:???", "tidegate:1:e30=", "tidegate:1:bm8="])
def test_a_broken_seal_is_refused(broken: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parts({"type": "reasoning", "summary": [], "encrypted_content": broken})
    assert refused.value.param == "input.0.encrypted_content"


# --- tools, form and tuning ------------------------------------------------------------------


def test_functions_are_flat() -> None:
    (tool,) = ask(tools=[{**GAUGE, "strict": True}]).turn().tools
    assert (tool.name, tool.description, tool.strict, tool.kind) == (
        "read_gauge",
        "Read a gauge.",
        True,
        "function",
    )
    assert tool.parameters is not None
    assert json.loads(bytes(tool.parameters)) == SCHEMA


def test_custom_tools_have_the_form_that_every_renderer_reads() -> None:
    (tool,) = ask(tools=[PATCH]).turn().tools
    assert (tool.name, tool.kind, tool.format) == ("apply_patch", "custom", "openai_chat")
    assert tool.block is not None
    assert json.loads(bytes(tool.block)) == {
        "type": "custom",
        "custom": {
            "name": "apply_patch",
            "description": "Edit files.",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}},
        },
    }


@pytest.mark.parametrize(
    "tool", ["file_search", "code_interpreter", "mcp", "image_generation", "local_shell"]
)
def test_a_tool_of_the_providers_own_is_native_and_refused_by_name_elsewhere(tool: str) -> None:
    turn = ask(tools=[{"type": tool}]).turn()
    assert (turn.tools[0].name, turn.tools[0].kind, turn.tools[0].format) == (
        tool,
        "native",
        "openai_responses",
    )
    for format_ in ("openai_chat", "anthropic", "gemini"):
        protocol = protocol_named(format_)
        with pytest.raises(Unsupported, match=tool):
            protocol.render_request(turn, target_of(protocol))


CHOICES: dict[str, tuple[Any, ToolChoice]] = {
    "a word": ("required", ToolChoice("required")),
    "a function": ({"type": "function", "name": "read_gauge"}, ToolChoice("named", ("read_gauge",))),
    "a custom tool": ({"type": "custom", "name": "apply_patch"}, ToolChoice("named", ("apply_patch",))),
    "allowed ones": (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "read_gauge"}]},
        ToolChoice("auto", ("read_gauge",)),
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_of_tools_is_read(name: str) -> None:
    sent, choice = CHOICES[name]
    assert ask(tools=[GAUGE, PATCH], tool_choice=sent).turn().tool_choice == choice


def test_the_form_of_the_answer_is_flat() -> None:
    form = {"type": "json_schema", "name": "tide", "schema": SCHEMA, "strict": True}
    output = ask(text={"format": form, "verbosity": "low"}).turn().output
    assert output is not None
    assert output.schema is not None
    assert (output.kind, output.name, output.strict) == ("json_schema", "tide", True)
    assert json.loads(bytes(output.schema)) == SCHEMA
    assert ask(text={"format": {"type": "json_object"}}).turn().output == OutputFormat("json_object")
    assert ask(text={"format": {"type": "text"}}).turn().output is None


def test_tuning_is_read() -> None:
    turn = ask(
        max_output_tokens=99,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=3,
        parallel_tool_calls=False,
        text={"verbosity": "high"},
        reasoning={"effort": "low", "summary": "auto"},
        service_tier="flex",
        safety_identifier="u1",
    ).turn()
    assert (turn.max_tokens, turn.temperature, turn.top_p) == (99, 0.5, 0.9)
    assert (turn.logprobs, turn.top_logprobs, turn.parallel_tool_calls) == (True, 3, False)
    assert (turn.verbosity, turn.service_tier, turn.user) == ("high", "flex", "u1")
    assert turn.reasoning == ReasoningControl(effort="low", show=True)


def test_values_without_effect_are_not_reported_as_dropped() -> None:
    harmless = ask(
        store=False,
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        truncation="disabled",
        background=False,
        metadata={"a": "b"},
        stream_options={"include_obfuscation": False},
        previous_response_id=None,
    )
    assert harmless.turn().extensions == {}
    asking = ask(
        store=True, include=["web_search_call.action.sources"], prompt_cache_key="k", max_tool_calls=2
    )
    assert set(asking.turn().extensions) == {"store", "include", "prompt_cache_key", "max_tool_calls"}


# --- what is refused -------------------------------------------------------------------------

STORED: dict[str, Any] = {
    "previous_response_id": "resp_1",
    "conversation": {"id": "conv_1"},
    "prompt": {"id": "pmpt_1"},
    "background": True,
}


@pytest.mark.parametrize("name", STORED)
def test_what_needs_storage_is_refused_elsewhere_and_passes_to_its_own_format(name: str) -> None:
    asked = ask(**{name: STORED[name]})
    with pytest.raises(Unsupported, match=name) as refused:
        asked.turn()
    assert refused.value.param == name
    call = PROTOCOL.splice_request(asked, TARGET)
    assert json.loads(call.body)[name] == STORED[name]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        {"type": "something_new"},
    ],
)
def test_an_item_that_only_its_own_format_knows_is_refused_elsewhere_by_name(item: dict[str, Any]) -> None:
    asked = ask(input=[{"role": "user", "content": "Hi"}, item])
    with pytest.raises(Unsupported, match=item.get("type", "item_reference")) as refused:
        asked.turn()
    assert refused.value.param == "input.1"
    assert json.loads(PROTOCOL.splice_request(asked, TARGET).body)["input"][1] == item


def user(*content: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(content)}]}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "model"),
    "an empty model": ({"model": ""}, "model"),
    "no input": ({"input": None}, "input"),
    "an empty input": ({"input": []}, "input"),
    "an input that is a number": ({"input": 7}, "input"),
    "an item that is a string": ({"input": ["Hi"]}, "input.0"),
    "an unknown role": ({"input": [{"role": "tool", "content": "x"}]}, "input.0.role"),
    "a message without content": ({"input": [{"role": "user"}]}, "input.0.content"),
    "a part without a type": (user({"text": "x"}), "input.0.content.0.type"),
    "a part of an unknown type": (user({"type": "input_smell"}), "input.0.content.0.type"),
    "a text part without a text": (user({"type": "input_text"}), "input.0.content.0.text"),
    "an image without an address": (user({"type": "input_image"}), "input.0.content.0.image_url"),
    "an image as an object": (
        user({"type": "input_image", "image_url": {"url": "https://x.test"}}),
        "input.0.content.0.image_url",
    ),
    "an image that is none": (
        user({"type": "input_image", "image_url": "data:image/png;base64,aGVsbG8gd29ybGQ="}),
        "input.0.content.0.image_url",
    ),
    "an image in a file system": (
        user({"type": "input_image", "image_url": "file:///etc/passwd"}),
        "input.0.content.0.image_url",
    ),
    "a file without data": (user({"type": "input_file", "filename": "a"}), "input.0.content.0.file_data"),
    "a file that is no data URL": (
        user({"type": "input_file", "file_data": "JVBERi0="}),
        "input.0.content.0.file_data",
    ),
    "audio without data": (user({"type": "input_audio"}), "input.0.content.0.input_audio"),
    "a call without an id": ({"input": [{**CALL, "call_id": ""}]}, "input.0.call_id"),
    "a call without a name": ({"input": [{**CALL, "name": None}]}, "input.0.name"),
    "arguments that are an object": ({"input": [{**CALL, "arguments": {}}]}, "input.0.arguments"),
    "an output of no call": ({"input": [OUTPUT]}, "input.0.call_id"),
    "an output with audio": (
        {"input": [CALL, {**OUTPUT, "output": [{"type": "input_audio", "input_audio": {"data": "x"}}]}]},
        "input.1.output",
    ),
    "instructions that are a list": ({"instructions": []}, "instructions"),
    "a tool without a type": ({"tools": [{"name": "x"}]}, "tools.0.type"),
    "a function without a name": ({"tools": [{"type": "function"}]}, "tools.0.name"),
    "parameters that are a list": ({"tools": [{**GAUGE, "parameters": []}]}, "tools.0.parameters"),
    "an unknown word for the tools": ({"tool_choice": "any"}, "tool_choice"),
    "a required tool of none": ({"tool_choice": "required"}, "tool_choice"),
    "a chosen tool that is not offered": (
        {"tools": [GAUGE], "tool_choice": {"type": "function", "name": "x"}},
        "tool_choice.name",
    ),
    "an allowed tool that is not offered": (
        {
            "tools": [GAUGE],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "x"}]},
        },
        "tool_choice.tools.0",
    ),
    "allowed tools without a mode": (
        {"tools": [GAUGE], "tool_choice": {"type": "allowed_tools", "tools": []}},
        "tool_choice",
    ),
    "a schema without a name": (
        {"text": {"format": {"type": "json_schema", "schema": {}}}},
        "text.format.name",
    ),
    "a form without a schema": (
        {"text": {"format": {"type": "json_schema", "name": "x"}}},
        "text.format.schema",
    ),
    "an unknown form": ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    "an unknown effort": ({"reasoning": {"effort": "heroic"}}, "reasoning.effort"),
    "no tokens": ({"max_output_tokens": -1}, "max_output_tokens"),
    "a high temperature": ({"temperature": 2.1}, "temperature"),
    "a top_p over one": ({"top_p": 1.1}, "top_p"),
    "too many logprobs": ({"top_logprobs": 21}, "top_logprobs"),
    "an unknown truncation": ({"truncation": "middle"}, "truncation"),
    "metadata that are numbers": ({"metadata": {"a": 1}}, "metadata"),
    "a stream that is a string": ({"stream": "yes"}, "stream"),
    "include that is a string": ({"include": "x"}, "include"),
    "a conversation that is a number": ({"conversation": 1}, "conversation"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_reported_with_its_place(name: str) -> None:
    fields, param = WRONG[name]
    with pytest.raises(InvalidRequest) as refused:
        ask(**fields).turn()
    assert (refused.value.param or "").startswith(param)
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"m","input":"\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        PROTOCOL.parse_request(body)


SEALED = wrap(WrappedSignature("anthropic", "thinking", "s"))
WHOLE: dict[str, Any] = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [sent for sent, _ in USER_PARTS.values()]},
        {
            "type": "reasoning",
            "summary": [{"text": "A"}],
            "encrypted_content": wrap(WrappedSignature("anthropic", "thinking", "s")),
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": []}]},
        CALL,
        OUTPUT,
        {"type": "web_search_call", "id": "ws"},
    ],
    "tools": [GAUGE, PATCH, {"type": "web_search"}],
    "tool_choice": {"type": "function", "name": "read_gauge"},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 100,
    "temperature": 1,
    "metadata": {"a": "b"},
    "stream": True,
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"type": "function"}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A JSON value with one place changed."""
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


@given(place=st.sampled_from(places(WHOLE)[1:]), junk=JUNK)
def test_a_mangled_request_is_read_or_refused_and_nothing_else(place: tuple[Any, ...], junk: Any) -> None:
    body = json.dumps(replaced(WHOLE, place, junk)).encode()
    try:
        asked = PROTOCOL.parse_request(body)
        PROTOCOL.splice_request(asked, TARGET)
        PROTOCOL.writer(asked, "m").close()
        turn = asked.turn()
    except InvalidRequest:
        return
    assert isinstance(turn, Turn)


@given(st.data())
def test_a_cut_or_garbled_body_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    body = bytearray(json.dumps(WHOLE).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(InvalidRequest):
        PROTOCOL.parse_request(bytes(body)).turn()


# --- the same format on both sides -----------------------------------------------------------


def test_a_spliced_request_keeps_every_byte_of_every_value() -> None:
    body = (
        b'{ "model" : "m", "input":[ {"role":"user","content":"\\u00fc  1.0"} ],'
        b' "temperature":1.0, "new_field":{"a": 1} }'
    )
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body), Target("gpt-5", Dialect()))
    assert call.body == (
        b'{"model":"gpt-5","input":[ {"role":"user","content":"\\u00fc  1.0"} ],'
        b'"temperature":1.0,"new_field":{"a": 1}}'
    )


def test_what_is_for_tidegate_is_taken_out_of_a_spliced_request() -> None:
    asked = ask(provider={"order": ["a"]}, models=["b"])
    assert (asked.provider, asked.fallbacks) == ({"order": ["a"]}, ["b"])
    assert json.loads(PROTOCOL.splice_request(asked, TARGET).body) == {"model": "m", "input": "Hi"}


def test_the_seals_of_other_formats_are_taken_out_of_a_spliced_request() -> None:
    own = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    asked = ask(input=[wrapped("call", call_id="call_1"), CALL, OUTPUT, own])
    assert json.loads(PROTOCOL.splice_request(asked, TARGET).body)["input"] == [CALL, OUTPUT, own]


def test_a_model_that_cannot_stream_gets_no_stream_request() -> None:
    asked = ask(stream=True, stream_options={"include_obfuscation": False})
    call = PROTOCOL.splice_request(asked, Target("m", Dialect(), Profile(streams=False)))
    assert not call.stream
    assert json.loads(call.body) == {"model": "m", "input": "Hi"}


def test_a_spliced_request_is_fitted_to_the_model() -> None:
    profile = Profile(sampling="refused", efforts=("low", "high"))
    asked = ask(temperature=0.1, top_p=1, reasoning={"effort": "xhigh", "summary": "auto"})
    call = PROTOCOL.splice_request(asked, Target("m", Dialect(drops=("truncation",)), profile))
    assert json.loads(call.body) == {
        "model": "m",
        "input": "Hi",
        "reasoning": {"effort": "high", "summary": "auto"},
    }
    assert call.dropped == ("temperature", "top_p")


# --- Codex -----------------------------------------------------------------------------------


def text_part(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


CODEX_TOOLS = ("shell", "update_plan", "view_image", "list_mcp_resources", *(f"mcp__{i}" for i in range(40)))
CODEX: dict[str, Any] = {
    "model": "m",
    "instructions": "You are a coding agent. " * 800,
    "input": [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "<permissions>"}],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix the tests."}]},
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "**Looking around**"}],
            "content": None,
            "encrypted_content": wrap(
                WrappedSignature("anthropic", "thinking", "sig", "Looking around, carefully.")
            ),
        },
        {
            "type": "function_call",
            "name": "shell",
            "arguments": '{"command":["ls"]}',
            "call_id": "toolu_1",
        },
        {
            "type": "function_call",
            "name": "shell",
            "arguments": '{"command":["git","status"]}',
            "call_id": "toolu_2",
        },
        {"type": "function_call_output", "call_id": "toolu_1", "output": "README.md"},
        {"type": "function_call_output", "call_id": "toolu_2", "output": "clean"},
        {"type": "custom_tool_call", "call_id": "toolu_3", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "toolu_3", "output": "Success"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Done."}],
            "phase": "final_answer",
        },
        {"type": "message", "role": "user", "content": [text_part("Thanks. Now lint.")]},
    ],
    "tools": [*({**GAUGE, "name": name, "strict": False} for name in CODEX_TOOLS), PATCH],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-thread",
    "text": {"verbosity": "low"},
    "client_metadata": {"x-codex-installation-id": "a"},
}


def test_a_codex_request_keeps_its_order_and_its_seals() -> None:
    turn = PROTOCOL.parse_request(json.dumps(CODEX).encode()).turn()
    assert [message.role for message in turn.messages] == [
        "system",
        "developer",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert turn.messages[3].parts == (
        Reasoning("Looking around, carefully.", "sig", "anthropic"),
        ToolCall("toolu_1", "shell", '{"command":["ls"]}'),
        ToolCall("toolu_2", "shell", '{"command":["git","status"]}'),
    )
    assert len(turn.tools) == 45
    assert set(turn.extensions) == {"prompt_cache_key", "client_metadata"}


@pytest.mark.parametrize("format_", ["openai_chat", "anthropic", "gemini"])
def test_a_codex_request_can_be_sent_in_every_format(format_: str) -> None:
    protocol = protocol_named(format_)
    call = protocol.render_request(
        PROTOCOL.parse_request(json.dumps(CODEX).encode()).turn(), target_of(protocol)
    )
    assert call.stream
    sent = call.body.decode()
    for kept in ("Fix the tests.", "README.md", "*** Begin Patch", "mcp__39", "Now lint."):
        assert kept in sent
    assert "tidegate:" not in sent


def test_a_signature_reaches_anthropic_again() -> None:
    anthropic = protocol_named("anthropic")
    turn = PROTOCOL.parse_request(json.dumps(CODEX).encode()).turn()
    body = json.loads(anthropic.render_request(turn, target_of(anthropic)).body)
    blocks = [
        block for message in body["messages"] for block in message["content"] if isinstance(block, dict)
    ]
    thinking = [block for block in blocks if block["type"] == "thinking"]
    assert thinking == [{"type": "thinking", "thinking": "Looking around, carefully.", "signature": "sig"}]
