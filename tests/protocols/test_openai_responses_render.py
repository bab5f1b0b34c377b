"""Requests to providers that speak the Responses API, of clients that speak another format."""

import json
from typing import Any

import pytest
from msgspec import Raw
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

from tidegate.protocols.contract import Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.protocols.openai_responses.dialect import Dialect
from tidegate.protocols.profile import PLAIN, Profile
from tidegate.protocols.turn import (
    Audio,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)
from tidegate.providers import protocol_named

SCHEMA = Raw(b'{"type":"object","properties":{},"required":[],"additionalProperties":false}')
HI = Message("user", (Text("Hi"),))
THINKS = Profile(sampling="refused")
REQUEST: TypeAdapter[Any] = TypeAdapter(response_create_params.ResponseCreateParamsNonStreaming)
KNOWN = response_create_params.ResponseCreateParamsBase.__annotations__.keys() | {"stream"}


def render(
    *messages: Message, dialect: Dialect | None = None, profile: Profile = PLAIN, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body of a request, and what was dropped."""
    turn = Turn(
        model="x",
        messages=messages or (HI,),
        origin=fields.pop("origin", "anthropic"),
        extensions=fields.pop("extensions", {}),
        **fields,
    )
    call = PROTOCOL.render_request(turn, Target("m", dialect or Dialect(), profile))
    assert call.path == "/responses"
    body = json.loads(call.body)
    assert body.keys() <= KNOWN
    sent = [with_id(item) for item in body["input"]]
    REQUEST.validate_python({**{name: body[name] for name in body if name != "stream"}, "input": sent})
    return body, call.dropped


def with_id(item: dict[str, Any]) -> dict[str, Any]:
    """An item with what the SDK's types require and the API does not (Codex leaves it out, too)."""
    if item.get("type") == "reasoning":
        return {"id": "rs_1", **item}
    if item.get("role") == "assistant" and isinstance(item["content"], list):
        return {"type": "message", "id": "msg_1", "status": "completed", **item}
    return item


def items(*messages: Message, **fields: Any) -> list[Any]:
    """The items of an input."""
    found: list[Any] = render(*messages, **fields)[0]["input"]
    return found


def test_a_plain_request_is_not_kept_by_the_provider() -> None:
    assert render(max_tokens=100, temperature=0.5, top_p=0.5, user="u", service_tier="standard_only") == (
        {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
            "temperature": 0.5,
            "top_p": 0.5,
            "user": "u",
            "service_tier": "default",
            "max_output_tokens": 100,
            "store": False,
        },
        (),
    )


def test_a_provider_that_stores_nothing_receives_no_store_false() -> None:
    assert "store" not in render(dialect=Dialect(stores=False))[0]


def test_instructions_keep_their_place_and_take_the_models_role() -> None:
    sent = (Message("system", (Text("A"),)), HI, Message("developer", (Text("B"),)))
    assert [item["role"] for item in items(*sent)] == ["system", "user", "developer"]
    assert [item["role"] for item in items(*sent, profile=Profile(system_role="developer"))] == [
        "developer", "user", "developer",
    ]  # fmt: skip


USER: dict[str, tuple[Part, dict[str, Any]]] = {
    "image inline": (
        Image(Inline("image/png", "iVBO"), "low"),
        {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,iVBO"},
    ),
    "image by URL": (
        Image(Link("https://x.test/a.png")),
        {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a.png"},
    ),
    "uploaded image": (
        Image(FileRef("file_1")),
        {"type": "input_image", "detail": "auto", "file_id": "file_1"},
    ),
    "document inline": (
        Document(Inline("application/pdf", "JVBERi0=")),
        {
            "type": "input_file",
            "filename": "document.pdf",
            "file_data": "data:application/pdf;base64,JVBERi0=",
        },
    ),
    "text file": (
        Document(Inline("text/plain", "SGk="), "a.txt"),
        {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,SGk="},
    ),
    "document by URL": (
        Document(Link("https://x.test/a.pdf")),
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
    ),
    "uploaded document": (Document(FileRef("file_1")), {"type": "input_file", "file_id": "file_1"}),
}


@pytest.mark.parametrize("name", USER)
def test_a_part_of_a_users_message_is_written(name: str) -> None:
    part, sent = USER[name]
    assert items(Message("user", (part,)))[0]["content"] == [sent]


@pytest.mark.parametrize("part", [Audio(Inline("audio/wav", "x")), Video(Link("https://x.test"))])
def test_media_that_the_format_has_not_are_refused_by_name(part: Part) -> None:
    with pytest.raises(Unsupported, match=type(part).__name__.lower()):
        render(Message("user", (part,)))


def test_a_step_of_the_model_is_several_items_in_its_order() -> None:
    said = Message(
        "assistant",
        (
            Reasoning("A", "gAAA", "openai_responses"),
            Text("One"),
            Text("two"),
            ToolCall("c1", "f", "{}"),
            ToolCall("c2", "g", "free", "custom"),
            Refusal("No."),
        ),
    )
    results = Message(
        "tool",
        (
            ToolResult("c1", "f", (Text("1"),)),
            ToolResult("c2", "g", (Text("2"), Image(Link("https://x.test/a.png")))),
        ),
    )
    assert items(said, results) == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "A"}],
            "encrypted_content": "gAAA",
        },
        {"role": "assistant", "content": "Onetwo"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "2"},
                {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a.png"},
            ],
        },
    ]


