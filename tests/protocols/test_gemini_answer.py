"""The reader of Gemini's answers, over everything recorded and over what nobody recorded."""

import json
import random
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each
from protocols.gemini_answers import (
    Said,
    answer_in,
    chats,
    chunk,
    collected,
    events,
    failure,
    last_usage,
    plainly,
    read,
    sent,
    target,
)
from recordings import Recording, needs_recordings, recordings, splits
from tidegate.protocols.contract import Bridge, Call, Reader
from tidegate.protocols.errors import ProviderBroke, ProviderRefused
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Failed,
    Finished,
    ImageAdded,
    LogprobsDelta,
    NativeBlock,
    ReasoningSigned,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.finishes import meaning_of
from tidegate.protocols.gemini import PROTOCOL
from tidegate.protocols.usage import Usage

FAIL = {
    "vertex-chat-unary-failure-invalid-response-39b49e37",
    "vertex-chat_stream-streaming-failure-empty-content-f130df98",
}
FAIL |= {
    "vertex-chat_stream-streaming-failure-error-mid-stream-5cc15679",
    "vertex-chat_stream-streaming-failure-invalid-json-bb5fcf04",
}
IN_PIECES = "google-stream-tool-call-arguments"


def is_stream(recording: Recording) -> bool:
    return recording.kind == "chat_stream"


def of(kind: type, found: list[Event]) -> list:
    return [event for event in found if isinstance(event, kind)]


# --- recordings ------------------------------------------------------------------------------


@needs_recordings
@each("recording", chats())
def test_a_recorded_answer_is_read_whole(recording: Recording):
    found = read([sent(recording)], stream=is_stream(recording))
    if recording.id in FAIL:
        assert failure(found)
        return
    assert failure(found) is None
    assert isinstance(found[0], Started)
    expected = answer_in(recording) or {0: Said(finish="content_filter")}
    got = collected(found)
    if IN_PIECES in recording.id:
        expected[0].calls = [
            ("getWeather", {"location": "Boston"}),
            ("getWeather", {"location": "San Francisco"}),
        ]
    for index, said in expected.items():
        assert (got[index].text, got[index].thoughts, got[index].calls) == (
            said.text,
            said.thoughts,
            said.calls,
        )


@needs_recordings
@each("recording", chats())
def test_a_recorded_finish_is_reported_in_openai_s_words(recording: Recording):
    finishes = {one.choice: one for one in of(Finished, read([sent(recording)], stream=is_stream(recording)))}
    for index, said in (answer_in(recording) if recording.id not in FAIL else {}).items():
        expected = meaning_of(said.finish or "STOP")
        if said.finish == "STOP" and said.calls:
            expected = "tool_calls"
        assert finishes[index].reason == expected


@needs_recordings
@each("recording", chats())
def test_recorded_tokens_are_all_in_one_class(recording: Recording):
    usage = last_usage(recording)
    reports = of(UsageReported, read([sent(recording)], stream=is_stream(recording)))
    if "promptTokenCount" not in usage:
        assert (
            not reports
            or reports[-1].usage.prompt_tokens + reports[-1].usage.completion_tokens
            == usage["totalTokenCount"]
        )
        return
    got = reports[-1].usage
    assert got.prompt_tokens == usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
    assert got.completion_tokens == usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    assert got.cache_read == usage.get("cachedContentTokenCount")
    assert got.reasoning == usage.get("thoughtsTokenCount")


@needs_recordings
@each("recording", chats())
def test_an_answer_is_the_same_however_it_is_split(recording: Recording):
    data = sent(recording)
    whole = plainly(read([data], stream=is_stream(recording)))
    for pieces in splits(data) if len(data) < 4000 else [_at_random(data, 61), _at_random(data, 777)]:
        assert plainly(read(pieces, stream=is_stream(recording))) == whole


