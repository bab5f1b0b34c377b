"""Errors of OpenAI's APIs: parsing a provider's errors of any shape, and writing Tidegate's own."""

from collections.abc import Mapping
from typing import Any

import msgspec

from .contract import ErrorReply
from .decode import MALFORMED
from .errors import ProviderBroke, ProviderError, ProviderRefused, TidegateError
from .refusals import LONGEST, readable, type_of
from .retry_after import parse_retry_after, render_retry_after, whole_seconds
from .sse import without_mark, words_of_failure

__all__ = ["error_inside", "error_object", "error_of_event", "message_in", "parse_error", "render_error"]


ENCODE = msgspec.json.Encoder().encode

# --- a provider's ----------------------------------------------------------------------------


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Parse a response with an error status. The result always has a message."""
    payload = _decode(body)
    message, found = _message_of(payload), _envelope(payload)
    if message is None:
        message = readable(body) if payload is None else None
    return ProviderRefused(
        _bounded(message or f"the provider answered with status {status} and no explanation"),
        status=status,
        type=_text(found.get("type")) or type_of(status),
        code=_text(found.get("code")),
        param=_text(found.get("param")),
        retry_after=_retry_after(headers, payload),
    )


def message_in(body: bytes) -> str | None:
    """The message of an error in JSON, wherever it is; None if there is none."""
    message = _message_of(_decode(body))
    return None if message is None else _bounded(message)


def error_inside(error: Any) -> ProviderError:
    """Parse the `error` value in a provider's answer with status 200."""
    payload = {"error": error}
    found = _envelope(payload)
    message = (
        _message_of(payload) or f"the provider failed inside its answer: {_bounded(_compact(error), 500)}"
    )
    status = _status_inside(found)
    if status is None:
        return ProviderBroke(_bounded(message), type=_text(found.get("type")), code=_text(found.get("code")))
    return ProviderRefused(
        _bounded(message),
        status=status,
        type=_text(found.get("type")) or type_of(status),
        code=_text(found.get("code")),
        param=_text(found.get("param")),
    )


def error_of_event(name: bytes, data: bytes) -> ProviderError | None:
    """Parse an error event of a stream, in any form; None if the event is not an error.

    Besides OpenAI's `error` there are: events named `error` with any content; objects whose `object` or
    `type` marks them as errors (vLLM, SGLang); and objects that only have a message.
    """
    payload = _decode(data)
    if not isinstance(payload, dict | list):
        words = payload if isinstance(payload, str) else data.decode("utf-8", "replace").strip()
        is_text = name == b"error" or _is_text(data)
        return error_inside(readable(words.encode()) or words) if is_text else None
    if name != b"error" and not _is_error(payload):
        return None
    found = _envelope(payload)
    return error_inside(found.get("errors") or found or payload)


def _is_text(data: bytes) -> bool:
    """Whether data that is not JSON has the words of an error. Anything else may be an answer, which is not
    quoted.
    """
    return data.lstrip().startswith(b"<") or (
        not without_mark(data).lstrip().startswith((b"{", b"[")) and words_of_failure(data)
    )


def _is_error(payload: Any) -> bool:
    if isinstance(payload, list):
        return bool(payload) and all(isinstance(one, dict) and one.get("error") for one in payload)
    if payload.get("error") or payload.get("errors"):
        return True
    status = payload.get("base_resp")
    if isinstance(status, dict) and status.get("status_code"):
        return True  # MiniMax's form; 0 is success
    if any(str(payload.get(field)).lower().endswith("error") for field in ("object", "type")):
        return True
    if payload.keys() & ANSWERS:
        return False
    return any(isinstance(payload.get(key), str) and payload[key] for key in MESSAGES)


MESSAGES = ("message", "msg", "detail", "error_message", "error_msg")
"""Fields with which an object that is no chunk says what has gone wrong."""

ANSWERS = frozenset({"choices", "usage", "id", "x_groq"})
"""Fields of a chunk: an object with one of them is not an error, unless it is marked as one."""

