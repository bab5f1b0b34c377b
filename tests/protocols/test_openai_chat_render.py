"""A turn, from whatever format, written for providers that speak OpenAI's."""

import json
from typing import Any

import pytest
from msgspec import Raw

from cases import each
from recordings import needs_recordings, recordings
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.protocols.profile import Profile
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
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)

HI = Message("user", (Text("hi"),))
SCHEMA = Raw(b'{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{}}}')
ADD = Tool("add", "Adds.", SCHEMA)
PDF = Inline("application/pdf", "JVBERi0=")


def turn(*messages: Message, **fields: Any) -> Turn:
    fields = {"origin": "anthropic", "extensions": {}, **fields}
    return Turn(model="m", messages=messages or (HI,), **fields)


def call(asked: Turn, profile: Profile | None = None, **facts: Any) -> Call:
    return PROTOCOL.render_request(asked, Target("up", Dialect(**facts), profile or Profile()))


def body(asked: Turn, profile: Profile | None = None, **facts: Any) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads(call(asked, profile, **facts).body)
    return rendered


def messages(*found: Message, **facts: Any) -> list[dict[str, Any]]:
    rendered: list[dict[str, Any]] = body(turn(*found), **facts)["messages"]
    return rendered


def answered(*content: Text | Image | Document) -> tuple[Message, ...]:
    """A conversation in which a tool was called and gave this."""
    asked = Message("assistant", (ToolCall("c1", "add", "{}"),))
    return HI, asked, Message("tool", (ToolResult("c1", "add", content),))


def test_a_plain_question_is_a_plain_request():
    made = call(turn(Message("system", (Text("s"),)), HI, max_tokens=5, stop=("x",)))
    assert json.loads(made.body) == {
        "model": "up",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "stop": ["x"],
    }
    assert (made.path, made.stream, made.dropped) == ("/chat/completions", False, ())


def test_a_stream_is_requested_with_its_usage():
    made = call(turn(stream=True))
    assert made.stream
    assert json.loads(made.body)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(turn(stream=True), stream_usage=False)


def test_a_model_that_cannot_stream_gets_a_request_without_stream():
    made = call(turn(stream=True), Profile(streams=False))
    assert not made.stream
    assert "stream" not in json.loads(made.body)


def test_azure_has_the_deployment_in_its_path():
    path = "/openai/deployments/{model}/chat/completions?api-version=1"
    made = PROTOCOL.render_request(turn(), Target("my gpt/4", Dialect(path=path)))
    assert made.path == "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=1"


# --- messages --------------------------------------------------------------------------------


def test_media_are_parts():
    (message,) = messages(
        Message(
            "user",
            (
                Text("a"),
                Image(Inline("image/png", "AA=="), "low"),
                Image(Link("https://x/y")),
                Audio(Inline("audio/mpeg", "BB==")),
                Document(PDF, "a.pdf"),
                Document(FileRef("file-1")),
                Document(Inline("text/plain", "aGVsbG8="), "b.txt"),
                Video(Link("https://x/z.mp4")),
            ),
            "ann",
        ),
        media=("image", "audio", "document", "video"),
    )
    assert message["name"] == "ann"
    assert message["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x/y"}},
        {"type": "input_audio", "input_audio": {"data": "BB==", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "text", "text": "b.txt\n\nhello"},
        {"type": "video_url", "video_url": {"url": "https://x/z.mp4"}},
    ]


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (Video(Link("https://x/z.mp4")), "video"),
        (Image(FileRef("file-1")), "image"),
        (Audio(Link("https://x/a.mp3")), "audio"),
        (Native("gemini", Raw(b"{}"), "executableCode"), "executableCode"),
    ],
)
def test_media_that_cannot_be_carried_are_refused_by_name(part, named):
    with pytest.raises(Unsupported, match=named):
        call(turn(Message("user", (part,))))


def test_images_out_of_tool_results_follow_in_a_message_of_the_users():
    image = Image(Inline("image/png", "AA=="))
    result, following = messages(*answered(Text("see"), image))[2:]
    assert result == {"role": "tool", "tool_call_id": "c1", "content": "see"}
    assert following["role"] == "user"
    assert following["content"][1]["image_url"]["url"] == "data:image/png;base64,AA=="
    result, following = messages(*answered(image), HI)[2:]
    assert result["content"]
    assert [part["type"] for part in following["content"]] == ["text", "image_url", "text"]


