"""What Bedrock's Converse is asked."""

import base64
import json
from functools import cache
from typing import Any

import pytest
from msgspec import Raw

from cases import each
from protocols.answer_events import read
from protocols.bedrock_frames import event
from protocols.openai_requests import (
    choice_of,
    client_request,
    client_requests,
    contents,
    limit_of,
    lost,
    property_names,
    turn_of,
    wanted_of,
)
from recordings import Recording, needs_recordings
from tidegate.protocols.bedrock import PROTOCOL, BedrockDialect
from tidegate.protocols.bedrock.dialect import Vendor
from tidegate.protocols.bedrock.render import CARRIES, BedrockCall
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.events import ReasoningEncrypted, ReasoningSigned
from tidegate.protocols.profile import PLAIN, Profile
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
from tidegate.providers.families import profile_of

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
BUDGET = Profile(thinking="budget", forced_tools_while_thinking=False, sampling="free")

HELLO = Message("user", (Text("Hello"),))
PNG = Inline("image/png", "iVBORw0KGgo=")
PDF = Inline("application/pdf", "JVBERi0=")
WEATHER = Tool("weather", "Tells it", Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}'))
CLOCK = Tool("clock")
CALL = Message("assistant", (ToolCall("t1", "weather", '{"city":"Rome"}'),))
RESULT = Message("tool", (ToolResult("t1", "weather", (Text("sunny"),)),))


def turn(*messages: Message, **fields: Any) -> Turn:
    given = {"origin": "openai_chat", "extensions": {}, **fields}
    return Turn(model="m", messages=messages or (HELLO,), **given)


def ask(asked: Turn, model: str = CLAUDE, profile: Profile = PLAIN) -> Call:
    return PROTOCOL.render_request(asked, Target(model, BedrockDialect(), profile))


def body(asked: Turn, model: str = CLAUDE, profile: Profile = PLAIN) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(ask(asked, model, profile).body)
    return sent


def messages(
    *said: Message, model: str = CLAUDE, profile: Profile = PLAIN, **fields: Any
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = body(turn(*said, **fields), model, profile)["messages"]
    return sent


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


# --- recorded requests of OpenAI's clients ---------------------------------------------------


@needs_recordings
@pytest.mark.parametrize("model", [CLAUDE, NOVA])
@each("recording", client_requests())
def test_a_recorded_request_arrives_whole_or_is_refused_by_name(recording: Recording, model: str) -> None:
    request = client_request(recording)
    target = Target(model, BedrockDialect(), profile_of(model))
    refusal = refusal_of(request)
    if refusal:
        with pytest.raises(Unsupported, match=refusal):
            PROTOCOL.render_request(turn_of(request), target)
        return
    sent = json.loads(PROTOCOL.render_request(turn_of(request), target).body)
    assert lost(wanted_of(request), sent) == []
    check_tools(request, sent)
    check_results(request, sent)
    if limit_of(request) is not None and "reasoning_effort" not in request:
        assert sent["inferenceConfig"]["maxTokens"] == limit_of(request)


def refusal_of(request: dict[str, Any]) -> str:
    """The word by which a request is refused that holds what Converse does not support."""
    parts = [part for message in request["messages"] for part in contents(message)]
    kinds = {part["type"] for part in parts}
    linked = wanted_of(request).links
    reasons = {
        "modalities": "audio" in (request.get("modalities") or ()),
        "choice": (request.get("n") or 1) > 1,
        "video": "video_url" in kinds,
        "URL": bool(linked) or any(part["type"] == "file" and "file_id" in part["file"] for part in parts),
    }
    return next((word for word, is_there in reasons.items() if is_there), "")


def check_tools(request: dict[str, Any], sent: dict[str, Any]) -> None:
    choice, wanted = choice_of(request), wanted_of(request).tools
    config = sent.get("toolConfig")
    if choice == "none" or not wanted:
        assert config is None or set(config["tools"][0]) == {"toolSpec"}
        return
    offered = {tool["toolSpec"]["name"]: tool["toolSpec"]["inputSchema"]["json"] for tool in config["tools"]}
    assert set(offered) >= set(wanted)
    for name, parameters in wanted.items():
        assert set(parameters) <= set(property_names(offered[name]))
    if "reasoning_effort" in request:
        return
    forms = {"auto": {"auto": {}}, "required": {"any": {}}, "any": {"any": {}}, None: None}
    assert config.get("toolChoice") == forms.get(choice, {"tool": {"name": choice}})


def check_results(request: dict[str, Any], sent: dict[str, Any]) -> None:
    """Without tools, calls and results become text."""
    blocks = [block for message in sent["messages"] for block in message["content"]]
    calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    results = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
    if "toolConfig" not in sent:
        assert calls == results == []
        return
    assert len(results) == sum(message["role"] in ("tool", "function") for message in request["messages"])
    assert set(results) <= set(calls)


@cache
def converse_input() -> Any:
    """The shape of a request as AWS describes it; reading it takes a while."""
    session = pytest.importorskip("botocore.session", reason="botocore is not installed; it is no dependency")
    return session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape


@needs_recordings
@pytest.mark.parametrize("model", [CLAUDE, NOVA, GPT])
@each("recording", client_requests()[::7])
def test_the_sdk_of_aws_takes_what_is_sent(recording: Recording, model: str) -> None:
    shape = converse_input()
    from botocore.validate import ParamValidator

    request = client_request(recording)
    if refusal_of(request):
        pytest.skip("it is refused")
    sent = body(turn_of(request), model, profile_of(model))
    report = ParamValidator().validate({"modelId": "in-the-path", **sent}, shape)
    assert report.generate_report() == ""


# --- messages --------------------------------------------------------------------------------


def test_model_and_method_are_in_the_path() -> None:
    assert ask(turn()).path == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    call = ask(turn(stream=True), "arn:aws:bedrock:us-east-1:1:inference-profile/x")
    assert (call.path, call.stream) == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream",
        True,
    )
    assert json.loads(call.body) == {
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "inferenceConfig": {},
    }