STATUSES = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "tokens": 429,
    "requests": 429,
    "overloaded_error": 503,
}
"""Statuses by type or code, for errors without a status."""


def _status_inside(found: Mapping[str, Any]) -> int | None:
    for name in ("status_code", "status", "code"):
        value = found.get(name)
        if isinstance(value, int) and 400 <= value < 600:
            return value
        if isinstance(value, str) and len(value) == 3 and value.isdecimal() and 400 <= int(value) < 600:
            return int(value)
    names = [found.get(name) for name in ("code", "type")]
    return next((STATUSES[name] for name in names if isinstance(name, str) and name in STATUSES), None)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except MALFORMED:
        return None


def _envelope(payload: Any) -> Mapping[str, Any]:
    """The object that contains type, code and param."""
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if not isinstance(payload, dict):
        return {}
    for key in ("error", "detail"):
        if isinstance(payload.get(key), dict):
            return payload[key]  # type: ignore[no-any-return]
    return payload


DEEPEST = 8
"""Objects that may contain the message."""


def _message_of(payload: Any, depth: int = 0) -> str | None:
    """Find the message, wherever the provider puts it."""
    if isinstance(payload, str):
        return payload.strip() or None
    if depth > DEEPEST:
        return None
    if isinstance(payload, list):  # FastAPI's validation errors, or several errors
        said = [message for one in payload[:20] if (message := _message_of(one, depth + 1))]
        return "; ".join(said) or None
    if not isinstance(payload, dict):
        return None
    own = _own_words(payload, depth)
    place = payload.get("loc")
    if own is not None and isinstance(place, list):
        return f"{'.'.join(step for step in map(_text, place[:20]) if step)}: {own}"
    return own


WORDS = (
    *("error", "message", "Message", "msg", "detail", "error_message", "error_msg", "title"),
    *("errors", "status_msg", "base_resp"),
)
"""Fields with the message of an error, in the order in which they are looked at."""


def _own_words(payload: dict[str, Any], depth: int) -> str | None:
    for key in WORDS:
        if payload.get(key):
            found = _message_of(payload[key], depth + 1)
            if found is not None:
                return _with_upstream(found, payload, depth) if key == "message" else found
    return None


def _with_upstream(message: str, payload: dict[str, Any], depth: int) -> str:
    """OpenRouter's message is "Provider returned error"; the provider's own is in `metadata.raw`."""
    metadata = payload.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not raw:
        return message
    inner = _message_of(_decode(raw.encode()) if isinstance(raw, str) else raw, depth + 1)
    return f"{message}: {_bounded(inner or _compact(raw))}"


def _bounded(text: str, limit: int = LONGEST) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def _compact(value: Any) -> str:
    try:
        return value if isinstance(value, str) else ENCODE(value).decode()
    except RecursionError:
        return "an error that is nested too deeply to be shown"


def _text(value: Any) -> str | None:
    """A code or type as text. Some providers send numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) >= 10**18:
        return None
    return _bounded(str(value), 200) or None


def _retry_after(headers: Mapping[str, str], payload: Any) -> int | None:
    """Seconds, from the headers or else from the body."""
    seconds = parse_retry_after(headers)
    if seconds is None and isinstance(payload, dict | list):
        return _seconds_in(_envelope(payload))
    return seconds


def _seconds_in(error: Mapping[str, Any]) -> int | None:
    """Google's RetryInfo, which its OpenAI-compatible API sends too."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            return whole_seconds(delay.removesuffix("s"))
    return None


# --- our own ---------------------------------------------------------------------------------


def error_object(error: TidegateError) -> bytes:
    """An error as JSON, in OpenAI's envelope."""
    payload = {
        "message": error.named_message, "type": error.type, "param": error.param, "code": error.code,
    }  # fmt: skip
    return ENCODE({"error": payload})


def render_error(error: TidegateError, request_id: str) -> ErrorReply:
    """Write an error for use before the first byte of an answer."""
    headers = [(b"content-type", b"application/json"), *render_retry_after(error.retry_after)]
    return ErrorReply(error.status, tuple(headers), error_object(error))
