"""Makes foreign text safe to quote: limited in length, and without characters that act on a
terminal or log.
"""

import re

__all__ = ["escape_controls", "escape_json", "is_name", "names_only", "shorten"]

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, bidirectional controls, lone surrogates."""
_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Those of them that JSON may have within its texts as they are."""
_NAME = re.compile(r"[A-Za-z0-9_$@][A-Za-z0-9_$@:/-]{0,63}", re.ASCII)
"""The pattern of names of parameters, types and codes."""


def escape_controls(text: str) -> str:
    r"""Replace invisible control characters with escapes (`\x1b`)."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escape_json(text: str) -> str:
    r"""JSON that says the same, with these characters as escapes (`\u009b`)."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shorten(text: str, limit: int) -> str:
    """Limit the text to this many characters; a longer one loses its middle, marked with `…`."""
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - end - 1]}…{text[len(text) - end :]}"


def is_name(text: str) -> bool:
    """Whether this looks like the name of a parameter, type or code: short, and without spaces."""
    return _NAME.fullmatch(text) is not None


def names_only(path: str) -> str:
    """Reduce a parameter's path to names for records: steps that may hold arbitrary text become `*`."""
    steps = path[: 4 * _LONGEST_PATH].split(".")
    return shorten(".".join(step if is_name(step) else "*" for step in steps), _LONGEST_PATH)


_LONGEST_PATH = 120
