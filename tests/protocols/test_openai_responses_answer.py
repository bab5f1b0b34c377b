"""Answers of the Responses API: written as OpenAI writes them, read as its followers send them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from protocols.responses_observed import (
    TARGET,
    ask,
    bridge,
    check_types,
    events_of,
    final_response,
    observe,
    write,
)
from recordings import splits
from tidegate.protocols.contract import Bridge, Call
from tidegate.protocols.errors import (
    LimitExceeded,
    ProviderBroke,
    ProviderRefused,
    ProviderTimeout,
    TidegateError,
)
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Failed,
    Finished,
    FinishReason,
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
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.protocols.openai_responses.writer import ResponseWriter
from tidegate.protocols.turn import Native, Part, Reasoning, RedactedReasoning, Text, ToolCall
from tidegate.protocols.usage import Usage
from tidegate.providers import protocol_named

STARTED = Started("resp_7", "gpt-x", 1700000000)
STOP = Finished("stop")
TOKENS = Usage(input=3, cache_read=5, cache_write=2, output=7, reasoning=4)
USED = UsageReported(TOKENS)
GAUGE = {"type": "function", "name": "read_gauge", "parameters": {"type": "object"}}
PATCH = {"type": "custom", "name": "apply_patch"}
WHOLE_GAUGE = {**GAUGE, "description": None, "strict": None}


def kinds(answer: bytes) -> list[str]:
    """The types of a stream's events."""
    return [event["type"].removeprefix("response.") for event in events_of(answer)]


# --- writing ---------------------------------------------------------------------------------

