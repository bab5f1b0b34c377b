"""When to try again: `Retry-After` as providers write it, and as a whole number of seconds."""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

__all__ = ["LONGEST_WAIT", "parse_retry_after", "render_retry_after", "whole_seconds"]

LONGEST_WAIT = 30 * 24 * 3600
"""Seconds; a longer wait is cut to this. Nobody plans further, and a number must fit into a timer."""

_NUMBER = re.compile(r"\d{1,30}(?:\.\d{0,30})?", re.ASCII)
_LONGEST_DATE = 64


def whole_seconds(value: str | float | None, now: float | None = None) -> int | None:
    """A wait as a whole number of seconds, rounded up: to come a little late is better than to be refused
    again. Takes a number, its text, or an HTTP date (a date in the past is 0); None for anything else.

    `now` is in seconds since the epoch; the clock is read where it is None.
    """
    seconds = _seconds_of(value, now) if isinstance(value, str) else value
    if seconds is None or not 0 <= seconds < math.inf:
        return None
    return math.ceil(min(seconds, LONGEST_WAIT))


def parse_retry_after(headers: Mapping[str, str]) -> int | None:
    """The wait that a provider's headers name, in seconds. `retry-after-ms` (OpenAI, Azure) counts only
    where `retry-after` says nothing that can be understood.
    """
    seconds = whole_seconds(headers.get("retry-after"))
    if seconds is not None:
        return seconds
    milliseconds = headers.get("retry-after-ms", "").strip()
    return whole_seconds(float(milliseconds) / 1000) if _NUMBER.fullmatch(milliseconds) else None


def render_retry_after(seconds: int | None) -> list[tuple[bytes, bytes]]:
    """The header `Retry-After`, where there is a time to name."""
    return [] if seconds is None else [(b"retry-after", b"%d" % seconds)]


def _seconds_of(text: str, now: float | None) -> float | None:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if len(text) > _LONGEST_DATE or not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, date - (time.time() if now is None else now))
