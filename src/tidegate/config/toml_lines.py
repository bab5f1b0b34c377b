"""The line number of each value in a TOML file.

`tomllib` returns values without positions. This scanner returns positions without values: it walks text
that `tomllib` has accepted, so it can assume that the syntax is valid.
"""

import re
import tomllib
from bisect import bisect_right

from .problems import Path

__all__ = ["locate"]

_BLANK = re.compile(r"[ \t]*")
_FILL = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # up to two quotes may precede the closing three
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def locate(text: str) -> dict[Path, int]:
    """The line number, from 1, of every table header, key and array element.

    `text` must be valid TOML. A table that only appears as part of longer names has the line of the first
    of them.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")  # keeps the number of lines
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", self._text))]
        self._lines: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}
        """Elements so far of each array of tables."""

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_FILL)
        while self._at < len(self._text):
            if self._take("[["):
                table = self._next_element(self._read_key())
                self._take("]]")
            elif self._take("["):
                table = self._inside(self._read_key())
                self._take("]")
                self._note((), table)
            else:
                self._read_pair(table)
            self._skip(_FILL)
        return self._lines

    def _next_element(self, key: Path) -> Path:
        array = (*self._inside(key[:-1]), key[-1])
        index = self._lengths.get(array, 0)
        self._lengths[array] = index + 1
        self._note((), (*array, index))
        return (*array, index)

    def _inside(self, key: Path) -> Path:
        """The path of a table, through the latest elements of arrays of tables."""
        path: Path = ()
        for step in key:
            path = (*path, step)
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        return path

    def _read_pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._read_key())
        self._note(table, path, start)
        self._take("=")
        self._read_value(path)

    def _read_key(self) -> Path:
        steps = []
        while True:
            self._skip(_BLANK)
            if bare := _BARE_KEY.match(self._text, self._at):
                steps.append(bare[0])
                self._at = bare.end()
            else:
                steps.append(tomllib.loads(f"key = {self._skip(_STRING)}")["key"])
            self._skip(_BLANK)
            if not self._take("."):
                return tuple(steps)

    def _read_value(self, path: Path) -> None:
        self._skip(_BLANK)
        if self._take("["):
            self._read_array(path)
        elif self._take("{"):
            self._read_inline_table(path)
        elif self._text[self._at] in "\"'":
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)

    def _read_array(self, path: Path) -> None:
        index = 0
        self._skip(_FILL)
        while not self._take("]"):
            self._note(path, (*path, index))
            self._read_value((*path, index))
            index += 1
            self._skip(_FILL)
            self._take(",")
            self._skip(_FILL)

    def _read_inline_table(self, path: Path) -> None:
        self._skip(_FILL)
        while not self._take("}"):
            self._read_pair(path)
            self._skip(_FILL)
            self._take(",")
            self._skip(_FILL)

    def _note(self, known: Path, path: Path, start: int | None = None) -> None:
        """Record the line of a path, and of its parents that are not known yet."""
        line = bisect_right(self._starts, self._at if start is None else start)
        for end in range(len(known) + 1, len(path) + 1):
            self._lines.setdefault(path[:end], line)

    def _take(self, mark: str) -> bool:
        self._skip(_BLANK)
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, f"not TOML at character {self._at}"
        self._at = match.end()
        return match[0]
