"""What the demo says to a request."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tidegate.demo.answers import Answer, answer_to, count, cut
from tidegate.demo.tokens import split
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.turn import (
    Document,
    Image,
    Inline,
    Link,
    Message,
    OutputFormat,
    ReasoningControl,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)


def user(text: str, *more: Any) -> Message:
    return Message("user", (Text(text), *more))


def ask(*messages: Message, **fields: Any) -> Turn:
    return Turn(model="echo", messages=messages, origin="openai_chat", extensions={}, **fields)


def tool(name: str, **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool(name, parameters=Raw(msgspec.json.encode(schema)))


def result(text: str, *, is_error: bool = False) -> list[Message]:
    call = Message("assistant", (ToolCall("call_1", "weather", "{}"),))
    return [call, Message("tool", (ToolResult("call_1", "weather", (Text(text),), is_error),))]


WEATHER = tool("weather", city={"type": "string"})
CLOCK = tool("clock", zone={"enum": ["UTC"]})


def texts(answer: Answer) -> list[str]:
    return [choice.text for choice in answer.choices]


def called(turn: Turn) -> list[tuple[str, str]]:
    [choice] = answer_to(turn).choices
    assert choice.finish == ("tool_calls" if choice.calls else "stop")
    assert bool(choice.text) != bool(choice.calls)
    return [(call.name, call.arguments) for call in choice.calls]


def test_the_same_request_gets_the_same_answer_streamed_or_not() -> None:
    assert answer_to(ask(user("hi"))) == answer_to(ask(user("hi"), stream=True))
    assert answer_to(ask(user("hi"))).id != answer_to(ask(user("ho"))).id


def test_it_returns_who_it_is_and_what_it_received() -> None:
    [text] = texts(answer_to(ask(Message("system", (Text("Be brief."),)), user("Where is Ålesund?"))))
    assert "Tidegate's demo provider" in text
    assert "You said: “Where is Ålesund?”" in text
    assert "My instructions: “Be brief.”" in text


def test_a_long_question_is_quoted_by_its_ends() -> None:
    [text] = texts(answer_to(ask(user("a" * 5000 + "z" * 5000))))
    assert "aaa … zzz" in text
    assert "(10000 characters in all)" in text
    assert len(text) < 1200


def test_it_mentions_images_and_documents() -> None:
    shown = (Image(Inline("image/png", "aGVsbG8=")), Image(Link("https://example.com/a.png")))
    paper = Document(Inline("application/pdf", "aGVsbG8h"), name="report.pdf")
    [text] = texts(answer_to(ask(user("look", *shown, paper))))
    assert "an image (image/png, 5 bytes); an image at https://example.com/a.png" in text
    assert "a document “report.pdf” (application/pdf, 6 bytes)" in text


def test_it_repeats_tool_results() -> None:
    [text] = texts(answer_to(ask(user("weather?"), *result("sunny"), tools=(WEATHER,))))
    assert "The tool weather returned: “sunny”" in text
    [text] = texts(answer_to(ask(user("weather?"), *result("no such city", is_error=True))))
    assert "The tool weather failed with: “no such city”" in text


def test_a_remark_beside_a_result_does_not_start_the_calls_again() -> None:
    assert called(ask(user("weather?"), *result("sunny"), user("go on"), tools=(WEATHER,))) == []


@pytest.mark.parametrize(
    ("words", "fields", "calls"),
    [
        ("weather?", {}, ["weather"]),
        ("call clock", {}, ["clock"]),
        ("use both", {}, ["weather", "clock"]),
        ("ask two times", {"tools": (WEATHER,)}, ["weather", "weather"]),
        ("first clock, then weather", {}, ["weather", "clock"]),
        ("use both", {"parallel_tool_calls": False}, ["weather"]),
        ("weather?", {"tool_choice": ToolChoice("none")}, []),
        ("hi", {"tool_choice": ToolChoice("required")}, ["weather"]),
        ("weather?", {"tool_choice": ToolChoice("named", ("clock",))}, ["clock"]),
        ("weather?", {"tool_choice": ToolChoice("auto", ("clock",))}, ["clock"]),
        ("hi", {"tools": (Tool("web_search", kind="native"),)}, []),
    ],
)
def test_tools_are_called_as_requested(words: str, fields: dict[str, Any], calls: list[str]) -> None:
    assert [name for name, _ in called(ask(user(words), **({"tools": (WEATHER, CLOCK)} | fields)))] == calls


def test_arguments_follow_the_schema_and_differ_between_two_calls() -> None:
    assert called(ask(user("ask two times"), tools=(WEATHER,))) == [
        ("weather", '{"city":"demo city"}'),
        ("weather", '{"city":"demo city 2"}'),
    ]


def test_calls_have_ids_of_their_own() -> None:
    choices = answer_to(ask(user("both"), tools=(WEATHER, CLOCK), n=2)).choices
    assert len({call.id for choice in choices for call in choice.calls}) == 4


def test_a_required_call_is_made_after_results_too() -> None:
    turn = ask(user("weather?"), *result("sunny"), tools=(WEATHER,), tool_choice=ToolChoice("required"))
    assert [name for name, _ in called(turn)] == ["weather"]


def test_a_tool_without_parameters_is_called_with_none() -> None:
    assert called(ask(user("ping"), tools=(Tool("ping"),))) == [("ping", "{}")]


def test_a_custom_tool_gets_free_text() -> None:
    [choice] = answer_to(ask(user("run it"), tools=(Tool("shell", kind="custom"),))).choices
    assert [(call.custom, call.arguments) for call in choice.calls] == [(True, "run it")]


def test_a_schema_that_is_none_is_refused_by_name() -> None:
    turn = ask(user("use bad"), tools=(CLOCK, Tool("bad", parameters=Raw(b'{"required":5}'))))
    with pytest.raises(InvalidRequest) as caught:
        answer_to(turn)
    assert caught.value.param == "tools.1.function.parameters"


def test_a_schema_is_filled() -> None:
    schema = Raw(b'{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}}}')
    turn = ask(user("who?"), output=OutputFormat("json_schema", schema, "person"), n=2)
    assert texts(answer_to(turn)) == ['{"name":"demo name","age":1}', '{"name":"demo name 2","age":2}']


def test_json_without_a_schema_is_an_object() -> None:
    [text] = texts(answer_to(ask(user("json please"), output=OutputFormat("json_object"))))
    assert "json please" in msgspec.json.decode(text)["answer"]


def test_several_choices_have_their_index() -> None:
    first, second, third = texts(answer_to(ask(user("hi"), n=3)))
    assert "choice" not in first
    assert "This is choice 2 of 3." in second
    assert "This is choice 3 of 3." in third


def test_the_first_stop_sequence_cuts() -> None:
    whole, cut_off = (
        texts(answer_to(ask(user("hi"), stop=stop)))[0] for stop in ((), (" nothing", " no key"))
    )
    assert whole.startswith(cut_off + " no key")


def test_a_limit_cuts_to_exactly_so_many_tokens() -> None:
    turn = ask(user("hi"))
    whole = answer_to(turn)
    tokens = count(turn, whole).completion
    short = cut(whole, tokens - 1)
    assert short.choices[0].finish == "length"
    assert count(turn, short).completion == tokens - 1
    assert whole.choices[0].text.startswith(short.choices[0].text)
    assert cut(whole, tokens) == whole


def test_a_limit_cuts_thinking_before_text() -> None:
    turn = ask(user("hi"))
    whole = answer_to(turn, thinks=True)
    [short] = cut(whole, 4).choices
    assert (short.text, short.finish) == ("", "length")
    assert whole.choices[0].reasoning.startswith(short.reasoning)
    assert short.reasoning


def test_a_limit_cuts_arguments() -> None:
    whole = answer_to(ask(user("both"), tools=(WEATHER, CLOCK)))
    [short] = cut(whole, 3).choices
    assert short.finish == "length"
    assert len(short.calls) == 1
    assert whole.choices[0].calls[0].arguments.startswith(short.calls[0].arguments)


def test_only_the_thinking_model_thinks_and_more_with_more_effort() -> None:
    def thoughts(effort: Any) -> int:
        control = ReasoningControl(effort=effort) if effort else None
        return len(answer_to(ask(user("hi"), reasoning=control), thinks=True).choices[0].reasoning)

    assert answer_to(ask(user("hi"), reasoning=ReasoningControl(effort="high"))).choices[0].reasoning == ""
    lengths = [thoughts(effort) for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max")]
    assert lengths == sorted(set(lengths))
    assert lengths[0] == 0
    assert thoughts(None) == thoughts("medium")


def test_counts_separate_reasoning_and_completion() -> None:
    turn = ask(user("hi"))
    plain, thinking = count(turn, answer_to(turn)), count(turn, answer_to(turn, thinks=True))
    assert plain.reasoning == 0
    assert thinking.completion == plain.completion + thinking.reasoning
    assert thinking.prompt == plain.prompt > 0


def test_every_part_of_a_prompt_counts() -> None:
    base = ask(user("hi"))
    fuller = [
        ask(user("hi there")),
        ask(user("hi", Image(Link("https://example.com/a.png")))),
        ask(user("hi"), tools=(WEATHER,)),
        ask(user("hi"), *result("sunny")),
    ]
    least = count(base, answer_to(base)).prompt
    assert all(count(turn, answer_to(turn)).prompt > least for turn in fuller)


def test_earlier_turns_of_a_long_conversation_count_as_cached() -> None:
    history = (user("word " * 2000), Message("assistant", (Text("yes"),)), user("and now?"))
    turn = ask(*history)
    counts = count(turn, answer_to(turn))
    assert counts.cached % 128 == 0
    assert counts.prompt - 128 < counts.cached + 20 < counts.prompt + 20
    first = ask(user("word " * 2000))
    assert count(first, answer_to(first)).cached == 0


def test_tokens_put_together_are_the_text() -> None:
    text = "Ålesund 🎉👨‍👩‍👧 ข้อความ <|endoftext|>\n\n  x-" + "y" * 20
    assert "".join(split(text)) == text


def test_a_word_with_its_space_is_a_token_and_a_long_one_is_several() -> None:
    assert split("Hello, incomprehensible world") == ["Hello", ",", " incompre", "hensible", " world"]
