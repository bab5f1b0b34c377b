"""The demo's tokens: a word with the space before it, a long word in several parts, a punctuation mark.

No real model's vocabulary is loaded: that would take a second and 145 MB for meaningless numbers. The rule
is simple, and tokens end where words end.
"""

import re

__all__ = ["count", "cut", "split"]

_TOKEN = re.compile(r"\s?\w{1,8}|\s?[^\w\s]|\s+")


def count(text: str) -> int:
    """Count the tokens of a text."""
    return len(split(text))


def cut(text: str, limit: int) -> str:
    """The first tokens of a text, at most `limit`."""
    return "".join(split(text)[:limit])


def split(text: str) -> list[str]:
    """Split a text into tokens. Joined, they are the text again."""
    return _TOKEN.findall(text)
