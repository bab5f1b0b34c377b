"""Errors. They have the shape of OpenAI's chat format; only what a stream or a response tells differs.

A stream that fails ends as OpenAI's own do: an event `error` (flat, as documented, with the
object under `error` too, at which the official SDK raises), then `response.failed` with the response
as far as it is known. Clients that only look for one of the two (Codex: the second) find it.
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
"""Codes of failed responses that say that the request is wrong."""

PASSED_CODES = frozenset({"context_length_exceeded", "insufficient_quota"})
"""Codes that OpenAI sends beyond its documented list, because Codex acts on them."""


def failure_of(error: Any) -> ProviderError:
    """The failure that an event `error`, or the `error` of a failed response, tells."""
    told = error_inside(error)
    if told.code in BLAMES_REQUEST and not isinstance(told, ProviderRefused):
        return ProviderRefused(told.message, status=400, type=told.type, code=told.code, param=told.param)
    return told


def error_of_stream(error: TidegateError) -> dict[str, Any]:
    """The fields of the event `error`."""
    told = {"code": error.code, "message": error.message, "param": error.param}
    return {**told, "error": {"type": error.type, **told}}


def error_of_response(error: TidegateError) -> dict[str, Any]:
    """The `error` of a failed response, whose codes are a short list."""
    limited = error.status == 429
    asked_wrong = 400 <= error.status < 500 and error.status != 408
    code = "rate_limit_exceeded" if limited else "invalid_prompt" if asked_wrong else "server_error"
    return {"code": error.code if error.code in PASSED_CODES else code, "message": error.message}
