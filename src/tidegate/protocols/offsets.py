"""Places in a text: Google counts them in bytes of its UTF-8, everybody else in characters.

A lookup reads at most one stride of the text, however long the text is, so an answer with as many
citations as words costs its size.
"""

from bisect import bisect_right

__all__ = ["Offsets"]

STRIDE = 256
"""Characters between two remembered places."""


class Offsets:
    """Converts places in one text between bytes and characters."""

    __slots__ = ("_bytes", "_marks", "_text", "is_ascii", "size")

    def __init__(self, text: str) -> None:
        self._text = text
        self._bytes = text.encode(errors="replace")
        self.size = len(self._bytes)
        """Bytes of the text."""
        self.is_ascii = self.size == len(text)
        self._marks = [0] if self.is_ascii else self._mark()
        """The byte at which every STRIDE-th character begins."""

    def _mark(self) -> list[int]:
        marks = [0]
        for start in range(0, len(self._text) - STRIDE + 1, STRIDE):
            marks.append(marks[-1] + _size(self._text[start : start + STRIDE]))
        return marks

    def byte_of(self, place: int) -> int:
        """The byte at which a character begins; the end of the text for places behind it."""
        place = min(max(0, place), len(self._text))
        if self.is_ascii:
            return place
        mark = place // STRIDE
        return self._marks[mark] + _size(self._text[mark * STRIDE : place])

    def character_of(self, byte: int) -> int:
        """The character that begins at a byte, or of which the byte is a part."""
        byte = min(max(0, byte), self.size)
        if self.is_ascii:
            return byte
        mark = bisect_right(self._marks, byte) - 1
        return mark * STRIDE + len(self._bytes[self._marks[mark] : byte].decode(errors="ignore"))


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
