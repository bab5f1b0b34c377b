"""Malformed optional fields never end an answer; a failure is never reported as a normal end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field.calling import DONE, DOORS, KINDS, answer, call, chunk, event, received

TEXT = chunk({"role": "assistant", "content": "hel"}) + chunk({"content": "lo"})
STOP = {"chat": "stop", "messages": "end_turn", "responses": "completed"}

HEARTBEATS = [
    ": keepalive", "ping", "null", "", " ", "[]", "{}", "true", "0", '"ping"', "heartbeat 7",
    '{"type":"ping"}',
    '{"choices":null}', '{"choices":[]}', "OPENROUTER PROCESSING",
]  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_heartbeats_of_any_form_are_ignored(kind: str, door: str) -> None:
    noise = (
        b"".join(map(event, HEARTBEATS))
        + b": comment\n\nevent: ping\ndata: ping\n\nevent: ping\ndata: {}\n\n"
    )
    stream = noise + TEXT + noise + chunk({}, "stop") + noise + DONE
    result = received(door, f"{kind}/m", stream)
    assert (result.text, result.finish, result.failure) == ("hello", STOP[door], None)
    assert b"data: ping" not in result.raw


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["openai", "openai_compatible", "azure"])
@pytest.mark.parametrize("mark", ["[DONE] ", " [DONE]", "[DONE]\t", '"[DONE]"'])
def test_the_end_mark_with_blanks_is_the_end(mark: str, kind: str, door: str) -> None:
    result = received(door, f"{kind}/m", TEXT + chunk({}, "stop") + event(mark))
    assert (result.text, result.finish, result.failure) == ("hello", STOP[door], None)


@pytest.mark.parametrize("kind", ["openai", "azure", "openai_compatible", "vllm"])
def test_chunks_without_choices_can_be_iterated(kind: str) -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    stream = TEXT + chunk({}, "stop") + chunk(choices=None, usage=usage) + DONE
    result = received("chat", f"{kind}/m", stream, stream_options={"include_usage": True})
    chunks = [json.loads(line[6:]) for line in result.raw.split(b"\n") if line.startswith(b"data: {")]
    assert all(isinstance(one["choices"], list) for one in chunks)
    assert sum(one["usage"] == usage for one in chunks if one.get("usage")) == 1


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["openai", "openai_compatible", "mistral"])
@pytest.mark.parametrize(
    ("halves", "text"),
    [
        (["\\ud83d", "\\ude00"], "\U0001f600"),
        (["a\\ud83d", "x", "\\ude00b"], None),
        (["\\ud83d\\ude00", "\\\\ud83d"], "\U0001f600\\ud83d"),
        (["\\ude00!"], "\ufffd!"),
    ],
)
def test_an_emoji_in_two_chunks(halves: list[str], text: str | None, kind: str, door: str) -> None:
    pieces = [chunk({"content": "@"}).replace(b"@", half.encode()) for half in halves]
    result = received(door, f"{kind}/m", chunk({"role": "assistant", "content": ""}) + b"".join(pieces) + END)
    assert (result.finish, result.failure) == (STOP[door], None)
    if door == "chat":
        for half in halves:
            assert half.encode() in result.raw
    elif text is not None:
        assert result.text == text


END = chunk({}, "stop") + DONE

SIDES: list[dict[str, Any]] = [
    {"usage": {"prompt_tokens": "12", "completion_tokens": 3.0}},
    {"usage": {"prompt_tokens": {"all": 1}, "completion_tokens": 3}},
    {"usage": "none"},
    {"usage": []},
    {"created": "today"},
    {"citations": "none"},
    {"citations": [{"odd": 1}, 7]},
    {"search_results": {"a": 1}},
    {"x_groq": 7},
    {"service_tier": {"odd": True}},
    {"system_fingerprint": [1], "provider": 7, "object": None},
]
DELTAS: list[dict[str, Any]] = [
    {"annotations": "none"},
    {"annotations": [{"url_citation": {"start_index": "x"}}]},
    {"annotations": [7]},
    {"reasoning_details": "none"},
    {"images": 5},
    {"audio": 5},
    {"extra_content": 5},
    {"native_blocks": 5},
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["openai", "openai_compatible", "azure"])
@pytest.mark.parametrize("side", SIDES)
def test_odd_fields_beside_the_text_never_end_an_answer(side: dict[str, Any], kind: str, door: str) -> None:
    stream = chunk({"role": "assistant", "content": "hel"}, **side) + chunk({"content": "lo"}, **side)
    result = received(door, f"{kind}/m", stream + chunk({}, "stop", **side) + DONE)
    assert (result.text, result.finish, result.failure) == ("hello", STOP[door], None)


@pytest.mark.parametrize("door", ["messages", "responses"])
@pytest.mark.parametrize("delta", DELTAS)
def test_odd_fields_in_a_delta_never_end_an_answer(delta: dict[str, Any], door: str) -> None:
    result = received(door, "openai/m", chunk({"content": "hel", **delta}) + chunk({"content": "lo"}) + END)
    assert (result.text, result.finish, result.failure) == ("hello", STOP[door], None)
    result = received(door, "openai/m", answer({"content": "hello", **delta}), stream=False)
    assert (result.text, result.finish, result.failure) == ("hello", STOP[door], None)


# --- finish reasons --------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_finish_reason_ends_nothing(kind: str, door: str) -> None:
    pieces = [
        chunk({"role": "assistant", "content": "hel"}, ""),
        chunk({"content": "lo"}, ""),
        call("look", "{}", index=0, id="c").replace(b'"finish_reason": null', b'"finish_reason": ""'),
        chunk({}, "tool_calls"),
    ]
    result = received(door, f"{kind}/m", b"".join(pieces) + DONE)
    assert (result.text, [name for _, name, _ in result.calls]) == ("hello", ["look"])
    assert result.finish == {"chat": "tool_calls", "messages": "tool_use", "responses": "completed"}[door]
    assert b'"native_finish_reason":""' not in result.raw


FAILURES = [
    "error",
    "network_error",
    "insufficient_system_resource",
    "abort",
    "server_error",
    "generation_failed",
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", FAILURES)
def test_a_failure_is_never_reported_as_an_end(reason: str, kind: str, door: str) -> None:
    for result in (
        received(door, f"{kind}/m", TEXT + chunk({}, reason) + DONE),
        received(door, f"{kind}/m", answer({"content": "hel"}, reason), stream=False),
    ):
        assert result.finish is None
        assert result.failure is not None
        assert reason in result.failure


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_malformed_call_of_geminis_is_reported_with_its_explanation(stream: bool, door: str) -> None:
    candidate = {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed call: f("}
    body = json.dumps({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 1}})
    data = f"data: {body}\r\n\r\n".encode() if stream else body.encode()
    result = received(door, "gemini/gemini-2.5-flash", data, stream=stream)
    assert result.finish is None
    assert result.failure is not None
    assert result.failure.endswith("'MALFORMED_FUNCTION_CALL': Malformed call: f(")


# --- errors ----------------------------------------------------------------------------------

ERRORS = [
    b'data: {"object":"error","message":"out of memory","type":"InternalServerError","code":500}\n\n',
    b'event: error\ndata: {"message":"out of memory","code":"x"}\n\n',
    b"event: error\ndata: out of memory\n\n",
    b'data: {"error":"out of memory"}\n\n',
    b'data: {"error":{"message":"out of memory","code":"7"}}\n\n',
    b'data: {"error":{"error":{"message":"out of memory"}}}\n\n',
    b'data: {"errors":[{"message":"out of memory"}]}\n\n',
    b'data: {"type":"error","message":"out of memory"}\n\n',
    b'data: {"detail":"out of memory"}\n\n',
    b'data: {"message":"out of memory"}\n\n',
    b'data: {"error_message":"out of memory","status":503}\n\n',
    b"data: error: out of memory\n\n",
    b'{"error":{"message":"out of memory"}}\n\n',
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["openai", "openai_compatible", "vllm", "anthropic", "cohere"])
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_mid_stream_keeps_its_words(error: bytes, kind: str, door: str) -> None:
    begins = {
        "anthropic": event('{"type":"message_start","message":{"id":"m","content":[]}}'),
        "cohere": event('{"type":"message-start","id":"m","delta":{"message":{"role":"assistant"}}}'),
    }
    if kind == "anthropic" and door == "messages":
        return  # nothing is translated
    result = received(door, f"{kind}/m", begins.get(kind, TEXT) + error)
    assert result.finish is None
    assert result.failure is not None
    assert "out of memory" in result.failure


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=12)


@given(
    st.lists(WORDS, max_size=4),
    st.sampled_from(["openai", "openai_compatible"]),
    st.sampled_from(list(DOORS)),
)
def test_texts_of_any_kind_arrive_between_heartbeats(words: list[str], kind: str, door: str) -> None:
    pieces = [chunk({"content": word}) + event(HEARTBEATS[place]) for place, word in enumerate(words)]
    result = received(door, f"{kind}/m", chunk({"role": "assistant", "content": ""}) + b"".join(pieces) + END)
    assert (result.text, result.failure) == ("".join(words), None)