@needs_recordings
@each("recording", [one for one in chats() if is_stream(one)])
def test_a_stream_cut_anywhere_fails_and_keeps_what_came(recording: Recording):
    data = sent(recording)
    whole = read([data], stream=True)
    texts, reports = of(TextDelta, whole), of(UsageReported, whole)
    for cut in range(0, len(data), max(1, len(data) // 150)):
        found = read([data[:cut]], stream=True)
        assert of(TextDelta, found) == texts[: len(of(TextDelta, found))]
        assert of(UsageReported, found) == reports[: len(of(UsageReported, found))]
        assert failure(found) or of(Finished, found), "a cut stream never just stops"


@needs_recordings
@each("recording", [one for one in chats() if isinstance(one.response["body"], list)])
def test_an_array_of_answers_is_the_same_stream(recording: Recording):
    array = json.dumps(recording.response["body"], indent=2).encode()
    assert plainly(read([array])) == plainly(read([sent(recording)]))


@needs_recordings
@each("recording", [one for one in chats() if not is_stream(one) and one.plain])
def test_a_complete_answer_gives_the_same_events_as_a_stream(recording: Recording):
    framed = b"data: " + json.dumps(recording.response["body"]).encode() + b"\r\n\r\n"
    assert plainly(read([sent(recording)], stream=False)) == plainly(read([framed], stream=False))


@needs_recordings
@each("recording", recordings("gemini", "count_tokens", status=200))
def test_a_recorded_count_is_read(recording: Recording):
    assert PROTOCOL.parse_count(recording.body) == recording.response["body"]["totalTokens"]


def _at_random(data: bytes, size: int) -> list[bytes]:
    places = sorted(random.Random(7).sample(range(1, len(data)), len(data) // size))
    return [data[start:end] for start, end in pairwise([0, *places, len(data)])]


# --- parts -----------------------------------------------------------------------------------


def test_a_signature_is_emitted_with_its_part():
    parts = [
        {"text": "I think", "thought": True, "thoughtSignature": "a"},
        {"text": "Well", "thoughtSignature": "b"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c"},
        {"inlineData": {"mimeType": "image/png", "data": "QQ=="}, "thoughtSignature": "d"},
        {"text": "", "thoughtSignature": "e"},
        {"thoughtSignature": "g"},
    ]
    found = read([events(chunk(*parts, finish="STOP"))])
    assert ReasoningSigned("a", "gemini") in found
    assert [(one.text, one.signature) for one in of(TextDelta, found)] == [
        ("Well", "b"),
        ("", "e"),
        ("", "g"),
    ]
    assert of(ToolCallStarted, found)[0].signature == "c"
    assert of(ImageAdded, found) == [ImageAdded("image/png", "QQ==", signature="d")]


def test_calls_are_counted_over_all_chunks_and_keep_their_ids():
    found = read(
        [
            events(
                chunk(
                    {"functionCall": {"name": "f", "args": {"x": 1}, "id": "own"}},
                    {"functionCall": {"name": "g"}},
                ),
                chunk({"functionCall": {"name": "f", "args": {"x": [1.0, {"ä": None}]}}}, finish="STOP"),
            )
        ]
    )
    started = of(ToolCallStarted, found)
    assert [(one.index, one.name) for one in started] == [(0, "f"), (1, "g"), (2, "f")]
    assert started[0].id == "own"
    assert len({one.id for one in started}) == 3
    assert [one.arguments for one in of(ToolCallDelta, found)] == [
        '{"x":1}',
        "{}",
        '{"x":[1.0,{"\\u00e4":null}]}',
    ]
    assert of(Finished, found) == [Finished("tool_calls")]


def test_a_custom_tool_s_call_has_its_text_for_arguments():
    answer = chunk({"functionCall": {"name": "shell", "args": {"input": 'echo "ä"\n'}}}, finish="STOP")
    found = read([events(answer)], custom=frozenset({"shell"}))
    assert of(ToolCallStarted, found)[0].kind == "custom"
    assert of(ToolCallDelta, found)[0].arguments == 'echo "ä"\n'


def test_arguments_in_pieces_are_put_together():
    pieces = [
        {"jsonPath": "$.a.list[1]", "numberValue": 2},
        {"jsonPath": "$.a['a key']", "stringValue": "one ", "willContinue": True},
        {"jsonPath": "$.a['a key']", "stringValue": "two"},
        {"jsonPath": "$.a.list[0]", "boolValue": False},
        {"jsonPath": "$.ratio", "numberValue": 0.5},
        {"jsonPath": "$.none", "nullValue": "NULL_VALUE"},
    ]
    chunks = [chunk({"functionCall": {"name": "f", "willContinue": True}})]
    chunks += [chunk({"functionCall": {"partialArgs": [piece], "willContinue": True}}) for piece in pieces]
    found = read([events(*chunks, chunk({"functionCall": {}}, finish="STOP"))])
    expected = {"a": {"list": [False, 2], "a key": "one two"}, "ratio": 0.5, "none": None}
    assert [json.loads(one.arguments) for one in of(ToolCallDelta, found)] == [expected]


def test_pieces_that_contradict_each_other_are_no_exception():
    pieces = [
        {"jsonPath": "$.a", "stringValue": "x"},
        {"jsonPath": "$.a[0].b", "stringValue": "y"},
        {"jsonPath": "$[3]", "stringValue": "z"},
        {"jsonPath": "nonsense", "stringValue": "z"},
    ]
    call = {"functionCall": {"name": "f", "partialArgs": pieces}}
    assert failure(read([events(chunk(call, finish="STOP"))])) is None


def test_what_only_gemini_has_is_carried_whole():
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"toolCall": {"id": "x", "toolType": "FILE_SEARCH"}, "thoughtSignature": "s"},
        {"someday": {"new": 1}},
        {},
    ]
    found = read([events(chunk({"text": "a"}), chunk(*parts, finish="STOP"))])
    blocks = of(NativeBlock, found)
    assert [json.loads(bytes(one.block)) for one in blocks] == parts[:-1]
    assert {one.format for one in blocks} == {"gemini"}


def test_speech_has_openai_s_form():
    blob = {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAA="}
    (audio,) = of(AudioDelta, read([events(chunk({"inlineData": blob}, finish="STOP"))]))
    received = json.loads(bytes(audio.audio))
    assert received.pop("id").startswith("audio_")
    assert received == {"data": "AAA=", "expires_at": 0, "transcript": "", "media_type": blob["mimeType"]}


def test_a_video_is_a_native_block():
    part = {"inlineData": {"mimeType": "video/mp4", "data": "AAA="}}
    (block,) = of(NativeBlock, read([events(chunk(part, finish="STOP"))]))
    assert json.loads(bytes(block.block)) == part


def test_log_probabilities_become_openai_s_list():
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 5, "logProbability": -0.5}, {"token": "b"}],
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "x", "logProbability": -3}]}
        ],
    }
    (found,) = of(LogprobsDelta, read([events(chunk({"text": "éb"}, finish="STOP", logprobsResult=result))]))
    first, second = json.loads(bytes(found.content))
    assert (first["token"], first["logprob"], first["bytes"]) == ("é", -0.5, [195, 169])
    assert [top["token"] for top in first["top_logprobs"]] == ["é", "x"]
    assert second == {"token": "b", "logprob": 0.0, "bytes": [98], "top_logprobs": []}


