"""Requests of any origin as Anthropic takes them; every rule of its API is one test."""

import base64
import fnmatch
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from anthropic.types.beta import message_create_params
from msgspec import Raw
from pydantic import TypeAdapter

import tidegate.providers
from protocols.anthropic_answers import target
from tidegate.protocols.anthropic import PROTOCOL
from tidegate.protocols.errors import InvalidRequest, Unsupported
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
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)

REQUEST: TypeAdapter[Any] = TypeAdapter(message_create_params.MessageCreateParamsNonStreaming)
OBJECT = Raw(b'{"type":"object","properties":{"a":{"type":"integer"}}}')
FUNCTION = Tool("f", "Does f.", OBJECT)


def said(role: Role, *parts: Part | str, name: str | None = None) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts), name)


HI = said("user", "Hi")


def turn(*messages: Message, **fields: Any) -> Turn:
    return Turn(
        model="m", messages=messages or (HI,), **{"origin": "openai_chat", "extensions": {}, **fields}
    )


def render(asked: Turn, profile: Profile = PLAIN) -> dict[str, Any]:
    """The rendered body, which the official SDK's own types must take."""
    fields: dict[str, Any] = json.loads(PROTOCOL.render_request(asked, target(profile)).body)
    untyped = ("temperature", "top_p", "top_k", "stream")  # the API takes them, the SDK's types no longer do
    REQUEST.validate_python({key: value for key, value in fields.items() if key not in untyped})
    return fields


def dropped(asked: Turn, profile: Profile = PLAIN) -> tuple[str, ...]:
    return PROTOCOL.render_request(asked, target(profile)).dropped


def messages(asked: Turn, profile: Profile = PLAIN) -> list[tuple[str, list[Any]]]:
    return [(message["role"], message["content"]) for message in render(asked, profile)["messages"]]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


# --- the conversation ------------------------------------------------------------------------


def test_instructions_are_hoisted_wherever_they_stand() -> None:
    asked = turn(said("system", "A"), HI, said("developer", "B"), said("user", "Ho"))
    assert render(asked)["system"] == [text("A"), text("B")]
    assert messages(asked) == [("user", [text("Hi"), text("Ho")])]


def test_later_instructions_stay_where_the_model_takes_them() -> None:
    asked = turn(said("system", "A"), HI, said("developer", "B"))
    profile = Profile(system_messages=True)
    assert render(asked, profile)["system"] == [text("A")]
    assert messages(asked, profile) == [("user", [text("Hi")]), ("system", [text("B")])]


def test_instructions_alone_become_the_user_message() -> None:
    asked = turn(said("system", "Tell a joke."))
    assert "system" not in render(asked)
    assert messages(asked) == [("user", [text("Tell a joke.")])]


def test_the_user_begins_and_the_roles_take_turns() -> None:
    asked = turn(said("assistant", "Hello"), said("assistant", "you"), HI, said("user", "Ho"))
    assert messages(asked) == [
        ("user", [text(".")]),
        ("assistant", [text("Hello"), text("you")]),
        ("user", [text("Hi"), text("Ho")]),
    ]


def test_blank_texts_and_empty_messages_are_left_out() -> None:
    asked = turn(HI, said("assistant", ""), said("user", "", " \n", "Ho"))
    assert messages(asked) == [("user", [text("Hi"), text("Ho")])]


def test_results_come_first_and_in_one_message() -> None:
    asked = turn(
        HI,
        said("assistant", "Both.", ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "")),
        said("tool", ToolResult("a", "f", (Text("1"),))),
        said("user", "And?"),
        said("tool", ToolResult("b", "g", (Text("2"), Text("3")), is_error=True)),
    )
    assert messages(asked)[1:] == [
        (
            "assistant",
            [
                text("Both."),
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {}},
            ],
        ),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "content": [text("2"), text("3")],
                    "is_error": True,
                },
                text("And?"),
            ],
        ),
    ]


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", "7", "nothing", '{"a"' * 5000])
def test_arguments_that_are_no_object_are_kept_as_a_text(arguments: str) -> None:
    [block] = messages(turn(HI, said("assistant", ToolCall("a", "f", arguments)), HI))[1][1]
    assert block["input"] == {"invalid_json": arguments}