def test_all_results_come_before_what_else_was_in_them():
    asked = Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")))
    results = Message(
        "tool", (ToolResult("a", "f", (Document(PDF),)), ToolResult("b", "f", (Text("2"),), is_error=True))
    )
    made = call(turn(HI, asked, results))
    assert [one["role"] for one in json.loads(made.body)["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    assert made.dropped == ("is_error",)


def test_an_answer_given_back_is_one_message():
    (message,) = messages(
        Message(
            "assistant",
            (Text("one "), Text("two"), ToolCall("c", "grep", "x", "custom"), ToolCall("d", "f", "{}")),
        )
    )
    assert message["content"] == "one two"
    assert message["tool_calls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}},
        {"id": "d", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ]


THOUGHT = Message(
    "assistant",
    (Reasoning("hm", "sig", "anthropic"), RedactedReasoning("enc", "gemini"), Text("x")),
)


def test_thinking_goes_back_in_the_form_that_the_service_has():
    made = call(turn(THOUGHT))
    assert made.dropped == ("thinking",)
    assert json.loads(made.body)["messages"] == [{"role": "assistant", "content": "x"}]
    assert messages(THOUGHT, reasoning_back="reasoning_content")[0]["reasoning_content"] == "hm"
    assert messages(THOUGHT, reasoning_back="reasoning")[0]["reasoning"] == "hm"
    assert messages(THOUGHT, reasoning_back="thinking")[0]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "x"},
    ]
    assert messages(THOUGHT, reasoning_back="reasoning_details")[0]["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "hm",
            "format": "anthropic-claude-v1",
            "index": 0,
            "signature": "sig",
        },
        {"type": "reasoning.encrypted", "data": "enc", "format": "google-gemini-v1", "index": 1},
    ]


def test_a_blank_replaces_missing_thinking_that_a_service_requires():
    facts = {"reasoning_back": "reasoning_content", "reasoning_required": True}
    assert messages(*answered(Text("3")), **facts)[1]["reasoning_content"] == " "
    assert "reasoning_content" not in messages(Message("assistant", (Text("x"),)), **facts)[0]


def test_blocks_of_other_formats_are_left_out_and_named():
    block = Native("anthropic", Raw(b'{"type":"server_tool_use"}'), "server_tool_use")
    assert call(turn(HI, Message("assistant", (block, Text("x"))))).dropped == ("server_tool_use",)


@pytest.mark.parametrize(
    ("found", "profile", "facts", "wanted"),
    [
        ("system", Profile(system_role="developer"), {}, "developer"),
        ("developer", Profile(), {"developer_role": False}, "system"),
        ("system", Profile(system_role="developer"), {"developer_role": False}, "system"),
        ("system", Profile(system_role="user"), {}, "user"),
        ("developer", Profile(), {}, "developer"),
    ],
)
def test_instructions_have_the_role_that_the_model_knows(found, profile, facts, wanted):
    assert body(turn(Message(found, (Text("s"),)), HI), profile, **facts)["messages"][0]["role"] == wanted