def counts(**received: int) -> dict[str, int]:
    """Token counts by the beginning of their names."""
    return {f"{name}TokenCount": count for name, count in received.items()}


# --- sources ---------------------------------------------------------------------------------

GROUNDING = {
    "groundingChunks": [
        {"web": {"uri": "https://a.example", "title": "A"}},
        {"web": {"uri": "https://b.example", "title": "B"}},
        {"retrievedContext": {"text": "from a file"}},
    ],
    "groundingSupports": [
        {"segment": {"startIndex": 7, "endIndex": 14, "text": "schön."}, "groundingChunkIndices": [0, 2, 9]},
    ],
    "webSearchQueries": ["q"],
}


def test_grounding_is_emitted_in_characters_and_natively():
    text = "Zürich schön."
    found = of(
        CitationAdded,
        read([events(chunk({"text": text}), chunk(finish="STOP", groundingMetadata=GROUNDING))]),
    )
    supported, page, whole = found
    assert (supported.url, supported.title) == ("https://a.example", "A")
    assert text[supported.start : supported.end] == " schön"
    assert (page.url, page.start, page.end) == ("https://b.example", None, None)
    assert json.loads(bytes(whole.native)) == {"groundingMetadata": GROUNDING}


def test_sources_come_before_the_finish():
    found = read([events(chunk({"text": "x"}, finish="STOP", groundingMetadata=GROUNDING))])
    assert isinstance(found[-1], Finished)


