"""What Cohere is asked."""

import json
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from cases import each
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
from recordings import Recording, needs_recordings, recordings
from tidegate.protocols.cohere import PROTOCOL, CohereDialect
from tidegate.protocols.cohere.render import CARRIES
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.errors import InvalidRequest, Unsupported
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
    Part,
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
from tidegate.providers.families import profile_of

TARGET = Target("command-a-03-2025", CohereDialect())
THINKER = Target("command-a-reasoning-08-2025", CohereDialect(), profile_of("command-a-reasoning-08-2025"))
HELLO = Message("user", (Text("Hello"),))
PNG = Inline("image/png", "iVBORw0KGgo=")
WEATHER = Tool("weather", "Tells it", Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}'))
CLOCK = Tool("clock")


def turn(*messages: Message, **fields: Any) -> Turn:
    return Turn(model="m", messages=messages or (HELLO,), origin="openai_chat", extensions={}, **fields)


def ask(asked: Turn, target: Target = TARGET) -> Call:
    return PROTOCOL.render_request(asked, target)


def body(asked: Turn, target: Target = TARGET) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(ask(asked, target).body)
    return sent


def messages(*said: Message, target: Target = TARGET) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = body(turn(*said), target)["messages"]
    return sent


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


# --- recorded requests of OpenAI's clients ---------------------------------------------------


@needs_recordings
@pytest.mark.parametrize("model", ["command-a-03-2025", "command-a-plus-05-2026"])
@each("recording", client_requests())
def test_a_recorded_request_arrives_whole_or_is_refused_by_name(recording: Recording, model: str) -> None:
    request = client_request(recording)
    target = Target(model, CohereDialect(), profile_of(model))
    refusal = refusal_of(request)
    if refusal:
        with pytest.raises(Unsupported, match=refusal):
            ask(turn_of(request), target)
        return
    sent = json.loads(ask(turn_of(request), target).body)
    assert lost(wanted_of(request), sent) == []
    check_tools(request, sent)
    check_results(request, sent)
    assert limit_of(request) == sent.get("max_tokens")
    assert sent["model"] == model


def refusal_of(request: dict[str, Any]) -> str:
    """The word by which a request is refused that holds what Cohere does not support."""
    kinds = {part["type"] for message in request["messages"] for part in contents(message)}
    asked = {
        "modalities": "audio" in (request.get("modalities") or ()),
        "choice": (request.get("n") or 1) > 1,
    }
    parts = {"document": "file" in kinds, "audio": "input_audio" in kinds, "video": "video_url" in kinds}
    return next((word for word, is_there in {**asked, **parts}.items() if is_there), "")


def check_tools(request: dict[str, Any], sent: dict[str, Any]) -> None:
    offered = {tool["function"]["name"]: tool["function"] for tool in sent.get("tools", [])}
    wanted = wanted_of(request).tools
    choice = choice_of(request)
    if choice in wanted:  # Cohere has no way to name a tool but to offer no other
        wanted = {choice: wanted[choice]}
    assert set(offered) >= set(wanted)
    for name, parameters in wanted.items():
        assert set(parameters) <= set(property_names(offered[name]["parameters"]))
    forced = {"none": "NONE", "auto": None, None: None}.get(choice, "REQUIRED") if wanted else None
    assert sent.get("tool_choice") == forced


def check_results(request: dict[str, Any], sent: dict[str, Any]) -> None:
    calls = [call["id"] for message in sent["messages"] for call in message.get("tool_calls") or ()]
    results = [message["tool_call_id"] for message in sent["messages"] if message["role"] == "tool"]
    assert len(results) == sum(message["role"] in ("tool", "function") for message in request["messages"])
    assert set(results) <= set(calls)


@needs_recordings
@each("recording", client_requests()[::10])
def test_the_sdk_of_cohere_takes_what_is_sent(recording: Recording) -> None:
    types = pytest.importorskip("cohere.types", reason="cohere's SDK is not installed; it is no dependency")
    from pydantic import TypeAdapter

    request = client_request(recording)
    if refusal_of(request):
        pytest.skip("it is refused")
    sent = json.loads(ask(turn_of(request)).body)
    TypeAdapter(list[types.ChatMessageV2]).validate_python(sent["messages"])
    TypeAdapter(list[types.ToolV2]).validate_python(sent.get("tools", []))


# --- messages --------------------------------------------------------------------------------


