"""Answers in OpenAI's format: read to events, and written from them."""

import json
from typing import Any

import pytest
from msgspec import Raw

from openai_answers import CHUNK, COMPLETION, chunks_of, stream_faults, text_of, type_faults
from recordings import splits
from tidegate.protocols.contract import Bridge, Call, Target
from tidegate.protocols.errors import ProviderBroke, ProviderRefused
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Failed,
    Finished,
    ImageAdded,
    LeftOut,
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
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.protocols.profile import Profile
from tidegate.protocols.usage import Usage

TARGET = Target("m", Dialect())
PNG = "iVBORw0KGgo="
BEGUN = Started("id-1", "gpt", 7)
USAGE = Usage(input=3, cache_read=2, output=4, reasoning=1)


def read(body: bytes, stream: bool, profile: Profile | None = None) -> list[Event]:
    """The events of an answer, the same however it is split."""
    found = []
    for pieces in splits(body):
        reader = PROTOCOL.reader(Call("/", b"", stream), Target("m", Dialect(), profile or Profile()))
        found.append([event for piece in pieces for event in reader.feed(piece)] + reader.close())
    assert all(comparable(result) == comparable(found[0]) for result in found)
    return found[0]


def comparable(events: list[Event]) -> list[Any]:
    """Errors are equal when they say the same."""
    return [(type(one.error), one.error.message) if isinstance(one, Failed) else one for one in events]


def stream(*chunks: Any, done: bool = True) -> bytes:
    events = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return b"".join(events) + b"data: [DONE]\n\n" * done


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "id-1", "model": "gpt", "created": 7, "choices": [choice], **more}


def whole(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"id": "id-1", "model": "gpt", "created": 7, "choices": [choice], **more}).encode()


def read_deltas(*deltas: dict[str, Any], finish: str = "stop") -> list[Event]:
    """The events of deltas, without the first and the last."""
    events = read(stream(*map(chunk, deltas), chunk({}, finish)), True)
    assert events[0] == BEGUN
    assert isinstance(events[-1], Finished)
    return events[1:-1]


# --- reading ---------------------------------------------------------------------------------


def test_a_stream_and_a_whole_answer_give_the_same_events():
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}}
    usage["completion_tokens_details"] = {"reasoning_tokens": 1}
    wanted = [BEGUN, TextDelta("Hi"), Finished("stop"), UsageReported(USAGE)]
    assert read(whole({"role": "assistant", "content": "Hi"}, usage=usage), False) == wanted
    last = {"id": "id-1", "model": "gpt", "created": 7, "choices": [], "usage": usage}
    streamed = read(stream(chunk({"role": "assistant", "content": "Hi"}), chunk({}, "stop"), last), True)
    assert sorted(map(repr, streamed)) == sorted(map(repr, wanted))


@pytest.mark.parametrize(
    ("delta", "event"),
    [
        ({"reasoning_content": "hm"}, ReasoningDelta("hm")),
        ({"reasoning": "hm", "channel": "analysis"}, ReasoningDelta("hm")),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
            ReasoningDelta("hm"),
        ),
        ({"content": [{"type": "text", "text": "x"}]}, TextDelta("x")),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}, ReasoningDelta("hm")),
        (
            {
                "reasoning_details": [
                    {"type": "reasoning.encrypted", "data": "d", "format": "google-gemini-v1"}
                ]
            },
            ReasoningEncrypted("d", "gemini"),
        ),
        ({"refusal": "No."}, RefusalDelta("No.")),
        ({"audio": {"id": "a"}}, AudioDelta(Raw(b'{"id":"a"}'))),
        ({"extra_content": {"google": {"thought_signature": "s"}}}, TextDelta("", signature="s")),
        (
            {"images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
            ImageAdded("image/png", PNG),
        ),
        (
            {
                "annotations": [
                    {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1}}
                ]
            },
            CitationAdded(url="u", title="t", start=1),
        ),
        ({"citations": [{"x": 1}]}, CitationAdded(native=Raw(b'{"x": 1}'))),
        ({"native_blocks": [{"format": "f", "block": {}}]}, NativeBlock("f", Raw(b"{}"))),
    ],
)
def test_what_services_put_into_deltas(delta, event):
    assert read_deltas(delta) == [event]