def test_searches_are_counted_beside_the_tokens():
    answer = {
        **chunk({"text": "x"}, finish="STOP", groundingMetadata=GROUNDING),
        "usageMetadata": counts(prompt=3),
    }
    assert of(UsageReported, read([events(answer)]))[-1].usage == Usage(input=3, output=0, searches=1)


def test_repeated_grounding_is_reported_once():
    one = chunk({"text": "Zürich schön."}, groundingMetadata=GROUNDING)
    assert len(of(CitationAdded, read([events(one, chunk(finish="STOP", groundingMetadata=GROUNDING))]))) == 3


@pytest.mark.parametrize("name", ["citationSources", "citations"])
def test_recited_sources_are_reported_with_their_licence(name: str):
    source = {"startIndex": 0, "endIndex": 3, "uri": "https://a.example", "license": "MIT"}
    (found,) = of(
        CitationAdded,
        read([events(chunk({"text": "abcd"}, finish="STOP", citationMetadata={name: [source]}))]),
    )
    assert (found.url, found.start, found.end) == ("https://a.example", 0, 3)
    assert json.loads(bytes(found.native)) == source


# --- ends ------------------------------------------------------------------------------------


def test_a_reason_without_counterpart_is_a_stop_that_keeps_its_name():
    found = read([events(chunk({"text": "x"}, finish="SOMETHING_NEW", finishMessage="Because."))])
    assert found[-1] == Finished("stop", native="SOMETHING_NEW", detail="Because.")


@pytest.mark.parametrize("native", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "NO_IMAGE"])
def test_a_reason_of_an_incomplete_answer_is_a_failure(native: str):
    found = read([events(chunk({"text": "x"}, finish=native, finishMessage="Because."))])
    assert isinstance(found[-1], Failed)
    assert native in found[-1].error.message
    assert found[-1].error.message.endswith(": Because.")


def test_a_harmful_answer_reports_which_harm():
    ratings = [{"category": "HARM_A", "blocked": True}, {"category": "HARM_B"}]
    found = read([events(chunk(finish="SAFETY", safetyRatings=ratings))])
    assert found[-1] == Finished("content_filter", native="SAFETY", detail="HARM_A")


@pytest.mark.parametrize("reason", ["STOP", "A_NEW_REASON"])
def test_calls_end_a_turn_also_with_a_reason_that_is_new(reason: str):
    call = {"functionCall": {"name": "f", "args": {}}}
    found = read([events(chunk(call, finish=reason))])
    assert [one.reason for one in of(Finished, found)] == ["tool_calls"]


def test_content_after_a_finish_reason_belongs_to_the_answer():
    found = read([events(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="STOP"))])
    assert collected(found)[0].text == "ab"
    assert len(of(Finished, found)) == 1


def test_a_blocked_prompt_is_a_filtered_answer():
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No."}
    for stream in (True, False):
        found = read([json.dumps({"promptFeedback": feedback}).encode()], stream=stream)
        assert found[-1] == Finished("content_filter", native="PROHIBITED_CONTENT", detail="No.")