def test_a_request_goes_to_cohere_with_its_model_and_whether_to_stream() -> None:
    call = ask(turn(stream=True))
    assert (call.path, call.stream) == ("/v2/chat", True)
    assert json.loads(call.body) == {
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    assert body(turn())["stream"] is False


def test_a_model_that_cannot_stream_gets_no_stream_request() -> None:
    call = ask(turn(stream=True), replace(TARGET, profile=Profile(streams=False)))
    assert (call.stream, json.loads(call.body)["stream"]) == (False, False)


def test_another_service_may_have_another_path() -> None:
    target = Target("a/b", CohereDialect(path="/models/{model}/chat"))
    assert ask(turn(), target).path == "/models/a%2Fb/chat"


def test_the_operator_may_have_fields_of_its_own_in_every_request() -> None:
    sent = body(turn(), Target("m", CohereDialect(body={"safety_mode": "OFF"})))
    assert (sent["safety_mode"], sent["model"]) == ("OFF", "m")


def test_instructions_stay_where_they_are() -> None:
    said = messages(
        Message("developer", (Text("Be kind."), Text("Be brief."))),
        HELLO,
        Message("system", (Text("Be late."),)),
    )
    assert [message["role"] for message in said] == ["system", "user", "system"]
    assert said[0]["content"] == [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}]


def test_text_before_calls_is_the_plan() -> None:
    said = messages(
        HELLO,
        assistant(Text("Let me look."), ToolCall("c1", "weather", '{"city":"Rome"}')),
        Message("tool", (ToolResult("c1", "weather", (Text("sunny"),)),)),
    )
    function = {"name": "weather", "arguments": '{"city":"Rome"}'}
    assert said[1] == {
        "role": "assistant",
        "tool_plan": "Let me look.",
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    assert said[2] == {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (ToolCall("c", "f", ""), {}),
        (ToolCall("c", "f", '{"a": 1'), {"input": '{"a": 1'}),
        (ToolCall("c", "f", "[1]"), {"input": "[1]"}),
        (ToolCall("c", "f", "SELECT 1", "custom"), {"input": "SELECT 1"}),
    ],
)
def test_arguments_are_always_an_object(call: ToolCall, arguments: Any) -> None:
    said = messages(HELLO, assistant(call))
    assert json.loads(said[1]["tool_calls"][0]["function"]["arguments"]) == arguments


def test_each_result_is_a_message_of_its_own() -> None:
    results = (ToolResult("c1", "f", (Text("1"), Text("2"))), ToolResult("c2", "g", ()))
    said = messages(
        HELLO, assistant(ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}")), Message("tool", results)
    )
    assert [message.get("tool_call_id") for message in said] == [None, None, "c1", "c2"]
    assert said[2]["content"] == [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]
    assert said[3]["content"] == ""


def test_documents_of_results_are_documents() -> None:
    facts = Document(Inline("text/plain", "UnVieQ=="), name="facts.txt")
    said = messages(HELLO, Message("tool", (ToolResult("c1", "f", (facts,)),)))
    document = {"data": {"title": "facts.txt", "text": "Ruby"}}
    assert said[1]["content"] == [{"type": "document", "document": document}]


def test_a_result_that_is_an_error_reports_it() -> None:
    said = messages(HELLO, Message("tool", (ToolResult("c1", "f", (Text("no such city"),), is_error=True),)))
    assert said[1]["content"] == [{"type": "document", "document": {"data": {"error": "no such city"}}}]


def test_images_of_results_are_shown_by_the_user() -> None:
    said = messages(HELLO, Message("tool", (ToolResult("c1", "f", (Text("see"), Image(PNG))),)))
    assert [message["role"] for message in said] == ["user", "tool", "user"]
    assert said[1]["content"] == "see"
    assert said[2]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    ]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image(PNG), {"url": "data:image/png;base64,iVBORw0KGgo="}),
        (
            Image(Link("https://example.com/a.png"), "high"),
            {"url": "https://example.com/a.png", "detail": "high"},
        ),
    ],
)
def test_images_are_sent_as_they_come(image: Image, expected: Any) -> None:
    said = messages(user(Text("What is it?"), image))
    assert said[0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": expected},
    ]


def test_a_text_document_stays_in_its_place() -> None:
    said = messages(user(Text("Sum up:"), Document(Inline("text/plain", "UnVieQ=="), "a.txt", "A draft")))
    assert said[0]["content"][1] == {"type": "text", "text": "a.txt\nA draft\n\nRuby"}


