"""What every path answers with: headers, and errors by status."""

from collections.abc import Iterable

from tidegate.protocols import errors
from tidegate.protocols.errors import TidegateError

from .schema import Schema, array, integer, null_or, ref, string, struct

__all__ = ["HEADERS", "RESPONSES", "SCHEMAS", "STORY", "refusals"]

SCHEMAS: dict[str, Schema] = {
    "Error": struct(
        "error",
        "An error in OpenAI's dialect.",
        error=struct(
            "message type param code",
            message=string("A readable message; for a provider's error, the provider's message."),
            type=string(),
            param=null_or(string("Path of the invalid field, such as `messages.2.content.0.text`.")),
            code=null_or(string()),
        ),
    ),
    "AnthropicError": struct(
        "type error",
        "An error in Anthropic's dialect.",
        type=string("", "error"),
        error=struct("type message", type=string(), message=string()),
        request_id=string(),
    ),
    "GeminiError": struct(
        "error",
        "An error in Google's dialect.",
        error=struct(
            "code message status",
            code=integer("The response's status."),
            message=string(),
            status=string(examples=["INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"]),
            details=array({"type": "object"}),
        ),
    ),
}

HEADERS: dict[str, Schema] = {
    "x-request-id": {"description": "The request's id, as in its record.", "schema": string()},
    "x-tidegate-provider": {"description": "The provider that responded.", "schema": string()},
    "x-tidegate-model": {
        "description": "The model requested from it, by the provider's name.",
        "schema": string(),
    },
    "x-tidegate-attempts": {
        "description": "How many times the request was sent to a provider, including the successful attempt.",
        "schema": {"type": "integer"},
    },
    "x-tidegate-dropped": {
        "description": "Dropped parameters that the provider does not support, comma-separated.",
        "schema": string(),
    },
    "x-tidegate-estimated": {
        "description": "`true` if the count is an estimate.",
        "schema": string(),
    },
    "retry-after": {
        "description": "Seconds to wait before retrying.",
        "schema": {"type": "integer", "minimum": 0},
    },
}

STORY = (
    "x-request-id",
    "x-tidegate-provider",
    "x-tidegate-model",
    "x-tidegate-attempts",
    "x-tidegate-dropped",
)
"""Headers of an answer that a provider gave."""

DIALECTS = {"": "Error", "Anthropic": "AnthropicError", "Gemini": "GeminiError"}
"""What the names of responses begin with, and the shape that those have."""


def _classes() -> Iterable[type[TidegateError]]:
    found = (getattr(errors, name) for name in errors.__all__)
    groups = {errors.TidegateError, errors.ClientError, errors.GatewayError, errors.ProviderError}
    # What a provider refused has the provider's status.
    return [error for error in found if error not in {*groups, errors.ProviderRefused}]


def _by_status() -> dict[int, list[str]]:
    """What each status may mean: the first sentences of the error classes."""
    meanings: dict[int, list[str]] = {}
    for error in _classes():
        meaning = (error.__doc__ or "").strip().split("\n")[0]
        meanings.setdefault(error.status, []).append(f"{meaning} (`{error.code}`)" if error.code else meaning)
    meanings[429] = [*meanings.get(429, []), "A rate limit, as reported by the provider."]
    return meanings


def _response(meanings: list[str], schema: str) -> Schema:
    headers = {name: ref(name, "headers") for name in ("x-request-id", "retry-after")}
    content = {"application/json": {"schema": ref(schema)}}
    return {
        "description": "\n".join(f"- {line}" for line in meanings),
        "headers": headers,
        "content": content,
    }


RESPONSES: dict[str, Schema] = {
    f"{prefix}{status}": _response(meanings, schema)
    for prefix, schema in DIALECTS.items()
    for status, meanings in _by_status().items()
}
"""Every error response, by dialect and status: `503`, `Anthropic503`."""


def refusals(statuses: str, dialect: str = "") -> dict[str, Schema]:
    """The error responses of an operation; statuses are separated by blanks."""
    return {status: ref(f"{dialect}{status}", "responses") for status in statuses.split()}
