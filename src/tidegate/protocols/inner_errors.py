"""Errors within errors: relays put the JSON of the error that they got in place of a message of their own."""

from typing import Any

import msgspec

__all__ = ["words_within"]

_DEEPEST = 4
"""How many errors within errors are looked at."""
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def words_within(message: str) -> tuple[str, str | None]:
    """Return the innermost message, and the code that stands beside it, if it has one."""
    code = None
    for _ in range(_DEEPEST):
        if not message.lstrip().startswith("{"):
            break
        try:
            found = _OBJECT.decode(message)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            break
        inner = found.get("error")
        words = inner if isinstance(inner, dict) else found
        text = inner if isinstance(inner, str) else words.get("message")
        if not isinstance(text, str) or not text.strip():
            break
        said = words.get("code")
        message, code = text.strip(), said if isinstance(said, str) and said else code
    return message, code