def test_services_that_want_strings_get_strings():
    two = Message("user", (Text("a"), Text("b")))
    assert messages(two)[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert messages(two, string_contents=True)[0]["content"] == "a\n\nb"
    assert messages(*answered(Text("a"), Text("b")), string_results=True)[2]["content"] == "a\n\nb"


def test_services_that_want_roles_to_alternate_get_them_joined():
    picture = Message("user", (Image(Link("https://x/y")),))
    joined = messages(HI, HI, Message("assistant", (Text("x"),)), HI, picture, alternation=True)
    assert [one["role"] for one in joined] == ["user", "assistant", "user"]
    assert joined[0]["content"] == "hi\n\nhi"
    assert [part["type"] for part in joined[2]["content"]] == ["text", "image_url"]


def test_short_call_ids_are_the_same_in_call_and_result():
    conversation = messages(*answered(Text("3")), short_call_ids=True)
    short = conversation[1]["tool_calls"][0]["id"]
    assert len(short) == 9
    assert short.isalnum()
    assert conversation[2]["tool_call_id"] == short
    kept = Message("assistant", (ToolCall("aB3dE6gH9", "f", "{}"),))
    assert messages(kept, short_call_ids=True)[0]["tool_calls"][0]["id"] == "aB3dE6gH9"


def test_a_final_answer_is_a_beginning_where_the_service_marks_it():
    assert messages(HI, Message("assistant", (Text("{"),)), prefill_field="prefix")[-1]["prefix"] is True


# --- tools and form --------------------------------------------------------------------------


def test_tools_keep_their_schemas():
    made = body(turn(tools=(ADD, Tool("now")), tool_choice=ToolChoice("auto"), parallel_tool_calls=False))
    assert made["tools"][0]["function"] == {
        "name": "add",
        "description": "Adds.",
        "parameters": json.loads(bytes(SCHEMA)),
    }
    assert made["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert (made["tool_choice"], made["parallel_tool_calls"]) == ("auto", False)


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", ("add",)), {"type": "function", "function": {"name": "add"}}),
        (
            ToolChoice("auto", ("add",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "add"}}],
                },
            },
        ),
    ],
)
def test_tool_choices(choice, wanted):
    assert body(turn(tools=(ADD, Tool("b")), tool_choice=choice))["tool_choice"] == wanted


def test_where_no_list_of_allowed_tools_is_known_the_others_are_not_offered():
    made = body(turn(tools=(ADD, Tool("b")), tool_choice=ToolChoice("required", ("b",))), allowed_tools=False)
    assert [tool["function"]["name"] for tool in made["tools"]] == ["b"]
    assert made["tool_choice"] == "required"


def test_a_forced_tool_and_a_foreign_tool_are_refused_by_name():
    with pytest.raises(Unsupported, match="tool_choice"):
        call(turn(tools=(ADD,), tool_choice=ToolChoice("required")), forced_tools=False)
    with pytest.raises(Unsupported, match="web_search"):
        call(turn(tools=(Tool("web_search", kind="native", format="anthropic"),)))


def test_structured_output_in_the_form_that_the_service_has():
    asked = turn(output=OutputFormat("json_schema", SCHEMA))
    assert body(asked)["response_format"]["json_schema"] == {
        "name": "answer",
        "schema": json.loads(bytes(SCHEMA)),
    }
    found = body(asked, schemas="prompt")
    assert found["response_format"] == {"type": "json_object"}
    assert "$defs" in found["messages"][-1]["content"]
    with pytest.raises(Unsupported, match="response_format"):
        call(asked, schemas="refused")


# --- tuning ----------------------------------------------------------------------------------


def test_what_a_service_does_not_support_is_dropped_or_refused():
    made = call(turn(top_k=4, seed=1, logit_bias=Raw(b"{}")), drops=("seed", "logit_bias"))
    assert set(made.dropped) == {"top_k", "seed", "logit_bias"}
    assert body(turn(top_k=4, seed=7), top_k=True, seed_field="random_seed") == {
        "model": "up",
        "messages": [{"role": "user", "content": "hi"}],
        "top_k": 4,
        "random_seed": 7,
    }
    with pytest.raises(Unsupported, match="tools"):
        call(turn(tools=(ADD,)), refuses=("tools",))


def test_the_limit_has_the_name_that_the_model_knows():
    asked = turn(max_tokens=9)
    assert body(asked, limit_field="max_tokens")["max_tokens"] == 9
    assert body(asked, Profile(limit_field="max_completion_tokens"))["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("profile", "effort", "sent"),
    [
        (Profile(sampling="refused"), None, False),
        (Profile(sampling="refused_while_reasoning"), None, False),
        (Profile(sampling="refused_while_reasoning"), "none", True),
        (Profile(sampling="refused_while_reasoning", reasons_by_default=False), None, True),
        (Profile(sampling="refused_while_reasoning", reasons_by_default=False), "low", False),
        (Profile(), "high", True),
    ],
)
def test_sampling_is_left_out_for_models_that_refuse_it_while_they_think(profile, effort, sent):
    asked = turn(temperature=0.5, reasoning=ReasoningControl(effort) if effort else None)
    made = call(asked, profile)
    assert ("temperature" in json.loads(made.body)) is sent
    assert ("temperature" in made.dropped) is not sent