def test_a_document_that_is_to_be_cited_is_one_of_the_documents() -> None:
    sent = body(turn(user(Text("Who?"), Document(Inline("text/plain", "UnVieQ=="), "a.txt", citations=True))))
    assert sent["messages"] == [{"role": "user", "content": "Who?"}]
    assert sent["documents"] == [{"id": "doc:0", "data": {"title": "a.txt", "text": "Ruby"}}]


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (Audio(Inline("audio/wav", "AAAA")), "audio"),
        (Video(Link("https://example.com/a.mp4")), "video"),
        (Document(Inline("application/pdf", "AAAA")), "application/pdf"),
        (Document(FileRef("file-1")), "document"),
        (Image(FileRef("file-1")), "image"),
        (Native("anthropic", Raw(b"{}"), "container_upload"), "container_upload"),
    ],
)
def test_user_content_that_cohere_does_not_support_is_refused(part: Part, word: str) -> None:
    with pytest.raises(Unsupported) as refused:
        ask(turn(HELLO, user(part)))
    assert word in refused.value.message
    assert refused.value.param == "messages.1.content"


def test_images_are_refused_where_only_texts_may_be() -> None:
    for message in (Message("system", (Image(PNG),)), assistant(Image(PNG))):
        with pytest.raises(Unsupported, match="messages"):
            ask(turn(HELLO, message))


def test_thoughts_are_given_back_to_models_that_think() -> None:
    thought = assistant(Reasoning("Hm.", "signed", "anthropic"), Text("Yes."), ToolCall("c", "f", "{}"))
    said = messages(HELLO, thought, target=THINKER)
    assert said[1]["content"] == [{"type": "thinking", "thinking": "Hm."}]
    assert said[1]["tool_plan"] == "Yes."
    plain = ask(turn(HELLO, thought), replace(TARGET, profile=profile_of("command-a-03-2025")))
    assert "thinking" not in plain.body.decode()
    assert plain.dropped == ("messages.reasoning",)


def test_what_only_others_can_read_is_left_out_and_named() -> None:
    said = assistant(
        RedactedReasoning("…", "anthropic"),
        Native("anthropic", Raw(b"{}"), "server_tool_use"),
        Text("Hi", CacheControl()),
    )
    call = ask(turn(Message("user", (Text("Hello"),), name="Ann"), said))
    assert call.dropped == (
        "messages.name",
        "redacted_thinking",
        "messages.content.server_tool_use",
        "cache_control",
    )
    assert json.loads(call.body)["messages"][1] == {"role": "assistant", "content": "Hi"}


def test_empty_messages_are_not_sent() -> None:
    assert messages(assistant(), HELLO, assistant(Text(""))) == [{"role": "user", "content": "Hello"}]
    with pytest.raises(InvalidRequest, match="messages are empty"):
        ask(turn(user()))


# --- tools -----------------------------------------------------------------------------------


def tools_of(**fields: Any) -> tuple[list[str], str | None]:
    sent = body(turn(**fields))
    return [tool["function"]["name"] for tool in sent.get("tools", [])], sent.get("tool_choice")


@pytest.mark.parametrize(
    ("choice", "offered", "sent"),
    [
        (None, ["weather", "clock"], None),
        (ToolChoice("auto"), ["weather", "clock"], None),
        (ToolChoice("none"), ["weather", "clock"], "NONE"),
        (ToolChoice("required"), ["weather", "clock"], "REQUIRED"),
        (ToolChoice("named", ("clock",)), ["clock"], "REQUIRED"),
        (ToolChoice("required", ("weather",)), ["weather"], "REQUIRED"),
        (ToolChoice("auto", ("weather",)), ["weather"], None),
    ],
)
def test_a_choice_that_names_tools_offers_no_others(
    choice: ToolChoice | None, offered: list[str], sent: str | None
) -> None:
    assert tools_of(tools=(WEATHER, CLOCK), tool_choice=choice) == (offered, sent)


def test_a_choice_without_tools_is_none() -> None:
    assert tools_of(tool_choice=ToolChoice("required")) == ([], None)


def test_older_services_know_no_choice() -> None:
    target = Target("m", CohereDialect(tool_choice=False))
    call = ask(turn(tools=(WEATHER,), tool_choice=ToolChoice("required")), target)
    assert "tool_choice" not in json.loads(call.body)
    assert call.dropped == ("tool_choice",)
    assert "tools" not in body(turn(tools=(WEATHER,), tool_choice=ToolChoice("none")), target)