SEQUENCES: dict[str, tuple[tuple[Event, ...], list[str]]] = {
    "a text": (
        (TextDelta("High "), TextDelta("tide")),
        [
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
        ],
    ),
    "a call": (
        (ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{"), ToolCallDelta(0, "}")),
        [
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
        ],
    ),
    "a call of a custom tool": (
        (ToolCallStarted(0, "c", "f", 0, "custom"), ToolCallDelta(0, "x")),
        [
            "output_item.added",
            "custom_tool_call_input.delta",
            "custom_tool_call_input.done",
            "output_item.done",
        ],
    ),
    "thinking": (
        (ReasoningDelta("Hm"),),
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
        ],
    ),
    "a refusal": (
        (RefusalDelta("No."),),
        [
            "output_item.added",
            "content_part.added",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
            "output_item.done",
        ],
    ),
    "a citation": (
        (TextDelta("x"), CitationAdded(url="https://x.test")),
        [
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.annotation.added",
            "output_text.done",
            "content_part.done",
            "output_item.done",
        ],
    ),
    "an image": (
        (ImageAdded("image/png", "iVBO"),),
        [
            "output_item.added",
            "image_generation_call.in_progress",
            "image_generation_call.completed",
            "output_item.done",
        ],
    ),
    "nothing": ((), []),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_stream_has_openais_sequence(name: str) -> None:
    events, steps = SEQUENCES[name]
    answer = write(STARTED, *events, STOP, USED)
    assert kinds(answer) == ["created", "in_progress", *steps, "completed"]
    check_types(answer, stream=True)


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_json_body_is_the_streams_final_response_but_for_ids(name: str) -> None:
    events, _ = SEQUENCES[name]
    streamed = final_response(write(STARTED, *events, STOP, USED), stream=True)
    whole = json.loads(write(STARTED, *events, STOP, USED, stream=False))
    for response in (streamed, whole):
        for item in response["output"]:
            item["id"] = item["id"].split("_")[0]
        response["completed_at"] = None
    assert whole == streamed


def test_what_comes_between_texts_ends_the_message() -> None:
    answer = write(
        STARTED,
        ReasoningDelta("A"),
        TextDelta("B"),
        RefusalDelta("C"),
        ToolCallStarted(0, "c1", "f"),
        ToolCallDelta(0, "{}"),
        ToolCallStarted(1, "c2", "g"),
        ToolCallDelta(1, '{"x":1}'),
        TextDelta("D"),
        STOP,
    )
    output = final_response(answer, stream=True)["output"]
    assert [item["type"] for item in output] == [
        "reasoning", "message", "function_call", "function_call", "message",
    ]  # fmt: skip
    assert [part["type"] for part in output[1]["content"]] == ["output_text", "refusal"]
    added = [event["output_index"] for event in events_of(answer) if event["type"].endswith("item.added")]
    done = [event["output_index"] for event in events_of(answer) if event["type"].endswith("item.done")]
    assert added == done == [0, 1, 2, 3, 4]


def test_an_item_keeps_its_id_from_beginning_to_end() -> None:
    answer = write(STARTED, ReasoningDelta("A"), TextDelta("B"), ToolCallStarted(0, "c", "f"), STOP)
    ids: dict[int, set[str]] = {}
    for event in events_of(answer):
        if "output_index" in event:
            received = event.get("item_id") or event["item"]["id"]
            ids.setdefault(event["output_index"], set()).add(received)
    assert [len(one) for one in ids.values()] == [1, 1, 1]
    assert len(set.union(*ids.values())) == 3


def test_calls_whose_arguments_come_mixed_stay_apart() -> None:
    answer = write(
        STARTED,
        ToolCallStarted(0, "c1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallStarted(1, "c2", "g"),
        ToolCallDelta(1, '{"b"'),
        ToolCallDelta(0, ":1}"),
        ToolCallDelta(1, ":2}"),
        Finished("tool_calls"),
    )
    check_types(answer, stream=True)
    assert observe(final_response(answer, stream=True)).calls == [
        ("c1", "f", '{"a":1}'),
        ("c2", "g", '{"b":2}'),
    ]


ENDS: dict[FinishReason, tuple[str, str | None, str]] = {
    "stop": ("completed", None, "completed"),
    "tool_calls": ("completed", None, "completed"),
    "length": ("incomplete", "max_output_tokens", "incomplete"),
    "content_filter": ("incomplete", "content_filter", "incomplete"),
}


@pytest.mark.parametrize("reason", ENDS)
def test_the_finish_reason_is_the_status(reason: FinishReason) -> None:
    status, why, item_status = ENDS[reason]
    answer = write(STARTED, TextDelta("x"), Finished(reason, native="own_reason"), USED)
    response = final_response(answer, stream=True)
    assert events_of(answer)[-1]["type"] == f"response.{status}"
    assert response["status"] == status
    assert response["incomplete_details"] == (None if why is None else {"reason": why})
    assert response["output"][0]["status"] == item_status
    assert response["native_finish_reason"] == "own_reason"
    assert (response["completed_at"] is None) is (status == "incomplete")
    check_types(answer, stream=True)


def test_usage_adds_its_classes_up_in_openais_way() -> None:
    usage = final_response(write(STARTED, STOP, USED), stream=True)["usage"]
    assert usage == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 21,
    }


def test_a_usage_that_nobody_reported_is_null() -> None:
    assert final_response(write(STARTED, STOP), stream=True)["usage"] is None


def test_the_response_repeats_its_request() -> None:
    received: dict[str, Any] = {
        "instructions": "Be brief.",
        "tools": [GAUGE],
        "tool_choice": {"type": "function", "name": "read_gauge"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.25,
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "truncation": "auto",
        "user": "u",
    }
    answer = write(STARTED, STOP, store=True, **received)
    for event in (events_of(answer)[0], events_of(answer)[-1]):
        assert {name: event["response"][name] for name in received} == {**received, "tools": [WHOLE_GAUGE]}
        assert event["response"]["store"] is False  # nothing is stored here
    check_types(answer, stream=True)


def test_what_the_client_left_out_has_openais_defaults_or_null() -> None:
    response = json.loads(write(STARTED, STOP, stream=False, text={"verbosity": "low"}))
    assert (response["id"], response["model"], response["created_at"]) == ("resp_7", "gpt-x", 1700000000)
    assert (response["tools"], response["tool_choice"], response["parallel_tool_calls"]) == ([], "auto", True)
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert response["reasoning"] == {"effort": None, "summary": None}
    defaults = {"temperature": 1.0, "top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    assert {name: response[name] for name in defaults} == defaults
    assert response["service_tier"] == "default"


def test_a_function_is_repeated_with_null_for_what_was_left_out() -> None:
    asked = {"type": "function", "name": "f"}
    response = json.loads(write(STARTED, STOP, stream=False, tools=[asked, {"type": "web_search"}]))
    assert response["tools"] == [
        {**asked, "description": None, "parameters": None, "strict": None},
        {"type": "web_search"},
    ]


@pytest.mark.parametrize(("received", "begins"), [("msg_01", "resp_msg_01"), ("", "resp_")])
def test_the_id_of_a_response_begins_as_openais_do(received: str, begins: str) -> None:
    assert json.loads(write(Started(received, "m"), STOP, stream=False))["id"].startswith(begins)


def test_an_answer_that_never_started_is_whole_all_the_same() -> None:
    answer = write()
    assert kinds(answer) == ["created", "in_progress", "completed"]
    check_types(answer, stream=True)


# --- the riches of other formats -------------------------------------------------------------


def test_log_probabilities_are_in_the_deltas_of_their_text() -> None:
    tokens = [{"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
    events = [STARTED, TextDelta("é"), LogprobsDelta(Raw(json.dumps(tokens).encode())), STOP]
    writer = PROTOCOL.writer(ask(stream=True), "m")
    answer = writer.write(events) + writer.close()
    check_types(answer, stream=True)
    wanted = [{"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}]
    delta = next(event for event in events_of(answer) if event["type"].endswith("text.delta"))
    assert (delta["delta"], delta["logprobs"]) == ("é", wanted)
    assert final_response(answer, stream=True)["output"][0]["content"][0]["logprobs"] == wanted


def test_log_probabilities_that_come_late_are_not_lost() -> None:
    tokens = b'[{"token":"x","logprob":-1,"bytes":[120],"top_logprobs":[]}]'
    answer = write(STARTED, TextDelta("x"), LogprobsDelta(Raw(tokens)), STOP)
    check_types(answer, stream=True)
    assert observe(final_response(answer, stream=True)).logprobs == [-1]


def test_citations_with_an_address_are_annotations_and_others_are_kept_beside_them() -> None:
    cited = CitationAdded(url="https://x.test", title="X", start=0, end=4)
    page = CitationAdded(native=Raw(b'{"type":"page_location","cited_text":"x"}'))
    file = CitationAdded(native=Raw(b'{"type":"file_citation","file_id":"f","filename":"a","index":1}'))
    answer = write(STARTED, cited, TextDelta("Tide"), page, file, STOP)
    check_types(answer, stream=True)
    (part,) = final_response(answer, stream=True)["output"][0]["content"]
    assert part["annotations"] == [
        {"type": "url_citation", "start_index": 0, "end_index": 4, "url": "https://x.test", "title": "X"},
        {"type": "file_citation", "file_id": "f", "filename": "a", "index": 1},
    ]
    assert part["citations"] == [{"type": "page_location", "cited_text": "x"}]


def test_a_citation_without_text_is_emitted_anyway() -> None:
    answer = write(STARTED, CitationAdded(url="https://x.test"), STOP)
    assert len(observe(final_response(answer, stream=True)).annotations) == 1


def given_back(answer: bytes) -> tuple[Part, ...]:
    """What an answer says, after a client has sent its items back as the next input."""
    output = final_response(answer, stream=True)["output"]
    turn = ask(input=[{"role": "user", "content": "Hi"}, *output]).turn()
    return turn.messages[1].parts


SAID = TextDelta("7 m")
BLOCK = Raw(b'{"type":"server_tool_use","id":"srv_1"}')
ROUND_TRIPS: dict[str, tuple[tuple[Event, ...], tuple[Part, ...]]] = {
    "Anthropic's signed thinking": (
        (
            ReasoningDelta("Let me "),
            ReasoningDelta("see"),
            ReasoningSigned("sig", "anthropic"),
            TextDelta("7 m"),
        ),
        (Reasoning("Let me see", "sig", "anthropic"), Text("7 m")),
    ),
    "signed thinking that is not shown": (
        (ReasoningSigned("sig", "anthropic"), TextDelta("7 m")),
        (Reasoning("", "sig", "anthropic"), Text("7 m")),
    ),
    "thinking that nobody signed": (
        (ReasoningDelta("Hm"), TextDelta("7 m")),
        (Reasoning("Hm"), Text("7 m")),
    ),
    "redacted thinking": (
        (ReasoningEncrypted("data", "anthropic"), TextDelta("7 m")),
        (RedactedReasoning("data", "anthropic"), Text("7 m")),
    ),
    "OpenAI's own thinking": (
        (ReasoningDelta("Hm"), ReasoningSigned("gAAA", "openai_responses"), TextDelta("7 m")),
        (Reasoning("Hm", "gAAA", "openai_responses"), Text("7 m")),
    ),
    "OpenAI's own thinking, encrypted": (
        (ReasoningEncrypted("gAAA", "openai_responses"), TextDelta("7 m")),
        (RedactedReasoning("gAAA", "openai_responses"), Text("7 m")),
    ),
    "OpenAI's own signature on nothing": (
        (ReasoningSigned("gAAA", "openai_responses"),),
        (RedactedReasoning("gAAA", "openai_responses"),),
    ),
    "Gemini's signature on a call": (
        (
            ReasoningDelta("Hm"),
            ToolCallStarted(0, "c1", "f", signature="sig"),
            ToolCallDelta(0, "{}"),
            ToolCallStarted(1, "c2", "f"),
            ToolCallDelta(1, "{}"),
        ),
        (Reasoning("Hm"), ToolCall("c1", "f", "{}", signature="sig"), ToolCall("c2", "f", "{}")),
    ),
    "Gemini's signature on a text": (
        (TextDelta("7 "), TextDelta("m", signature="sig"), TextDelta("more")),
        (Text("7 m", signature="sig"), Text("more")),
    ),
    "Gemini's signature on no text": (
        (ToolCallStarted(0, "c1", "f"), ToolCallDelta(0, "{}"), TextDelta("", signature="sig")),
        (ToolCall("c1", "f", "{}"), Text("", signature="sig")),
    ),
    "a call of a custom tool": (
        (ToolCallStarted(0, "c1", "f", 0, "custom"), ToolCallDelta(0, "*** Begin")),
        (ToolCall("c1", "f", "*** Begin", "custom"),),
    ),
    "a block of another format": (
        (NativeBlock("anthropic", BLOCK), TextDelta("7 m")),
        (Native("anthropic", BLOCK, "server_tool_use"), Text("7 m")),
    ),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_other_formats_need_again_comes_back(name: str) -> None:
    events, parts = ROUND_TRIPS[name]
    answer = write(STARTED, *events, STOP, USED)
    check_types(answer, stream=True)
    assert given_back(answer) == parts


def test_an_image_and_its_seal_come_back() -> None:
    answer = write(STARTED, ImageAdded("image/webp", "UklGR", signature="sig"), STOP)
    check_types(answer, stream=True)
    (image,) = given_back(answer)
    assert image.source.data == "UklGR"  # type: ignore[union-attr]
    assert image.signature == "sig"  # type: ignore[union-attr]


def test_what_cannot_be_requested_is_not_written() -> None:
    answer = write(STARTED, AudioDelta(Raw(b'{"data":"x"}')), STOP)
    assert final_response(answer, stream=True)["output"] == []


def test_every_event_has_its_way_of_being_written() -> None:
    events = set(Event.__args__) - {Failed, LeftOut}  # these never reach a writer
    assert set(ResponseWriter._WRITES) == events


# --- failing ---------------------------------------------------------------------------------

FAILURES: dict[str, tuple[TidegateError, str]] = {
    "a limit": (LimitExceeded("too fast"), "rate_limit_exceeded"),
    "a timeout": (ProviderTimeout("too slow"), "server_error"),
    "a broken answer": (ProviderBroke("cut"), "server_error"),
    "a bad prompt": (ProviderRefused("no", status=400), "invalid_prompt"),
    "too long a prompt": (
        ProviderRefused("long", status=400, code="context_length_exceeded"),
        "context_length_exceeded",
    ),
    "an empty account": (
        ProviderRefused("pay", status=429, code="insufficient_quota"),
        "insufficient_quota",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_stream_that_fails_reports_it_in_both_ways(name: str) -> None:
    error, code = FAILURES[name]
    writer = PROTOCOL.writer(ask(stream=True), "m")
    answer = writer.write([STARTED, TextDelta("x")]) + writer.abort(error)
    received, failed = events_of(answer)[-2:]
    assert (received["type"], received["message"]) == ("error", error.message)
    assert received["error"] == {
        "type": error.type, "code": error.code, "message": error.message, "param": error.param,
    }  # fmt: skip
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": code, "message": error.message}
    assert failed["response"]["id"] == "resp_7"
    assert [event["sequence_number"] for event in events_of(answer)] == list(range(len(events_of(answer))))
    if code in ("rate_limit_exceeded", "server_error", "invalid_prompt"):
        check_types(answer, stream=True)


def test_a_stream_that_fails_before_it_began_reports_it() -> None:
    answer = PROTOCOL.writer(ask(stream=True), "m").abort(ProviderBroke("cut"))
    assert kinds(answer) == ["error", "failed"]


def test_a_body_that_fails_is_the_error() -> None:
    body = PROTOCOL.writer(ask(), "m").abort(ProviderBroke("cut"))
    assert json.loads(body)["error"]["message"] == "cut"


def test_an_error_has_openais_envelope() -> None:
    reply = PROTOCOL.render_error(LimitExceeded("too fast", retry_after="7"), "req_1")
    assert (reply.status, dict(reply.headers)[b"retry-after"]) == (429, b"7")
    assert json.loads(reply.body) == {
        "error": {
            "message": "too fast",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


# --- reading ---------------------------------------------------------------------------------


def response_of(*output: Any, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A response as a provider sends it."""
    return {
        "id": "resp_1",
        "object": "response",
        "model": "m1",
        "status": status,
        "output": list(output),
        **fields,
    }


def sse(*events: dict[str, Any], names: bool = True) -> bytes:
    """A stream of these events."""
    lines = [(f"event: {one['type']}\n" if names else "") + f"data: {json.dumps(one)}\n\n" for one in events]
    return "".join(lines).encode()


def read(answer: Any, *, stream: bool = False, customs: tuple[str, ...] = ()) -> list[Event]:
    """The events of a provider's answer."""
    tools = [{"type": "custom", "name": name} for name in customs]
    call = PROTOCOL.splice_request(ask(stream=stream, tools=tools), TARGET)
    reader = PROTOCOL.reader(call, TARGET)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return [*reader.feed(body), *reader.close()]


MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi"}],
}
ADDED = {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}}
CREATED = {"type": "response.created", "response": response_of(status="in_progress")}
DELTA = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"}
DONE = {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE}
COMPLETED = {"type": "response.completed", "response": response_of(MESSAGE)}
BEGUN = Started("resp_1", "m1")


@pytest.mark.parametrize(
    "stream",
    [
        sse(CREATED, ADDED, DELTA, DONE, COMPLETED),
        sse(CREATED, ADDED, DELTA, DONE, COMPLETED, names=False),
        sse(CREATED, DONE, COMPLETED),
        sse(CREATED, COMPLETED),
        sse(COMPLETED),
        sse(CREATED, ADDED, DELTA, COMPLETED),
        sse(CREATED, {"type": "response.novelty", "delta": {"a": 1}}, ADDED, DELTA, DONE, COMPLETED),
        b": ping\n\n" + sse(CREATED, ADDED, DELTA, DONE, COMPLETED) + b"data: [DONE]\n\n",
    ],
    ids=["whole", "unnamed", "no deltas", "ends only", "one event", "no item done", "unknown", "comments"],
)
def test_everything_is_emitted_once_however_the_provider_sends_it(stream: bytes) -> None:
    wanted = [BEGUN, TextDelta("Hi"), Finished("stop")]
    assert read(stream, stream=True) == wanted
    for pieces in splits(stream):
        call = PROTOCOL.splice_request(ask(stream=True), TARGET)
        reader = PROTOCOL.reader(call, TARGET)
        assert [event for piece in pieces for event in reader.feed(piece)] + reader.close() == wanted


def test_parts_of_a_summary_are_paragraphs() -> None:
    place = {"output_index": 0}
    kind = "response.reasoning_summary_text.delta"
    stream = sse(
        CREATED,
        {"type": kind, **place, "summary_index": 0, "delta": "A"},
        {"type": kind, **place, "summary_index": 1, "delta": "B"},
        {"type": "response.completed", "response": response_of()},
    )
    assert read(stream, stream=True)[1:3] == [ReasoningDelta("A"), ReasoningDelta("\n\nB")]


ITEMS: dict[str, tuple[dict[str, Any], list[Event]]] = {
    "a refusal": (
        {**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]},
        [RefusalDelta("No.")],
    ),
    "thinking that is readable": (
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "A"}],
        },
        [ReasoningDelta("A")],
    ),
    "thinking that is signed": (
        {"type": "reasoning", "id": "rs", "summary": [{"text": "A"}], "encrypted_content": "gAAA"},
        [ReasoningDelta("A"), ReasoningSigned("gAAA", "openai_responses")],
    ),
    "thinking that is encrypted": (
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAA"},
        [ReasoningEncrypted("gAAA", "openai_responses")],
    ),
    "thinking without any text": ({"type": "reasoning", "id": "rs", "summary": []}, []),
    "a call": (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
        [ToolCallStarted(0, "c", "f"), ToolCallDelta(0, '{"a":1}')],
    ),
    "a call without arguments": (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
        [ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{}")],
    ),
    "a call of a custom tool": (
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "x"},
        [ToolCallStarted(0, "c", "apply_patch", 0, "custom"), ToolCallDelta(0, "x")],
    ),
    "an image": (
        {"type": "image_generation_call", "id": "ig", "result": "iVBO", "output_format": "webp"},
        [ImageAdded("image/webp", "iVBO")],
    ),
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_is_read(name: str) -> None:
    item, wanted = ITEMS[name]
    finish = Finished("tool_calls" if "a call" in name else "stop")
    assert read(response_of(item), customs=("apply_patch",)) == [BEGUN, *wanted, finish]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "web_search_call", "id": "ws", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "c", "name": "x_keyword_search", "input": "{}"},
        {"type": "image_generation_call", "id": "ig", "result": None},
    ],
)
def test_what_the_provider_did_by_itself_is_kept_whole(item: dict[str, Any]) -> None:
    _, native, finished = read(response_of(item))
    assert isinstance(native, NativeBlock)
    assert (native.format, json.loads(bytes(native.block))) == ("openai_responses", item)
    assert finished == Finished("stop")


STATUSES: dict[str, tuple[dict[str, Any], Finished]] = {
    "too long": ({"reason": "max_output_tokens"}, Finished("length")),
    "filtered": ({"reason": "content_filter"}, Finished("content_filter")),
    "something new": ({"reason": "steered"}, Finished("length", native="steered")),
}


@pytest.mark.parametrize("name", STATUSES)
def test_an_incomplete_response_reports_why(name: str) -> None:
    details, finished = STATUSES[name]
    received = response_of(MESSAGE, status="incomplete", incomplete_details=details)
    assert read(received)[-1] == finished


def test_usage_is_split_into_classes_that_do_not_overlap() -> None:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 21,
    }
    assert read(response_of(MESSAGE, usage=usage))[-1] == UsageReported(TOKENS)


def test_searches_are_counted_where_the_provider_counts_them() -> None:
    usage = {"input_tokens": 1, "output_tokens": 1}
    received = response_of(MESSAGE, usage=usage, tool_usage={"web_search": {"num_requests": 3}})
    assert read(received)[-1] == UsageReported(Usage(input=1, output=1, searches=3))
    xai = {**usage, "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1}}
    assert read(response_of(MESSAGE, usage=xai))[-1] == UsageReported(Usage(input=1, output=1, searches=3))


FAILED = {
    "type": "response.failed",
    "response": response_of(status="failed", error={"code": "x", "message": "Oh"}),
}
BROKEN: dict[str, tuple[bytes, bool, str, int]] = {
    "no JSON": (b"<html>", False, "cannot be read", 502),
    "a failed response": (json.dumps(FAILED["response"]).encode(), False, "Oh", 502),
    "a response that still runs": (json.dumps(response_of(status="queued")).encode(), False, "queued", 502),
    "a cancelled response": (json.dumps(response_of(status="cancelled")).encode(), False, "cancelled", 502),
    "a failed stream": (sse(CREATED, FAILED), True, "Oh", 502),
    "a stream that is cut": (sse(CREATED, ADDED, DELTA), True, "before it was finished", 502),
    "an empty stream": (b"", True, "before it was finished", 502),
    "a stream that cannot be read": (sse(CREATED) + b"data: {\n\n", True, "cannot be read", 502),
    "a flat error": (
        sse(CREATED, {"type": "error", "code": "rate_limit_exceeded", "message": "slow"}),
        True,
        "slow",
        429,
    ),
    "a nested error": (
        sse(CREATED, {"type": "error", "error": {"code": "server_error", "message": "Oh"}}),
        True,
        "Oh",
        502,
    ),
    "an error that blames the request": (
        sse({"type": "error", "error": {"code": "context_length_exceeded", "message": "long"}}),
        True,
        "long",
        400,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_failure_is_reported_with_the_providers_words(name: str) -> None:
    body, stream, words, status = BROKEN[name]
    failed = read(body, stream=stream)[-1]
    assert isinstance(failed, Failed)
    assert words in failed.error.message
    assert failed.error.status == status


# A response in the background is what a client asked for.
SPLICED = [name for name in BROKEN if name != "a response that still runs"]


@pytest.mark.parametrize("name", sorted(SPLICED))
def test_a_failure_in_a_spliced_answer_is_noticed_before_it_passes(name: str) -> None:
    body, stream, words, status = BROKEN[name]
    asked = ask(stream=stream)
    splice = PROTOCOL.splice(asked, PROTOCOL.splice_request(asked, TARGET), TARGET)
    passed = splice.feed(body) + splice.close()
    assert splice.failure is not None
    assert (splice.failure.status, words in splice.failure.message) == (status, True)
    assert body.startswith(passed)
    assert b"failed" not in passed


def test_a_spliced_stream_ends_with_numbers_that_go_on() -> None:
    asked = ask(stream=True)
    splice = PROTOCOL.splice(asked, PROTOCOL.splice_request(asked, TARGET), TARGET)
    splice.feed(sse({**CREATED, "sequence_number": 0}, {**DELTA, "sequence_number": 1}))
    received, failed = events_of(splice.abort(ProviderTimeout("too slow")))
    assert (received["sequence_number"], failed["sequence_number"]) == (2, 3)
    assert (failed["response"]["id"], failed["response"]["status"]) == ("resp_1", "failed")


def test_a_spliced_stream_that_never_began_only_reports_the_error() -> None:
    asked = ask(stream=True)
    splice = PROTOCOL.splice(asked, PROTOCOL.splice_request(asked, TARGET), TARGET)
    assert kinds(splice.abort(ProviderTimeout("too slow"))) == ["error"]


def test_a_background_response_passes_without_being_finished() -> None:
    asked = ask(background=True)
    splice = PROTOCOL.splice(asked, PROTOCOL.splice_request(asked, TARGET), TARGET)
    body = json.dumps(response_of(status="queued")).encode()
    assert splice.feed(body) + splice.close() == body
    assert (splice.failure, splice.tally.finish, splice.tally.id) == (None, None, "resp_1")


def test_a_model_that_cannot_stream_still_gives_a_stream() -> None:
    body = json.dumps(response_of(MESSAGE)).encode()
    answer, conduit = bridge(PROTOCOL, body, ask(stream=True), streamed=False)
    assert conduit.failure is None
    check_types(answer, stream=True)
    assert observe(final_response(answer, stream=True)).text == "Hi"


def test_what_a_provider_refuses_with_is_read() -> None:
    xai = b'{"code":"invalid-argument","error":"Model not found: x"}'
    error = PROTOCOL.parse_error(400, {}, xai)
    assert (error.status, error.message) == (400, "Model not found: x")


def test_a_call_made_elsewhere_is_read_as_offering_anything() -> None:
    reader = PROTOCOL.reader(Call("/responses", b"", stream=False), TARGET)
    item = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}
    reader.feed(json.dumps(response_of(item)).encode())
    assert reader.close()[1:3] == [ToolCallStarted(0, "c", "f", 0, "custom"), ToolCallDelta(0, "x")]


# --- nothing escapes -------------------------------------------------------------------------

RICH = (
    STARTED,
    ReasoningDelta("Hm"),
    ReasoningSigned("gAAA", "openai_responses"),
    TextDelta("7 m"),
    CitationAdded(url="https://x.test", title="X", start=0, end=1),
    RefusalDelta("No."),
    ToolCallStarted(0, "c1", "read_gauge"),
    ToolCallDelta(0, '{"a":1}'),
    ToolCallStarted(1, "c2", "apply_patch", 0, "custom"),
    ToolCallDelta(1, "x"),
    ImageAdded("image/png", "iVBO"),
    STOP,
    USED,
)
JUNK = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.just(1e308),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([7]),
    st.just({"type": "message"}),
)


def mangled(value: Any, draw: Any) -> Any:
    """A JSON value with one place changed."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return draw(JUNK)
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = draw(st.sampled_from(keys))
    changed = value.copy()
    changed[key] = mangled(value[key], draw)
    return changed


def survive(body: bytes, *, stream: bool) -> None:
    """Pass an answer through both conduits: it may fail, it may not raise."""
    asked = ask(stream=stream, tools=[GAUGE, PATCH])
    call = PROTOCOL.splice_request(asked, TARGET)
    reader = PROTOCOL.reader(call, TARGET)
    events = [*reader.feed(body), *reader.close()]
    assert not any(isinstance(event, Failed) for event in events[:-1])
    assert isinstance(events[-1], Failed | Finished | UsageReported)
    splice = PROTOCOL.splice(asked, call, TARGET)
    passed = splice.feed(body) + splice.close()
    assert splice.failure is not None or passed
    for conduit in (splice, bridge(PROTOCOL, body, asked, streamed=stream)[1]):
        assert conduit.abort(ProviderTimeout("too slow"))


@given(st.data())
def test_a_mangled_response_never_raises(data: st.DataObject) -> None:
    response = json.loads(write(*RICH, stream=False))
    survive(json.dumps(mangled(response, data.draw)).encode(), stream=False)


@given(st.data())
def test_a_mangled_stream_never_raises(data: st.DataObject) -> None:
    events = events_of(write(*RICH))
    at = data.draw(st.integers(0, len(events) - 1))
    events[at] = mangled(events[at], data.draw)
    blocks = [b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events]
    survive(b"".join(blocks), stream=True)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_garbled_stream_never_raises(data: st.DataObject) -> None:
    body = bytearray(write(*RICH))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=4))
    survive(bytes(body), stream=True)


# --- clients of other formats ----------------------------------------------------------------

ASKED = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
ANSWER_ITEMS = json.loads(write(*RICH[:4], *RICH[6:8], STOP, stream=False))["output"]


def answer_for(format_: str) -> Any:
    """What a client of another format gets of OpenAI's answer."""
    protocol = protocol_named(format_)
    writer = protocol.writer(protocol.parse_request(json.dumps(ASKED).encode()), "m")
    conduit = Bridge(PROTOCOL.reader(PROTOCOL.splice_request(ask(), TARGET), TARGET), writer)
    return json.loads(conduit.feed(json.dumps(response_of(*ANSWER_ITEMS)).encode()) + conduit.close())


def sent_again(format_: str, *messages: Any) -> Any:
    """The input that OpenAI gets when that client goes on."""
    protocol = protocol_named(format_)
    body = {**ASKED, "messages": [*ASKED["messages"], *messages]}  # type: ignore[misc]
    turn = protocol.parse_request(json.dumps(body).encode()).turn()
    items = json.loads(PROTOCOL.render_request(turn, TARGET).body)["input"][1:]
    return [{**item, "arguments": json.loads(item.get("arguments", "null"))} for item in items]


def test_openais_thinking_comes_back_through_other_formats() -> None:
    said = answer_for("openai_chat")["choices"][0]["message"]
    result: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "7 m"}
    through_chat = sent_again("openai_chat", said, result)
    content = answer_for("anthropic")["content"]
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "7 m"}
    through_anthropic = sent_again(
        "anthropic", {"role": "assistant", "content": content}, {"role": "user", "content": [result]}
    )
    assert through_chat == through_anthropic
    thinking, message, call, output = through_chat
    assert thinking["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert thinking["encrypted_content"] == "gAAA"
    assert (message["role"], message["content"]) == ("assistant", "7 m")
    assert (call["call_id"], call["arguments"]) == ("c1", {"a": 1})
    assert (output["call_id"], output["output"]) == ("c1", "7 m")