def test_thinking_repeated_in_a_delta_is_emitted_once():
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1"}
    assert read_deltas({"reasoning": "hm", "reasoning_details": [detail]}) == [
        ReasoningDelta("hm"),
        ReasoningSigned("s", "anthropic"),
    ]


def call(index: int | None, call_id: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    result = {
        "index": index,
        "id": call_id,
        "function": {key: one for key, one in function.items() if one is not None},
    }
    return {"tool_calls": [{key: one for key, one in result.items() if one is not None}]}


def test_calls_in_fragments():
    events = read_deltas(
        call(0, "c1", "f", ""), call(0, None, None, '{"a"'), call(0, "", None, ":1}"), finish="tool_calls"
    )
    assert events == [ToolCallStarted(0, "c1", "f"), ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ":1}")]


def test_parallel_calls_that_all_have_the_same_index():
    events = read_deltas(call(0, "c1", "f", "{}"), call(0, "c2", "g", "{}"))
    assert events == [
        ToolCallStarted(0, "c1", "f"),
        ToolCallDelta(0, "{}"),
        ToolCallStarted(1, "c2", "g"),
        ToolCallDelta(1, "{}"),
    ]


def test_calls_whose_indexes_begin_anywhere_are_counted_from_zero():
    events = read_deltas(call(1, "c1", "f", "{}"), call(5, "c2", "g", "{}"))
    assert [event.index for event in events if isinstance(event, ToolCallStarted)] == [0, 1]


def test_arguments_as_an_object_and_no_arguments_at_all():
    events = read(
        stream(chunk(call(None, "c1", "f", {"a": [1]})), chunk(call(1, "c2", "g", None)), chunk({}, "stop")),
        True,
    )
    assert events[1:] == [
        ToolCallStarted(0, "c1", "f"),
        ToolCallDelta(0, '{"a":[1]}'),
        ToolCallStarted(1, "c2", "g"),
        ToolCallDelta(1, "{}"),
        Finished("tool_calls"),
    ]


def test_a_call_without_an_id_gets_one():
    reader = PROTOCOL.reader(Call("/", b"", True), TARGET)
    events = reader.feed(stream(chunk(call(0, None, "f", "{}")), chunk({}, "tool_calls")))
    started = [event for event in events if isinstance(event, ToolCallStarted)]
    assert started[0].id