def test_a_function_always_has_a_schema() -> None:
    sent = body(turn(tools=(WEATHER, CLOCK)))["tools"]
    assert sent == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                "description": "Tells it",
            },
        },
        {
            "type": "function",
            "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
        },
    ]


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /x+/"}}
    block = Raw(json.dumps({"type": "custom", "custom": {"name": "x", "format": grammar}}).encode())
    function = body(turn(tools=(Tool("x", "Writes x", kind="custom", block=block),)))["tools"][0]["function"]
    assert function["parameters"]["required"] == ["input"]
    assert function["description"].startswith("Writes x\n\n")
    assert "start: /x+/" in function["description"]


def test_a_custom_tool_whose_declaration_cannot_be_read_is_described_in_its_own_words() -> None:
    tool = Tool("x", "Writes x", kind="custom", block=Raw(b'{"custom":{"format":7}}'))
    assert body(turn(tools=(tool,)))["tools"][0]["function"]["description"] == "Writes x"


def test_a_tool_that_another_provider_runs_is_refused() -> None:
    search = Tool("web_search", kind="native", format="anthropic", block=Raw(b"{}"))
    with pytest.raises(Unsupported, match="web_search"):
        ask(turn(tools=(WEATHER, search)))


STRICT = Tool("s", parameters=Raw(b'{"type":"object","properties":{"a":{}},"required":["a"]}'), strict=True)


@pytest.mark.parametrize(
    ("tools", "strict", "dropped"),
    [
        ((STRICT,), True, ()),
        ((WEATHER,), None, ()),
        ((STRICT, WEATHER), None, ("tools.strict",)),
        ((STRICT, Tool("t", strict=True)), None, ("tools.strict",)),
        ((Tool("t", parameters=Raw(b'{"required":7}'), strict=True),), None, ("tools.strict",)),
    ],
)
def test_tools_are_strict_together_or_not_at_all(
    tools: tuple[Tool, ...], strict: bool | None, dropped: tuple[str, ...]
) -> None:
    call = ask(turn(tools=tools))
    assert json.loads(call.body).get("strict_tools") == strict
    assert call.dropped == dropped


def test_only_a_forbidden_parallel_call_is_a_loss() -> None:
    assert ask(turn(tools=(CLOCK,), parallel_tool_calls=True)).dropped == ()
    assert ask(turn(tools=(CLOCK,), parallel_tool_calls=False)).dropped == ("parallel_tool_calls",)
    assert ask(turn(parallel_tool_calls=False)).dropped == ()


# --- tuning ----------------------------------------------------------------------------------


def test_parameters_have_coheres_names() -> None:
    sent = body(
        turn(
            max_tokens=9,
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            seed=7,
            stop=("a", "b"),
            logprobs=True,
        )
    )
    assert {key: value for key, value in sent.items() if key not in ("model", "messages", "stream")} == {
        "max_tokens": 9,
        "temperature": 0.5,
        "p": 0.9,
        "k": 40,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 7,
        "stop_sequences": ["a", "b"],
        "logprobs": True,
    }


@pytest.mark.parametrize(
    ("fields", "sent", "dropped"),
    [
        ({"top_p": 1.0}, {"p": 0.99}, "top_p>0.99"),
        ({"top_p": 0.0}, {"p": 0.01}, "top_p<0.01"),
        ({"top_k": 1000}, {"k": 500}, "top_k>500"),
        ({"presence_penalty": 2.0}, {"presence_penalty": 1.0}, "presence_penalty>1"),
        ({"frequency_penalty": -0.5}, {"frequency_penalty": 0.0}, "frequency_penalty<0"),
        ({"stop": tuple("abcdefg")}, {"stop_sequences": list("abcde")}, "stop.5,stop.6"),
    ],
)
def test_what_is_out_of_range_is_moved_and_named(fields: Any, sent: Any, dropped: str) -> None:
    call = ask(turn(**fields))
    assert sent.items() <= json.loads(call.body).items()
    assert ",".join(call.dropped) == dropped


def test_what_a_model_refuses_is_not_sent() -> None:
    target = replace(TARGET, profile=Profile(sampling="refused", stop=False))
    call = ask(turn(temperature=1.0, logprobs=True, stop=("a",)), target)
    assert json.loads(call.body).keys() == {"model", "messages", "stream"}
    assert set(call.dropped) == {"temperature", "logprobs", "stop"}


@pytest.mark.parametrize(
    ("output", "sent"),
    [
        (OutputFormat("json_object"), {"type": "json_object"}),
        (
            OutputFormat("json_schema", Raw(b'{"type":"object"}'), "x", strict=True),
            {"type": "json_object", "json_schema": {"type": "object"}},
        ),
    ],
)
def test_a_form_is_requested_in_coheres_way(output: OutputFormat, sent: Any) -> None:
    assert body(turn(output=output))["response_format"] == sent