def test_a_model_that_cannot_stream_gets_no_stream_request() -> None:
    call = ask(turn(stream=True), profile=Profile(streams=False))
    assert (call.path.rsplit("/")[-1], call.stream) == ("converse", False)


def test_the_operator_may_have_fields_of_its_own_in_every_request() -> None:
    dialect = BedrockDialect(body={"performanceConfig": {"latency": "optimized"}})
    sent = json.loads(PROTOCOL.render_request(turn(), Target(CLAUDE, dialect)).body)
    assert sent["performanceConfig"] == {"latency": "optimized"}


def test_models_without_system_messages_get_them_from_the_user() -> None:
    sent = body(turn(Message("system", (Text("Be kind."),)), HELLO), profile=Profile(system_role="user"))
    assert "system" not in sent
    assert sent["messages"] == [{"role": "user", "content": [{"text": "Be kind."}, {"text": "Hello"}]}]


def test_instructions_stand_apart() -> None:
    sent = body(
        turn(Message("system", (Text("Be kind."),)), HELLO, Message("developer", (Text("Be brief."),)))
    )
    assert sent["system"] == [{"text": "Be kind."}, {"text": "Be brief."}]
    assert sent["messages"] == [{"role": "user", "content": [{"text": "Hello"}]}]


def test_instructions_alone_become_the_user_message() -> None:
    sent = body(turn(Message("system", (Text("Tell a joke."),))))
    assert "system" not in sent
    assert sent["messages"] == [{"role": "user", "content": [{"text": "Tell a joke."}]}]


def test_users_and_assistants_take_turns_and_the_user_begins_and_ends() -> None:
    said = messages(
        assistant(Text("Hi.")),
        HELLO,
        user(Text("there")),
        assistant(Text("A"), Refusal("B")),
        profile=Profile(prefill=False),
    )
    assert [message["role"] for message in said] == ["user", "assistant", "user", "assistant", "user"]
    assert said[2]["content"] == [{"text": "Hello"}, {"text": "there"}]
    assert said[3]["content"] == [{"text": "A"}, {"text": "B"}]
    assert said[4]["content"] == [{"text": "Continue."}]


