r"""Lone surrogates: halves of UTF-16 pairs, such as the escape `\ud83d`, alone in JSON.

RFC 8259 (section 8.2) allows them, and servers that split texts between tokens send the two halves of an
emoji in two events. A decoder cannot make text of half a character, so halves are joined, or become U+FFFD.
"""

import json
import re
from collections import deque
from typing import Any

from msgspec import DecodeError

__all__ = ["Surrogates", "decode_with_halves", "encode_with_halves", "has_halves", "without_halves"]

_ESCAPE = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    rb"|u([dD][c-fC-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""Any escape. Group 1 is a first half, 2 the second half after it, 3 a second half alone."""

_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]")

REPLACEMENT = rb"\ufffd"


def has_halves(data: bytes) -> bool:
    """Whether JSON may contain a lone surrogate."""
    return _SUSPECT.search(data) is not None


def without_halves(data: bytes) -> bytes:
    """Replace every lone surrogate in JSON with U+FFFD."""
    return _ESCAPE.sub(_replace_alone, data)


def _replace_alone(found: re.Match[bytes]) -> bytes:
    first, second, alone = found.groups()
    return REPLACEMENT if (first is not None and second is None) or alone is not None else found[0]


MOST_WAITING = 64
"""Maximum number of waiting first halves; beyond that, the oldest are dropped."""


def decode_with_halves(data: bytes) -> Any:
    """Decode JSON whose texts may contain lone surrogates. Raises DecodeError."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise DecodeError(f"JSON is malformed: {type(error).__name__}") from error


def encode_with_halves(value: Any) -> bytes:
    """Encode JSON in ASCII, with lone surrogates as escapes."""
    return json.dumps(value, separators=(",", ":")).encode()


class Surrogates:
    """Joins surrogates across the events of a stream: a first half that ends a text waits for its second one.
    Any other lone surrogate becomes U+FFFD.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        """First halves without their second halves, in order (choices may be interleaved)."""

    @property
    def waits(self) -> bool:
        """Whether a first half is waiting for its second half."""
        return bool(self._waiting)

    def join(self, data: bytes) -> bytes:
        """Return an event's JSON without lone surrogates."""
        waiting, held = self._waiting, []

        def replace(found: re.Match[bytes]) -> bytes:
            first, second, alone = found.groups()
            if first is not None and second is None:
                if data[found.end() : found.end() + 1] != b'"':
                    return REPLACEMENT
                held.append(found[0])
                return b""
            if alone is not None:
                return waiting.popleft() + found[0] if waiting else REPLACEMENT
            return found[0]

        joined = _ESCAPE.sub(replace, data)
        waiting.extend(held)
        return joined
