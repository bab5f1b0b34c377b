r"""Halves of UTF-16 pairs: escapes such as `\ud83d` that stand alone in JSON.

RFC 8259 (section 8.2) allows them, and servers that cut texts between tokens write an emoji as two halves
in two events. A decoder cannot make text of half a character: the halves are put together, or become U+FFFD.
"""

import re
from collections import deque

__all__ = ["Surrogates", "has_halves", "without_halves"]

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


class Surrogates:
    """Puts halves together over the events of a stream: a first half waits for the event with its second."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        """First halves without their seconds, in their order (choices may be interleaved)."""

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