def test_a_beginning_of_the_answer_ends_without_blanks() -> None:
    assert messages(HELLO, assistant(Text("Once upon ")))[-1]["content"] == [{"text": "Once upon"}]


def test_blank_texts_are_not_sent() -> None:
    assert messages(user(Text(" \n"), Text("Hi")), assistant(Text(""))) == [
        {"role": "user", "content": [{"text": "Hi"}]}
    ]


def test_results_come_first_in_the_message_after_their_calls() -> None:
    said = messages(
        HELLO, CALL, user(Text("By the way")), RESULT, assistant(Text("Sunny.")), HELLO, tools=(WEATHER,)
    )
    assert said[1]["content"] == [
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Rome"}}}
    ]
    assert said[2]["content"] == [
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "sunny"}]}},
        {"text": "By the way"},
    ]


def test_a_result_that_is_an_error_reports_it() -> None:
    failed = Message("tool", (ToolResult("t1", "weather", (Text("no"),), is_error=True),))
    result = messages(HELLO, CALL, failed, tools=(WEATHER,))[2]["content"][0]["toolResult"]
    assert result == {"toolUseId": "t1", "content": [{"text": "no"}], "status": "error"}


def test_images_stand_inside_of_results_where_the_model_takes_them() -> None:
    seen = Message("tool", (ToolResult("t1", "weather", (Text("see"), Image(PNG))),))
    image = {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}
    said = messages(HELLO, CALL, seen, tools=(WEATHER,))
    assert said[2]["content"] == [{"toolResult": {"toolUseId": "t1", "content": [{"text": "see"}, image]}}]
    said = messages(HELLO, CALL, seen, tools=(WEATHER,), profile=Profile(tool_result_media=False))
    assert said[2]["content"] == [{"toolResult": {"toolUseId": "t1", "content": [{"text": "see"}]}}, image]


OLDER = Profile(native_schema=False)
NO_CALLS = pytest.mark.parametrize("choice", [None, ToolChoice("none")])


@NO_CALLS
@pytest.mark.parametrize(("model", "profile"), [(CLAUDE, OLDER), (NOVA, PLAIN)])
def test_without_tools_earlier_calls_and_results_are_sent_as_text(
    choice: ToolChoice | None, model: str, profile: Profile
) -> None:
    """Converse refuses calls in a conversation without toolConfig."""
    tools = () if choice is None else (WEATHER,)
    asked = turn(HELLO, CALL, RESULT, tools=tools, tool_choice=choice)
    sent = body(asked, model, profile)
    assert "toolConfig" not in sent
    assert "additionalModelRequestFields" not in sent
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": [{"text": 'I called the tool weather with {"city":"Rome"}'}]},
        {"role": "user", "content": [{"text": "The tool weather answered:"}, {"text": "sunny"}]},
    ]


