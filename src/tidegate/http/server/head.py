"""Response heads, built from prepared pieces; no value can end its line."""

from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

from tidegate.http.contract import Header

__all__ = ["NO_BODY", "STATUS_LINES", "date_line", "harmless", "render_lines"]

NO_BODY = frozenset([204, 304])
"""Statuses whose responses have no body (RFC 9110, 6.4.1)."""

CONTROLS = bytes([*(byte for byte in range(32) if byte != 9), 127])
"""Characters that names and values must not contain; tabs are allowed in values."""
HARMLESS = bytes(ord("?") if byte in CONTROLS else byte for byte in range(256))
"""A table for `bytes.translate` that replaces each of them by a question mark."""
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""The characters of a header name (RFC 9110, 5.6.2)."""


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


def render_lines(headers: Iterable[Header]) -> bytes:
    r"""Return the headers as lines.

    A control character in a value becomes a question mark, because clients reject the whole response
    otherwise; a header whose name is not a token is left out.
    """
    pairs = [b": ".join(header) for header in headers]
    pairs.append(b"")
    lines = b"\r\n".join(pairs)
    if len(lines) - len(lines.translate(None, CONTROLS)) == 2 * (len(pairs) - 1):
        return lines
    split = [pair.partition(b": ")[::2] for pair in pairs if pair]
    return b"".join([b"%b: %b\r\n" % header for header in harmless(split)])


def harmless(headers: Iterable[Header]) -> list[Header]:
    """Return the headers whose names are tokens, with control characters in values replaced by question
    marks.
    """
    return [(name, value.translate(HARMLESS)) for name, value in headers if name and TOKEN.issuperset(name)]


def date_line(now: float) -> bytes:
    """Return the `date` header for a time in seconds since 1970."""
    return b"date: %b\r\n" % formatdate(now, usegmt=True).encode()
