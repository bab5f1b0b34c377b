"""The words in a value: what a reader of good will finds where a text should be."""

from typing import Any

__all__ = ["is_nothing", "words_in"]

DEEPEST = 8
"""How many values may be around the words."""

HOLDERS = (
    "text", "value", "output_text", "thinking", "reasoning", "reasoning_content", "summary", "content",
    "parts",
)  # fmt: skip
"""Fields that hold words, in the order in which they are tried."""


def words_in(value: Any, depth: int = 0) -> str | None:
    """Return the text that a value holds: its own, that of its parts, or a number; None if there is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and depth == 0:
        return str(value)
    if depth > DEEPEST:
        return None
    if isinstance(value, list):
        found = [words for one in value if (words := words_in(one, depth + 1)) is not None]
        return "".join(found) if found else None
    if isinstance(value, dict):
        held = (words_in(value[name], depth + 1) for name in HOLDERS if name in value)
        return next((words for words in held if words is not None), None)
    return None


def is_nothing(value: Any) -> bool:
    """Return whether a value says nothing, whatever its type: servers write `""`, `[]`, `{}` or `false`
    where there is nothing to say.
    """
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)
