"""Words and types for errors of providers whose own errors have less to say than a client expects."""

import html
import re

__all__ = ["LONGEST", "TYPES", "readable", "type_of"]

LONGEST = 2000
"""Characters of a provider's message; what is longer is a web page or a dump."""

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_funds",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
    504: "timeout_error",
}
"""OpenAI's types by status."""


def type_of(status: int) -> str:
    """OpenAI's type for a status."""
    return TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def readable(body: bytes) -> str:
    """The words of a body that is no JSON error; of a web page without its markup."""
    text = body[: 8 * LONGEST].decode(errors="replace")
    if "<" in text:
        text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|\Z)|<[^<>]*>", " ", text)
        text = html.unescape(text)
    return " ".join(text.split())[:LONGEST]