@NO_CALLS
def test_claude_keeps_earlier_calls_and_is_forbidden_others(choice: ToolChoice | None) -> None:
    tools = () if choice is None else (WEATHER, CLOCK)
    sent = body(turn(HELLO, CALL, RESULT, tools=tools, tool_choice=choice))
    assert sent["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    assert sent["messages"] == messages(HELLO, CALL, RESULT, tools=(WEATHER,))
    config = sent["toolConfig"]
    assert "toolChoice" not in config
    if choice is None:
        open_schema = {"json": {"type": "object", "properties": {}}}
        assert config["tools"] == [{"toolSpec": {"name": "weather", "inputSchema": open_schema}}]
    else:
        assert config == body(turn(tools=(WEATHER, CLOCK)))["toolConfig"]


def test_a_choice_without_tools_is_none_at_all() -> None:
    sent = body(turn(HELLO, CALL, RESULT, tool_choice=ToolChoice("auto")))
    assert "toolChoice" not in sent["toolConfig"]
    assert sent["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}


def test_another_providers_tools_do_not_explain_earlier_calls() -> None:
    search = Tool("web_search", kind="native", format="anthropic", block=Raw(b"{}"))
    sent = body(turn(HELLO, CALL, RESULT, tools=(search,), tool_choice=ToolChoice("none")))
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["weather"]


def test_forbidden_calls_go_with_thinking() -> None:
    profile = Profile(thinking="budget", budgets={"low": 2048})
    said = (HELLO, CALL, RESULT, assistant(Text("Sunny.")), HELLO)
    asked = turn(*said, reasoning=ReasoningControl(budget=2048), max_tokens=9000)
    fields = body(asked, profile=profile)["additionalModelRequestFields"]
    assert fields["tool_choice"] == {"type": "none"}
    assert fields["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (ToolCall("c", "f", ""), {}),
        (ToolCall("c", "f", '{"a": 1'), {"input": '{"a": 1'}),
        (ToolCall("c", "f", "SELECT 1", "custom"), {"input": "SELECT 1"}),
    ],
)
def test_arguments_are_always_an_object(call: ToolCall, given: Any) -> None:
    assert (
        messages(HELLO, assistant(call), HELLO, tools=(CLOCK,))[1]["content"][0]["toolUse"]["input"] == given
    )


@pytest.mark.parametrize("id_", ["call|with bars", "x" * 65, "ü", ""])
def test_ids_that_aws_does_not_take_are_replaced_alike(id_: str) -> None:
    said = messages(
        HELLO,
        assistant(ToolCall(id_, "f", "{}")),
        Message("tool", (ToolResult(id_, "f", ()),)),
        tools=(CLOCK,),
    )
    used = said[1]["content"][0]["toolUse"]["toolUseId"]
    assert used == said[2]["content"][0]["toolResult"]["toolUseId"]
    assert used.startswith("tooluse_")
    assert len(used) <= 64


# --- media -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Image(Inline("image/jpg", "AAAA")), {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}}),
        (
            Image(FileRef("s3://bucket/a.webp")),
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}},
        ),
        (
            Document(PDF, "My report_2024.pdf", "A draft", citations=True),
            {
                "document": {
                    "format": "pdf",
                    "source": {"bytes": "JVBERi0="},
                    "name": "My report 2024",
                    "context": "A draft",
                    "citations": {"enabled": True},
                }
            },
        ),
        (
            Document(Inline("text/x-python", "AAAA")),
            {"document": {"format": "txt", "source": {"bytes": "AAAA"}, "name": "document"}},
        ),
        (Audio(Inline("audio/mpeg", "AAAA")), {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}}),
        (Video(Inline("video/mp4", "AAAA")), {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}),
    ],
)
def test_media_are_bytes_or_lie_in_aws(part: Part, block: Any) -> None:
    assert messages(user(Text("Look:"), part))[0]["content"] == [{"text": "Look:"}, block]


def test_documents_have_different_names_and_never_stand_alone() -> None:
    said = messages(user(Document(PDF, "a.pdf"), Document(PDF, "a.pdf"), Document(PDF, "a.pdf")))
    *documents, text = said[0]["content"]
    assert [one["document"]["name"] for one in documents] == ["a", "a (2)", "a (3)"]
    assert text == {"text": "."}


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (Image(Link("https://example.com/a.png")), "image"),
        (Image(FileRef("file-1")), "image"),
        (Image(Inline("image/tiff", "AAAA")), "image/tiff"),
        (Document(Link("https://example.com/a.pdf")), "document"),
        (Document(Inline("application/zip", "AAAA")), "application/zip"),
        (Audio(Inline("audio/midi", "AAAA")), "audio/midi"),
        (Video(Link("https://example.com/a.mp4")), "video"),
        (Native("anthropic", Raw(b"{}"), "container_upload"), "container_upload"),
    ],
)
def test_user_content_that_converse_does_not_support_is_refused(part: Part, word: str) -> None:
    with pytest.raises(Unsupported) as refused:
        ask(turn(HELLO, user(part)))
    assert word in refused.value.message
    assert refused.value.param == "messages.1.content"


def test_images_that_a_model_made_are_shown_by_the_user() -> None:
    said = messages(HELLO, assistant(Text("Here."), Image(PNG)))
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert "image" in said[2]["content"][0]


