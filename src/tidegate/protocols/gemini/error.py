"""Reading and writing of Google's errors: `{"error": {code, message, status, details}}`, sometimes in an
array.

Google's `details` contain what others send in headers: when to retry (RetryInfo), which field is invalid
(BadRequest), and that the API key is invalid (ErrorInfo; the status is then 400, not 401).
"""

from collections.abc import Mapping
from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.contract import ErrorReply
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderError, ProviderRefused, TidegateError
from tidegate.protocols.overflow import CONTEXT_LENGTH_EXCEEDED, gemini_words
from tidegate.protocols.refusals import LONGEST, readable, type_of
from tidegate.protocols.retry_after import parse_retry_after, render_retry_after, whole_seconds

__all__ = ["parse_error", "parse_inner_error", "render_error", "render_error_body"]

_BAD_KEY = frozenset(
    {"API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"}
)


NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code by status."""


class FieldViolation(Struct, frozen=True):
    """An invalid field."""

    field: str = ""


class Detail(Struct, frozen=True, rename="camel"):
    """One of the types of google.rpc error details; each uses one of the fields."""

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
    """The envelope of an error."""

    error: GoogleError | str


_ENVELOPE = msgspec.json.Decoder(Envelope)
_ENVELOPES = msgspec.json.Decoder(list[Envelope])
_ERROR = msgspec.json.Decoder(GoogleError | str)
_DETAILS = msgspec.json.Decoder(list[Raw])
_DETAIL = msgspec.json.Decoder(Detail)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Read a provider's error answer, whatever its body is."""
    try:
        envelopes = _ENVELOPES.decode(body) if body.lstrip()[:1] == b"[" else [_ENVELOPE.decode(body)]
        error = envelopes[0].error
    except (*MALFORMED, IndexError):
        error = readable(body)
    return _refusal(error, status, parse_retry_after(headers))


def parse_inner_error(body: Raw) -> ProviderError:
    """Read an error inside an answer with status 200. 499 (cancelled by the provider) and codes that are not
    an error status become 502.
    """
    try:
        error = _ERROR.decode(body)
    except MALFORMED:
        error = readable(bytes(body))
    code = error.code if isinstance(error, GoogleError) else None
    status = code if isinstance(code, int) and 400 <= code < 600 and code != 499 else 502
    return _refusal(error, status, None)


def _refusal(error: GoogleError | str, status: int, retry_after: int | None) -> ProviderRefused:
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
        retry_after=_retry_after(details) if retry_after is None else retry_after,
    )


def _details(details: Raw) -> list[Detail]:
    """Return the details that can be read."""
    found: list[Detail] = []
    with suppress(*MALFORMED):  # the message is used without them
        found.extend(_DETAIL.decode(one) for one in (_DETAILS.decode(details) if details else ()))
    return found


def _retry_after(details: list[Detail]) -> int | None:
    """Return the seconds of the first RetryInfo that has any."""
    delays = [whole_seconds(one.retry_delay[:-1]) for one in details if one.retry_delay.endswith("s")]
    return next((delay for delay in delays if delay is not None), None)


# --- writing ---------------------------------------------------------------------------------


def render_error(error: TidegateError, request_id: str) -> ErrorReply:
    """Write an error for use before the first byte of an answer."""
    headers = [(b"content-type", b"application/json; charset=UTF-8")]
    headers += render_retry_after(error.retry_after)
    return ErrorReply(error.status, tuple(headers), render_error_body(error))


def render_error_body(error: TidegateError) -> bytes:
    """Write the envelope; data that Google has no field for is in its `details`."""
    name = error.code if error.code in _CODES else NAMES.get(error.status)
    fields = {
        "code": error.status,
        "message": _message(error),
        "status": name or ("INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT"),
        "details": _render_details(error),
    }
    return msgspec.json.encode({"error": {key: value for key, value in fields.items() if value != []}})


def _message(error: TidegateError) -> str:
    return gemini_words(error.message) if error.code == CONTEXT_LENGTH_EXCEEDED else error.named_message


_CODES = frozenset(NAMES.values())


def _render_details(error: TidegateError) -> list[dict[str, object]]:
    details: list[dict[str, object]] = []
    if error.code and error.code not in _CODES:
        details.append({"@type": f"{_RPC}.ErrorInfo", "reason": error.code.upper(), "domain": "tidegate"})
    if error.param:
        violation = {"field": error.param, "description": error.message}
        details.append({"@type": f"{_RPC}.BadRequest", "fieldViolations": [violation]})
    if error.retry_after:
        details.append({"@type": f"{_RPC}.RetryInfo", "retryDelay": f"{error.retry_after}s"})
    return details


_RPC = "type.googleapis.com/google.rpc"