def test_ids_that_anthropic_refuses_are_replaced_the_same_in_call_and_result() -> None:
    for strange in ("call.1|fc:2", "ü" * 200):
        asked = turn(
            HI,
            said("assistant", ToolCall(strange, "f", "{}")),
            said("tool", ToolResult(strange, "f", (Text("x"),))),
        )
        [(_, [call]), (_, [result])] = messages(asked)[1:]
        assert call["id"] == result["tool_use_id"]
        assert call["id"].startswith("toolu_")


def test_a_last_assistant_message_is_continued_where_the_model_can() -> None:
    asked = turn(HI, said("assistant", "Once upon a \n"))
    assert messages(asked)[-1] == ("assistant", [text("Once upon a")])
    assert messages(asked, Profile(prefill=False))[-1] == ("user", [text("Continue.")])


def test_only_anthropics_own_sealed_thinking_goes_back() -> None:
    asked = turn(
        HI,
        said(
            "assistant",
            Reasoning("a", "s", "anthropic"),
            Reasoning("b", "s", "gemini"),
            Reasoning("c"),
            RedactedReasoning("d", "anthropic"),
            RedactedReasoning("e", "gemini"),
            "So.",
            Reasoning("last", "s", "anthropic"),
        ),
        HI,
    )
    assert messages(asked)[1][1] == [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        text("So."),
    ]
    assert dropped(asked) == ("thinking", "redacted_thinking")


def test_a_refusal_and_native_blocks() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    own, other = Native("anthropic", Raw(json.dumps(block).encode())), Native("gemini", Raw(b"{}"))
    asked = turn(HI, said("assistant", Refusal("No."), own, other), HI)
    assert messages(asked)[1][1] == [text("No."), block]
    assert dropped(asked) == ("messages.content.gemini",)


# --- media -----------------------------------------------------------------------------------


def test_images_and_documents_by_every_way() -> None:
    words = base64.b64encode(b"a,b").decode()
    asked = turn(
        said(
            "user",
            Image(Inline("image/jpg", "aGk=")),
            Image(Link("https://a.b/c")),
            Image(FileRef("file_1")),
            Document(Inline("application/pdf", "aGk="), name="N", context="C", citations=True),
            Document(Inline("text/csv", words)),
            Document(Link("https://a.b/d.pdf")),
            Document(FileRef("file_2")),
        )
    )
    assert messages(asked)[0][1] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://a.b/c"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
            "title": "N",
            "context": "C",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"type": "document", "source": {"type": "url", "url": "https://a.b/d.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_2"}},
    ]


def test_an_image_that_a_model_made_is_shown_by_the_user() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    asked = turn(HI, said("assistant", "Here:", Image(Inline("image/png", "aGk="))), said("user", "Nice."))
    assert messages(asked)[1:] == [("assistant", [text("Here:")]), ("user", [image, text("Nice.")])]


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (Audio(Inline("audio/wav", "aGk=")), "audio"),
        (Video(Link("https://a.b/c.mp4")), "video"),
        (Document(Inline("application/msword", "aGk=")), "application/msword"),
        (Image(Link("gs://a/b.png")), "URL"),
    ],
)
def test_media_that_cannot_be_carried_are_refused_by_name(part: Part, word: str) -> None:
    with pytest.raises(Unsupported, match=word) as caught:
        render(turn(HI, said("user", "Look:", part)))
    assert caught.value.param == "messages.1.content.1"


# --- tools -----------------------------------------------------------------------------------


def test_tools_are_functions_of_type_object() -> None:
    asked = turn(tools=(FUNCTION, Tool("g"), Tool("h", parameters=Raw(b'{"properties":{}}'))))
    assert render(asked)["tools"] == [
        {"name": "f", "description": "Does f.", "input_schema": json.loads(bytes(OBJECT))},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {"name": "h", "input_schema": {"properties": {}, "type": "object"}},
    ]


def test_a_strict_tool_is_closed_where_the_model_knows_strictness() -> None:
    strict = Tool("f", parameters=OBJECT, strict=True)
    [tool] = render(turn(tools=(strict,)))["tools"]
    assert (tool["strict"], tool["input_schema"]["additionalProperties"]) == (True, False)
    [tool] = render(turn(tools=(strict,)), Profile(native_schema=False))["tools"]
    assert "strict" not in tool
    assert dropped(turn(tools=(strict,)), Profile(native_schema=False)) == ("tools.strict",)
    many = tuple(Tool(f"f{i}", parameters=OBJECT, strict=True) for i in range(21))
    assert dropped(turn(tools=many)) == ("tools.strict",)