def test_an_empty_result_is_an_empty_text() -> None:
    called = Message("assistant", (ToolCall("c1", "f", "{}"),))
    output = items(called, Message("tool", (ToolResult("c1", "f", ()),)))[1]["output"]
    assert output == ""


FOREIGN: dict[str, Part] = {
    "signed elsewhere": Reasoning("A", "sig", "anthropic"),
    "signed by nobody": Reasoning("A"),
    "encrypted elsewhere": RedactedReasoning("data", "anthropic"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_thinking_that_openai_cannot_read_is_left_out_and_named(name: str) -> None:
    body, dropped = render(Message("assistant", (FOREIGN[name], Text("x"))))
    assert [item.get("type", item.get("role")) for item in body["input"]] == ["assistant"]
    assert dropped == ("thinking",)


def test_thinking_is_given_back_readable_to_those_who_want_it() -> None:
    said = Message("assistant", (Reasoning("A"), Text("x")))
    assert items(said, dialect=Dialect(readable_reasoning=True))[0] == {
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "A"}],
    }


def test_encrypted_thinking_of_its_own_is_given_back() -> None:
    said = Message("assistant", (RedactedReasoning("gAAA", "openai_responses"),))
    assert items(said) == [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}]


def test_blocks_of_its_own_are_given_back_and_others_named() -> None:
    action = {"type": "search", "query": "q"}
    call = {"type": "web_search_call", "id": "ws", "status": "completed", "action": action}
    own = Raw(json.dumps(call).encode())
    other = Native("anthropic", Raw(b"{}"), "server_tool_use")
    body, dropped = render(Message("assistant", (Native("openai_responses", own), other)))
    assert body["input"] == [call]
    assert dropped == ("server_tool_use",)


def test_an_image_that_the_model_made_is_shown_to_it() -> None:
    said = Message("assistant", (Text("Here"), Image(Inline("image/png", "iVBO"))))
    assert items(said)[1]["role"] == "user"


def test_what_has_no_place_in_a_message_is_named() -> None:
    called = Message("assistant", (ToolCall("c1", "f", "{}"),))
    failed = Message("tool", (ToolResult("c1", "f", (Text("x"),), is_error=True),))
    about = Document(Link("https://x.test/a.pdf"), context="The gauge's manual.", citations=True)
    dropped = render(Message("user", (about,), name="Ann"), called, failed)[1]
    assert dropped == ("name", "context", "citations", "is_error")


def test_tools_are_flat_and_strict_only_if_the_client_sets_it() -> None:
    form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    custom = json.dumps({"type": "custom", "custom": {"name": "p", "format": form}}).encode()
    tools = (
        Tool("f", "F", SCHEMA, strict=True),
        Tool("g"),
        Tool("p", kind="custom", format="openai_chat", block=Raw(custom)),
        Tool("web_search", kind="native", format="openai_responses", block=Raw(b'{"type":"web_search"}')),
    )
    body, _ = render(tools=tools, tool_choice=ToolChoice("required"), parallel_tool_calls=False)
    assert body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "F",
            "parameters": json.loads(bytes(SCHEMA)),
            "strict": True,
        },
        {
            "type": "function",
            "name": "g",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        },
        {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "web_search"},
    ]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)


def test_a_choice_of_tools_is_flat() -> None:
    tools = (Tool("f"), Tool("p", kind="custom", format="openai_chat", block=Raw(b'{"custom":{"name":"p"}}')))
    assert render(tools=tools, tool_choice=ToolChoice("named", ("p",)))[0]["tool_choice"] == {
        "type": "custom",
        "name": "p",
    }
    assert render(tools=tools, tool_choice=ToolChoice("auto", ("f",)))[0]["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}],
    }


def test_a_tool_of_another_providers_own_is_refused_by_name() -> None:
    tool = Tool("bash_20250124", kind="native", format="anthropic", block=Raw(b"{}"))
    with pytest.raises(Unsupported, match="bash_20250124"):
        render(tools=(tool,))


