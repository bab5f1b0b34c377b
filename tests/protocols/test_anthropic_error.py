"""Errors of Anthropic's API in both directions."""

import json
from pathlib import Path
from typing import Any

import pytest

from cases import each
from protocols.anthropic_answers import HOSTS, PATHS
from recordings import SHARED, Recording, needs_recordings, recordings
from tidegate.protocols.anthropic import PROTOCOL
from tidegate.protocols.errors import (
    BodyTooLarge,
    Forbidden,
    InsufficientFunds,
    InternalError,
    InvalidRequest,
    LimitExceeded,
    ModelNotFound,
    ProviderBroke,
    ProviderRefused,
    ProviderTimeout,
    TidegateError,
    Unauthenticated,
    Unavailable,
)

RECORDED = [
    pytest.param(r, id=r.id) for host in HOSTS for path in PATHS for r in recordings(host, "error", path=path)
]
REPORTED = SHARED / "recordings" / "reported_errors.json"


@needs_recordings
@each("recording", RECORDED)
def test_a_recorded_error_keeps_status_type_and_words(recording: Recording) -> None:
    result = recording.response["body"]["error"]
    error = PROTOCOL.parse_error(recording.status, {}, recording.body)
    assert isinstance(error, ProviderRefused)
    assert (error.status, error.type, error.message) == (recording.status, result["type"], result["message"])
    again = json.loads(PROTOCOL.render_error(error, "req_1").body)
    assert again == {
        "type": "error",
        "error": {"type": result["type"], "message": result["message"]},
        "request_id": "req_1",
    }


def reported() -> list[Any]:
    if not Path(REPORTED).is_file():
        return []
    return [case for case in json.loads(REPORTED.read_text()) if case.get("provider") == "anthropic"]


@needs_recordings
def test_reported_errors_have_a_message() -> None:
    for case in reported():
        body = case["body"]
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        error = PROTOCOL.parse_error(int(case["status"]), {}, data)
        assert error.status == int(case["status"])
        assert error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider answered 500 without a message"),
        (b"null", "null"),
        (b"upstream connect error", "upstream connect error"),
        (b"<html><head><style>p{}</style></head><body><h1>413</h1>Too large</body></html>", "413 Too large"),
        (b'{"error":"text"}', "text"),
        (b'{"message":"Too many tokens"}', "Too many tokens"),
        (b'{"Message":"Forbidden"}', "Forbidden"),
        (b'{"detail":[{"msg":"bad"}]}', '[{"msg":"bad"}]'),
        (b'[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]', "Quota"),
        (b"[]", "[]"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)  # fmt: skip
def test_whatever_the_body_is_the_error_has_words(body: bytes, message: str) -> None:
    error = PROTOCOL.parse_error(500, {}, body)
    assert (error.status, error.type, error.message) == (500, "api_error", message)


def test_a_body_nested_without_end_is_read_as_text() -> None:
    assert PROTOCOL.parse_error(500, {}, b'{"error":' * 5000).message.startswith('{"error":{"error"')


def test_a_huge_body_is_bounded_and_retry_after_is_kept() -> None:
    error = PROTOCOL.parse_error(529, {"retry-after": "7"}, b"<p>" + b"x" * 10_000_000)
    assert len(error.message) <= 4000
    assert (error.retry_after, error.type) == (7, "overloaded_error")
    reply = PROTOCOL.render_error(error, "req_1")
    assert (b"retry-after", b"7") in reply.headers
    assert reply.status == 529


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (Unauthenticated("x"), "authentication_error"),
        (InsufficientFunds("x"), "billing_error"),
        (Forbidden("x"), "permission_error"),
        (ModelNotFound("x"), "not_found_error"),
        (BodyTooLarge("x"), "request_too_large"),
        (LimitExceeded("x"), "rate_limit_error"),
        (InternalError("x"), "api_error"),
        (Unavailable("x"), "overloaded_error"),
        (ProviderBroke("x"), "api_error"),
        (ProviderTimeout("x"), "timeout_error"),
        (ProviderRefused("x", status=529, type="server_error"), "overloaded_error"),
        (ProviderRefused("x", status=422, type="some_error"), "invalid_request_error"),
        (ProviderRefused("x", status=400, type="billing_error"), "billing_error"),
        (ProviderRefused("x", status=404, type="invalid_request_error"), "not_found_error"),
    ],
)
def test_an_error_has_anthropics_type_for_its_status(error: TidegateError, type_: str) -> None:
    reply = PROTOCOL.render_error(error, "req_1")
    assert reply.status == error.status
    assert json.loads(reply.body)["error"]["type"] == type_


def test_the_parameter_at_fault_is_named_once() -> None:
    for message in ("bad", "messages.0: bad"):
        reply = PROTOCOL.render_error(InvalidRequest(message, param="messages.0"), "req_1")
        assert json.loads(reply.body)["error"]["message"] == "messages.0: bad"