def test_a_custom_tool_that_was_offered_as_a_function_is_a_custom_tool_again():
    grep = {"type": "custom", "custom": {"name": "grep", "format": {"type": "text"}}}
    target = Target("m", Dialect(custom_tools=False))
    made = PROTOCOL.render_request(asked(tools=[grep], tool_choice=grep).turn(), target)
    sent = json.loads(made.body)
    assert sent["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "grep"}}
    reader = PROTOCOL.reader(made, target)
    result = [
        chunk(call(0, "c1", "grep", '{"inp')),
        chunk(call(0, None, None, 'ut":"a b"}')),
        chunk({}, "tool_calls"),
    ]
    events = reader.feed(stream(*result))
    assert events[1:3] == [ToolCallStarted(0, "c1", "grep", kind="custom"), ToolCallDelta(0, "a b")]


def test_custom_tools_and_functions_of_old():
    custom = {
        "tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}}]
    }
    assert read_deltas(custom) == [ToolCallStarted(0, "c", "grep", kind="custom"), ToolCallDelta(0, "x")]
    reader = PROTOCOL.reader(Call("/", b"", False), TARGET)
    reader.feed(whole({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call"))
    started, delta, finished = reader.close()[1:]
    assert isinstance(started, ToolCallStarted)
    assert (started.name, delta, finished) == ("f", ToolCallDelta(0, "{}"), Finished("tool_calls"))


def test_an_empty_custom_tool_beside_a_function_is_none():
    """Some gateways send both with every call (github.com/earendil-works/pi/issues/8504)."""
    begun, more = call(0, "c1", "f", '{"a"'), call(0, None, None, ":1}")
    for delta in (begun, more):
        delta["tool_calls"][0]["custom"] = {}
    assert read_deltas(begun, more) == [
        ToolCallStarted(0, "c1", "f"), ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ":1}")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("result", "event"),
    [
        ("stop", Finished("stop")),
        ("length", Finished("length")),
        ("content_filter", Finished("content_filter")),
        ("eos", Finished("stop", native="eos")),
        ("model_length", Finished("length", native="model_length")),
        ("tool_call", Finished("stop", native="tool_call")),  # there is no call
        ("", Finished("stop")),
        ("finished_due_to_safety", Finished("content_filter", native="finished_due_to_safety")),
        ("something_new", Finished("stop", native="something_new")),
    ],
)
def test_finish_reasons_in_openais_words(result, event):
    assert (
        read(stream(chunk({"content": "x"}), chunk({}, result), chunk({}, result or "stop")), True)[-1]
        == event
    )


def test_a_finish_that_is_repeated_counts_once_and_content_behind_it_is_not_lost():
    late = {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    events = read(stream(chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "stop", **late)), True)
    assert events[1:3] == [TextDelta("a"), TextDelta("b")]
    assert [event for event in events if isinstance(event, Finished)] == [Finished("stop")]


def test_every_choice_finishes():
    events = read(stream(chunk({"content": "b"}, "stop", 1), chunk({"content": "a"}, "length", 0)), True)
    assert events[1:] == [TextDelta("b", 1), TextDelta("a", 0), Finished("length", 0), Finished("stop", 1)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        stream(done=True),
        stream(chunk({"content": "x"}), done=False),
        stream(chunk({"content": "x"}), done=True),
        stream(chunk({"content": "x"}, "stop"), chunk({"content": "y"}, index=1)),
        stream(chunk({"content": "x"}), chunk({}, "error")),
        b"data: {nonsense\n\n",
        b"<html>Bad Gateway</html>",
        b'data: {"choices": 5}\n\n',
    ],
)
def test_a_stream_that_is_not_whole_has_failed(body):
    last = read(body, True)[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, ProviderBroke)


def test_a_finish_without_done_is_an_end():
    assert read(stream(chunk({"content": "x"}, "stop"), done=False), True)[-1] == Finished("stop")


def test_a_model_that_sends_no_finish_ends_with_done():
    body = stream(chunk({"content": "x"}))
    assert read(body, True, Profile(reports_finish=False))[-1] == Finished("stop")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": null, "id": "x"}',
        b'{"choices": [{"index": 0',
    ],
)
def test_json_that_is_no_completion_has_failed(body):
    (failed,) = read(body, False)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ProviderBroke)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ({"message": "Overloaded", "type": "overloaded_error"}, 503, "Overloaded"),
        ({"message": "x", "code": 429}, 429, "x"),
        ({"message": "x", "status_code": 400, "code": "tool_use_failed"}, 400, "x"),
        ({"message": "x", "type": "server_error"}, 502, "x"),
        ("it broke", 502, "it broke"),
        ({"weird": 1}, 502, "weird"),
    ],
)
def test_an_error_inside_an_answer_is_a_failure(error, status, message):
    for body, streamed in (
        (stream(chunk({"content": "a"}), {"error": error}), True),
        (b"event: error\n" + stream({"error": error}), True),
        (stream({**chunk({}), "choices": [{"index": 0, "error": error}]}), True),
        (json.dumps({"error": error}).encode(), False),
        (whole({"content": "a"}, error=error), False),
    ):
        last = read(body, streamed)[-1]
        assert isinstance(last, Failed)
        assert message in last.error.message
        assert last.error.status == status


def test_perplexitys_double_telling_is_read_once():
    cumulative = {"message": {"content": "Hello wor"}, "citations": ["u", "v"]}
    first = chunk({"content": "Hello "}, citations=["u"])
    second = chunk(
        {"content": "wor"}, "stop", citations=["u", "v"], search_results=[{"url": "v", "title": "V"}]
    )
    second["choices"][0].update(cumulative)
    events = read(stream(first, second, done=False), True)
    assert events[1:] == [
        TextDelta("Hello "),
        CitationAdded(url="u"),
        TextDelta("wor"),
        CitationAdded(url="v", title="V"),
        Finished("stop"),
    ]
    both = {"index": 0, "message": {"content": "x"}, "delta": {"content": ""}, "finish_reason": "stop"}
    assert read(json.dumps({"id": "i", "choices": [both]}).encode(), False)[1] == TextDelta("x")