@pytest.mark.parametrize(
    ("control", "profile", "facts", "wanted"),
    [
        (ReasoningControl("xhigh"), Profile(efforts=("low", "high")), {}, {"reasoning_effort": "high"}),
        (ReasoningControl("none"), Profile(efforts=("minimal", "low")), {}, {"reasoning_effort": "minimal"}),
        (ReasoningControl("minimal"), Profile(efforts=("none", "low")), {}, {"reasoning_effort": "low"}),
        (ReasoningControl(budget=1024, mode="enabled"), Profile(), {}, {"reasoning_effort": "low"}),
        (ReasoningControl(budget=30000), Profile(), {}, {"reasoning_effort": "high"}),
        (ReasoningControl(mode="disabled"), Profile(), {}, {"reasoning_effort": "none"}),
        (ReasoningControl(mode="adaptive"), Profile(), {}, {}),
        (ReasoningControl("low"), Profile(), {"effort": "reasoning"}, {"reasoning": {"effort": "low"}}),
        (
            ReasoningControl(budget=2000, show=False),
            Profile(),
            {"effort": "reasoning"},
            {"reasoning": {"max_tokens": 2000, "exclude": True}},
        ),
        (ReasoningControl("none"), Profile(), {"effort": "thinking"}, {"thinking": {"type": "disabled"}}),
        (ReasoningControl("high"), Profile(), {"effort": "thinking"}, {"reasoning_effort": "high"}),
        (
            ReasoningControl(budget=99),
            Profile(),
            {"effort": "enable_thinking"},
            {"enable_thinking": True, "thinking_budget": 99},
        ),
        (ReasoningControl("none"), Profile(), {"effort": "enable_thinking"}, {"enable_thinking": False}),
    ],
)
def test_thinking_is_requested_in_the_words_of_service_and_model(control, profile, facts, wanted):
    made = body(turn(reasoning=control), profile, **facts)
    assert {name: value for name, value in made.items() if name not in ("model", "messages")} == wanted


def test_a_model_that_does_not_think_gets_no_thinking_request():
    assert call(turn(reasoning=ReasoningControl("high")), Profile(thinking="none")).dropped == ("reasoning",)
    assert call(turn(reasoning=ReasoningControl("none")), Profile(thinking="none")).dropped == ()


def test_extensions_stay_among_clients_of_this_format():
    mine = turn(extensions={"metadata": Raw(b'{"a":1}')}, origin="openai_chat")
    assert body(mine)["metadata"] == {"a": 1}
    theirs = call(turn(extensions={"metadata": Raw(b'{"a":1}')}))
    assert theirs.dropped == ("metadata",)
    assert "metadata" not in json.loads(theirs.body)


def test_every_optional_field_of_a_turn_has_an_outcome():
    always = {"model", "messages", "stream", "origin", "extensions"}
    assert set(PROTOCOL.carries) == set(Turn.__struct_fields__) - always


@needs_recordings
@each("recording", recordings("openai", "chat", "chat_stream", path="/chat/completions", status=200))
def test_a_recorded_request_survives_the_way_through_a_turn(recording):
    asked = {**recording.request_body, "model": "up"}
    first = PROTOCOL.parse_request(json.dumps(asked).encode()).turn()
    made = PROTOCOL.render_request(first, Target("up", Dialect()))
    assert set(made.dropped) <= {"is_error"}
    assert comparable(PROTOCOL.parse_request(made.body).turn()) == comparable(first)


def comparable(one: Turn) -> dict[str, Any]:
    """A turn with raw JSON as its value, and a tool without parameters as one with none."""

    def plain(value: Any) -> Any:
        if isinstance(value, Raw):
            return json.loads(bytes(value))
        if hasattr(value, "__struct_fields__"):
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, tuple):
            return [plain(member) for member in value]
        return {key: plain(member) for key, member in value.items()} if isinstance(value, dict) else value

    found: dict[str, Any] = plain(one)
    for tool in found["tools"]:
        tool["parameters"] = tool["parameters"] or {"type": "object", "properties": {}}
    return found
