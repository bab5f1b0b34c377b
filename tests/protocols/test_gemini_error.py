"""Google's errors, recorded and broken."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cases import each
from recordings import Recording, needs_recordings, recordings
from tidegate.protocols.errors import ProviderError, ProviderRefused
from tidegate.protocols.gemini import PROTOCOL
from tidegate.protocols.gemini.error import parse_inner_error

ERRORS = recordings("gemini", "error") + recordings("vertex", "error")


def parse(body: Any, status: int = 400, **headers: str) -> ProviderError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROTOCOL.parse_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, data
    )


def google(message: str = "No.", *details: Any, status: str = "INVALID_ARGUMENT") -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": status, "details": list(details)}}


@needs_recordings
@each("recording", ERRORS)
def test_a_recorded_error_keeps_its_words_and_its_status(recording: Recording):
    result = recording.response["body"]["error"]
    error = PROTOCOL.parse_error(recording.status, {}, recording.body)
    assert isinstance(error, ProviderRefused)
    assert (error.message, error.code) == (result["message"].strip(), result["status"])
    assert error.status == (401 if "API_KEY_INVALID" in json.dumps(result) else recording.status)


def test_a_bad_key_is_a_matter_of_keys():
    error = parse(google("API key not valid.", {"reason": "API_KEY_INVALID"}))
    assert (error.status, error.type, error.tries_elsewhere) == (401, "authentication_error", True)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("48s", 48), ("12.3s", 13), ("0s", 0), ("-1s", None), ("soon", None), ("", None)]
)
def test_the_time_to_wait_is_in_the_body(delay: str, seconds: int | None):
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    assert parse(google("Quota", {"reason": "X"}, detail), 429).retry_after == seconds


def test_a_time_to_wait_in_a_header_comes_first():
    assert parse(google("Quota", {"retryDelay": "48s"}), 429, retry_after="7").retry_after == 7


def test_the_wrong_field_is_named():
    violations = {"fieldViolations": [{"field": "generation_config.temperature", "description": "too hot"}]}
    assert parse(google("Bad", violations)).param == "generation_config.temperature"


def test_an_error_in_an_array_is_read():
    assert parse([google("Wrapped.")]).message == "Wrapped."


@pytest.mark.parametrize("details", [None, 5, "x", [5], [{"reason": 5}], {"a": 1}])
def test_odd_details_do_not_hide_the_message(details: Any):
    assert parse({"error": {"message": "Still here.", "details": details}}).message == "Still here."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider answered 502 without a message"),
        (b"<html><style>a{}</style><body><h1>502</h1> Bad\nGateway</body></html>", "502 Bad Gateway"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error": "text"}', "text"),
        (b'{"error": {}}', "the provider answered 502 without a message"),
        (b"[]", "[]"),
        (b'{"message": "other"}', "other"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)  # fmt: skip
def test_a_body_of_another_kind_stays_readable(body: bytes, message: str):
    error = parse(body, 502)
    assert (error.message, error.status, error.tries_elsewhere) == (message, 502, True)


@pytest.mark.parametrize(
    "body", [b"x" * 9_000_000, b"<p>" * 3_000_000, json.dumps(google("y" * 9_000_000)).encode()]
)
def test_a_huge_body_is_bounded(body: bytes):
    assert len(parse(body).message) <= 2000


@pytest.mark.parametrize(
    ("result", "status"),
    [(b'{"code":499}', 502), (b'{"code":200}', 502), (b'{"code":429}', 429), (b'"text"', 502), (b"5", 502)],
)
def test_an_error_inside_an_answer_has_an_error_s_status(result: bytes, status: int):
    assert parse_inner_error(Raw(result)).status == status


STARTS = st.sampled_from([b"", b'{"error":', b'[{"error":{"details":', b"<"])


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b'{"error":', b'[{"error":{"details":', b"<"]),
    st.integers(400, 599),
)
def test_any_body_is_some_error(body: bytes, start: bytes, status: int):
    error = PROTOCOL.parse_error(status, {}, start + body)
    assert error.message
    assert error.status in (status, 401)
