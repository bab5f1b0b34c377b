"""Values of response headers, made of texts and bytes that others choose."""

from functools import lru_cache

__all__ = ["LONGEST_HEADER", "header_value", "safe_value"]

LONGEST_HEADER = 4000
"""Maximum bytes of a header's value: many clients and proxies accept no line longer than 8 KB."""

LONGEST_KEPT = 128
"""Maximum characters of a value whose rendering is cached: some values are chosen by clients."""

_SAFE = bytes(byte if 32 <= byte < 127 else 63 for byte in range(256))
"""Maps each byte to itself, or to a question mark if HTTP does not allow it in a header."""


def header_value(text: str) -> bytes:
    """A text as a header's value, truncated if it is too long. Characters that HTTP does not allow become
    question marks.
    """
    return _known_value(text) if len(text) <= LONGEST_KEPT else _render_value(text)


def _render_value(text: str) -> bytes:
    return text[:LONGEST_HEADER].encode("ascii", "replace").translate(_SAFE)


_known_value = lru_cache(maxsize=1024)(_render_value)


def safe_value(value: bytes) -> bytes:
    """The value of a received header, in a form that can be forwarded."""
    return value[:LONGEST_HEADER].translate(_SAFE)