def test_a_custom_tool_is_a_function_with_one_text() -> None:
    block = {
        "type": "custom",
        "custom": {"name": "sh", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}},
    }
    custom = Tool("sh", "Runs.", kind="custom", block=Raw(json.dumps(block).encode()))
    asked = turn(HI, said("assistant", ToolCall("a", "sh", "ls", kind="custom")), HI, tools=(custom,))
    [tool] = render(asked)["tools"]
    assert tool["input_schema"]["required"] == ["input"]
    assert "lark" in tool["description"]
    assert messages(asked)[1][1][0]["input"] == {"input": "ls"}
    assert PROTOCOL.render_request(asked, target()).custom_tools == {"sh"}


def test_native_tools_of_anthropic_pass_and_others_are_refused() -> None:
    block = {"type": "web_search_20250305", "name": "web_search"}
    own = Tool("web_search", kind="native", format="anthropic", block=Raw(json.dumps(block).encode()))
    assert render(turn(tools=(own,)))["tools"] == [block]
    other = Tool("googleSearch", kind="native", format="gemini", block=Raw(b"{}"))
    with pytest.raises(Unsupported, match="googleSearch"):
        render(turn(tools=(other,)))


@pytest.mark.parametrize(
    ("choice", "parallel", "rendered"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("named", ("f",)), None, {"type": "tool", "name": "f"}),
    ],
)
def test_the_choice_among_tools(choice: ToolChoice | None, parallel: bool | None, rendered: Any) -> None:
    asked = turn(tools=(FUNCTION,), tool_choice=choice, parallel_tool_calls=parallel)
    assert render(asked).get("tool_choice") == rendered


def test_a_choice_without_tools_is_not_sent_and_one_among_some_offers_only_those() -> None:
    assert "tool_choice" not in render(turn(tool_choice=ToolChoice("auto"), parallel_tool_calls=False))
    some = turn(tools=(FUNCTION, Tool("g")), tool_choice=ToolChoice("required", ("g",)))
    assert [tool["name"] for tool in render(some)["tools"]] == ["g"]


# --- the form of the answer ------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "age": {"type": "integer", "minimum": 1, "description": "Years"},
        "tags": {"type": "array", "items": {"type": "object", "properties": {}}, "minItems": 2},
        "mail": {"type": "string", "format": "email", "maxLength": 9},
        "one": {"oneOf": [{"type": "string"}, {"$ref": "#/$defs/d"}]},
    },
    "$defs": {"d": {"type": ["object", "null"], "additionalProperties": {"type": "string"}}},
}


def form(**fields: Any) -> OutputFormat:
    return OutputFormat("json_schema", Raw(json.dumps(SCHEMA).encode()), "person", **fields)


def test_a_schema_is_closed_and_what_the_compiler_refuses_is_described() -> None:
    config = render(turn(output=form(), reasoning=ReasoningControl("low")))["output_config"]
    schema = config["format"]["schema"]
    assert (config["format"]["type"], config["effort"]) == ("json_schema", "low")
    properties = schema["properties"]
    assert schema["additionalProperties"] is False
    assert properties["age"] == {"type": "integer", "description": 'Years\n\n{"minimum":1}'}
    assert properties["tags"]["items"]["additionalProperties"] is False
    assert properties["tags"]["description"] == '{"minItems":2}'
    assert properties["mail"] == {"type": "string", "format": "email", "description": '{"maxLength":9}'}
    assert properties["one"]["anyOf"] == [{"type": "string"}, {"$ref": "#/$defs/d"}]
    assert schema["$defs"]["d"]["additionalProperties"] is False


OLD = Profile(native_schema=False, thinking="budget", forced_tools_while_thinking=False)


def test_older_models_are_made_to_answer_by_a_tool() -> None:
    asked = turn(output=form(description="A person."))
    call = PROTOCOL.render_request(asked, target(OLD))
    body = render(asked, OLD)
    [tool] = body["tools"]
    assert (tool["name"], tool["input_schema"]) == ("structured_output", SCHEMA)
    assert tool["description"].startswith("A person.")
    assert body["tool_choice"] == {"type": "tool", "name": "structured_output"}
    assert call.answer_tool == "structured_output"
    assert "output_config" not in body


def test_older_models_may_call_the_clients_tools_before_they_answer() -> None:
    taken = Tool("structured_output", parameters=OBJECT)
    body = render(turn(output=form(), tools=(taken,)), OLD)
    assert [tool["name"] for tool in body["tools"]] == ["structured_output", "structured_output_"]
    assert body["tool_choice"] == {"type": "any"}
    named = turn(output=form(), tools=(FUNCTION,), tool_choice=ToolChoice("named", ("f",)))
    assert render(named, OLD)["tool_choice"] == {"type": "tool", "name": "f"}


