"""Recorded requests and answers of the Responses API, and other providers' answers written in it."""

import json
from typing import Any

import pytest

from cases import each
from protocols.responses_observed import (
    TARGET,
    ask,
    check_types,
    events_of,
    final_response,
    observe,
    target_of,
    text_of,
)
from recordings import Recording, needs_recordings, recordings, splits
from tidegate.protocols.contract import Bridge, Call
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.events import (
    Event,
    Failed,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.providers import protocol_named

PROVIDERS = ("openai", "azure", "xai", "deepseek")
ASKED = [
    recording
    for provider in PROVIDERS
    for recording in recordings(provider, "responses", "error", path="/responses")
    if isinstance(recording.request_body, dict)
]
ANSWERED = [recording for recording in ASKED if recording.status == 200 and "model" in recording.request_body]
STREAMED = [recording for recording in ANSWERED if recording.request_body.get("stream")]

OTHERS = {
    "openai_chat": (
        "openai",
        "azure",
        "mistral",
        "groq",
        "deepseek",
        "openrouter",
        "together",
        "perplexity",
        "xai",
    ),
    "anthropic": ("anthropic",),
    "gemini": ("gemini",),
}


def events_of_other(format_: str, recording: Recording) -> tuple[Event, ...]:
    """The events of another provider's answer."""
    protocol = protocol_named(format_)
    reader = protocol.reader(Call("/", b"", recording.kind == "chat_stream"), target_of(protocol))
    return (*reader.feed(recording.body), *reader.close())


def is_one_answer(events: tuple[Event, ...]) -> bool:
    """Whether it is no failure, and not several answers in one."""
    return not any(isinstance(event, Failed) or getattr(event, "choice", 0) for event in events)


CHATS = [
    pytest.param(events, id=repr(recording))
    for format_, providers in OTHERS.items()
    for provider in providers
    for recording in recordings(provider, "chat", "chat_stream", status=200)
    if recording.plain and is_one_answer(events := events_of_other(format_, recording))
]


def body_of(recording: Recording) -> bytes:
    return json.dumps(recording.request_body).encode()


def recorded_response(recording: Recording) -> dict[str, Any]:
    """The whole response of an answer. Of a stream, with the items as they were when they were done:
    OpenAI encrypts its thinking anew each time that it tells it.
    """
    if recording not in STREAMED:
        whole: dict[str, Any] = json.loads(recording.body)
        return whole
    lines = recording.body.decode().split("\n")
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    return {**events[-1]["response"], "output": done}


@needs_recordings
@each("recording", ASKED)
def test_a_recorded_request_parses(recording: Recording) -> None:
    if "model" not in recording.request_body:  # the model is in a stored prompt
        with pytest.raises(InvalidRequest) as refused:
            PROTOCOL.parse_request(body_of(recording))
        assert refused.value.param == "model"
        return
    asked = PROTOCOL.parse_request(body_of(recording))
    assert asked.model == recording.request_body["model"]
    assert asked.stream is bool(recording.request_body.get("stream"))


STORED = ("previous_response_id", "background", "conversation")
PROVIDERS_OWN = ("compaction",)
FOUND = ("tool_search_output", "additional_tools", "namespace", "tool_search")
"""Types of items and tools that add tools or are none."""


@needs_recordings
@each("recording", ANSWERED)
def test_a_recorded_request_has_a_turn_or_is_refused_by_name(recording: Recording) -> None:
    wanted, asked = recording.request_body, PROTOCOL.parse_request(body_of(recording))
    given = wanted["input"] if isinstance(wanted["input"], list) else []
    if any(wanted.get(name) for name in STORED) or any(item.get("type") in PROVIDERS_OWN for item in given):
        with pytest.raises(Unsupported):
            asked.turn()
        return
    turn = asked.turn()
    declared = wanted.get("tools") or []
    if not any(one.get("type") in FOUND for one in [*given, *declared]):
        assert len(turn.tools) == len(declared)
    assert len({tool.name for tool in turn.tools}) == len(turn.tools)
    calls = [part for message in turn.messages for part in message.parts if type(part).__name__ == "ToolCall"]
    assert len(calls) == sum(item.get("type") in ("function_call", "tool_search_call") for item in given)


@needs_recordings
@each("recording", ANSWERED)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
def test_an_answer_read_and_written_again_is_the_same(recording: Recording, stream: bool) -> None:
    asked = PROTOCOL.parse_request(json.dumps({**recording.request_body, "stream": stream}).encode())
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body_of(recording)), TARGET)
    bridge = Bridge(PROTOCOL.reader(call, TARGET), PROTOCOL.writer(asked, "m"))
    written = final_response(bridge.feed(recording.body) + bridge.close(), stream=stream)
    result = recorded_response(recording)
    customs = frozenset(
        tool["name"] for tool in recording.request_body.get("tools") or [] if tool["type"] == "custom"
    )
    assert bridge.failure is None
    assert observe(written, customs) == observe(result, customs)
    assert written["status"] == ("completed" if result["status"] == "complete" else result["status"])
    assert written["incomplete_details"] == result["incomplete_details"]
    for count in ("input_tokens", "output_tokens", "total_tokens"):
        assert written["usage"][count] == result["usage"][count]
    assert written["usage"]["output_tokens_details"] == {
        "reasoning_tokens": result["usage"]["output_tokens_details"].get("reasoning_tokens", 0)
    }
    assert written["usage"]["input_tokens_details"]["cached_tokens"] == (
        result["usage"]["input_tokens_details"].get("cached_tokens", 0)
    )


