"""Heads that a connection sends again and again.

A client that keeps its connection open sends the same head with every request, but for the length of the
body. What the parser has made of a head is remembered, and a request that repeats it is not parsed again.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.http.contract import Header

__all__ = ["RepeatedHead", "remember"]

LONGEST = 4096
"""The size in bytes of the longest head that is remembered."""
DIGITS = 8
"""The most digits of a body's length that are looked at."""
NAME = b"content-length"
FIELD = b"\r\n" + NAME + b":"
SPECIAL = frozenset([b"transfer-encoding", b"upgrade", b"expect"])
"""Headers whose requests are always parsed."""


class RepeatedHead:
    """A head in the form in which it was received, and what the parser has made of it."""

    __slots__ = ("_after", "_before", "_place", "_value", "headers", "memory", "method", "named", "target")

    def __init__(
        self,
        head: bytes,
        place: int,
        method: str,
        target: tuple[str, bytes],
        headers: list[Header],
        named: Mapping[bytes, bytes],
    ) -> None:
        """`place` is where the length of the body stands in the head."""
        self._value = value = named[NAME]
        self._before = head[:place]
        self._after = head[place + len(value) :]
        self._place = place
        self.method = method
        self.target = target
        self.headers = headers
        self.named = named
        self.memory: dict[object, Any] = {}
        """See ServerRequest."""

    def body_of(self, data: bytes) -> bytes | None:
        """Return the body if these bytes are exactly one request with this head: `headers` and `named` are
        those of that request then. None if anything else differs than the length of the body.
        """
        place = self._place
        if data[:place] != self._before:
            return None
        value, after = self._value, self._after
        end = place + len(value)
        begin = end + len(after)
        if data[end:begin] != after:  # the length has more digits, or fewer
            end = data.find(b"\r", place, place + DIGITS + 1)
            begin = end + len(after)
            if data[end:begin] != after:
                return None
        length = data[place:end]
        if length != value and not self._replace(length):
            return None
        body = data[begin:]
        return body if len(body) == int(length) else None

    def _replace(self, value: bytes) -> bool:
        """Replace the length; return whether it is one."""
        if not value.isdigit():
            return False
        self._value = value
        self.headers = [(name, value if name == NAME else old) for name, old in self.headers]
        self.named = {**self.named, NAME: value}
        return True


def remember(
    data: bytes, method: str, target: tuple[str, bytes], headers: list[Header], named: Mapping[bytes, bytes]
) -> RepeatedHead | None:
    """Remember the head of a request of which these are all bytes, and what the parser has made of it. None
    if it cannot be recognized again: it is too long, or there is more to its meaning than its headers say.

    The caller knows that the connection stays open after the request.
    """
    length = named.get(NAME, b"")
    end = data.find(b"\r\n\r\n", 0, LONGEST)
    if end < 0 or not length.isdigit() or len(data) - end - 4 != int(length):
        return None
    if len(named) != len(headers) or not named.keys().isdisjoint(SPECIAL):
        return None
    head = data[: end + 4]
    line, field = head.partition(b"\r\n")[0], head.lower().find(FIELD)
    if field < 0 or not line.startswith(method.encode()) or not line.endswith(b" HTTP/1.1"):
        return None
    place = field + len(FIELD)
    while head.startswith((b" ", b"\t"), place):
        place += 1
    if not head.startswith(length + b"\r", place):
        return None
    return RepeatedHead(head, place, method, target, headers, named)
