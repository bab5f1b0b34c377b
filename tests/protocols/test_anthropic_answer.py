"""The reader of Anthropic's answers and the splice, over everything recorded and what nobody recorded."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cases import each
from protocols.anthropic_answers import (
    answer_in,
    call,
    chats,
    collected,
    failure,
    last_usage,
    read,
    sse,
    target,
)
from recordings import Recording, needs_recordings, splits
from tidegate.protocols.anthropic import PROTOCOL
from tidegate.protocols.anthropic.render import MessagesCall
from tidegate.protocols.contract import Conduit
from tidegate.protocols.errors import ProviderBroke, ProviderRefused
from tidegate.protocols.events import (
    CitationAdded,
    Failed,
    Finished,
    NativeBlock,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.usage import Usage

QUESTION = b'{"model":"claude-test","max_tokens":10,"messages":[{"role":"user","content":"Hi"}]%s}'

START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 1},
    },
}
STOP: dict[str, Any] = {"type": "message_stop"}


def begin(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(index: int, kind: str, **value: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **value}}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def finish(reason: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    delta = {"stop_reason": reason, "stop_sequence": None, **more}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}


def block(*events: dict[str, Any], reason: str = "end_turn") -> bytes:
    return sse(START, *events, finish(reason), STOP)


def by_event(data: bytes) -> list[bytes]:
    """As it usually arrives: one event a piece."""
    return [piece for piece in re.split(rb"(?<=\n\n)", data) if piece]


def pieces(data: bytes) -> Iterator[list[bytes]]:
    yield by_event(data)
    yield from splits(data)


# --- what was recorded -----------------------------------------------------------------------


@needs_recordings
@each("recording", chats("chat", "chat_stream"))
def test_a_recorded_answer_is_read_completely_however_it_is_split(recording: Recording) -> None:
    asked = call(recording.kind == "chat_stream")
    events = read([recording.body], asked)
    assert isinstance(events[0], Started)
    assert collected(events) == answer_in(recording)
    for split in pieces(recording.body):
        assert read(split, asked) == events


@needs_recordings
@each("recording", chats("chat", "chat_stream"))
def test_a_recorded_answer_passes_the_splice_byte_by_byte_and_is_tallied(recording: Recording) -> None:
    asked = call(recording.kind == "chat_stream")
    said = answer_in(recording)
    for split in pieces(recording.body):
        conduit = splice(asked.stream)
        assert b"".join(map(conduit.feed, split)) + conduit.close() == recording.body
        assert conduit.failure is None
        tally = conduit.tally
        assert tally.usage is not None
        assert (tally.usage.prompt_tokens, tally.usage.completion_tokens) == (said.prompt, said.completion)
        assert tally.finish == said.finish
        assert tally.id
        assert tally.model.startswith("claude-")


@needs_recordings
@each("recording", chats("chat_stream"))
def test_a_recorded_stream_that_is_cut_anywhere_fails_and_its_usage_is_known(recording: Recording) -> None:
    events = by_event(recording.body)
    reason = next(place for place, event in enumerate(events) if b"event: message_delta" in event)
    for kept in range(reason + 1):
        heard_so_far = read(events[:kept], call())
        assert isinstance(failure(heard_so_far), ProviderBroke)
        if kept:
            assert last_usage(heard_so_far).prompt_tokens
        conduit = splice(stream=True)
        assert b"".join(map(conduit.feed, events[:kept])) + conduit.close() == b"".join(events[:kept])
        assert isinstance(conduit.failure, ProviderBroke)


# --- streams ---------------------------------------------------------------------------------


def test_a_call_without_arguments_has_the_empty_object() -> None:
    stream = block(
        begin(0, {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}),
        grow(0, "input_json_delta", partial_json=""),
        end(0),
        reason="tool_use",
    )
    events = read([stream], call())
    assert ToolCallStarted(0, "toolu_1", "now") in events
    assert [event for event in events if isinstance(event, ToolCallDelta)] == [ToolCallDelta(0, "{}")]


def test_a_call_whose_input_comes_with_its_head_keeps_it() -> None:
    stream = block(begin(0, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}), end(0))
    assert collected(read([stream], call())).calls == [("toolu_1", "f", {"a": 1})]


def test_calls_are_counted_from_0_whatever_is_between_them() -> None:
    stream = block(
        begin(0, {"type": "text", "text": ""}),
        grow(0, "text_delta", text="Both."),
        end(0),
        begin(1, {"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        end(1),
        begin(2, {"type": "thinking", "thinking": "", "signature": ""}),
        end(2),
        begin(3, {"type": "tool_use", "id": "b", "name": "g", "input": {}}),
        grow(3, "input_json_delta", partial_json='{"x": '),
        grow(3, "input_json_delta", partial_json="1}"),
        end(3),
    )
    assert collected(read([stream], call())).calls == [("a", "f", {}), ("b", "g", {"x": 1})]


def test_a_blocks_of_a_server_tool_is_put_together_with_its_streamed_input() -> None:
    stream = block(
        begin(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        grow(0, "input_json_delta", partial_json='{"query":'),
        grow(0, "input_json_delta", partial_json='"tides"}'),
        end(0),
        begin(1, {"type": "compaction", "content": None}),
        grow(1, "compaction_delta", content="So far: "),
        grow(1, "compaction_delta", content="tides."),
        end(1),
    )
    blocks = [json.loads(bytes(e.block)) for e in read([stream], call()) if isinstance(e, NativeBlock)]
    assert blocks == [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "tides"}},
        {"type": "compaction", "content": "So far: tides."},
    ]


def test_a_citation_reports_which_characters_it_supports() -> None:
    citation = {"type": "web_search_result_location", "url": "https://a.b", "title": "T", "cited_text": "q"}
    stream = block(
        begin(0, {"type": "text", "text": "I know: "}),
        end(0),
        begin(1, {"type": "text", "text": "", "citations": []}),
        grow(1, "citations_delta", citation=citation),
        grow(1, "text_delta", text="tides rise"),
        end(1),
    )
    [cited] = [event for event in read([stream], call()) if isinstance(event, CitationAdded)]
    assert (cited.url, cited.title, cited.quote, cited.start, cited.end) == ("https://a.b", "T", "q", 8, 18)


@pytest.mark.parametrize(
    ("native", "reason", "told_native"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", "stop_sequence"),
        ("pause_turn", "stop", "pause_turn"),
        ("max_tokens", "length", None),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("tool_use", "stop", None),
        ("refusal", "content_filter", "refusal"),
        ("something_new", "stop", "something_new"),
    ],
)
def test_a_stop_reason_maps_and_is_kept_where_it_is_more_specific(
    native: str, reason: str, told_native: str | None
) -> None:
    [finished] = [e for e in read([block(reason=native)], call()) if isinstance(e, Finished)]
    assert (finished.reason, finished.native) == (reason, told_native)


def test_a_refusal_is_explained_and_a_stop_sequence_is_named() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    refused = read([sse(START, finish("refusal", stop_details=details), STOP)], call())
    assert Finished("content_filter", native="refusal", detail="No.") in refused
    stopped = read([sse(START, finish("stop_sequence", stop_sequence="END"), STOP)], call())
    assert Finished("stop", native="stop_sequence", stop_sequence="END") in stopped


def test_usage_is_in_classes_that_do_not_overlap() -> None:
    start = {**START, "message": {**START["message"], "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 24, "ephemeral_1h_input_tokens": 6},
        "output_tokens": 1,
    }}}  # fmt: skip
    last = {**finish(), "usage": {
        "input_tokens": 11,
        "output_tokens": 100,
        "output_tokens_details": {"thinking_tokens": 40},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }}  # fmt: skip
    reports = [e.usage for e in read([sse(start, last, STOP)], call()) if isinstance(e, UsageReported)]
    assert reports[0].prompt_tokens == 60
    assert reports[-1] == Usage(
        input=11, cache_read=20, cache_write=24, cache_write_1h=6, output=60, reasoning=40, searches=2
    )


def test_an_answer_in_a_form_requested_by_a_tool_is_text_again() -> None:
    asked = MessagesCall("/v1/messages", b"{}", True, answer_tool="structured_output")
    stream = block(
        begin(0, {"type": "tool_use", "id": "t", "name": "structured_output", "input": {}}),
        grow(0, "input_json_delta", partial_json='{"age":'),
        grow(0, "input_json_delta", partial_json="3}"),
        end(0),
        reason="tool_use",
    )
    said = collected(read([stream], asked))
    assert (said.text, said.calls, said.finish) == ('{"age":3}', [], "stop")


def test_a_custom_tools_call_is_its_text_again() -> None:
    asked = MessagesCall("/v1/messages", b"{}", True, custom_tools=frozenset({"sh"}))
    stream = block(
        begin(0, {"type": "tool_use", "id": "t", "name": "sh", "input": {}}),
        grow(0, "input_json_delta", partial_json='{"input": "echo \\"'),
        grow(0, "input_json_delta", partial_json='hi\\""}'),
        end(0),
        reason="tool_use",
    )
    events = read([stream], asked)
    assert ToolCallStarted(0, "t", "sh", kind="custom") in events
    assert ToolCallDelta(0, 'echo "hi"') in events


# --- what goes wrong -------------------------------------------------------------------------

OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def splice(stream: bool) -> Conduit:
    request = PROTOCOL.parse_request(QUESTION % (b',"stream":true' if stream else b""))
    return PROTOCOL.splice(request, PROTOCOL.splice_request(request, target()), target())


def test_an_error_in_mid_stream_ends_the_answer_with_its_status_and_words() -> None:
    text = begin(0, {"type": "text", "text": ""}), grow(0, "text_delta", text="Hel")
    stream = sse(START, *text, OVERLOADED)
    for split in pieces(stream + block()):
        events = read(split, call())
        error = failure(events)
        assert isinstance(error, ProviderRefused)
        assert (error.status, error.type, error.message) == (529, "overloaded_error", "Overloaded")
        assert TextDelta("Hel") in events


def test_the_splice_stops_before_the_providers_error_however_it_is_split() -> None:
    good = sse(START, begin(0, {"type": "text", "text": ""}), grow(0, "text_delta", text='"error"'))
    for split in pieces(good + sse(OVERLOADED)):
        conduit = splice(stream=True)
        assert b"".join(map(conduit.feed, split)) + conduit.close() == good
        assert conduit.failure is not None
        assert conduit.failure.message == "Overloaded"
        told_last = conduit.abort(conduit.failure)
        assert told_last.startswith(b"event: error\ndata: ")
        assert json.loads(told_last[19:]) == OVERLOADED


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Bad gateway</html>", b"[1]", b'{"type": 3}', b"\xff"],
)
def test_a_body_that_is_no_message_is_the_providers_failure(body: bytes) -> None:
    assert isinstance(failure(read([body], call(stream=False))), ProviderBroke)
    conduit = splice(stream=False)
    assert conduit.feed(body) + conduit.close() == b""
    assert isinstance(conduit.failure, ProviderBroke)


@pytest.mark.parametrize(
    "event",
    [b'data: {"type":"content_block_delta","index":0,"delta":7}', b"data: {", b"data: \xff", b"data: [1]"],
)
def test_a_malformed_event_is_the_providers_failure(event: bytes) -> None:
    events = read([sse(START), event + b"\n\n", block()], call())
    assert isinstance(failure(events), ProviderBroke)


def test_a_delta_of_no_block_and_a_stream_without_a_reason_are_failures() -> None:
    assert isinstance(failure(read([sse(START, grow(0, "text_delta", text="x"))], call())), ProviderBroke)
    assert isinstance(failure(read([sse(START, STOP)], call())), ProviderBroke)


def test_an_error_with_status_200_is_a_failure_on_both_ways() -> None:
    body = json.dumps(OVERLOADED).encode()
    assert failure(read([body], call(stream=False))).status == 529
    conduit = splice(stream=False)
    assert conduit.feed(body) + conduit.close() == b""
    assert conduit.failure is not None
    assert conduit.failure.status == 529


def test_pings_comments_and_unknown_events_are_ignored() -> None:
    noise = sse({"type": "ping"}, {"type": "something_new", "delta": {"a": 1}}) + b": keep-alive\n\n"
    assert read([noise + block() + noise], call()) == read([block()], call())


def test_a_servers_call_that_was_cut_is_still_json() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    stream = block(begin(0, use), grow(0, "input_json_delta", partial_json='{"query": "ti'), end(0))
    [native] = [e for e in read([stream], call()) if isinstance(e, NativeBlock)]
    assert json.loads(bytes(native.block))["input"] == {"invalid_json": '{"query": "ti'}


EVERYTHING = block(
    begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
    grow(0, "thinking_delta", thinking="Hm"),
    grow(0, "signature_delta", signature="s"),
    end(0),
    begin(1, {"type": "text", "text": "", "citations": []}),
    grow(1, "citations_delta", citation={"type": "char_location", "cited_text": "q"}),
    grow(1, "text_delta", text="tides"),
    end(1),
    begin(2, {"type": "server_tool_use", "id": "s", "name": "w", "input": {}}),
    grow(2, "input_json_delta", partial_json="{}"),
    end(2),
    begin(3, {"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    grow(3, "input_json_delta", partial_json='{"a": 1}'),
    end(3),
    reason="tool_use",
)
WORDS = ("null", "7", '"x"', "[]", "{}", "true", '"type"', '"index"', "1e99", '"\\ud800"', "\r", "\n\n", "}")


@given(
    st.lists(
        st.tuples(st.integers(0, len(EVERYTHING)), st.integers(0, 9), st.sampled_from(WORDS)), max_size=3
    ),
    st.integers(1, 300),
    st.booleans(),
)
@example([(len(EVERYTHING), 0, "null")], 1, True)
def test_whatever_a_provider_sends_the_answer_ends_in_a_finish_or_a_failure(
    cuts: list[tuple[int, int, str]], size: int, stream: bool
) -> None:
    data = EVERYTHING
    for place, length, word in cuts:
        data = data[:place] + word.encode() + data[place + length :]
    split = [data[i : i + size] for i in range(0, len(data), size)]
    events = read(split, call(stream))
    failures = [position for position, event in enumerate(events) if isinstance(event, Failed)]
    assert failures in ([], [len(events) - 1])
    assert failures or any(isinstance(event, Finished) for event in events)
    for native in (event for event in events if isinstance(event, NativeBlock)):
        assert isinstance(json.loads(bytes(native.block)), dict)
    conduit = splice(stream)
    passed = b"".join(map(conduit.feed, split)) + conduit.close()
    assert data.startswith(passed)
    if conduit.failure is None and passed != data:  # what follows the end of a message is none of it
        assert conduit.done
        assert b"message_stop" in passed[-60:]


def test_a_whole_message_in_place_of_a_stream_is_read_too() -> None:
    message = {**START["message"], "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
    said = collected(read([json.dumps(message).encode()], call()))
    assert (said.text, said.finish) == ("Hi", "stop")
