"""Response heads, built from prepared pieces."""

from email.utils import formatdate
from http import HTTPStatus

__all__ = ["NO_BODY", "STATUS_LINES", "date_line"]

NO_BODY = frozenset([204, 304])
"""Statuses whose responses have no body (RFC 9110, 6.4.1)."""


class _StatusLines(dict[int, bytes]):
    """Status → status line. A status that cannot end a request (1xx, or without three
    digits) is sent as 500.
    """

    def __missing__(self, status: int) -> bytes:
        line = b"HTTP/1.1 %d \r\n" % status if 200 <= status <= 999 else self[500]
        return self.setdefault(status, line)


STATUS_LINES = _StatusLines(
    {
        status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
        for status in HTTPStatus
        if status.value >= 200
    }
)


def date_line(now: float) -> bytes:
    """Return the `date` header for a time in seconds since 1970."""
    return b"date: %b\r\n" % formatdate(now, usegmt=True).encode()