def test_choices_are_distinguished():
    parts = [chunk({"text": letter}, index=index)["candidates"][0] for index, letter in enumerate("abc")]
    found = read([json.dumps({"candidates": parts}).encode()], stream=False)
    assert {index: said.text for index, said in collected(found).items()} == {0: "a", 1: "b", 2: "c"}
    assert [one.choice for one in of(Finished, found)] == [0, 1, 2]


def test_a_stream_in_which_one_choice_does_not_finish_fails():
    found = read([events(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, index=1))])
    assert isinstance(failure(found).error, ProviderBroke)


def test_a_json_answer_is_whole_without_a_reason():
    found = read([json.dumps(chunk({"text": "a"})).encode()], stream=False)
    assert found[-1] == Finished("stop")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\r\n", b"<html>Bad gateway</html>", b"{", b"[", b"[]", b"{}", b"null", b"\xff\xfe",
        b'{"candidates": 5}', b"data: {\r\n\r\n", b"data: [1]\n\n", b'data: {"candidates": []}\n\n',
        b'{"candidates":[{"content":{"parts":[{"text":[5]}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":[1]}}]}}]}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_no_answer_fails(body: bytes, stream: bool):
    assert isinstance(failure(read([body], stream=stream)).error, ProviderBroke)


ODD_SIDES = [
    {"groundingMetadata": {"groundingChunks": 7, "webSearchQueries": ["q"]}},
    {"groundingMetadata": {"groundingSupports": [7]}},
    {"groundingMetadata": [1]},
    {"citationMetadata": "none"},
    {"citationMetadata": {"citations": [{"uri": 5}, 7]}},
    {"urlContextMetadata": "x"},
    {"logprobsResult": 3},
    {"safetyRatings": "fine"},
]


@pytest.mark.parametrize("side", ODD_SIDES)
@pytest.mark.parametrize("stream", [True, False])
def test_fields_next_to_the_text_never_end_an_answer(side: dict, stream: bool):
    received = chunk({"text": "ab"}, finish="STOP", **side)
    body = events(received) if stream else json.dumps(received).encode()
    found = read([body], stream=stream)
    assert collected(found)[0].text == "ab"
    assert found[-1] == Finished("stop")


def test_nothing_comes_after_a_failure():
    reader = PROTOCOL.reader(Call("/", b"", stream=True), target())
    assert failure(reader.feed(b"data: {nonsense\n\n" + events(chunk({"text": "a"}, finish="STOP"))))
    assert reader.feed(events(chunk({"text": "b"}, finish="STOP"))) == []
    assert reader.close() == []


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(ERROR).encode(),
        json.dumps([chunk({"text": "a"}), ERROR], indent=2).encode(),
        events(chunk({"text": "a"}), ERROR),
        events(chunk({"text": "a"})) + json.dumps(ERROR, indent=2).encode(),
        events(chunk({"text": "a"}, finish="STOP")) + json.dumps(ERROR, indent=2).encode() + b"\n",
    ],
)
def test_an_error_in_an_answer_fails_with_its_own_status(body: bytes):
    error = failure(read([body])).error
    assert isinstance(error, ProviderRefused)
    assert (error.status, error.code, error.message) == (503, "UNAVAILABLE", "The model is overloaded.")
    assert error.tries_elsewhere


def test_a_cut_error_after_the_events_still_reports_its_message():
    body = events(chunk({"text": "a"})) + json.dumps(ERROR, indent=2).encode()[:70]
    assert "The model is ove" in str(failure(read([body])).error)


def test_a_truncated_array_gives_what_arrived():
    body = json.dumps(
        [{**chunk({"text": one}), "usageMetadata": {"promptTokenCount": 3}} for one in "ab"]
    ).encode()
    found = read([body[:-20]])
    assert collected(found)[0].text == "a"
    assert of(UsageReported, found) == [UsageReported(Usage(input=3, output=0))]
    assert isinstance(failure(found).error, ProviderBroke)