def test_a_form_is_refused_for_models_that_have_none() -> None:
    with pytest.raises(Unsupported, match="response_format"):
        ask(turn(output=OutputFormat("json_object")), replace(TARGET, profile=Profile(native_schema=False)))


@pytest.mark.parametrize(
    ("control", "sent"),
    [
        (ReasoningControl(), None),
        (ReasoningControl(effort="none"), {"type": "disabled"}),
        (ReasoningControl(budget=0), {"type": "disabled"}),
        (ReasoningControl(mode="disabled"), {"type": "disabled"}),
        (ReasoningControl(mode="adaptive"), {"type": "enabled"}),
        (ReasoningControl(effort="low"), {"type": "enabled", "token_budget": 2048}),
        (ReasoningControl(effort="max"), {"type": "enabled", "token_budget": 31000}),
        (ReasoningControl(effort="low", budget=300), {"type": "enabled", "token_budget": 300}),
    ],
)
def test_thinking_is_requested_by_a_budget(control: ReasoningControl, sent: Any) -> None:
    assert body(turn(reasoning=control), THINKER).get("thinking") == sent


def test_a_model_that_does_not_think_gets_no_thinking_request() -> None:
    target = replace(TARGET, profile=Profile(thinking="none"))
    call = ask(turn(reasoning=ReasoningControl(effort="high")), target)
    assert "thinking" not in json.loads(call.body)
    assert call.dropped == ("reasoning",)
    assert ask(turn(reasoning=ReasoningControl(effort="none")), target).dropped == ()


def test_thoughts_cannot_be_hidden() -> None:
    call = ask(turn(reasoning=ReasoningControl(effort="low", show=False)), THINKER)
    assert call.dropped == ("reasoning.show",)


@pytest.mark.parametrize("fields", [{"n": 2}, {"modalities": ("text", "audio")}])
def test_what_changes_the_meaning_is_refused(fields: Any) -> None:
    with pytest.raises(Unsupported) as refused:
        ask(turn(**fields))
    assert refused.value.param == next(iter(fields))


def test_what_is_usual_is_no_loss() -> None:
    assert ask(turn(n=1, modalities=("text",))).dropped == ()


@pytest.mark.parametrize("name", [name for name, outcome in CARRIES.items() if outcome == "dropped"])
def test_tuning_without_counterpart_is_named(name: str) -> None:
    values = {"parallel_tool_calls": False, "logit_bias": Raw(b"{}"), "top_logprobs": 3}
    call = ask(turn(tools=(CLOCK,), **{name: values.get(name, "x")}))
    assert call.dropped == (name,)


def test_the_clients_own_fields_are_named() -> None:
    asked = Turn(model="m", messages=(HELLO,), origin="openai_chat", extensions={"store": Raw(b"true")})
    assert ask(asked).dropped == ("store",)


# --- errors ----------------------------------------------------------------------------------


@needs_recordings
@each("recording", recordings("cohere", "error"))
def test_a_recorded_error_keeps_its_status_and_words(recording: Recording) -> None:
    sent = recording.response["body"]
    error = PROTOCOL.parse_error(recording.status, {}, recording.body)
    assert (error.status, error.message, error.code) == (
        recording.status,
        sent["message"],
        sent.get("error_type"),
    )


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, b"<html><style>b{}</style><h1>Bad &amp; gateway</h1></html>", "Bad & gateway"),
        (500, b"", "the provider answered 500 without a message"),
        (500, b"\xff\xfe", "\ufffd\ufffd"),
        (429, b'{"message":"slow down"}', "slow down"),
    ],
)
def test_an_error_of_any_form_has_words(status: int, body: bytes, message: str) -> None:
    error = PROTOCOL.parse_error(status, {"retry-after": "7"}, body)
    assert (error.status, error.message, error.retry_after) == (status, message, 7)


def test_that_cohere_lost_its_client_is_not_reported_as_our_clients_leaving() -> None:
    assert PROTOCOL.parse_error(499, {}, b'{"message":"cancelled"}').status == 502


def test_nothing_is_counted_by_cohere() -> None:
    assert PROTOCOL.render_count(None, TARGET) is None  # type: ignore[arg-type]


def test_every_optional_field_has_an_outcome() -> None:
    own = {"model", "messages", "stream", "origin", "extensions"}
    assert set(CARRIES) == set(Turn.__struct_fields__) - own
