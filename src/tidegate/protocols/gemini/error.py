"""Google's errors: `{"error": {code, message, status, details}}`, sometimes in an array.

What others say in headers Google says in `details`: when to come back (RetryInfo), which field is
wrong (BadRequest), and that the key is bad (ErrorInfo; the status is then 400 and not 401).
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.errors import ProviderError, ProviderRefused
from tidegate.protocols.refusals import LONGEST, readable, type_of

__all__ = ["parse_error", "parse_inner_error"]

_BAD_KEY = frozenset(
    {"API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"}
)


class FieldViolation(Struct, frozen=True):
    """A field that is wrong."""

    field: str = ""


class Detail(Struct, frozen=True, rename="camel"):
    """One of the kinds of google.rpc error details; each uses one of the fields."""

    reason: str = ""
    """ErrorInfo."""
    retry_delay: str = ""
    """RetryInfo: seconds such as `48s` or `12.5s`."""
    field_violations: list[FieldViolation] | None = None
    """BadRequest."""


class GoogleError(Struct, frozen=True):
    """The error itself."""

    code: int | str | None = None
    message: str | None = None
    status: str | None = None
    details: Raw = Raw()


class Envelope(Struct, frozen=True):
    """What the error comes in."""

    error: GoogleError | str


_ENVELOPE = msgspec.json.Decoder(Envelope)
_ENVELOPES = msgspec.json.Decoder(list[Envelope])
_ERROR = msgspec.json.Decoder(GoogleError | str)
_DETAILS = msgspec.json.Decoder(list[Raw])
_DETAIL = msgspec.json.Decoder(Detail)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """An error answer, whatever its body is."""
    try:
        envelopes = _ENVELOPES.decode(body) if body.lstrip()[:1] == b"[" else [_ENVELOPE.decode(body)]
        error = envelopes[0].error
    except (*_UNREADABLE, IndexError):
        error = readable(body)
    return _refusal(error, status, headers.get("retry-after"))


def parse_inner_error(told: Raw) -> ProviderError:
    """An error in an answer whose status was 200. 499 (the provider cancelled it) and whatever is
    no error status becomes 502.
    """
    try:
        error = _ERROR.decode(told)
    except _UNREADABLE:
        error = readable(bytes(told))
    code = error.code if isinstance(error, GoogleError) else None
    status = code if isinstance(code, int) and 400 <= code < 600 and code != 499 else 502
    return _refusal(error, status, None)


def _refusal(error: GoogleError | str, status: int, retry_after: str | None) -> ProviderRefused:
    if isinstance(error, str):
        error = GoogleError(message=error)
    details = _details(error.details)
    if status == 400 and any(detail.reason in _BAD_KEY for detail in details):
        status = 401
    violations = [violation.field for detail in details for violation in detail.field_violations or ()]
    return ProviderRefused(
        (error.message or "").strip()[:LONGEST] or f"the provider answered {status} without a message",
        status=status,
        type=type_of(status),
        code=error.status or None,
        param=next(filter(None, violations), None),
        retry_after=retry_after or _retry_after(details),
    )


def _details(told: Raw) -> list[Detail]:
    """The details that can be read."""
    found: list[Detail] = []
    with suppress(*_UNREADABLE):  # the message stands without them
        found.extend(_DETAIL.decode(one) for one in (_DETAILS.decode(told) if told else ()))
    return found


def _retry_after(details: list[Detail]) -> str | None:
    """Whole seconds, rounded up: to come a little late is better than to be refused again."""
    for detail in details:
        seconds = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)s", detail.retry_delay)
        if seconds:
            return str(math.ceil(float(seconds[1])))
    return None
