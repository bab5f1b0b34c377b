"""Heads of answers that a provider sends again and again.

The answers to requests of one kind have the same headers in the same order, of which some have another value
each time: the length, the date, an id, what is left of a limit. What the parser has made of such a head is
remembered, and a head that differs by such values only is not parsed again.
"""

from .contract import Header
from .lines import CONTROLS

__all__ = ["KnownHead", "know"]

LONGEST = 8192
"""The size in bytes of the longest head that is remembered, and of one that is looked at."""
LENGTH = b"content-length"
DIGITS = 10
"""The most digits of a body's length that are looked at."""
FIXED = frozenset([b"connection", b"content-encoding", b"keep-alive", b"transfer-encoding", b"upgrade"])
"""Headers that decide how an answer is read: with another value, the parser reads it."""


class KnownHead:
    """The latest head of a connection, and what has been made of it."""

    __slots__ = ("_length", "_lines", "_place", "_starts", "headers")

    def __init__(self, lines: list[bytes], headers: list[Header], place: int) -> None:
        """`lines` are the status line and those of the headers; `place` is the line with the length."""
        self._lines = lines
        self._place = place
        self._starts = [b"", *(line[: line.find(b":") + 1] for line in lines[1:])]
        """How each line begins: the name as it is written, and a colon."""
        self._length = int(headers[place - 1][1])
        self.headers = headers

    def body_of(self, data: bytes) -> bytes | None:
        """Return the body if these bytes are exactly one answer with this head, but for values that do not
        matter: `headers` are those of that answer then. None if the parser has to read it.
        """
        end = data.find(b"\r\n\r\n", 0, LONGEST)
        if end < 0:
            return None
        head = data[:end]
        lines = head.split(b"\r\n")
        if lines != self._lines and not self._replace(lines, head):
            return None
        body = data[end + 4 :]
        return body if len(body) == self._length else None

    def _replace(self, lines: list[bytes], head: bytes) -> bool:
        """Replace the values that differ; return whether nothing else does."""
        known, starts = self._lines, self._starts
        if len(lines) != len(known) or lines[0] != known[0]:
            return False
        headers = self.headers.copy()
        for at, line in enumerate(lines):
            if line == known[at]:
                continue
            start, name = starts[at], headers[at - 1][0]
            if name in FIXED or not line.startswith(start):
                return False
            value = line[len(start) :].strip(b" \t")
            if at == self._place and not (value.isdigit() and len(value) <= DIGITS):
                return False
            headers[at - 1] = name, value
        if len(head) - len(head.translate(None, CONTROLS)) != 2 * (len(lines) - 1):
            return False
        self._lines, self.headers = lines, headers
        self._length = int(headers[self._place - 1][1])
        return True


def know(data: bytes, headers: list[Header]) -> KnownHead | None:
    """Remember the head of an answer of which these are all bytes, and its headers as the parser shows them.
    None if it cannot be recognized again: it is too long, or its body has no declared length.

    The caller knows that its status is 200, and that the connection stays open after it.
    """
    lines = data[: data.find(b"\r\n\r\n", 0, LONGEST)].split(b"\r\n")
    names = [name for name, _ in headers]
    if [line.partition(b":")[0].lower() for line in lines[1:]] != names:
        return None
    if names.count(LENGTH) != 1 or b"transfer-encoding" in names or not lines[0].startswith(b"HTTP/1.1 200 "):
        return None
    known = KnownHead(lines, headers, names.index(LENGTH) + 1)
    return known if known.body_of(data) is not None else None
