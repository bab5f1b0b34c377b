"""Where something begins or ends in JSON that arrives in pieces, however it is split."""

import re
from collections.abc import Iterator

__all__ = ["JsonMarks"]

_WITHIN_TEXT = re.compile(r'["\\]')
_BETWEEN_TEXTS = re.compile(r'["{}\[\],]')


class JsonMarks:
    """Finds quotation marks, brackets and commas. Of what is within a text, only its end is found."""

    __slots__ = ("_is_escaped", "in_text")

    def __init__(self) -> None:
        self.in_text = False
        """Whether a text has begun, and not ended yet."""
        self._is_escaped = False
        """Whether the last piece ended with a backslash that belongs to the next character."""

    def places(self, piece: str) -> Iterator[int]:
        """Yield where they are in the next piece; a quotation mark after `in_text` has changed."""
        place = 0
        if self._is_escaped and piece:
            self._is_escaped = False
            place = 1
        while (found := self._sought().search(piece, place)) is not None:
            place = found.start()
            if piece[place] == "\\":
                self._is_escaped = place + 1 == len(piece)
                place += 2
                continue
            if piece[place] == '"':
                self.in_text = not self.in_text
            yield place
            place += 1

    def _sought(self) -> re.Pattern[str]:
        return _WITHIN_TEXT if self.in_text else _BETWEEN_TEXTS
