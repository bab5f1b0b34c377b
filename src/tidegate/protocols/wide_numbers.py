"""JSON with numbers that Python has no type for: `1e400`, or an integer of thousands of digits.

RFC 8259 (section 6) allows them. They are kept as they were written.
"""

import re
from math import isinf
from typing import Any

from msgspec import Raw, ValidationError
from msgspec.json import Decoder

__all__ = ["decode_any"]


def decode_any(data: bytes | Raw) -> Any:
    """Decode any JSON; a number beyond the range of floats, or of too many digits, is a `Raw`. Raises one of
    MALFORMED.
    """
    try:
        return _PLAIN.decode(data)
    except ValidationError:
        pass
    try:
        return _WIDE.decode(data)
    except ValidationError:  # an integer of more digits than Python reads
        return _WIDE.decode(_LONG.sub(_as_float, bytes(data)))


def _number(text: str) -> float | Raw:
    number = float(text)
    return Raw(text.removesuffix(MARK).encode()) if isinf(number) or text.endswith(MARK) else number


_PLAIN: Decoder[Any] = Decoder()
_WIDE: Decoder[Any] = Decoder(float_hook=_number)

MARK = "e+00"
"""Makes a float of an integer."""

_LONG = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])(-?\d{310,})(?![\d.eE])', re.DOTALL)
"""A text, or an integer beyond the range of floats (group 1)."""


def _as_float(found: re.Match[bytes]) -> bytes:
    return found[1] + MARK.encode() if found[1] else found[0]
