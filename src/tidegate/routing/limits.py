"""Rate-limit headers of providers: the limits of a credential at an endpoint.

x-ratelimit-remaining-requests: 59            x-ratelimit-limit-requests: 60
x-ratelimit-reset-requests: 1s                (OpenAI, Groq and others: `6m0s`, `120ms`, or seconds)
anthropic-ratelimit-tokens-remaining: 39000   anthropic-ratelimit-tokens-limit: 40000
anthropic-ratelimit-tokens-reset: 2026-01-27T12:00:30Z
"""

import math
import re
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

__all__ = ["Limit", "parse_limits"]

LONGEST_RESET_S = 120.0
"""Longer limits are forgotten after this time, in seconds: a header must not block a credential for a day."""
MOST_LIMITS = 16
"""Maximum number of limits read from one answer."""

_FRACTION = r"(\d{1,9}(?:\.\d{1,9})?)"
_DURATION = re.compile(
    rf"(?:(\d{{1,6}})d)?(?:(\d{{1,6}})h)?(?:(\d{{1,6}})m(?!s))?(?:{_FRACTION}s)?(?:{_FRACTION}ms)?"
)
_SECONDS = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?")
_FIELDS = frozenset(["limit", "remaining", "reset"])
_EPOCH = 1e9
"""A reset above this number is a point in time, not a duration."""


class Limit(Struct, frozen=True, gc=False):
    """One limit, as of the answer that reported it."""

    remaining: float
    total: float | None
    """None if not reported."""
    reset_s: float
    """Seconds from the answer until the limit is reset."""

    @property
    def used(self) -> float:
        """The used share, 0 to 1; 0 if the total is unknown."""
        return 1 - self.remaining / self.total if self.total else 0.0


def parse_limits(headers: Iterable[tuple[bytes, bytes]], epoch_now: float) -> dict[str, Limit]:
    """The limits by what they limit (`requests`, `tokens`, `input-tokens`, …). `epoch_now` is the time of the
    answer in seconds since the epoch. Malformed headers are ignored.
    """
    found: dict[str, dict[str, str]] = {}
    for name, value in headers:
        if b"ratelimit-" not in name or len(found) >= MOST_LIMITS:
            continue
        first, _, second = name.decode("latin-1").partition("ratelimit-")[2].partition("-")
        if first in _FIELDS:
            what, field = second, first
        else:
            what, _, field = f"{first}-{second}".rpartition("-")
        if what and field in _FIELDS:
            found.setdefault(what, {})[field] = value.decode("latin-1").strip()
    limits = ((what, _limit_of(fields, epoch_now)) for what, fields in found.items())
    return {what: limit for what, limit in limits if limit is not None}


def _limit_of(fields: dict[str, str], epoch_now: float) -> Limit | None:
    remaining = _number(fields.get("remaining"))
    if remaining is None:
        return None
    reset = _seconds_until(fields.get("reset", ""), epoch_now)
    return Limit(remaining, _number(fields.get("limit")), min(reset, LONGEST_RESET_S))


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None


def _seconds_until(text: str, epoch_now: float) -> float:
    """Parse a duration, a number of seconds, or a point in time; 0 for anything else."""
    number = _number(text)
    if number is not None:
        return max(0.0, number - epoch_now) if number >= _EPOCH else number
    found = _DURATION.fullmatch(text) if text else None
    if found is not None:
        return math.fsum(
            float(part) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True) if part
        )
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return max(0.0, moment.timestamp() - epoch_now) if moment.tzinfo is not None else 0.0
