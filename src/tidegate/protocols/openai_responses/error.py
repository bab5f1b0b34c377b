"""Errors: as in OpenAI's chat format, except for those inside a stream or a response.

A stream that fails ends as OpenAI's own do: with an event `error` (flat, as documented, and with the object
under `error` too, which the official SDK looks for), then `response.failed` with the response so far. Clients
that only look for one of the two (Codex: the second) find it.
"""

from typing import Any

from tidegate.protocols.errors import ProviderError, ProviderRefused, TidegateError
from tidegate.protocols.openai_errors import error_inside, error_object, parse_error, render_error

__all__ = [
    "error_object",
    "error_of_response",
    "error_of_stream",
    "failure_of",
    "parse_error",
    "render_error",
]

BLAMES_REQUEST = frozenset(
    {
        "invalid_prompt", "bio_policy", "misalignment_policy_violation", "context_length_exceeded",
        "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url",
        "image_too_large", "image_too_small", "image_parse_error", "image_content_policy_violation",
        "invalid_image_mode", "image_file_too_large", "unsupported_image_media_type", "empty_image_file",
        "failed_to_download_image", "image_file_not_found",
    }
)  # fmt: skip
"""Codes of failed responses that mean that the request is invalid."""

PASSED_CODES = frozenset({"context_length_exceeded", "insufficient_quota"})
"""Codes that OpenAI sends in addition to its documented list, and that Codex acts on."""


def failure_of(error: Any) -> ProviderError:
    """Return the failure that an event `error`, or the `error` of a failed response, reports."""
    failure = error_inside(error)
    if failure.code in BLAMES_REQUEST and not isinstance(failure, ProviderRefused):
        return ProviderRefused(
            failure.message, status=400, type=failure.type, code=failure.code, param=failure.param
        )
    return failure


def error_of_stream(error: TidegateError) -> dict[str, Any]:
    """Return the fields of the event `error`."""
    fields = {"code": error.code, "message": error.named_message, "param": error.param}
    return {**fields, "error": {"type": error.type, **fields}}


def error_of_response(error: TidegateError) -> dict[str, Any]:
    """Return the `error` of a failed response, which allows only a few codes."""
    limited = error.status == 429
    blames_request = 400 <= error.status < 500 and error.status != 408
    code = "rate_limit_exceeded" if limited else "invalid_prompt" if blames_request else "server_error"
    return {"code": error.code if error.code in PASSED_CODES else code, "message": error.named_message}
