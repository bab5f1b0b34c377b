"""What a client's dialect has no place for is left out by name: it never vanishes or mixes with the text."""

import json
from typing import Any

import pytest
from msgspec import Raw

from field.calling import DONE, answer, chunk, plan, received
from recordings import splits
from tidegate.protocols.completions.chat import LACKS, BodyWriter, StreamWriter
from tidegate.protocols.contract import Bridge
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
    TextDelta,
    ToolCallStarted,
)
from tidegate.protocols.gemini import PROTOCOL as GEMINI

LOGPROBS = {"content": [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]}


def left_out(door: str, data: bytes, *, stream: bool = True) -> list[str]:
    """Names, the same however the answer is split."""
    found = []
    for pieces in splits(data):
        conduit = plan(door, "openai_compatible/m", stream=stream)[1]
        for piece in pieces:
            conduit.feed(piece)
        conduit.close()
        assert conduit.failure is None
        found.append(conduit.tally.left_out)
    assert all(one == found[0] for one in found)
    return found[0]


def both(*texts: str) -> bytes:
    """A stream of as many choices as texts, interleaved letter by letter."""
    out = b""
    for letters in zip(*texts, strict=True):
        for index, letter in enumerate(letters):
            choice = {"index": index, "delta": {"content": letter}, "finish_reason": None}
            out += chunk(choices=[choice])
    ends = [{"index": index, "delta": {}, "finish_reason": "stop"} for index in range(len(texts))]
    return out + b"".join(chunk(choices=[end]) for end in ends) + DONE


@pytest.mark.parametrize("door", ["messages", "responses"])
def test_a_second_choice_that_nobody_asked_for_is_left_out(door: str) -> None:
    result = received(door, "openai_compatible/m", both("first", "other"))
    assert (result.text, result.failure) == ("first", None)
    assert left_out(door, both("first", "other")) == ["choices"]
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for index, text in enumerate(("first", "other", "third"))
    ]
    whole = json.dumps(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
    )
    assert received(door, "openai_compatible/m", whole.encode(), stream=False).text == "first"
    assert left_out(door, whole.encode(), stream=False) == ["choices"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("door", ["messages", "responses"])
@pytest.mark.parametrize(
    ("audio", "text", "names"),
    [
        ({"id": "a1", "data": "AAAA", "transcript": "spoken"}, "spoken", ["audio"]),
        ({"id": "a1", "data": "AAAA"}, "", ["audio"]),
        ({"id": "a1", "transcript": "spoken"}, "spoken", []),
        ({"id": "a1"}, "", []),
    ],
)
def test_of_audio_the_transcript_arrives_and_the_sound_is_named(
    audio: dict[str, Any], text: str, names: list[str], door: str, stream: bool
) -> None:
    if stream:
        pieces = [{name: value} for name, value in audio.items()]
        data = b"".join(chunk({"audio": piece}) for piece in pieces) + chunk({}, "stop") + DONE
    else:
        data = answer({"audio": audio})
    result = received(door, "openai_compatible/m", data, stream=stream)
    assert (result.text, result.failure) == (text, None)
    assert left_out(door, data, stream=stream) == names


def test_log_probabilities_are_named_where_messages_have_no_place_for_them() -> None:
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": LOGPROBS, "finish_reason": None}
    data = chunk(choices=[choice]) + chunk({}, "stop") + DONE
    assert received("messages", "openai_compatible/m", data).text == "a"
    assert left_out("messages", data) == ["logprobs"]


def test_blocks_of_another_format_are_named_in_answers_of_geminis_dialect() -> None:
    block = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
    message = {**head, "content": [block, {"type": "text", "text": "found"}], "usage": {"input_tokens": 1}}
    reader = plan("chat", "anthropic/claude-sonnet-4-5", stream=False)[1]._reader  # type: ignore[attr-defined]
    body = json.dumps({"contents": [{"parts": [{"text": "q"}]}], "model": "m"}).encode()
    bridge = Bridge(reader, GEMINI.writer(GEMINI.parse_request(body), "m"))
    out = bridge.feed(json.dumps(message).encode()) + bridge.close()
    assert json.loads(out)["candidates"][0]["content"]["parts"] == [{"text": "found"}]
    assert bridge.tally.left_out == ["native_blocks"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["mistral/m", "openai_compatible/m"])
@pytest.mark.parametrize("door", ["chat", "messages", "responses"])
def test_parts_of_unknown_kinds_are_named(door: str, model: str, stream: bool) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [1]}]
    for content, names in ((parts, ["content.part"]), (parts[:1], []), ([*parts[:1], {"type": "text"}], [])):
        message = {"role": "assistant", "content": content}
        data = chunk(message) + chunk({}, "stop") + DONE if stream else answer(message)
        conduit = plan(door, model, stream=stream)[1]
        conduit.feed(data)
        conduit.close()
        assert (conduit.failure, conduit.tally.left_out) == (None, names)
        assert received(door, model, data, stream=stream).text == "a"


BESIDE_TEXT: list[Event] = [
    ReasoningDelta("t"),
    ReasoningEncrypted("x", "anthropic"),
    ToolCallStarted(0, "c1", "look"),
    LogprobsDelta(Raw(b"[]")),
    CitationAdded(url="https://a.example"),
    ImageAdded("image/png", "aGk="),
    AudioDelta(Raw(b"{}")),
    NativeBlock("anthropic", Raw(b"{}")),
]


@pytest.mark.parametrize("writer", [BodyWriter("m"), StreamWriter("m", include_usage=False)])
def test_a_completion_names_what_stands_beside_its_text(writer: BodyWriter | StreamWriter) -> None:
    names: list[str] = []
    writer.leave_out = names.append
    out = writer.write([TextDelta("hi"), *BESIDE_TEXT, Finished("stop")]) + writer.close()
    assert b'"text":"hi"' in out
    assert names == [LACKS[type(event)] for event in BESIDE_TEXT]