def test_instructions_are_texts() -> None:
    with pytest.raises(Unsupported, match="system"):
        ask(turn(Message("system", (Image(PNG),)), HELLO))


# --- thinking that is given back -------------------------------------------------------------


def test_thinking_survives_a_round_trip() -> None:
    """What the reader tells of Claude's thinking is what the renderer gives back."""
    redacted = base64.b64encode(b"EvkEsecret").decode()
    stream = b"".join(
        [
            event("messageStart", role="assistant"),
            event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "Hm."}}),
            event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"signature": "s"}}),
            event("contentBlockStop", contentBlockIndex=0),
            event(
                "contentBlockDelta",
                contentBlockIndex=1,
                delta={"reasoningContent": {"redactedContent": redacted}},
            ),
            event("contentBlockStop", contentBlockIndex=1),
            event("messageStop", stopReason="end_turn"),
        ]
    )
    said = read(PROTOCOL.reader(BedrockCall("/", b"", True), Target(CLAUDE, BedrockDialect())), [stream])
    [signed] = [one for one in said if isinstance(one, ReasoningSigned)]
    [encrypted] = [one for one in said if isinstance(one, ReasoningEncrypted)]
    assert encrypted.data == "EvkEsecret", "as Anthropic itself writes it"
    given_back = assistant(
        Reasoning("Hm.", signed.signature, signed.format),
        RedactedReasoning(encrypted.data, encrypted.format),
        Text("Yes."),
    )
    assert messages(HELLO, given_back, HELLO)[1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": redacted}},
        {"text": "Yes."},
    ]


@pytest.mark.parametrize(
    ("part", "dropped"),
    [
        (Reasoning("Hm."), "messages.reasoning"),
        (Reasoning("Hm.", "s", "gemini"), "messages.reasoning"),
        (RedactedReasoning("x", "openai_chat"), "redacted_thinking"),
        (Native("gemini", Raw(b"{}"), "executableCode"), "messages.content.executableCode"),
    ],
)
def test_what_only_others_can_read_is_left_out_and_named(part: Part, dropped: str) -> None:
    call = ask(turn(HELLO, assistant(part, Text("Yes.")), HELLO))
    assert call.dropped == (dropped,)
    assert json.loads(call.body)["messages"][1]["content"] == [{"text": "Yes."}]


def test_an_assistants_message_does_not_end_in_thinking() -> None:
    said = messages(HELLO, assistant(Text("A"), Reasoning("Hm.", "s", "anthropic")), HELLO)
    assert said[1]["content"] == [{"text": "A"}]


def test_blocks_of_its_own_are_given_back_as_they_came() -> None:
    block = {
        "toolUse": {"toolUseId": "t", "name": "nova_code_interpreter", "input": {}, "type": "server_tool_use"}
    }
    native = Native("bedrock", Raw(json.dumps(block).encode()))
    assert messages(HELLO, assistant(native), HELLO, model=NOVA, tools=(CLOCK,))[1]["content"] == [block]


# --- cache points ----------------------------------------------------------------------------


def test_cache_points_come_after_what_is_cached() -> None:
    sent = body(
        turn(
            Message("system", (Text("Long", CacheControl()),)),
            user(Text("Longer", CacheControl("1h")), Text("Short")),
            tools=(Tool("clock", cache=CacheControl("5m")),),
        )
    )
    point = {"cachePoint": {"type": "default"}}
    assert sent["system"] == [{"text": "Long"}, point]
    lasting = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert sent["messages"][0]["content"] == [{"text": "Longer"}, lasting, {"text": "Short"}]
    assert sent["toolConfig"]["tools"][1] == point


def test_a_cache_point_inside_of_a_result_comes_after_it() -> None:
    cached = Message("tool", (ToolResult("t1", "weather", (Text("sunny", CacheControl()),)),))
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "sunny"}]}}
    said = messages(HELLO, CALL, cached, tools=(WEATHER,))
    assert said[2]["content"] == [result, {"cachePoint": {"type": "default"}}]


