"""The demo's tokens: a word with the space before it, a long word in pieces, a sign by itself.

No vocabulary of a real model is loaded: that would take a second and 145 MB for numbers that mean
nothing. These are counted by a rule that anyone can follow, and cut where a word ends.
"""

import re

__all__ = ["count", "cut", "split"]

_TOKEN = re.compile(r"\s?\w{1,8}|\s?[^\w\s]|\s+")


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(split(text))


def cut(text: str, limit: int) -> str:
    """The beginning of a text that has no more than so many tokens."""
    return "".join(split(text)[:limit])


def split(text: str) -> list[str]:
    """The tokens of a text; joined, they are the text."""
    return _TOKEN.findall(text)