@needs_recordings
@each("recording", ANSWERED)
def test_a_spliced_answer_passes_byte_by_byte_and_is_counted(recording: Recording) -> None:
    asked = PROTOCOL.parse_request(body_of(recording))
    call = PROTOCOL.splice_request(asked, TARGET)
    bridge = Bridge(PROTOCOL.reader(call, TARGET), PROTOCOL.writer(asked, "m"))
    bridge.feed(recording.body)
    bridge.close()
    for pieces in splits(recording.body) if len(recording.body) < 20_000 else [[recording.body]]:
        splice = PROTOCOL.splice(asked, call, TARGET)
        passed = b"".join(map(splice.feed, pieces)) + splice.close()
        assert splice.failure is None
        assert passed == recording.body
        assert splice.tally == bridge.tally


@needs_recordings
@each("recording", ASKED)
def test_a_spliced_request_differs_in_the_model_only(recording: Recording) -> None:
    if "model" not in recording.request_body:
        return
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body_of(recording)), TARGET)
    assert json.loads(call.body) == {**recording.request_body, "model": "m"}
    assert call.dropped == ()


@needs_recordings
@each("recording", STREAMED)
def test_a_stream_gives_the_same_events_however_it_is_split(recording: Recording) -> None:
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body_of(recording)), TARGET)
    whole: list[Event] | None = None
    for pieces in splits(recording.body):
        reader = PROTOCOL.reader(call, TARGET)
        events = [event for piece in pieces for event in reader.feed(piece)] + reader.close()
        whole = whole or events
        assert events == whole


@needs_recordings
@each("recording", STREAMED)
def test_a_stream_cut_before_its_end_fails(recording: Recording) -> None:
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body_of(recording)), TARGET)
    cut = recording.body[: recording.body.rindex(b"event: response.")]
    reader = PROTOCOL.reader(call, TARGET)
    assert isinstance([*reader.feed(cut), *reader.close()][-1], Failed)
    splice = PROTOCOL.splice(PROTOCOL.parse_request(body_of(recording)), call, TARGET)
    assert splice.feed(cut) + splice.close() == cut
    assert splice.failure is not None


# --- other formats ---------------------------------------------------------------------------


@needs_recordings
@each("events", CHATS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
def test_an_answer_of_another_format_is_what_the_sdk_expects(events: tuple[Event, ...], stream: bool) -> None:
    writer = PROTOCOL.writer(ask(stream=stream), "m")
    answer = writer.write(events) + writer.close()
    check_types(answer, stream=stream)
    seen = observe(final_response(answer, stream=stream))
    assert seen.text == text_of(events)
    assert seen.thinking == "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    names = [event.name for event in events if isinstance(event, ToolCallStarted)]
    assert [name for _, name, _ in seen.calls] == names
    arguments = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert sorted("".join(result for _, _, result in seen.calls)) == sorted(arguments)


@needs_recordings
@each("events", CHATS)
def test_the_deltas_of_a_stream_add_up_to_its_final_response(events: tuple[Event, ...]) -> None:
    writer = PROTOCOL.writer(ask(stream=True), "m")
    result = events_of(b"".join([writer.write([event]) for event in events]) + writer.close())
    final = result[-1]["response"]
    texts: dict[int, str] = {}
    for event in result:
        if event["type"].endswith(".delta"):
            texts[event["output_index"]] = texts.get(event["output_index"], "") + event["delta"]
    done = {
        event["output_index"]: event["item"]
        for event in result
        if event["type"] == "response.output_item.done"
    }
    assert [done[index] for index in range(len(done))] == final["output"]
    for index, text in texts.items():
        assert text == told_in(done[index])


def told_in(item: dict[str, Any]) -> str:
    """All text of an item."""
    if item["type"] == "message":
        return "".join(part.get("text", "") + part.get("refusal", "") for part in item["content"])
    if item["type"] == "reasoning":
        return "".join(part["text"] for part in item["summary"])
    result: str = item.get("arguments", item.get("input", ""))
    return result
