r"""Halves of UTF-16 pairs: escapes such as `\ud83d` that stand alone in JSON.

RFC 8259 (section 8.2) allows them, and servers that cut texts between tokens write an emoji as two halves
in two events. A decoder cannot make text of half a character: the halves are put together, or become U+FFFD.
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
"""Any escape; group 1 is a first half, 2 the second half behind it, 3 a second half alone."""

_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]")

REPLACEMENT = rb"\ufffd"


def has_halves(data: bytes) -> bool:
    """Whether JSON may hold a half that stands alone."""
    return _SUSPECT.search(data) is not None


def without_halves(data: bytes) -> bytes:
    """JSON with U+FFFD for every half that stands alone."""
    return _ESCAPE.sub(_replace_alone, data)


def _replace_alone(found: re.Match[bytes]) -> bytes:
    first, second, alone = found.groups()
    return REPLACEMENT if (first is not None and second is None) or alone is not None else found[0]


MOST_WAITING = 64
"""First halves that wait; of more, the oldest are given up."""


def decode_with_halves(data: bytes) -> Any:
    """JSON whose texts may hold halves. Raises DecodeError."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise DecodeError(f"JSON is malformed: {type(error).__name__}") from error


def encode_with_halves(value: Any) -> bytes:
    """JSON in ASCII: halves are escapes."""
    return json.dumps(value, separators=(",", ":")).encode()


class Surrogates:
    """Puts halves together over the events of a stream: a first half waits for the event with its second."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        """First halves without their seconds, in their order (choices may be interleaved)."""

    @property
    def waits(self) -> bool:
        """Whether a first half waits for its second."""
        return bool(self._waiting)

    def join(self, data: bytes) -> bytes:
        """The JSON of an event without halves that stand alone."""
        waiting, held = self._waiting, []

        def replace(found: re.Match[bytes]) -> bytes:
            first, second, alone = found.groups()
            if first is not None and second is None:
                held.append(found[0])
                return b""
            if alone is not None:
                return waiting.popleft() + found[0] if waiting else REPLACEMENT
            return found[0]

        joined = _ESCAPE.sub(replace, data)
        waiting.extend(held)
        return joined
