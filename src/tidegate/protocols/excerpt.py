"""Texts of others inside ours: bounded, and without characters that act on a terminal or a log."""

import re

__all__ = ["escape_controls", "is_name", "names_only", "shorten"]

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, changes of the direction of text, halves of surrogate pairs."""
_NAME = re.compile(r"[A-Za-z0-9_$@][A-Za-z0-9_$@:/-]{0,63}", re.ASCII)
"""What names of parameters, types and codes look like."""


def escape_controls(text: str) -> str:
    r"""The text with escapes (`\x1b`) in the place of characters that are not seen but act."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shorten(text: str, limit: int) -> str:
    """The text within so many characters; what is too long loses its middle and shows `…`."""
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - end - 1]}…{text[len(text) - end :]}"


def is_name(text: str) -> bool:
    """Whether this looks like a name of a parameter, type or code: short, and without spaces."""
    return _NAME.fullmatch(text) is not None


def names_only(path: str) -> str:
    """The path of a parameter for records: steps that look like no name, and so may hold anything, as `*`."""
    steps = path[: 4 * _LONGEST_PATH].split(".")
    return shorten(".".join(step if is_name(step) else "*" for step in steps), _LONGEST_PATH)


_LONGEST_PATH = 120
