"""Cohere's errors: `{"id", "message"}`, sometimes with an `error_type`."""

from collections.abc import Mapping

import msgspec

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderError, ProviderRefused
from tidegate.protocols.refusals import LONGEST, readable, type_of
from tidegate.protocols.retry_after import parse_retry_after

from .wire import ErrorBody

__all__ = ["parse_error", "parse_failure"]

CLOSED = 499
"""Cohere's status for a client that disconnected, which is not the case here."""

FAILURES = {"TIMEOUT": 504}
"""Statuses of the finish reasons that are failures; 502 for all others."""

_ERROR = msgspec.json.Decoder(ErrorBody)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Read a provider's error answer, whatever its body is."""
    try:
        error = _ERROR.decode(body)
    except MALFORMED:
        error = ErrorBody(readable(body))
    return _refusal(error, 502 if status == CLOSED else status, parse_retry_after(headers))


def parse_failure(message: str | None, error_type: str | None, finish: str | None = None) -> ProviderError:
    """Read a failure inside an answer with status 200. Retrying, or another provider, may help: the model
    wrote nothing usable.
    """
    text = message or f"the provider failed while it wrote its answer (finish_reason {finish})"
    return _refusal(ErrorBody(text, error_type), FAILURES.get(finish or "", 502), None)


def _refusal(error: ErrorBody, status: int, retry_after: int | None) -> ProviderRefused:
    return ProviderRefused(
        error.message.strip()[:LONGEST] or f"the provider answered {status} without a message",
        status=status,
        type=type_of(status),
        code=error.error_type,
        retry_after=retry_after,
    )