@pytest.mark.parametrize(
    ("result", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(input=10, output=5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(input=10, output=5, reasoning=7),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4},
            Usage(input=6, cache_read=4, output=5),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 16, "reasoning_tokens": 18},
            Usage(input=10, output=0, reasoning=16),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2, "audio_tokens": 1},
                "completion_tokens_details": {"audio_tokens": 4, "reasoning_tokens": 0},
            },
            Usage(input=4, cache_read=3, cache_write=2, input_audio=1, output=1, reasoning=0, output_audio=4),
        ),
        (
            {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 161}},
            Usage(input=0, cache_read=7, output=1),
        ),
    ],
)
def test_usage_in_classes_that_do_not_overlap(result, usage):
    events = read(whole({"content": "x"}, usage=result), False)
    assert events[-1] == UsageReported(usage)


def test_fields_next_to_the_choices_may_have_any_shape():
    odd = {"created": "today", "usage": [1], "citations": 5}
    events = read(stream(chunk({"content": "x"}, "stop", **odd)), True)
    assert {event.name for event in events if isinstance(event, LeftOut)} == {"created", "usage", "citations"}
    assert [type(event) for event in events if not isinstance(event, LeftOut)] == [
        Started,
        TextDelta,
        Finished,
    ]


@pytest.mark.parametrize(
    ("result", "thinking", "text"),
    [
        ("<think>\nhm <b>\n</think>\n\nBanana", "\nhm <b>\n", "Banana"),
        ("  <think>hm", "hm", ""),
        ("<think></think>x", "", "x"),
        ("<thin ice", "", "<thin ice"),
        (" plain </think>", "", " plain </think>"),
        ("<thi", "", "<thi"),
        ("<think>a</thi", "a</thi", ""),
    ],
)
def test_thinking_in_the_text_is_separated(result, thinking, text):
    target = Target("m", Dialect(inline_thinking=True))
    for size in (1, 2, 5, len(result)):
        pieces = [{"content": result[i : i + size]} for i in range(0, len(result), size)]
        reader = PROTOCOL.reader(Call("/", b"", True), target)
        events = reader.feed(stream(*map(chunk, pieces), chunk({}, "stop")))
        assert "".join(one.text for one in events if isinstance(one, ReasoningDelta)) == thinking
        assert "".join(one.text for one in events if isinstance(one, TextDelta)) == text


def test_groqs_corner_has_the_usage_too():
    corner = {"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}
    events = read(stream(chunk({"content": "x"}), chunk({}, "stop", **corner)), True)
    assert UsageReported(Usage(input=1, output=2)) in events


def test_logprobs_are_carried():
    result = chunk({"content": "x"})
    result["choices"][0]["logprobs"] = {"content": [{"token": "x"}]}
    assert LogprobsDelta(Raw(b'[{"token": "x"}]')) in read(stream(result, chunk({}, "stop")), True)


# --- writing ---------------------------------------------------------------------------------


def asked(streamed: bool = True, usage: bool = False, **fields: Any) -> Any:
    result = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": streamed, **fields}
    if usage:
        result["stream_options"] = {"include_usage": True}
    return PROTOCOL.parse_request(json.dumps(result).encode())


def written(*events: Event, usage: bool = False, **fields: Any) -> list[dict[str, Any]]:
    """The chunks of a stream of these events; they follow the rules."""
    writer = PROTOCOL.writer(asked(usage=usage, **fields), "model-asked")
    out = writer.write(events[:1]) + b"".join(writer.write([event]) for event in events[1:]) + writer.close()
    together = PROTOCOL.writer(asked(usage=usage, **fields), "model-asked")
    if events and isinstance(events[0], Started) and events[0].id and events[0].created:
        assert together.write(events) + together.close() == out
    chunks = chunks_of(out)
    assert stream_faults(chunks, usage) == []
    return chunks


def body_of(*events: Event, **fields: Any) -> dict[str, Any]:
    writer = PROTOCOL.writer(asked(False, **fields), "model-asked")
    assert writer.write(events) == b""
    body: dict[str, Any] = json.loads(writer.close())
    assert type_faults(COMPLETION, body) == []
    return body


def test_a_written_stream_is_as_openai_sends_it():
    chunks = written(
        BEGUN, TextDelta("Hi"), TextDelta(' "you"\n'), Finished("stop"), UsageReported(USAGE), usage=True
    )
    assert [one["choices"][0]["delta"] for one in chunks[:-1]] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hi"},
        {"content": ' "you"\n'},
        {},
    ]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 5,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert {(one["id"], one["model"], one["created"]) for one in chunks} == {("id-1", "gpt", 7)}