def test_an_answer_made_by_a_tool_leaves_no_room_for_thinking() -> None:
    asked = turn(output=form(), reasoning=ReasoningControl("high"))
    assert "thinking" not in render(asked, OLD)
    assert dropped(asked, OLD) == ("reasoning_effort",)


def test_json_without_a_schema_is_requested_in_words() -> None:
    body = render(turn(said("system", "A"), HI, output=OutputFormat("json_object")))
    assert body["system"][0] == text("A")
    assert "JSON" in body["system"][1]["text"]


# --- thinking and sampling -------------------------------------------------------------------

BUDGET = Profile(thinking="budget", forced_tools_while_thinking=False, budgets={"low": 2000, "high": 16000})
ADAPTIVE = Profile(thinking="adaptive", efforts=("low", "medium", "high", "max"))


@pytest.mark.parametrize(
    ("profile", "control", "limit", "thinking", "effort", "sent_limit"),
    [
        (BUDGET, ReasoningControl("low"), None, {"type": "enabled", "budget_tokens": 2000}, None, 4096),
        (BUDGET, ReasoningControl("high"), None, {"type": "enabled", "budget_tokens": 16000}, None, 20096),
        (BUDGET, ReasoningControl("high"), 5000, {"type": "enabled", "budget_tokens": 2500}, None, 5000),
        (BUDGET, ReasoningControl("high"), 100, {"type": "enabled", "budget_tokens": 1024}, None, 1124),
        (BUDGET, ReasoningControl(budget=10), None, {"type": "enabled", "budget_tokens": 1024}, None, 4096),
        (BUDGET, ReasoningControl(budget=5000), 100, {"type": "enabled", "budget_tokens": 5000}, None, 5100),
        (BUDGET, ReasoningControl("none"), 100, {"type": "disabled"}, None, 100),
        (BUDGET, ReasoningControl(budget=0), 100, {"type": "disabled"}, None, 100),
        (ADAPTIVE, ReasoningControl("minimal"), 100, {"type": "adaptive"}, "low", 100),
        (ADAPTIVE, ReasoningControl("xhigh"), 100, {"type": "adaptive"}, "high", 100),
        (ADAPTIVE, ReasoningControl("max", show=True), 9,
         {"type": "adaptive", "display": "summarized"}, "max", 9),
        (ADAPTIVE, ReasoningControl(budget=9000, mode="enabled"), 9, {"type": "adaptive"}, "medium", 9),
        (ADAPTIVE, ReasoningControl(mode="adaptive", show=False), 9,
         {"type": "adaptive", "display": "omitted"}, None, 9),
        (Profile(thinking="budget_or_adaptive"), ReasoningControl(budget=2000), None,
         {"type": "enabled", "budget_tokens": 2000}, None, 4096),
        (Profile(thinking="budget_or_adaptive"), ReasoningControl("max"), 9, {"type": "adaptive"}, "max", 9),
        (Profile(thinking="adaptive", thinking_off=False), ReasoningControl("none"), 9, None, "low", 9),
        (Profile(thinking="none"), ReasoningControl("high"), 9, None, None, 9),
        (Profile(default_max_tokens=64000), None, None, None, None, 64000),
    ],
)  # fmt: skip
def test_effort_takes_the_familys_form(
    profile: Profile,
    control: ReasoningControl | None,
    limit: int | None,
    thinking: Any,
    effort: str | None,
    sent_limit: int,
) -> None:
    body = render(turn(reasoning=control, max_tokens=limit), profile)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert body["max_tokens"] == sent_limit


def test_effort_that_cannot_be_had_is_named() -> None:
    assert dropped(turn(reasoning=ReasoningControl("high")), Profile(thinking="none")) == (
        "reasoning_effort",
    )
    assert dropped(turn(reasoning=ReasoningControl("none")), Profile(thinking="none")) == ()
    always = Profile(thinking="adaptive", thinking_off=False)
    assert dropped(turn(reasoning=ReasoningControl("none")), always) == ("reasoning_effort",)


def test_effort_alone_does_not_make_a_client_of_anthropic_think() -> None:
    asked = turn(origin="anthropic", reasoning=ReasoningControl("low"))
    assert "thinking" not in render(asked, ADAPTIVE)
    assert render(asked, ADAPTIVE)["output_config"] == {"effort": "low"}
    assert dropped(asked, BUDGET) == ("output_config.effort",)


