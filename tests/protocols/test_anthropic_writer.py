"""The writer of Anthropic's dialect, checked with the official SDK's own types and accumulator."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from anthropic import types
from anthropic.lib.streaming._messages import accumulate_event
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import TypeAdapter

from protocols.anthropic_answers import call, collected, read
from tidegate.protocols.anthropic import PROTOCOL
from tidegate.protocols.contract import Writer
from tidegate.protocols.errors import InvalidRequest, ProviderRefused
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Finished,
    ImageAdded,
    LogprobsDelta,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.usage import Usage

EVENT: TypeAdapter[Any] = TypeAdapter(types.RawMessageStreamEvent)
START = Started("msg_1", "gpt-test")


def writer(stream: bool) -> Writer:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    return PROTOCOL.writer(PROTOCOL.parse_request(json.dumps(body).encode()), "the-model")


def events_of(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream, checked: named by their types, in order, and as the SDK wants them."""
    events = []
    for block in data.decode().split("\n\n")[:-1]:
        name, _, body = block.removeprefix("event: ").partition("\ndata: ")
        event = json.loads(body)
        assert event["type"] == name
        EVENT.validate_python(event)
        events.append(event)
    names = [event["type"] for event in events]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    blocks = [event for event in events if event["type"].startswith("content_block_")]
    assert [e["index"] for e in blocks] == sorted(e["index"] for e in blocks)
    opened = [name for name in names if name in ("content_block_start", "content_block_stop")]
    assert opened == ["content_block_start", "content_block_stop"] * (len(opened) // 2)
    return events


def stream(events: Sequence[Event], piecewise: bool = True) -> bytes:
    written = writer(stream=True)
    batches = [[event] for event in events] if piecewise else [list(events)]
    return b"".join(map(written.write, batches)) + written.close()


def message(events: Sequence[Event]) -> dict[str, Any]:
    """The message in one piece; the stream's must be the same, by the SDK's own accumulator."""
    written = writer(stream=False)
    assert written.write(events) == b""
    whole: dict[str, Any] = json.loads(written.close())
    types.Message.model_validate(whole)
    snapshot, buffers = None, {}
    for event in events_of(stream(events)):
        snapshot = accumulate_event(
            event=EVENT.validate_python(event), current_snapshot=snapshot, json_bufs=buffers
        )
    assert snapshot is not None
    assert [block.to_dict() for block in snapshot.content] == [
        types.Message.model_validate(whole).content[i].to_dict() for i in range(len(whole["content"]))
    ]
    assert snapshot.stop_reason == whole["stop_reason"]
    assert snapshot.usage.output_tokens == whole["usage"]["output_tokens"]
    return whole


def test_a_text_is_one_block_with_the_usage_that_came_last() -> None:
    usage = Usage(input=5, cache_read=3, cache_write=2, cache_write_1h=1, output=4, reasoning=6, searches=1)
    events = [START, TextDelta("All "), TextDelta("right."), Finished("stop"), UsageReported(usage)]
    whole = message(events)
    assert whole["content"] == [{"type": "text", "text": "All right.", "citations": None}]
    assert (whole["id"], whole["model"], whole["role"], whole["type"]) == (
        "msg_1", "gpt-test", "assistant", "message"
    )  # fmt: skip
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("end_turn", None)
    assert whole["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
        "output_tokens": 10,
        "output_tokens_details": {"thinking_tokens": 6},
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        "service_tier": None,
        "inference_geo": None,
    }
    delta = events_of(stream(events))[-2]
    only_whole = {"cache_creation", "service_tier", "inference_geo"}
    assert delta["usage"] == {key: value for key, value in whole["usage"].items() if key not in only_whole}


def test_what_the_provider_did_not_name_is_made_up() -> None:
    whole = message([Started("", ""), TextDelta("x"), Finished("stop")])
    assert whole["id"].startswith("msg_")
    assert whole["model"] == "the-model"


def test_usage_that_is_known_at_the_start_is_reported_at_the_start() -> None:
    early = UsageReported(Usage(input=7, output=0))
    first = events_of(stream([START, early, TextDelta("x"), Finished("stop")], piecewise=False))[0]
    assert first["message"]["usage"]["input_tokens"] == 7


def test_an_answer_without_content_is_a_message_all_the_same() -> None:
    assert message([START, Finished("stop")])["content"] == []


def test_the_start_is_not_held_back_until_there_is_content() -> None:
    assert writer(stream=True).write([START]).startswith(b"event: message_start\n")


def test_thinking_is_sealed_and_foreign_seals_are_marked() -> None:
    whole = message(
        [
            START,
            ReasoningDelta("Hm"),
            ReasoningDelta("m."),
            ReasoningSigned("sig", "anthropic"),
            ReasoningSigned("only", "gemini"),
            ReasoningEncrypted("xyz", "anthropic"),
            ReasoningEncrypted("abc", "openai_chat"),
            ReasoningDelta("unsigned"),
            TextDelta("So."),
            Finished("stop"),
        ]
    )
    assert whole["content"] == [
        {"type": "thinking", "thinking": "Hmm.", "signature": "sig"},
        {"type": "thinking", "thinking": "", "signature": "tidegate:gemini:only"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "redacted_thinking", "data": "tidegate:openai_chat:abc"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
        {"type": "text", "text": "So.", "citations": None},
    ]


def test_googles_seals_on_calls_and_texts_stand_in_extra_content() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "sig"}}}
    whole = message(
        [
            START,
            TextDelta("Hi"),
            TextDelta("", signature="sig"),
            ToolCallStarted(0, "c", "f", signature="sig"),
            ToolCallDelta(0, "{}"),
            Finished("tool_calls"),
        ]
    )
    assert whole["content"] == [
        {"type": "text", "text": "Hi", "citations": None},
        {"type": "text", "text": "", "citations": None, **extra},
        {"type": "tool_use", "id": "c", "name": "f", "input": {}, "caller": {"type": "direct"}, **extra},
    ]


