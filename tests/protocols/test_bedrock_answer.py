"""The reader of Converse's answers, over everything recorded and over what nobody recorded."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each
from protocols.answer_events import Collected, collect, plainly, read
from protocols.bedrock_frames import event, exception, frame, stream_bytes
from recordings import Recording, needs_recordings, recordings, splits
from tidegate.protocols.bedrock import PROTOCOL, BedrockDialect
from tidegate.protocols.bedrock.render import BedrockCall
from tidegate.protocols.contract import Reader, Target
from tidegate.protocols.errors import ProviderBroke, ProviderRefused
from tidegate.protocols.events import (
    CitationAdded,
    Failed,
    Finished,
    ImageAdded,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.usage import Usage

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
}


def reader(model: str = NOVA, *, stream: bool = True, **asked: Any) -> Reader:
    call = BedrockCall("/model/m/converse", b"", stream, **asked)
    return PROTOCOL.reader(call, Target(model, BedrockDialect()))


def delta(index: int = 0, **fields: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=fields)


def start(index: int = 0, **fields: Any) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=fields)


def stop(index: int = 0) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


BEGIN = event("messageStart", role="assistant")
TOKENS = {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}
METADATA = event("metadata", usage=TOKENS, metrics={"latencyMs": 1})


def end(reason: str = "end_turn") -> bytes:
    return event("messageStop", stopReason=reason) + METADATA


def whole(*content: Any, reason: str = "end_turn", **more: Any) -> bytes:
    """A JSON answer."""
    output = {"message": {"role": "assistant", "content": list(content)}}
    return json.dumps({"output": output, "stopReason": reason, "usage": TOKENS, **more}).encode()


# --- everything recorded ---------------------------------------------------------------------


def chats() -> list[Recording]:
    streams = recordings("bedrock", "chat_stream", path="/converse-stream", status=200)
    return [*recordings("bedrock", "chat", path="/converse", status=200), *streams]


def sent(recording: Recording) -> bytes:
    return stream_bytes(recording) if recording.kind == "chat_stream" else recording.body


def expected(recording: Recording) -> tuple[Collected, dict[str, Any] | None]:
    """What the recording says, and its token counts."""
    body = recording.response["body"]
    if isinstance(body, dict):
        return _expected_whole(body), body["usage"]
    found, usage, inputs, places = Collected(), None, {}, {}
    for frame_ in body:
        payload = frame_["payload"]
        block = payload.get("contentBlockIndex")
        match frame_["headers"][":event-type"]:
            case "contentBlockStart" if payload["start"].get("toolUse", {}).get("type") != "server_tool_use":
                if "toolUse" in payload["start"]:
                    places[block] = payload["start"]["toolUse"]["name"]
                    inputs[block] = ""
            case "contentBlockDelta":
                new = payload["delta"]
                found.text += new.get("text", "")
                found.reasoning += new.get("reasoningContent", {}).get("text", "")
                if block in inputs and "toolUse" in new:
                    inputs[block] += new["toolUse"]["input"]
            case "messageStop":
                found.finish = FINISHES[payload["stopReason"]]
            case "metadata":
                usage = payload.get("usage")
    found.calls = [(name, json.loads(inputs[block] or "{}")) for block, name in places.items()]
    return found, usage


def _expected_whole(body: dict[str, Any]) -> Collected:
    content = body["output"]["message"]["content"]
    thoughts = [
        block["reasoningContent"].get("reasoningText", {}) for block in content if "reasoningContent" in block
    ]
    return Collected(
        text="".join(block.get("text", "") for block in content),
        reasoning="".join(thought.get("text", "") for thought in thoughts),
        calls=[
            (block["toolUse"]["name"], block["toolUse"]["input"]) for block in content if "toolUse" in block
        ],
        finish=FINISHES[body["stopReason"]],
    )


@needs_recordings
@each("recording", chats())
def test_a_recorded_answer_arrives_whole(recording: Recording) -> None:
    found = collect(read(reader(recording.model), [sent(recording)]))
    wanted, usage = expected(recording)
    assert found.failure is None
    assert (found.text, found.reasoning, found.calls, found.finish) == (
        wanted.text,
        wanted.reasoning,
        wanted.calls,
        wanted.finish,
    )
    check_usage(usage, found.usage)


def check_usage(recorded: dict[str, Any] | None, usage: Usage | None) -> None:
    if recorded is None:
        assert usage is None
        return
    assert usage is not None
    read_, written = recorded.get("cacheReadInputTokens"), recorded.get("cacheWriteInputTokens")
    assert usage.prompt_tokens == recorded["inputTokens"] + (read_ or 0) + (written or 0)
    assert usage.completion_tokens == recorded["outputTokens"]
    assert (usage.cache_read, usage.cache_write) == (read_, written)
    assert (usage.prompt_tokens or 0) + (usage.completion_tokens or 0) == recorded["totalTokens"]


@needs_recordings
@each("recording", chats())
def test_a_recorded_answer_is_the_same_however_it_is_split(recording: Recording) -> None:
    said = [plainly(read(reader(recording.model), pieces)) for pieces in splits(sent(recording))]
    assert all(one == said[0] for one in said[1:])


@needs_recordings
@pytest.mark.parametrize(
    "recording", recordings("bedrock", "chat_stream", path="/converse-stream", status=200), ids=repr
)
def test_a_recorded_stream_that_breaks_off_fails(recording: Recording) -> None:
    data = stream_bytes(recording)
    for cut in (len(data) // 2, len(data) - 1, data.index(b"messageStop") - 30):
        last = read(reader(recording.model), [data[:cut]])[-1]
        assert isinstance(last, Failed)
        assert isinstance(last.error, ProviderBroke)


@needs_recordings
def test_recorded_unreadable_thinking_has_the_form_of_anthropics_own() -> None:
    redacted = [one for one in chats() if "redacted_thinking" in one.features]
    assert redacted
    for recording in redacted:
        found = collect(read(reader(recording.model), [sent(recording)]))
        assert found.signatures
        for data, form in found.signatures:
            assert form == "anthropic"
            # Anthropic's blocks begin with this; Bedrock wraps them in base64 once more.
            assert data.startswith("E")
            assert base64.b64encode(data.encode()) in json.dumps(recording.response["body"]).encode()


@needs_recordings
def test_what_ran_at_the_provider_is_carried_as_its_own_blocks() -> None:
    recording = next(one for one in chats() if "server_tool_call" in one.features)
    found = collect(read(reader(recording.model), [sent(recording)]))
    called, answered = found.natives
    assert called["toolUse"]["name"] == "nova_code_interpreter"
    assert called["toolUse"]["input"] == {"snippet": "1234 * 5678"}
    assert called["toolUse"]["type"] == "server_tool_use"
    assert answered["toolResult"]["content"][0]["json"]["stdOut"] == "7006652"
    assert answered["toolResult"]["toolUseId"] == called["toolUse"]["toolUseId"]


# --- what nobody recorded --------------------------------------------------------------------


def test_a_stream_gives_all_events_in_order() -> None:
    data = b"".join(
        [
            BEGIN,
            delta(0, reasoningContent={"text": "Let me "}),
            delta(0, reasoningContent={"text": "see."}),
            delta(0, reasoningContent={"signature": "sig"}),
            delta(0, reasoningContent={"signature": "ned"}),
            stop(0),
            delta(1, text="I will look."),
            stop(1),
            start(2, toolUse={"toolUseId": "t1", "name": "look"}),
            delta(2, toolUse={"input": '{"a"'}),
            delta(2, toolUse={"input": ":1}"}),
            stop(2),
            end("tool_use"),
        ]
    )
    assert read(reader(CLAUDE), [data]) == [
        Started("", ""),
        ReasoningDelta("Let me "),
        ReasoningDelta("see."),
        ReasoningSigned("signed", "anthropic"),
        TextDelta("I will look."),
        ToolCallStarted(0, "t1", "look"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        Finished("tool_calls"),
        UsageReported(Usage(input=7, output=3)),
    ]


def test_a_complete_answer_gives_the_same_events() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "signed"}}}
    call = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"a": 1}}}
    said = read(reader(CLAUDE), [whole(thought, {"text": "I will look."}, call, reason="tool_use")])
    assert said == [
        Started("", ""),
        ReasoningDelta("Let me see."),
        ReasoningSigned("signed", "anthropic"),
        TextDelta("I will look."),
        ToolCallStarted(0, "t1", "look"),
        ToolCallDelta(0, '{"a":1}'),
        UsageReported(Usage(input=7, output=3)),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("model", "form"), [(CLAUDE, "anthropic"), (NOVA, "bedrock"), ("arn:aws:x/abc", "bedrock")]
)
def test_seals_are_those_of_the_models_maker(model: str, form: str) -> None:
    data = BEGIN + delta(reasoningContent={"signature": "s"}) + stop() + end()
    assert collect(read(reader(model), [data])).signatures == [("s", form)]


def test_unreadable_thinking_of_another_maker_stays_as_it_is() -> None:
    data = BEGIN + delta(reasoningContent={"redactedContent": "AAEC"}) + stop() + end()
    assert ReasoningEncrypted("AAEC", "bedrock") in read(reader(NOVA), [data])
    block = {"reasoningContent": {"redactedContent": "AAEC"}}
    assert ReasoningEncrypted("AAEC", "bedrock") in read(reader(NOVA), [whole(block)])


def test_blocks_may_come_side_by_side() -> None:
    data = b"".join(
        [
            BEGIN,
            start(0, toolUse={"toolUseId": "a", "name": "f"}),
            start(1, toolUse={"toolUseId": "b", "name": "g"}),
            delta(1, toolUse={"input": "{}"}),
            delta(0, toolUse={"input": '{"x":2}'}),
            end("tool_use"),
        ]
    )
    assert collect(read(reader(), [data])).calls == [("f", {"x": 2}), ("g", {})]


def test_a_call_without_arguments_has_empty_ones() -> None:
    data = BEGIN + start(toolUse={"toolUseId": "a", "name": "now"}) + stop() + end("tool_use")
    assert collect(read(reader(), [data])).calls == [("now", {})]
    call = {"toolUse": {"toolUseId": "a", "name": "now", "input": {}}}
    assert collect(read(reader(), [whole(call, reason="tool_use")])).calls == [("now", {})]


@pytest.mark.parametrize("stream", [True, False])
def test_a_custom_tool_gets_its_free_text(stream: bool) -> None:
    arguments = {"input": "SELECT 'ü'"}
    pieces = [
        delta(toolUse={"input": piece}) for piece in (json.dumps(arguments)[:9], json.dumps(arguments)[9:])
    ]
    begun = {"toolUseId": "a", "name": "sql"}
    streamed = b"".join([BEGIN, start(toolUse=begun), *pieces, stop(), end("tool_use")])
    plain = whole({"toolUse": {**begun, "input": arguments}}, reason="tool_use")
    said = read(reader(custom_tools=frozenset({"sql"})), [streamed if stream else plain])
    assert ToolCallStarted(0, "a", "sql", kind="custom") in said
    assert [one.arguments for one in said if isinstance(one, ToolCallDelta)] == ["SELECT 'ü'"]


def test_arguments_that_are_not_a_custom_tools_are_emitted_unchanged() -> None:
    call = {"toolUse": {"toolUseId": "a", "name": "sql", "input": {"query": 1}}}
    said = read(reader(custom_tools=frozenset({"sql"})), [whole(call, reason="tool_use")])
    assert [one.arguments for one in said if isinstance(one, ToolCallDelta)] == ['{"query":1}']


def test_blocks_that_only_this_format_has_are_carried_whole() -> None:
    used = {"toolUse": {"toolUseId": "a", "name": "x", "input": {}, "type": "server_tool_use"}}
    result = {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}}
    assert collect(read(reader(), [whole(used, result)])).natives == [used, result]
    pieces = [delta(toolUse={"input": piece}) for piece in ('{"cut', '": ')]
    begun = start(toolUse={"toolUseId": "a", "name": "x", "type": "server_tool_use"})
    cut = collect(read(reader(), [b"".join([BEGIN, begun, *pieces, stop(), end()])])).natives
    assert cut[0]["toolUse"]["input"] == '{"cut": ', "what is no JSON stays the text that it is"


@pytest.mark.parametrize("stream", [True, False])
def test_a_form_that_was_requested_by_a_tool_is_text(stream: bool) -> None:
    begun = {"toolUseId": "a", "name": "structured_output"}
    pieces = [delta(toolUse={"input": piece}) for piece in ('{"na', 'me":"Jo"}')]
    streamed = b"".join([BEGIN, start(toolUse=begun), *pieces, stop(), end("tool_use")])
    plain = whole({"toolUse": {**begun, "input": {"name": "Jo"}}}, reason="tool_use")
    found = collect(read(reader(answer_tool="structured_output"), [streamed if stream else plain]))
    assert (json.loads(found.text), found.calls, found.finish) == ({"name": "Jo"}, [], "stop")


def test_another_call_beside_the_answering_tool_is_a_call() -> None:
    call = {"toolUse": {"toolUseId": "a", "name": "look", "input": {}}}
    found = collect(read(reader(answer_tool="structured_output"), [whole(call, reason="tool_use")]))
    assert (found.calls, found.finish) == ([("look", {})], "tool_calls")


@pytest.mark.parametrize("stream", [True, False])
def test_a_citation_is_about_its_block(stream: bool) -> None:
    page = {
        "title": "Facts",
        "location": {"web": {"url": "https://example.com"}},
        "sourceContent": [{"text": "Ruby, "}, {"text": "1993"}],
    }
    streamed = b"".join(
        [
            BEGIN,
            delta(0, text="Well: "),
            stop(0),
            delta(1, citation=page),
            delta(1, text="1993"),
            stop(1),
            end(),
        ]
    )
    plain = whole(
        {"text": "Well: "}, {"citationsContent": {"content": [{"text": "1993"}], "citations": [page]}}
    )
    found = collect(read(reader(CLAUDE), [streamed if stream else plain]))
    assert found.text == "Well: 1993"
    [cited] = found.citations
    assert isinstance(cited, CitationAdded)
    assert (cited.url, cited.title, cited.quote) == ("https://example.com", "Facts", "Ruby, 1993")
    assert found.text[cited.start : cited.end] == "1993"
    assert cited.native is not None
    assert json.loads(bytes(cited.native)) == page


@pytest.mark.parametrize("stream", [True, False])
def test_an_image_is_emitted_when_it_is_complete(stream: bool) -> None:
    pieces = [delta(image={"source": {"bytes": piece}}) for piece in ("iVBO", "Rw0K")]
    streamed = b"".join([BEGIN, start(image={"format": "jpeg"}), *pieces, stop(), end()])
    plain = whole({"image": {"format": "jpeg", "source": {"bytes": "iVBORw0K"}}})
    assert ImageAdded("image/jpeg", "iVBORw0K") in read(reader(), [streamed if stream else plain])


@pytest.mark.parametrize(
    ("reason", "finish", "native"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", "stop_sequence"),
        ("max_tokens", "length", None),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("tool_use", "stop", None),
        ("guardrail_intervened", "content_filter", "guardrail_intervened"),
        ("content_filtered", "content_filter", "content_filtered"),
        ("something_new", "stop", "something_new"),
    ],
)
def test_every_stop_reason_has_one_of_openais(reason: str, finish: str, native: str | None) -> None:
    assert Finished(finish, native=native) in read(reader(), [BEGIN + end(reason)])  # type: ignore[arg-type]
    assert read(reader(), [whole(reason=reason)])[-1] == Finished(finish, native=native)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({"inputTokens": 5, "outputTokens": 2}, Usage(input=5, output=2)),
        (
            {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 0},
            Usage(input=5, cache_read=3, cache_write=0, output=2),
        ),
        (
            {
                "inputTokens": 5,
                "outputTokens": 2,
                "cacheWriteInputTokens": 9,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 5}],
            },
            Usage(input=5, cache_write=5, cache_write_1h=4, output=2),
        ),
        ({}, None),
        (None, None),
    ],
)
def test_every_token_is_in_one_class(usage: Any, wanted: Usage | None) -> None:
    assert collect(read(reader(), [whole(usage=usage)])).usage == wanted


# --- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "payload", "status"),
    [
        ("throttlingException", {"message": "too fast"}, 429),
        ("validationException", {"message": "too fast"}, 400),
        ("serviceUnavailableException", {"message": "too fast"}, 503),
        ("internalServerException", {"message": "too fast"}, 500),
        ("modelStreamErrorException", {"message": "too fast"}, 502),
        ("modelStreamErrorException", {"message": "too fast", "originalStatusCode": 424}, 424),
        ("modelTimeoutException", {"message": "too fast"}, 504),
        ("somethingNewException", {"message": "too fast"}, 502),
    ],
)
def test_an_exception_in_a_stream_fails_by_its_name(kind: str, payload: Any, status: int) -> None:
    found = collect(
        read(reader(), [BEGIN + delta(text="Hal") + exception(kind, **payload) + delta(text="lo")])
    )
    assert isinstance(found.failure, ProviderRefused)
    assert (found.failure.message, found.failure.status, found.failure.code) == (
        "too fast",
        status,
        kind,
    )
    assert (found.text, found.finish) == ("Hal", None)


def test_an_error_of_the_transport_fails_too() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "it broke"}
    found = collect(read(reader(), [BEGIN + frame(headers, b"")]))
    assert found.failure is not None
    assert (found.failure.message, found.failure.status, found.failure.code) == (
        "it broke",
        502,
        "InternalError",
    )


def test_a_damaged_stream_fails_after_what_was_good() -> None:
    good, bad = BEGIN + delta(text="Hal"), bytearray(delta(text="lo"))
    bad[-8] ^= 1
    for pieces in ([good + bytes(bad)], [bytes([byte]) for byte in good + bytes(bad)]):
        found = collect(read(reader(), pieces))
        assert found.text == "Hal"
        assert isinstance(found.failure, ProviderBroke)


@pytest.mark.parametrize(
    "body",
    [b'{"message":"Too many requests"}', b'{"Message":"Too many requests"}'],
)
def test_an_error_in_place_of_an_answer_is_reported(body: bytes) -> None:
    failure = collect(read(reader(), [body])).failure
    assert isinstance(failure, ProviderRefused)
    assert (failure.message, failure.status) == ("Too many requests", 502)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html>Bad gateway</html>",
        b'{"output":',
        BEGIN,
        BEGIN + delta(text="Hi") + stop(),
        BEGIN + delta(text="Hi") + BEGIN[:20],
        BEGIN + frame({":event-type": "contentBlockDelta", ":message-type": "event"}, b"no json"),
        BEGIN + frame({":event-type": "contentBlockDelta", ":message-type": "event"}, b"[" * 100_000),
    ],
)
def test_what_is_no_answer_fails(body: bytes) -> None:
    said = read(reader(), [body])
    assert isinstance(collect(said).failure, ProviderBroke)
    assert plainly(read(reader(), [body[:1], body[1:3], body[3:]])) == plainly(said)


def test_events_that_are_newer_than_this_reader_are_ignored() -> None:
    data = (
        BEGIN
        + event("somethingNew", value=1)
        + start(0, somethingElse={"a": 1})
        + delta(0, text="Hi")
        + end()
    )
    found = collect(read(reader(), [data]))
    assert (found.text, found.finish, found.natives) == (
        "Hi",
        "stop",
        [{"somethingElse": {"a": 1}}],
    )


@given(st.lists(st.integers(1, 90), max_size=60))
def test_a_stream_is_the_same_however_it_is_split(sizes: list[int]) -> None:
    call = {"toolUseId": "a", "name": "f"}
    blocks = [
        delta(0, text="Grüße 🌍"),
        stop(0),
        start(1, toolUse=call),
        delta(1, toolUse={"input": "{}"}),
        stop(1),
    ]
    body = b"".join([BEGIN, *blocks, end("tool_use")])
    pieces, place = [], 0
    for size in sizes:
        pieces.append(body[place : place + size])
        place += size
    assert plainly(read(reader(), [*pieces, body[place:]])) == plainly(read(reader(), [body]))


@given(st.binary(max_size=300), st.sampled_from([b"", b"\0", b'{"output":', BEGIN]))
def test_noise_never_raises_and_never_passes_for_an_answer(noise: bytes, before: bytes) -> None:
    found = collect(read(reader(), [before, noise]))
    assert found.failure is not None or found.finish is not None


# --- errors ----------------------------------------------------------------------------------


@needs_recordings
@each("recording", recordings("bedrock", "error"))
def test_a_recorded_error_keeps_its_status_and_words(recording: Recording) -> None:
    headers = {name.lower(): value for name, value in recording.response["headers"].items()}
    error = PROTOCOL.parse_error(recording.status, headers, recording.body)
    name = headers.get("x-amzn-errortype", "").split(":")[0] or None
    assert (error.status, error.message, error.code) == (
        recording.status,
        recording.response["body"]["message"],
        name,
    )


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (503, b"<html><h1>Service Unavailable</h1></html>", "Service Unavailable"),
        (500, b"", "the provider answered InternalFailure without a message"),
        (400, b'{"Message":"no"}', "no"),
    ],
)
def test_an_error_of_any_form_has_words(status: int, body: bytes, message: str) -> None:
    error = PROTOCOL.parse_error(status, {"x-amzn-errortype": "InternalFailure", "retry-after": "3"}, body)
    assert (error.status, error.message, error.retry_after) == (status, message, 3)


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "No."}}, {"error": "No."}, {"detail": "No."}, {"Message": "No."}, "No."],
)
def test_an_error_of_a_proxy_keeps_its_words(body: Any):
    error = PROTOCOL.parse_error(400, {}, json.dumps(body).encode())
    assert (error.status, error.message) == (400, "No.")