def test_anthropics_own_thinking_is_understood_in_another_dialect() -> None:
    own = {"thinking": Raw(b'{"type":"enabled","budget_tokens":2000}')}
    asked = turn(extensions=own)
    assert render(asked, BUDGET)["thinking"] == {
        "type": "enabled", "budget_tokens": 2000, "display": "summarized"
    }  # fmt: skip
    assert dropped(asked, BUDGET) == ()
    assert dropped(turn(extensions=own, reasoning=ReasoningControl("low")), BUDGET) == ("thinking",)
    with pytest.raises(InvalidRequest) as caught:
        render(turn(extensions={"thinking": Raw(b'{"type":7}')}))
    assert caught.value.param == "thinking.type"


def test_a_tool_that_must_be_called_comes_before_thinking() -> None:
    asked = turn(tools=(FUNCTION,), tool_choice=ToolChoice("required"), reasoning=ReasoningControl("high"))
    assert "thinking" not in render(asked, BUDGET)
    assert dropped(asked, BUDGET) == ("reasoning_effort",)
    with pytest.raises(Unsupported, match="tool"):
        render(asked, Profile(thinking="adaptive", thinking_off=False, forced_tools_while_thinking=False))


def test_tool_use_without_its_thinking_is_continued_without() -> None:
    call, result = ToolCall("a", "f", "{}"), said("tool", ToolResult("a", "f", (Text("x"),)))
    control = ReasoningControl("low")
    bare = turn(HI, said("assistant", call), result, reasoning=control)
    assert "thinking" not in render(bare, BUDGET)
    assert dropped(bare, BUDGET) == ("reasoning_effort",)
    assert "thinking" in render(bare, ADAPTIVE)
    signed = turn(HI, said("assistant", Reasoning("t", "s", "anthropic"), call), result, reasoning=control)
    assert "thinking" in render(signed, BUDGET)
    over = turn(HI, said("assistant", call), result, said("assistant", "x"), HI, reasoning=control)
    assert "thinking" in render(over, BUDGET)


def test_a_thinking_model_continues_no_message() -> None:
    asked = turn(HI, said("assistant", "Once"), reasoning=ReasoningControl("low"))
    assert messages(asked, BUDGET)[-1] == ("user", [text("Continue.")])


@pytest.mark.parametrize(
    ("profile", "fields", "kept", "named"),
    [
        (PLAIN, {"temperature": 0.2, "top_p": 0.5, "top_k": 3},
         {"temperature": 0.2, "top_p": 0.5, "top_k": 3}, ()),
        (PLAIN, {"temperature": 1.7}, {"temperature": 1.0}, ("temperature>1",)),
        (Profile(temperature_or_top_p=True), {"temperature": 0, "top_p": 0.5},
         {"temperature": 0}, ("top_p",)),
        (Profile(sampling="refused"), {"temperature": 1.0, "top_k": 3}, {}, ("temperature", "top_k")),
        (BUDGET, {"temperature": 0.5, "top_p": 0.96, "top_k": 3, "reasoning": ReasoningControl("low")},
         {"top_p": 0.96}, ("temperature", "top_k")),
        (BUDGET, {"temperature": 1.0, "top_p": 0.5, "reasoning": ReasoningControl("low")},
         {"temperature": 1.0}, ("top_p",)),
    ],
)  # fmt: skip
def test_sampling_as_far_as_the_model_takes_it(
    profile: Profile, fields: dict[str, Any], kept: dict[str, float], named: tuple[str, ...]
) -> None:
    body = render(turn(**fields), profile)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == kept
    assert dropped(turn(**fields), profile) == named


# --- the rest --------------------------------------------------------------------------------


def test_stops_end_user_tier_and_stream() -> None:
    asked = turn(stop=("END", " \n"), user="u", service_tier="default", stream=True)
    body = render(asked)
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u"}
    assert body["service_tier"] == "standard_only"
    assert body["stream"] is True
    assert dropped(asked) == ("stop",)


def test_tuning_that_anthropic_does_not_support_is_named() -> None:
    asked = turn(
        said("user", "Hi", name="Ann"),
        seed=1,
        presence_penalty=0.5,
        logprobs=True,
        n=1,
        modalities=("text",),
        service_tier="flex",
        verbosity="low",
        extensions={"store": Raw(b"true")},
    )
    assert set(dropped(asked)) == {
        "seed", "presence_penalty", "logprobs", "service_tier", "verbosity", "store", "messages.name"
    }  # fmt: skip


