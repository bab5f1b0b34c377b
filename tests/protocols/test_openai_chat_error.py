"""Errors of providers in all their shapes, and ours in OpenAI's."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from recordings import SHARED, needs_recordings, recordings
from tidegate.protocols.errors import InvalidRequest, LimitExceeded, ProviderError
from tidegate.protocols.openai_chat import PROTOCOL

PROVIDERS = [
    "azure",
    "baseten",
    "cerebras",
    "deepseek",
    "doubleword",
    "groq",
    "huggingface",
    "llamacpp",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "qwen",
    "together",
    "xai",
]


def parse(status: int, body: Any, **headers: str) -> ProviderError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROTOCOL.parse_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, data
    )


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, "m", "c"),
        ({"error": {"message": "m", "code": 502, "metadata": {}}}, "m", "502"),
        ({"object": "error", "message": "m", "type": "t", "code": 1500}, "m", "1500"),
        ({"code": "invalid-argument", "error": "m"}, "m", "invalid-argument"),
        ({"error": "m"}, "m", None),
        ({"message": "m"}, "m", None),
        ({"detail": "Unauthorized"}, "Unauthorized", None),
        ({"detail": [{"loc": ["body", "x"], "msg": "required"}, {"msg": "y"}]}, "body.x: required; y", None),
        ({"detail": {"message": "m", "code": "c"}}, "m", "c"),
        ([{"error": {"message": "m", "code": 429}}], "m", "429"),
        ({"error": {"message": "", "code": "c"}}, "c", "c"),
        ({"errors": ["a"]}, "a", None),
    ],
)
def test_every_shape_has_a_message(body, message, code):
    error = parse(418, body)
    assert message in error.message or (message == "c" and "418" in error.message)
    assert (error.status, error.code) == (418, code)


def test_openrouter_keeps_the_words_of_the_provider_behind_it():
    raw = json.dumps({"error": {"message": "prompt too long"}})
    error = parse(400, {"error": {"message": "Provider returned error", "metadata": {"raw": raw}}})
    assert error.message == "Provider returned error: prompt too long"


@pytest.mark.parametrize(
    "body", [b"", b"   ", b"null", b"{}", b"[]", b'""', b"\xff\xfe", b"<html></html>", b"0"]
)
def test_an_error_without_words_gets_some(body):
    assert parse(503, body).message


def test_a_page_is_read_without_its_markup():
    page = b"<html><head><title>401 Authorization Required</title><style>a{}</style></head><body><h1>Sorry &amp; bye</h1><script>x()</script></body></html>"  # noqa: E501 a page
    assert parse(401, page).message == "401 Authorization Required Sorry & bye"


@pytest.mark.parametrize(
    "body", [b"x" * 10_000_000, json.dumps({"error": {"message": "y" * 1_000_000}}).encode(), b"[" * 100_000]
)
def test_a_huge_error_is_bounded(body):
    assert 0 < len(parse(500, body).message) < 2100


@pytest.mark.parametrize(
    ("headers", "body", "wanted"),
    [
        ({"retry_after": "23"}, {}, 23),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}, 0),
        ({"retry_after": "1", "retry_after_ms": "400"}, {}, 1),
        ({"retry_after_ms": "1200"}, {}, 2),
        ({"retry_after_ms": "0"}, {}, 0),
        ({"retry_after_ms": "soon"}, {}, None),
        ({}, {"error": {"details": [{"@type": "RetryInfo", "retryDelay": "48.2s"}]}}, 49),
        ({}, {}, None),
    ],
)
def test_when_to_come_again(headers, body, wanted):
    assert parse(429, body, **headers).retry_after == wanted


def test_our_errors_are_in_openais_envelope():
    reply = PROTOCOL.render_error(InvalidRequest("no such thing", param="messages.0"), "req-1")
    assert json.loads(reply.body) == {
        "error": {
            "message": "messages.0: no such thing",
            "type": "invalid_request_error",
            "param": "messages.0",
            "code": None,
        }
    }
    assert (reply.status, dict(reply.headers)[b"content-type"]) == (400, b"application/json")


def test_our_limits_report_when_to_come_again():
    reply = PROTOCOL.render_error(LimitExceeded("slow down", retry_after="3"), "req-1")
    assert dict(reply.headers)[b"retry-after"] == b"3"


def words_of(body: Any) -> Iterator[str]:
    """The texts of an error body that a client must get to read one of."""
    if isinstance(body, list):
        for one in body:
            yield from words_of(one)
    if isinstance(body, dict):
        inner = body.get("error")
        if isinstance(inner, dict):
            yield from words_of(inner)
            return
        result = [inner, body.get("message"), body.get("detail"), body.get("msg")]
        yield from [one for one in result if isinstance(one, str)][:1]
        yield from words_of([one for one in result if isinstance(one, list)])


@needs_recordings
@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_errors_keep_their_words(provider):
    found = recordings(provider, "error", path="/chat/completions")
    assert found
    for recording in found:
        headers = {name.lower(): str(value) for name, value in recording.response["headers"].items()}
        error = PROTOCOL.parse_error(recording.status, headers, recording.body)
        result = list(words_of(recording.response["body"]))
        assert error.status == recording.status
        assert error.message
        assert not result or any(
            " ".join(one.split())[:500] in " ".join(error.message.split()) for one in result
        ), recording
        assert "retry-after" not in headers or error.retry_after == math.ceil(float(headers["retry-after"]))


@needs_recordings
def test_reported_errors_have_messages():
    for case in json.loads((SHARED / "recordings" / "reported_errors.json").read_text()):
        body = case["body"]
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        error = PROTOCOL.parse_error(case["status"], {}, data)
        assert error.message
        result = list(words_of(body))
        assert not result or any(one[:500] in error.message for one in result), case["source"]
