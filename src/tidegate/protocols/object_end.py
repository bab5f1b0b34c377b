"""Where an object in JSON that comes in pieces ends."""

import re

from .fields import is_object

__all__ = ["ObjectEnd"]

_MARKS = re.compile(r'\\.|["{}]', re.DOTALL)


class ObjectEnd:
    """Looks at each piece of a growing text once, however often it is asked."""

    __slots__ = ("_cut", "_depth", "_in_string", "_pieces", "_scanned", "_whole")

    def __init__(self, pieces: list[str]) -> None:
        """`pieces` is the list to which others append."""
        self._pieces = pieces
        self._scanned = 0
        self._depth = 0
        self._in_string = False
        self._cut = ""
        """The backslash of an escape that is cut in two."""
        self._whole: bool | None = None
        """Whether the text is an object; None as long as the end of the first one has not come."""

    def is_whole(self) -> bool:
        """Whether the text is a whole object, so that nothing but white space can follow."""
        while self._whole is None and self._scanned < len(self._pieces):
            self._scanned += 1
            if self._closes(self._pieces[self._scanned - 1]):
                self._whole = is_object("".join(self._pieces))
        return self._whole is True

    def _closes(self, piece: str) -> bool:
        """Whether the first object ends within a piece."""
        text, end, closed = self._cut + piece, 0, False
        for found in _MARKS.finditer(text):
            mark, end = found[0], found.end()
            if mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string and len(mark) == 1:
                self._depth += 1 if mark == "{" else -1
                closed = closed or (mark == "}" and self._depth == 0)
        self._cut = "\\" if text.endswith("\\") and end < len(text) else ""
        return closed