def test_usage_is_sent_if_requested_and_the_last_one_counts():
    events = (BEGUN, UsageReported(Usage(input=1)), TextDelta("x"), Finished("stop"), UsageReported(USAGE))
    assert not any(one.get("usage") for one in written(*events))
    assert written(*events, usage=True)[-1]["usage"]["prompt_tokens"] == 5
    assert body_of(*events)["usage"]["total_tokens"] == 10


def test_what_the_provider_does_not_name_is_made_up_once():
    chunks = written(Started("", ""), TextDelta("x"), Finished("stop"))
    assert chunks[0]["id"].startswith("chatcmpl-")
    assert chunks[0]["model"] == "model-asked"
    assert chunks[0]["created"] > 1_700_000_000


def test_calls_have_id_and_name_once():
    events = (
        BEGUN,
        ToolCallStarted(0, "c1", "f", signature="s"),
        ToolCallDelta(0, '{"a'),
        ToolCallDelta(0, '":1}'),
        ToolCallStarted(1, "c2", "g"),
        ToolCallDelta(1, "{}"),
        Finished("tool_calls"),
    )
    chunks = written(*events)
    assert chunks[1]["choices"][0]["delta"]["tool_calls"] == [
        {
            "index": 0,
            "id": "c1",
            "type": "function",
            "function": {"name": "f", "arguments": ""},
            "extra_content": {"google": {"thought_signature": "s"}},
        }
    ]
    assert chunks[2]["choices"][0]["delta"] == {
        "tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]
    }
    message = body_of(*events)["choices"][0]["message"]
    assert message["content"] is None
    assert [one["function"]["arguments"] for one in message["tool_calls"]] == ['{"a":1}', "{}"]


