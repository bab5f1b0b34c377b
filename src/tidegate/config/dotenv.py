r"""`.env` files, in the syntax that python-dotenv and docker compose agree on.

`NAME=value`, an optional `export`, comments. Single quotes take everything literally; double quotes
understand `\n`, `\t`, `\"` and `\\`, and may span lines; an unquoted value ends at ` #`. There is no
interpolation: `$` is a literal dollar sign.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Entry", "parse_dotenv"]


class Entry(NamedTuple):
    """One line of the file. `name` is "" if the line cannot be parsed."""

    name: str
    value: str
    line: int


_ENTRY = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*
        (?:=[ \t]*(?:
            '(?P<single>[^']*)'[ \t]*(?:\#[^\n]*)?
          | "(?P<double>(?:\\.|[^"\\])*)"[ \t]*(?:\#[^\n]*)?
          | (?P<plain>[^\n'"][^\n]*|)
        ))?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}


def parse_dotenv(text: str) -> Iterator[Entry]:
    """Parse the entries in order. A name without `=` has the value ""."""
    text = text.replace("\r\n", "\n")
    at, line = 0, 1
    while at < len(text):
        match = _NOTHING.match(text, at)
        if match is None:
            match = _ENTRY.match(text, at)
            if match is None:
                match = _LINE.match(text, at)
                yield Entry("", "", line)
            else:
                yield Entry(match["name"], _value_of(match), line)
        assert match is not None
        line += text.count("\n", at, match.end())
        at = match.end()


def _value_of(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _ESCAPE.sub(lambda found: _MEANINGS.get(found[1], found[0]), match["double"])
    return _COMMENT.sub("", match["plain"] or "").strip()
