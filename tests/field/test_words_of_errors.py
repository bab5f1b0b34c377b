"""The words of errors that relays wrap in errors of their own, or keep in unusual places."""

import json
from typing import Any

import pytest

from field.calling import DOORS, REGISTRY, event, received
from tidegate.protocols.errors import ProviderRefused
from tidegate.protocols.inner_errors import words_within

INNER = {"type": "invalid_request_error", "message": "messages.1: bad", "code": "odd_messages"}
WRAPPED = [
    json.dumps({"type": "error", "error": INNER}),
    json.dumps({"error": INNER}, indent=1),
    json.dumps(INNER),
    json.dumps({"error": json.dumps({"error": INNER})}),
    json.dumps({"message": json.dumps(INNER)}),
]
MODELS = ["openai_compatible/m", "gemini/gemini-2.5-flash", "anthropic/claude-sonnet-4-5"]
MODELS += ["bedrock/m", "cohere/m"]


def bodies(message: str) -> dict[str, Any]:
    return {
        "gemini/gemini-2.5-flash": {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}},
        "anthropic/claude-sonnet-4-5": {"type": "error", "error": {"type": "api_error", "message": message}},
        "openai_compatible/m": {"error": {"message": message, "type": "upstream_error"}},
        "bedrock/m": {"message": message},
        "cohere/m": {"message": message},
    }


def refusal(model: str, body: Any, status: int = 400) -> Any:
    protocol = REGISTRY.resolve(model, None, (), "openai_chat").candidates[0].service.protocol
    return protocol.parse_error(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("message", WRAPPED)
def test_an_error_in_place_of_a_message_is_unwrapped(message: str, model: str) -> None:
    error = refusal(model, bodies(message)[model])
    assert error.message == "messages.1: bad"
    assert error.code in ("odd_messages", "INVALID_ARGUMENT")


@pytest.mark.parametrize("model", MODELS)
def test_a_long_prompt_is_recognized_by_the_inner_code(model: str) -> None:
    inner = {"message": "too much", "code": "context_length_exceeded"}
    error = refusal(model, bodies(json.dumps({"error": inner}))[model])
    assert (error.message, error.code) == ("too much", "context_length_exceeded") or "gemini" in model


PLAIN = ["{", "{}", '{"error": 5}', '{"message": ""}', '{"a": 1}', "[1]", "words {x}", '{"message": 7}']


@pytest.mark.parametrize("message", [*PLAIN, '{"e":' * 3_000])
def test_anything_else_stays(message: str) -> None:
    assert words_within(message) == (message, None)
    assert ProviderRefused(message, status=400).message == message


PLACES: list[tuple[Any, str]] = [
    ({"success": False, "errors": [{"code": 5006, "message": "odd input"}], "messages": []}, "odd input"),
    ({"errors": ["first", {"message": "second"}]}, "first; second"),
    ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, "login fail"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "words"), PLACES)
def test_words_in_unusual_places(body: Any, words: str) -> None:
    assert refusal("openai_compatible/m", body).message == words


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("door", DOORS)
def test_a_failure_beside_no_choices_is_one(door: str, stream: bool) -> None:
    body = {"id": "x", "choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}}
    data = event(json.dumps(body)) if stream else json.dumps(body).encode()
    for model in ("openai/m", "openai_compatible/m"):
        result = received(door, model, data, stream=stream)
        assert "login fail" in (result.failure or "")


@pytest.mark.parametrize("door", DOORS)
def test_a_success_beside_an_answer_is_none(door: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    body = {"id": "x", "choices": [choice], "base_resp": {"status_code": 0, "status_msg": ""}}
    for model in ("openai/m", "openai_compatible/m"):
        result = received(door, model, json.dumps(body).encode(), stream=False)
        assert (result.text, result.failure) == ("hello", None)


HEADLESS: list[Any] = [
    *(body for body, _ in PLACES),
    {"error_code": 336003, "error_msg": "the length must be odd"},
    {"code": 500, "msg": "no such path", "success": False},
    {"code": "1113", "message": "no balance"},
    {"detail": "not found"},
    {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "no balance"}},
]
"""Failures without an id."""


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", HEADLESS)
def test_a_failure_at_the_beginning_of_a_stream_keeps_its_words(body: Any, door: str, done: bool) -> None:
    words = refusal("openai_compatible/m", body).message
    data = event(json.dumps(body)) + (b"data: [DONE]\n\n" if done else b"")
    for model in ("openai/m", "openai_compatible/m", "azure/m"):
        result = received(door, model, data, stream=True)
        assert words in (result.failure or ""), model


@pytest.mark.parametrize("door", DOORS)
def test_what_comes_before_the_first_chunk_is_no_failure(door: str) -> None:
    filtered = {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}], "message": "ok"}
    delta = {"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}
    data = event(json.dumps(filtered)) + event(json.dumps({"id": "x", "model": "m", "choices": [delta]}))
    result = received(door, "openai_compatible/m", data + b"data: [DONE]\n\n", stream=True)
    assert (result.text, result.failure) == ("hello", None)