def test_custom_tools_have_an_input():
    events = (
        BEGUN,
        ToolCallStarted(0, "c", "grep", kind="custom"),
        ToolCallDelta(0, "x"),
        Finished("tool_calls"),
    )
    writer = PROTOCOL.writer(asked(), "m")
    deltas = [one["choices"][0]["delta"] for one in chunks_of(writer.write(events) + writer.close())]
    assert deltas[2] == {"tool_calls": [{"index": 0, "custom": {"input": "x"}}]}
    result = body_of(*events)["choices"][0]["message"]["tool_calls"]
    assert result == [{"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}}]


def test_clients_that_speak_of_functions_get_a_function_call():
    events = (BEGUN, ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{}"), Finished("tool_calls"))
    chunks = written(*events, functions=[{"name": "f"}])
    assert [one["choices"][0]["delta"].get("function_call") for one in chunks[1:3]] == [
        {"name": "f", "arguments": ""},
        {"arguments": "{}"},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"
    choice = body_of(*events, functions=[{"name": "f"}])["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"


def test_choices_have_their_own_roles_and_ends():
    events = (
        BEGUN,
        TextDelta("a", 0),
        TextDelta("b", 1),
        TextDelta("c", 0),
        Finished("stop", 0),
        Finished("length", 1),
    )
    chunks = written(*events, n=2)
    assert (text_of(chunks, 0), text_of(chunks, 1)) == ("ac", "b")
    assert [choice["message"]["content"] for choice in body_of(*events)["choices"]] == ["ac", "b"]


EXTRAS = (
    BEGUN,
    ReasoningDelta("hm, "),
    ReasoningDelta("well"),
    ReasoningSigned("s1", "anthropic"),
    ReasoningEncrypted("d", "anthropic"),
    ReasoningDelta("more"),
    ReasoningSigned("s2", "anthropic"),
    NativeBlock("anthropic", Raw(b'{"type":"x"}')),
    TextDelta("Hi", signature="t"),
    CitationAdded(url="u", title="T", start=0, end=2),
    CitationAdded(native=Raw(b'{"page":1}')),
    ImageAdded("image/png", PNG),
    LogprobsDelta(Raw(b'[{"token":"Hi","logprob":0.1,"bytes":null,"top_logprobs":[]}]')),
    Finished("stop", native="end_turn"),
)

DETAILS = [
    {"type": "reasoning.text", "text": "hm, well", "signature": "s1", "format": "anthropic", "index": 0},
    {"type": "reasoning.encrypted", "data": "d", "format": "anthropic", "index": 1},
    {"type": "reasoning.text", "text": "more", "signature": "s2", "format": "anthropic", "index": 2},
]


def test_what_other_formats_have_more_is_in_the_extension_fields():
    choice = body_of(*EXTRAS)["choices"][0]
    message = choice["message"]
    assert message["content"] == "Hi"
    assert message["reasoning_content"] == "hm, wellmore"
    assert message["reasoning_details"] == DETAILS
    assert message["native_blocks"] == [{"format": "anthropic", "block": {"type": "x"}}]
    assert message["extra_content"] == {"google": {"thought_signature": "t"}}
    assert message["annotations"][0]["url_citation"] == {
        "url": "u",
        "title": "T",
        "start_index": 0,
        "end_index": 2,
    }
    assert message["citations"] == [{"page": 1}]
    assert message["images"] == [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    assert choice["native_finish_reason"] == "end_turn"
    assert choice["logprobs"]["content"][0]["token"] == "Hi"


def test_a_stream_has_the_same_content_and_can_be_sent_back():
    chunks = written(*EXTRAS)
    deltas = [one["choices"][0]["delta"] for one in chunks]
    result = {
        key: [one for delta in deltas for one in delta.get(key) or ()]
        for key in ("reasoning_details", "images")
    }
    assert result["reasoning_details"] == DETAILS
    assert text_of(chunks, field="reasoning_content") == "hm, wellmore"
    back = {"role": "assistant", "content": "Hi", "reasoning_content": "hm, wellmore", **result}
    turn = asked(messages=[{"role": "user", "content": "x"}, back]).turn()
    thoughts = [part for part in turn.messages[1].parts if type(part).__name__.endswith("Reasoning")]
    assert [getattr(part, "text", None) for part in thoughts] == ["hm, well", None, "more"]


def test_every_event_goes_round_through_a_stream_and_a_body():
    def signed(events: list[Event]) -> list[Event]:
        return [event for event in events if not isinstance(event, ReasoningDelta | LogprobsDelta)]

    reader = PROTOCOL.reader(Call("/", b"", True), TARGET)
    writer = PROTOCOL.writer(asked(), "m")
    again = [*reader.feed(writer.write(EXTRAS) + writer.close()), *reader.close()]
    assert signed(again)[:6] == signed(list(EXTRAS))[:6]
    assert [event.text for event in again if isinstance(event, ReasoningDelta)] == ["hm, ", "well", "more"]
    assert again[-1] == Finished("stop", native="end_turn")


def test_refusals_and_audio():
    events = (BEGUN, RefusalDelta("I "), RefusalDelta("won't."), Finished("stop"))
    assert text_of(written(*events), field="refusal") == "I won't."
    message = body_of(*events)["choices"][0]["message"]
    assert (message["refusal"], message["content"]) == ("I won't.", None)
    spoken = (BEGUN, AudioDelta(Raw(b'{"id":"a","transcript":"x"}')), Finished("stop"))
    assert written(*spoken)[1]["choices"][0]["delta"]["audio"] == {"id": "a", "transcript": "x"}


def test_a_broken_stream_ends_in_an_error_and_nothing_else():
    writer = PROTOCOL.writer(asked(), "m")
    error = ProviderRefused("no more", status=429, type="tokens", code="rate_limit_exceeded", param="x")
    result = {"message": "no more", "type": "tokens", "param": "x", "code": "rate_limit_exceeded"}
    assert (
        writer.abort(error)
        == b"data: " + json.dumps({"error": result}, separators=(",", ":")).encode() + b"\n\n"
    )


def test_nothing_is_written_before_there_is_content():
    writer = PROTOCOL.writer(asked(), "m")
    assert writer.write([BEGUN]) == b""
    assert writer.write([UsageReported(USAGE)]) == b""


def test_a_bridge_from_this_format_to_itself_repeats_an_answer():
    bridge = Bridge(PROTOCOL.reader(Call("/", b"", True), TARGET), PROTOCOL.writer(asked(usage=True), "m"))
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    out = bridge.feed(stream(chunk({"content": "x"}, "stop", usage=usage))) + bridge.close()
    assert bridge.failure is None
    assert (bridge.tally.id, bridge.tally.model, bridge.tally.finish) == ("id-1", "gpt", "stop")
    assert bridge.tally.usage == Usage(input=1, output=2)
    chunks = chunks_of(out)
    assert stream_faults(chunks, True) == []
    assert text_of(chunks) == "x"
    assert type_faults(CHUNK, chunks[-1]) == []