def test_the_form_of_the_answer_is_flat() -> None:
    output = OutputFormat("json_schema", SCHEMA, "tide", "The tide.", True)
    assert render(output=output, verbosity="low")[0]["text"] == {
        "format": {
            "type": "json_schema",
            "name": "tide",
            "description": "The tide.",
            "schema": json.loads(bytes(SCHEMA)),
            "strict": True,
        },
        "verbosity": "low",
    }
    assert render(output=OutputFormat("json_object"))[0]["text"] == {"format": {"type": "json_object"}}


def test_what_only_tunes_and_has_no_place_is_dropped_and_named() -> None:
    body, dropped = render(
        top_k=5,
        presence_penalty=1.0,
        frequency_penalty=1.0,
        seed=7,
        stop=("x",),
        logit_bias=Raw(b"{}"),
        extensions={"foo": Raw(b"1")},
        max_tokens=5,
    )
    assert set(body) == {"model", "input", "store", "max_output_tokens"}
    assert body["max_output_tokens"] == 16
    assert dropped == (
        "top_k", "presence_penalty", "frequency_penalty", "seed", "stop", "logit_bias", "max_tokens", "foo",
    )  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [("n", 2), ("modalities", ("text", "audio"))])
def test_what_means_something_and_has_no_place_is_refused(field: str, value: Any) -> None:
    with pytest.raises(Unsupported) as refused:
        render(**{field: value})
    assert refused.value.param == field


def test_one_answer_of_text_is_what_everybody_gets() -> None:
    assert render(n=1, modalities=("text",))[1] == ()


def test_log_probabilities_are_requested() -> None:
    body, _ = render(logprobs=True, top_logprobs=3)
    assert (body["top_logprobs"], body["include"]) == (3, ["message.output_text.logprobs"])


def test_a_model_that_thinks_gives_its_thinking_sealed_and_takes_no_sampling() -> None:
    body, dropped = render(
        profile=THINKS, temperature=0.5, reasoning=ReasoningControl(effort="high", show=True)
    )
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body["include"] == ["reasoning.encrypted_content"]
    assert dropped == ("temperature",)
    assert "temperature" not in body


def test_a_budget_is_an_effort() -> None:
    assert render(reasoning=ReasoningControl(budget=5000))[0]["reasoning"] == {"effort": "medium"}


def test_thinking_that_is_off_is_not_requested() -> None:
    body, _ = render(reasoning=ReasoningControl(mode="disabled"))
    assert body["reasoning"] == {"effort": "none"}
    assert "include" not in body


def test_openais_own_fields_are_the_same_in_its_chat_format() -> None:
    chat = protocol_named("openai_chat")
    asked = chat.parse_request(
        json.dumps(
            {
                "model": "x",
                "messages": [{"role": "user", "content": "Hi"}],
                "stream": True,
                "store": True,
                "metadata": {"a": "b"},
                "prompt_cache_key": "k",
                "prediction": {"type": "content", "content": "x"},
            }
        ).encode()
    )
    call = PROTOCOL.render_request(asked.turn(), Target("m", Dialect()))
    body = json.loads(call.body)
    assert (body["store"], body["metadata"], body["prompt_cache_key"]) == (True, {"a": "b"}, "k")
    assert (body["stream"], call.stream, call.dropped) == (True, True, ("prediction",))


def test_fields_that_a_service_refuses_are_dropped_and_named() -> None:
    assert render(service_tier="flex", dialect=Dialect(drops=("service_tier",)))[1] == ("service_tier",)


def test_every_field_of_a_turn_has_an_outcome() -> None:
    told_otherwise = {"model", "messages", "stream", "origin", "extensions"}
    assert set(PROTOCOL.carries) == set(Turn.__struct_fields__) - told_otherwise


# --- counting --------------------------------------------------------------------------------


def test_a_prompt_is_counted_by_the_provider() -> None:
    asked = PROTOCOL.parse_count_request(
        b'{"model":"x","input":"Hi","instructions":"Be brief.","stream":true}'
    )
    call = PROTOCOL.render_count(asked, Target("m", Dialect()))
    assert call is not None
    assert (call.path, call.stream) == ("/responses/input_tokens", False)
    assert json.loads(call.body) == {"model": "m", "input": "Hi", "instructions": "Be brief."}
    assert PROTOCOL.parse_count(b'{"object":"response.input_tokens","input_tokens":11}') == 11


def test_a_prompt_of_another_format_is_counted_too() -> None:
    anthropic = protocol_named("anthropic")
    body = b'{"model":"x","messages":[{"role":"user","content":"Hi"}]}'
    call = PROTOCOL.render_count(anthropic.parse_count_request(body), Target("m", Dialect()))
    assert call is not None
    assert set(json.loads(call.body)) == {"model", "input"}


def test_a_service_that_cannot_count_is_not_called() -> None:
    asked = PROTOCOL.parse_count_request(b'{"model":"x","input":"Hi"}')
    assert PROTOCOL.render_count(asked, Target("m", Dialect(count_path=""))) is None
