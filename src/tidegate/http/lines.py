"""Response headers as lines; no value can end its line."""

from collections.abc import Iterable

from .contract import Header

__all__ = ["harmless", "render_lines", "split_lines"]

CONTROLS = bytes([*(byte for byte in range(32) if byte != 9), 127])
"""Characters that names and values must not contain; tabs are allowed in values."""
HARMLESS = bytes(ord("?") if byte in CONTROLS else byte for byte in range(256))
"""A table for `bytes.translate` that replaces each of them by a question mark."""
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""The characters of a header name (RFC 9110, 5.6.2)."""


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


def split_lines(lines: bytes) -> list[Header]:
    """Return the headers in lines that were rendered."""
    split = [line.partition(b": ") for line in lines.split(b"\r\n") if line]
    return [(name, value) for name, _, value in split]
