"""Reading and writing of Anthropic's errors.

The envelope is `{"type": "error", "error": {"type", "message"}, "request_id"}`. Services that host the API
use shapes of their own, and proxies in front of them answer with HTML.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.contract import ErrorReply
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderError, ProviderRefused, TidegateError
from tidegate.protocols.overflow import CONTEXT_LENGTH_EXCEEDED, anthropic_words
from tidegate.protocols.retry_after import parse_retry_after, render_retry_after

__all__ = ["parse_error", "parse_inner_error", "render_error", "render_error_body"]

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The error types by status (platform.claude.com/docs/en/api/errors)."""
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Statuses by error type, for errors inside an answer with status 200."""
MOST = 4000
"""The maximum length of a provider's message in characters."""


class Words(Struct, frozen=True):
    """The message and type of an error, in the shapes of all services; AWS sometimes writes `Message`."""

    error: "Words | str | None" = None
    message: str | None = None
    detail: Any = None
    type: str | None = None
    capital: str | None = msgspec.field(default=None, name="Message")


_WORDS = msgspec.json.Decoder(Words)
_LIST = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode


# --- reading ---------------------------------------------------------------------------------


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Read a provider's error answer, whatever its body is."""
    words = _read_words(body)
    return _refusal(words, status, parse_retry_after(headers))


def parse_inner_error(body: bytes | Raw) -> ProviderError:
    """Read an error inside an answer with status 200: `{"type": "error", "error": {…}}`."""
    words = _read_words(bytes(body))
    return _refusal(words, STATUSES.get(words.type or "", 502), None)


def has_error(data: bytes) -> bool:
    """Return whether an event or an answer contains an `error`, whatever else it lacks."""
    try:
        return _WORDS.decode(data).error is not None
    except MALFORMED:
        return False


def _refusal(words: Words, status: int, retry_after: int | None) -> ProviderRefused:
    type_ = words.type if words.type in STATUSES else _type_of(status)
    message = (words.message or "").strip()[:MOST] or f"the provider answered {status} without a message"
    return ProviderRefused(message, status=status, type=type_, retry_after=retry_after)


def _read_words(body: bytes) -> Words:
    """Return the innermost message and type."""
    try:
        if body.lstrip()[:1] == b"[":
            body = bytes(_LIST.decode(body)[0])
        words = _WORDS.decode(body)
    except (*MALFORMED, IndexError):
        return Words(message=_readable(body))
    while isinstance(words.error, Words):
        words = words.error
    if isinstance(words.error, str):
        return Words(message=words.error)
    message = words.message or words.capital
    if message is None and words.detail is not None:
        message = words.detail if isinstance(words.detail, str) else _compact(words.detail)
    return Words(message=message, type=words.type)


def _compact(detail: Any) -> str | None:
    try:
        return _encode(detail).decode()
    except RecursionError:
        return None


def _readable(body: bytes) -> str:
    """Return the text of a body that is not a JSON error; for a web page, without markup."""
    text = body[: 8 * MOST].decode(errors="replace")
    if "<" in text:
        text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|\Z)|<[^<>]*>", " ", text)
    return " ".join(text.split())


# --- writing ---------------------------------------------------------------------------------


def render_error(error: TidegateError, request_id: str) -> ErrorReply:
    """Write an error for use before the first byte of an answer."""
    headers = [(b"content-type", b"application/json"), *render_retry_after(error.retry_after)]
    return ErrorReply(error.status, tuple(headers), render_error_body(error, request_id))


def render_error_body(error: TidegateError, request_id: str | None = None) -> bytes:
    """Write the envelope. It has no field for the invalid parameter, so the message begins with it."""
    message = error.message
    if error.code == CONTEXT_LENGTH_EXCEEDED:
        message = anthropic_words(message)
    elif error.param and error.param not in message:
        message = f"{error.param}: {message}"
    type_ = (
        error.type if error.type in STATUSES and _fits(error.type, error.status) else _type_of(error.status)
    )
    body: dict[str, Any] = {"type": "error", "error": {"type": type_, "message": message}}
    if request_id is not None:
        body["request_id"] = request_id
    return _encode(body)


def _type_of(status: int) -> str:
    return TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def _fits(type_: str, status: int) -> bool:
    """Return whether a type is at least as specific as the status; the general types are used only as a
    fallback.
    """
    return type_ not in ("invalid_request_error", "api_error") or status not in TYPES
