"""AWS's errors: `{"message"}`, with the error's name in the header `x-amzn-errortype`, or as the name of an
event in a stream.
"""

from collections.abc import Mapping

import msgspec
from msgspec import structs

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderError, ProviderRefused
from tidegate.protocols.openai_errors import message_in
from tidegate.protocols.refusals import LONGEST, readable, type_of
from tidegate.protocols.retry_after import parse_retry_after

from .wire import ErrorBody

__all__ = ["parse_error", "parse_failure"]

STATUSES = {
    "validationexception": 400,
    "accessdeniedexception": 403,
    "resourcenotfoundexception": 404,
    "throttlingexception": 429,
    "modelnotreadyexception": 429,
    "servicequotaexceededexception": 429,
    "internalserverexception": 500,
    "serviceunavailableexception": 503,
    "modeltimeoutexception": 504,
}
"""Statuses by lower-case error name, for errors inside a stream; 502 for all others, which are the model's.
"""

_ERROR = msgspec.json.Decoder(ErrorBody)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Read an error answer, whatever its body is. The name is followed by a colon and a URL."""
    name = headers.get("x-amzn-errortype", "").partition(":")[0].strip()
    return _refusal(_read(body), name, status, parse_retry_after(headers))


def parse_failure(name: str, body: bytes) -> ProviderError:
    """Read an error inside an answer with status 200."""
    error = _read(body)
    original = error.originalStatusCode
    status = original if original is not None and 400 <= original < 600 else STATUSES.get(name.lower(), 502)
    return _refusal(error, name, status, None)


def _read(body: bytes) -> ErrorBody:
    try:
        error = _ERROR.decode(body)
    except MALFORMED:
        return ErrorBody(message_in(body) or readable(body))
    if error.message or error.Message:
        return error
    return structs.replace(error, message=message_in(body))  # that of a proxy, which has words of its own


def _refusal(error: ErrorBody, name: str, status: int, retry_after: int | None) -> ProviderRefused:
    message = (error.message or error.Message or "").strip()[:LONGEST]
    return ProviderRefused(
        message or f"the provider answered {name or status} without a message",
        status=status,
        type=type_of(status),
        code=name or None,
        retry_after=retry_after,
    )
