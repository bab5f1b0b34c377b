"""`Retry-After` is a whole number of seconds whatever the provider wrote, and never an exception."""

import pytest

from tidegate.protocols import anthropic, bedrock, cohere, gemini, llm_gate, openai_chat, openai_responses
from tidegate.protocols.errors import LimitExceeded
from tidegate.protocols.retry_after import LONGEST_WAIT, parse_retry_after, whole_seconds

NOON = 784_111_777 - 8 * 3600 - 49 * 60 - 37 + 12 * 3600
"""Seconds since the epoch at noon of 6 November 1994, the day of RFC 9110's examples."""


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("0.2", 1),
        ("2.", 2),
        ("6.000001", 7),
        (3.5, 4),
        ("9" * 30, LONGEST_WAIT),
        ("Sun, 06 Nov 1994 12:00:30 GMT", 30),
        ("Sunday, 06-Nov-94 12:00:30 GMT", 30),
        ("Sun Nov  6 12:00:30 1994", 30),
        ("Sun, 06 Nov 1994 11:59:59 GMT", 0),
        ("Sun, 06 Nov 9994 12:00:00 GMT", LONGEST_WAIT),
    ],
)
def test_a_wait_is_rounded_up_and_bounded(written: str | float, seconds: int) -> None:
    assert whole_seconds(written, NOON) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "soon", "-1", "+7", "1e3", "0x10", "7s", "7, 8", "1.2.3", "9" * 31, "nan", "inf"),
        *("\N{ARABIC-INDIC DIGIT SEVEN}", "\udc80", "é", "Sun, 99 Nov 1994 99:99:99 GMT", "a" * 10**6),
        *(float("nan"), float("inf"), -0.5, "Sun, 06 Nov 99999999 12:00:00 GMT", "7\r\nset-cookie: a=b"),
    ],
)
def test_what_is_no_wait_is_dropped(written: str | float) -> None:
    assert whole_seconds(written, NOON) is None


def test_milliseconds_count_where_seconds_cannot_be_understood() -> None:
    assert parse_retry_after({"retry-after": "soon", "retry-after-ms": "1200"}) == 2
    assert parse_retry_after({"retry-after": "5", "retry-after-ms": "1200"}) == 5
    assert parse_retry_after({"retry-after-ms": "soon"}) is None


PROVIDERS = [openai_chat, openai_responses, anthropic, gemini, bedrock, cohere]
DOORS = [*(module.PROTOCOL for module in PROVIDERS[:4]), llm_gate.LLMGate()]


@pytest.mark.parametrize("written", ["\udcff", "é", "\u2603", "a\r\nb", "-7"])
@pytest.mark.parametrize("module", PROVIDERS, ids=lambda module: module.PROTOCOL.name)
def test_every_wire_format_survives_a_senseless_header(module: object, written: str) -> None:
    error = module.PROTOCOL.parse_error(429, {"retry-after": written}, b"{}")  # type: ignore[attr-defined]
    assert error.retry_after is None


@pytest.mark.parametrize("door", DOORS, ids=lambda door: type(door).__name__)
def test_every_door_writes_whole_seconds(door: object) -> None:
    for written, header in ((6.2, b"7"), ("0.5", b"1"), ("\u2603", None), (None, None)):
        reply = door.render_error(LimitExceeded("Slow.", retry_after=written), "r")  # type: ignore[attr-defined]
        assert dict(reply.headers).get(b"retry-after") == header