def calls(whole: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [(b["id"], b["name"], b["input"]) for b in whole["content"] if b["type"] == "tool_use"]


def test_parallel_calls_one_after_another_are_written_live() -> None:
    written = writer(stream=True)
    written.write([START, ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"x": 1}')])
    assert b'"id":"b"' in written.write([ToolCallStarted(1, "b", "g")])
    assert b"input_json_delta" in written.write([ToolCallDelta(1, '{"y"')])


def test_interleaved_calls_keep_every_argument() -> None:
    whole = message(
        [
            START,
            ToolCallStarted(0, "a", "f"),
            ToolCallStarted(1, "b", "g"),
            ToolCallDelta(1, '{"y":'),
            ToolCallDelta(0, '{"x":'),
            TextDelta("Now."),
            ToolCallDelta(1, " 2}"),
            ToolCallDelta(0, " 1}"),
            ToolCallStarted(2, "c", "h"),
            ToolCallDelta(2, "{}"),
            Finished("tool_calls"),
        ]
    )
    assert calls(whole) == [("a", "f", {"x": 1}), ("b", "g", {"y": 2}), ("c", "h", {})]
    assert [block["type"] for block in whole["content"]].count("text") == 1
    assert whole["stop_reason"] == "tool_use"


def test_a_call_that_was_cut_is_kept_as_text_and_what_waited_for_it_comes_after() -> None:
    events = [
        START,
        ToolCallStarted(0, "a", "f"),
        ToolCallDelta(0, '{"x": "uncl'),
        ToolCallStarted(1, "b", "g"),
        ToolCallDelta(1, "{}"),
        Finished("length"),
    ]
    written = writer(stream=False)
    written.write(events)
    whole = json.loads(written.close())
    assert calls(whole) == [("a", "f", {"invalid_json": '{"x": "uncl'}), ("b", "g", {})]
    assert whole["stop_reason"] == "max_tokens"
    pieces = [e["delta"]["partial_json"] for e in events_of(stream(events)) if "delta" in e and "index" in e]
    assert pieces == ['{"x": "uncl', "{}"]


def test_a_custom_tools_text_is_the_one_property_of_its_input() -> None:
    whole = message(
        [
            START,
            ToolCallStarted(0, "a", "sh", kind="custom"),
            ToolCallDelta(0, "echo "),
            ToolCallDelta(0, '"hi"'),
            Finished("tool_calls"),
        ]
    )
    assert calls(whole) == [("a", "sh", {"input": 'echo "hi"'})]


def test_a_refusal_is_a_text_with_its_own_stop_reason() -> None:
    whole = message([START, RefusalDelta("I "), RefusalDelta("won't."), Finished("stop")])
    assert whole["content"] == [{"type": "text", "text": "I won't.", "citations": None}]
    assert whole["stop_reason"] == "refusal"
    explained = message([START, Finished("content_filter", detail="SAFETY")])
    assert explained["stop_details"] == {"type": "refusal", "category": None, "explanation": "SAFETY"}


@pytest.mark.parametrize(
    ("finished", "reason", "sequence"),
    [
        (Finished("stop", stop_sequence="END"), "stop_sequence", "END"),
        (Finished("stop", native="pause_turn"), "pause_turn", None),
        (Finished("stop", native="SOMETHING"), "end_turn", None),
        (Finished("content_filter"), "refusal", None),
    ],
)
def test_stop_reasons(finished: Finished, reason: str, sequence: str | None) -> None:
    whole = message([START, TextDelta("x"), finished])
    assert (whole["stop_reason"], whole["stop_sequence"]) == (reason, sequence)


def test_citations_stand_in_a_text_block() -> None:
    whole = message(
        [
            START,
            TextDelta("Tides."),
            CitationAdded(url="https://a.b", title="T", quote="q"),
            CitationAdded(title="D", native=Raw(b"{}")),
            Finished("stop"),
        ]
    )
    [text] = whole["content"]
    assert [(c["type"], c.get("url"), c["title"]) for c in text["citations"]] == [
        ("web_search_result_location", "https://a.b", "T"),
        ("search_result_location", None, "D"),
    ]


def test_an_image_and_audio_are_written_as_text() -> None:
    whole = message(
        [
            START,
            ImageAdded("image/png", "aGk="),
            AudioDelta(Raw(b'{"id":"a","data":"x","transcript":"Hello"}')),
            LogprobsDelta(Raw(b"[]")),
            Finished("stop"),
        ]
    )
    assert [block["text"] for block in whole["content"]] == ["![image](data:image/png;base64,aGk=)", "Hello"]


def test_native_blocks_are_given_back_as_they_are_and_others_in_a_wrapping() -> None:
    written = writer(stream=False)
    own = b'{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}'
    written.write([START, NativeBlock("anthropic", Raw(own)), NativeBlock("gemini", Raw(b'{"code":1}'))])
    written.write([Finished("stop")])
    assert json.loads(written.close())["content"] == [
        json.loads(own),
        {"type": "tidegate_native", "format": "gemini", "block": {"code": 1}},
    ]


def test_only_the_first_choice_is_written() -> None:
    whole = message(
        [START, TextDelta("a"), TextDelta("b", choice=1), Finished("stop"), Finished("length", choice=1)]
    )
    assert whole["content"] == [{"type": "text", "text": "a", "citations": None}]
    assert whole["stop_reason"] == "end_turn"


def test_a_broken_stream_ends_in_an_error_event_and_nothing_else() -> None:
    written = writer(stream=True)
    written.write([START, TextDelta("Hel")])
    result = written.abort(ProviderRefused("Overloaded", status=529, type="overloaded_error"))
    assert result.startswith(b"event: error\ndata: ")
    assert json.loads(result[19:]) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
    }
    assert json.loads(writer(stream=False).abort(InvalidRequest("no")))["type"] == "error"


# --- any sequence ----------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
OBJECTS = st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.none()), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Text, thinking and calls whose arguments come in pieces, in any order among the calls."""
    said = st.one_of(TEXTS.map(TextDelta), TEXTS.map(lambda t: ReasoningDelta(t or "-")))
    events: list[Event] = [START, *draw(st.lists(said, max_size=4))]
    arguments = [json.dumps(one) for one in draw(st.lists(OBJECTS, max_size=4))]
    events += [ToolCallStarted(i, f"id{i}", f"f{i}") for i in range(len(arguments))]
    left = dict(enumerate(arguments))
    while left:
        index = draw(st.sampled_from(sorted(left)))
        size = draw(st.integers(1, len(left[index])))
        events.append(ToolCallDelta(index, left[index][:size]))
        left[index] = left[index][size:]
        if not left[index]:
            del left[index]
    return [
        *events,
        *draw(st.lists(said, max_size=2)),
        Finished("stop"),
        UsageReported(Usage(input=1, output=2)),
    ]


@given(answers())
def test_any_answer_is_written_so_that_it_is_read_as_the_same(events: list[Event]) -> None:
    message(events)
    again = collected(read([stream(events)], call()))
    said = collected(events)
    assert (again.text, again.thinking, again.calls) == (said.text, said.thinking, said.calls)
    finish = "tool_calls" if said.calls else "stop"
    assert (again.finish, again.prompt, again.completion) == (finish, 1, 2)


ALWAYS = {"container", "stop_details", "stop_reason", "stop_sequence", "usage"}
COUNTED = {"cache_creation", "inference_geo", "output_tokens_details", "server_tool_use", "service_tier"}


def test_a_call_says_that_the_model_made_it() -> None:
    said = [START, ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{}"), Finished("tool_calls")]
    (block,) = message(said)["content"]
    assert block["caller"] == {"type": "direct"}


def test_fields_that_anthropic_always_sends_are_there_and_null_where_nothing_is_known() -> None:
    events = [START, TextDelta("Hi"), Finished("stop")]
    whole = message(events)
    assert whole.keys() >= ALWAYS
    assert {name: whole["usage"][name] for name in COUNTED} == dict.fromkeys(COUNTED)
    begun, opened, *_, ended, _ = events_of(stream(events))
    assert begun["message"].keys() >= ALWAYS
    assert opened["content_block"] == {"type": "text", "text": "", "citations": None}
    assert ended["delta"].keys() == {"container", "stop_details", "stop_reason", "stop_sequence"}