# --- tokens ----------------------------------------------------------------------------------


AUDIO = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 60,
    "candidatesTokenCount": 30,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}, {"modality": "AUDIO", "tokenCount": 50}],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
    "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 25}],
}


@pytest.mark.parametrize(
    ("received", "usage"),
    [
        (
            counts(prompt=100, cachedContent=60, toolUsePrompt=7, candidates=9, thoughts=5, total=121),
            Usage(input=47, cache_read=60, output=9, reasoning=5),
        ),
        (AUDIO, Usage(input=10, cache_read=60, input_audio=30, output=5, output_audio=25)),
        (counts(prompt=4, total=4), Usage(input=4, output=0)),
        (counts(candidates=1, thoughts=2, total=10), Usage(input=7, output=1, reasoning=2)),
        (counts(prompt=1, cachedContent=5, candidates=1), Usage(input=0, cache_read=5, output=1)),
    ],
)
def test_tokens_are_reported_in_disjoint_classes(received: dict, usage: Usage):
    assert of(
        UsageReported, read([events({**chunk({"text": "a"}, finish="STOP"), "usageMetadata": received})])
    ) == [UsageReported(usage)]


def test_traffic_without_tokens_is_no_report():
    assert not of(
        UsageReported, read([events({**chunk(finish="STOP"), "usageMetadata": {"trafficType": "ON_DEMAND"}})])
    )


def test_a_bridge_knows_the_tokens_before_the_end():
    bridge = Bridge(PROTOCOL.reader(Call("/", b"", stream=True), target()), _Silent())
    bridge.feed(
        events({**chunk({"text": "a"}), "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}})
    )
    assert bridge.tally.usage == Usage(input=3, output=1)
    bridge.close()
    assert isinstance(bridge.failure, ProviderBroke)


class _Silent:
    """A client that receives nothing."""

    def write(self, events: object) -> bytes:
        return b""

    def close(self) -> bytes:
        return b""

    def abort(self, error: Exception) -> bytes:
        return b""


# --- anything --------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
PART = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text() | JSON,
        "thought": st.booleans(),
        "thoughtSignature": st.text(),
        "functionCall": st.fixed_dictionaries(
            {}, optional={"name": st.text(), "args": JSON, "willContinue": st.booleans()}
        ),
        "inlineData": st.fixed_dictionaries({}, optional={"mimeType": st.text(), "data": st.text()}),
        "other": JSON,
    },
)
CHUNK = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "content": st.fixed_dictionaries({}, optional={"parts": st.lists(PART, max_size=3)})
                    | JSON,
                    "finishReason": st.sampled_from(["STOP", "SAFETY", "NEW"]) | JSON,
                    "index": st.integers(0, 2),
                    "groundingMetadata": JSON,
                    "logprobsResult": JSON,
                    "safetyRatings": JSON,
                },
            ),
            max_size=2,
        ),
        "usageMetadata": st.dictionaries(
            st.sampled_from(["promptTokenCount", "candidatesTokenCount"]), st.integers(0, 9)
        ),
        "promptFeedback": JSON,
        "error": JSON,
    },
)


@given(st.lists(CHUNK, max_size=4), st.integers(1, 9), st.booleans())
def test_whatever_a_provider_sends_ends_in_finishes_or_one_failure(chunks: list, size: int, stream: bool):
    data = events(*chunks)
    found = read([data], stream=stream)
    assert plainly(read([data[i : i + size] for i in range(0, len(data), size)], stream=stream)) == plainly(
        found
    )
    assert failure(found) or of(Finished, found)
    for event in found:
        msgspec.json.encode([getattr(event, name) for name in event.__struct_fields__ if name != "error"])


def test_the_reader_is_a_reader():
    reader: Reader = PROTOCOL.reader(Call("/", b"", stream=True), target())
    assert reader.feed(b"") == []