@pytest.mark.parametrize(("fields", "word"), [({"n": 2}, "n"), ({"modalities": ("text", "audio")}, "text")])
def test_meaning_that_anthropic_does_not_support_is_refused(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(Unsupported, match=word):
        render(turn(**fields))


def test_own_extensions_reach_anthropic() -> None:
    extensions = {"context_management": Raw(b'{"edits":[]}'), "output_config": Raw(b'{"x":1,"effort":"max"}')}
    asked = turn(
        origin="anthropic", extensions=extensions, reasoning=ReasoningControl("low", mode="adaptive")
    )
    body = json.loads(PROTOCOL.render_request(asked, target(ADAPTIVE)).body)
    assert body["context_management"] == {"edits": []}
    assert body["output_config"] == {"x": 1, "effort": "low"}


def test_the_last_four_breakpoints_count() -> None:
    cached = [Text(f"{i}", CacheControl("1h" if i == 5 else None)) for i in range(6)]
    asked = turn(
        said("system", cached[0]), said("user", *cached[1:]), tools=(Tool("f", cache=CacheControl()),)
    )
    body = render(asked)
    assert "cache_control" not in body["tools"][0]
    marks = [block.get("cache_control") for block in body["messages"][0]["content"]]
    assert marks == [None, *[{"type": "ephemeral"}] * 3, {"type": "ephemeral", "ttl": "1h"}]
    assert "cache_control" not in body["system"][0]
    assert dropped(asked) == ("cache_control",)


def test_every_field_of_a_turn_has_an_outcome() -> None:
    always = {"model", "messages", "stream", "origin", "extensions"}
    assert PROTOCOL.carries.keys() == set(Turn.__struct_fields__) - always


def test_a_schema_that_cannot_be_read_is_the_clients_mistake() -> None:
    with pytest.raises(InvalidRequest):
        render(turn(output=OutputFormat("json_schema", Raw(b'{"type": "\\ud800"}'))))


def test_counting_a_turn_of_another_format_takes_what_the_counter_takes() -> None:
    asked = turn(said("system", "S"), HI, tools=(FUNCTION,), temperature=0.5, user="u", stop=("x",))

    class Asked:
        body = b""
        model = "m"
        stream = False
        include_usage = True
        provider = None
        fallbacks = ()

        def turn(self) -> Turn:
            return asked

    call = PROTOCOL.render_count(Asked(), target())
    assert call is not None
    assert json.loads(call.body).keys() == {"model", "messages", "system", "tools"}


# --- the families ----------------------------------------------------------------------------

FAMILIES = tomllib.loads(
    (Path(tidegate.providers.__file__).parent / "profiles" / "anthropic.toml").read_text()
)["family"]


def family(model: str) -> Profile:
    for one in FAMILIES:
        if any(fnmatch.fnmatchcase(model, pattern) for pattern in one["match"]):
            return msgspec.convert({key: value for key, value in one.items() if key != "match"}, Profile)
    raise AssertionError(model)


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "native_schema", "prefill"),
    [
        ("claude-3-haiku-20240307", "none", "free", False, True),
        ("claude-3-5-sonnet-latest", "none", "free", False, True),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "budget", "free", False, True),
        ("claude-sonnet-4-20250514", "budget", "free", False, True),
        ("claude-opus-4-1@20250805", "budget", "free", False, True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "budget", "free", True, True),
        ("claude-opus-4-5", "budget", "free", True, True),
        ("claude-opus-4-6", "budget_or_adaptive", "free", True, False),
        ("claude-opus-4-7", "adaptive", "refused", True, False),
        ("claude-opus-4-8", "adaptive", "refused", True, False),
        ("claude-opus-5-5", "adaptive", "refused", True, False),
        ("claude-sonnet-5", "adaptive", "refused", True, False),
        ("claude-mythos-preview", "adaptive", "refused", True, False),
        ("claude-newest-9", "adaptive", "refused", True, False),
    ],
)
def test_a_model_is_of_its_family(
    model: str, thinking: str, sampling: str, native_schema: bool, prefill: bool
) -> None:
    profile = family(model)
    assert (profile.thinking, profile.sampling, profile.native_schema, profile.prefill) == (
        thinking, sampling, native_schema, prefill
    )  # fmt: skip
    assert profile.default_max_tokens
    assert max(profile.budgets.values(), default=0) < profile.default_max_tokens