def test_the_last_four_cache_points_count() -> None:
    call = ask(
        turn(
            Message("system", (Text("S", CacheControl()),)),
            user(*(Text(letter, CacheControl("1h")) for letter in "abcd")),
            tools=(Tool("clock", cache=CacheControl()),),
        )
    )
    sent = json.loads(call.body)
    assert sent["system"] == [{"text": "S"}]
    assert len(sent["toolConfig"]["tools"]) == 1
    assert sum("cachePoint" in block for block in sent["messages"][0]["content"]) == 4
    assert call.dropped == ("cache_control",)


@pytest.mark.parametrize(
    ("model", "dropped"), [(NOVA, ("cache_control",)), (LLAMA, ("cache_control",)), (CLAUDE, ())]
)
def test_cache_points_are_named_where_they_are_refused(model: str, dropped: tuple[str, ...]) -> None:
    call = ask(turn(tools=(Tool("clock", cache=CacheControl()),)), model)
    assert call.dropped == dropped


# --- tools -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "offered", "sent"),
    [
        (None, ["weather", "clock"], None),
        (ToolChoice("auto"), ["weather", "clock"], {"auto": {}}),
        (ToolChoice("required"), ["weather", "clock"], {"any": {}}),
        (ToolChoice("named", ("clock",)), ["weather", "clock"], {"tool": {"name": "clock"}}),
        (ToolChoice("required", ("weather",)), ["weather"], {"any": {}}),
        (ToolChoice("auto", ("weather",)), ["weather"], {"auto": {}}),
    ],
)
def test_choices_have_converses_form(choice: ToolChoice | None, offered: list[str], sent: Any) -> None:
    config = body(turn(tools=(WEATHER, CLOCK), tool_choice=choice))["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == offered
    assert config.get("toolChoice") == sent


def test_a_forbidden_call_leaves_the_tools_out() -> None:
    assert "toolConfig" not in body(turn(tools=(WEATHER,), tool_choice=ToolChoice("none")))


def test_tools_have_their_schema_which_is_an_objects() -> None:
    untyped = Tool("u", "", Raw(b'{"properties":{}}'))
    custom = Tool("x", "Writes x", kind="custom", block=Raw(b"{}"))
    specs = [
        tool["toolSpec"]
        for tool in body(turn(tools=(WEATHER, CLOCK, untyped, custom)))["toolConfig"]["tools"]
    ]
    assert specs[0] == {
        "name": "weather",
        "description": "Tells it",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    assert specs[1] == {"name": "clock", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert specs[2]["inputSchema"]["json"]["type"] == "object"
    assert specs[3]["inputSchema"]["json"]["required"] == ["input"]


def test_only_a_tool_of_bedrocks_own_may_run_there() -> None:
    block = {"systemTool": {"name": "nova_code_interpreter"}}
    own = Tool(
        "nova_code_interpreter", kind="native", format="bedrock", block=Raw(json.dumps(block).encode())
    )
    assert body(turn(tools=(own,)), NOVA)["toolConfig"]["tools"] == [block]
    with pytest.raises(Unsupported, match="web_search"):
        ask(turn(tools=(Tool("web_search", kind="native", format="anthropic", block=Raw(b"{}")),)))


@pytest.mark.parametrize(("model", "strict"), [(CLAUDE, True), (NOVA, None)])
def test_tools_are_strict_where_the_model_can_be_held_to_it(model: str, strict: bool | None) -> None:
    call = ask(turn(tools=(Tool("clock", strict=True),)), model)
    assert json.loads(call.body)["toolConfig"]["tools"][0]["toolSpec"].get("strict") == strict
    assert call.dropped == (() if strict else ("tools.strict",))


def test_only_a_forbidden_parallel_call_is_a_loss() -> None:
    assert ask(turn(tools=(CLOCK,), parallel_tool_calls=True)).dropped == ()
    assert ask(turn(tools=(CLOCK,), parallel_tool_calls=False)).dropped == ("parallel_tool_calls",)


# --- the form of the answer ------------------------------------------------------------------

SCHEMA = Raw(b'{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}')


def test_a_schema_is_a_string() -> None:
    sent = body(turn(output=OutputFormat("json_schema", SCHEMA, "person", "A person", strict=True)))
    form = sent["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    given = form["structure"]["jsonSchema"]
    assert (given["name"], given["description"]) == ("person", "A person")
    assert json.loads(given["schema"]) == {**json.loads(bytes(SCHEMA)), "additionalProperties": False}


@pytest.mark.parametrize(
    ("tools", "choice"), [((), {"tool": {"name": "structured_output"}}), ((CLOCK,), {"any": {}})]
)
def test_models_without_forms_give_them_through_a_tool(tools: tuple[Tool, ...], choice: Any) -> None:
    call = ask(
        turn(output=OutputFormat("json_schema", SCHEMA), tools=tools), NOVA, Profile(native_schema=False)
    )
    sent = json.loads(call.body)
    assert "outputConfig" not in sent
    assert sent["toolConfig"]["toolChoice"] == choice
    assert sent["toolConfig"]["tools"][-1]["toolSpec"]["inputSchema"]["json"] == json.loads(bytes(SCHEMA))
    assert isinstance(call, BedrockCall)
    assert call.answer_tool == "structured_output"


def test_the_tool_for_the_form_has_a_name_of_its_own() -> None:
    taken = Tool("structured_output")
    call = ask(
        turn(output=OutputFormat("json_schema", SCHEMA), tools=(taken,)), NOVA, Profile(native_schema=False)
    )
    assert isinstance(call, BedrockCall)
    assert call.answer_tool == "structured_output_"


def test_any_json_is_requested_in_words() -> None:
    sent = body(turn(output=OutputFormat("json_object")))
    assert "JSON" in sent["system"][-1]["text"]


# --- tuning ----------------------------------------------------------------------------------


def test_parameters_have_converses_names() -> None:
    sent = body(
        turn(max_tokens=9, temperature=0.5, top_p=0.9, top_k=40, stop=("a", " "), service_tier="flex"), CLAUDE
    )
    assert sent["inferenceConfig"] == {
        "maxTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["a"],
    }
    assert sent["additionalModelRequestFields"] == {"top_k": 40}
    assert sent["serviceTier"] == {"type": "flex"}


@pytest.mark.parametrize(
    ("model", "fields"),
    [(NOVA, {"inferenceConfig": {"topK": 5}}), ("cohere.command-r-v1:0", {"k": 5}), (LLAMA, None)],
)
def test_top_k_goes_where_the_models_vendor_expects_it(model: str, fields: Any) -> None:
    call = ask(turn(top_k=5), model)
    assert json.loads(call.body).get("additionalModelRequestFields") == fields
    assert call.dropped == (() if fields else ("top_k",))


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_temperature_above_1_is_moved_and_named(model: str) -> None:
    call = ask(turn(temperature=1.7), model)
    assert json.loads(call.body)["inferenceConfig"] == {"temperature": 1.0}
    assert call.dropped == ("temperature>1",)


def test_what_a_model_refuses_is_not_sent() -> None:
    call = ask(turn(temperature=1.0, top_k=3, stop=("a",)), NOVA, Profile(sampling="refused", stop=False))
    assert json.loads(call.body)["inferenceConfig"] == {}
    assert set(call.dropped) == {"temperature", "top_k", "stop"}


@pytest.mark.parametrize(
    ("model", "profile", "control", "fields"),
    [
        (
            CLAUDE,
            BUDGET,
            ReasoningControl(budget=2000),
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        ),
        (CLAUDE, BUDGET, ReasoningControl(effort="none"), {"thinking": {"type": "disabled"}}),
        (
            CLAUDE,
            Profile(thinking="adaptive"),
            ReasoningControl(effort="high"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (CLAUDE, BUDGET, None, None),
        (GPT, PLAIN, ReasoningControl(effort="minimal"), {"reasoning_effort": "low"}),
        (GPT, PLAIN, ReasoningControl(budget=5000), {"reasoning_effort": "medium"}),
        (GPT, PLAIN, ReasoningControl(), None),
        (
            NOVA,
            PLAIN,
            ReasoningControl(effort="xhigh"),
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        (NOVA, PLAIN, ReasoningControl(effort="none"), {"reasoningConfig": {"type": "disabled"}}),
        (NOVA, Profile(thinking="none"), ReasoningControl(effort="none"), None),
    ],
)
def test_thinking_is_requested_in_the_words_of_the_models_maker(
    model: str, profile: Profile, control: ReasoningControl | None, fields: Any
) -> None:
    call = ask(turn(reasoning=control), model, profile)
    assert json.loads(call.body).get("additionalModelRequestFields") == fields
    assert call.dropped == ()


@pytest.mark.parametrize(("model", "profile"), [(NOVA, Profile(thinking="none")), (LLAMA, PLAIN)])
def test_a_model_that_does_not_think_gets_no_thinking_request(model: str, profile: Profile) -> None:
    call = ask(turn(reasoning=ReasoningControl(effort="high")), model, profile)
    assert "additionalModelRequestFields" not in json.loads(call.body)
    assert call.dropped == ("reasoning_effort",)


def test_nova_does_not_think_hard_beside_a_limit() -> None:
    call = ask(turn(reasoning=ReasoningControl(effort="high"), max_tokens=500), NOVA)
    sent = json.loads(call.body)
    assert sent["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"] == "medium"
    assert sent["inferenceConfig"] == {"maxTokens": 500}
    assert call.dropped == ("reasoning_effort>medium",)


def test_claudes_limit_leaves_room_for_its_budget() -> None:
    sent = body(turn(reasoning=ReasoningControl(budget=4000), max_tokens=1000), profile=BUDGET)
    assert sent["inferenceConfig"]["maxTokens"] > 4000


def test_claude_is_not_made_to_call_a_tool_while_it_thinks() -> None:
    asked = turn(reasoning=ReasoningControl(budget=4000), tools=(CLOCK,), tool_choice=ToolChoice("required"))
    call = ask(asked, profile=BUDGET)
    assert "additionalModelRequestFields" not in json.loads(call.body)
    assert call.dropped == ("reasoning_effort",)


def test_the_table_of_makers_may_be_replaced() -> None:
    dialect = BedrockDialect(vendors={"meta.": Vendor(top_k=("k",))})
    call = PROTOCOL.render_request(turn(top_k=5), Target(LLAMA, dialect))
    assert json.loads(call.body)["additionalModelRequestFields"] == {"k": 5}


@pytest.mark.parametrize("fields", [{"n": 2}, {"modalities": ("text", "audio")}])
def test_what_changes_the_meaning_is_refused(fields: Any) -> None:
    with pytest.raises(Unsupported) as refused:
        ask(turn(**fields))
    assert refused.value.param == next(iter(fields))


def test_what_is_usual_is_no_loss() -> None:
    assert ask(turn(n=1, modalities=("text",), service_tier="auto")).dropped == ()


@pytest.mark.parametrize("name", [name for name, outcome in CARRIES.items() if outcome == "dropped"])
def test_tuning_without_counterpart_is_named(name: str) -> None:
    values = {"parallel_tool_calls": False, "logit_bias": Raw(b"{}"), "logprobs": True, "seed": 1}
    call = ask(turn(tools=(CLOCK,), **{name: values.get(name, 0.5)}))
    assert call.dropped == (name,)


def test_the_clients_own_fields_and_names_are_named() -> None:
    asked = turn(
        Message("user", (Text("Hi"),), name="Ann"), extensions={"store": Raw(b"true")}, service_tier="gold"
    )
    assert set(ask(asked).dropped) == {"store", "messages.name", "service_tier"}


def test_nothing_is_counted() -> None:
    assert PROTOCOL.render_count(None, Target(CLAUDE, BedrockDialect())) is None  # type: ignore[arg-type]


def test_every_optional_field_has_an_outcome() -> None:
    own = {"model", "messages", "stream", "origin", "extensions"}
    assert set(CARRIES) == set(Turn.__struct_fields__) - own
