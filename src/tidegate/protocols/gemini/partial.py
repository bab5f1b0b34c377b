"""Call arguments that arrive in pieces (Vertex, on request: `streamFunctionCallArguments`).

Each piece has a JSON path and one plain value, or a part of a string.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from tidegate.protocols.wide_numbers import decode_any

from .wire import PartialArg

__all__ = ["OpenArguments"]

WIDEST_GAP = 64
"""Elements that a path may skip in an array, so that a path of a few bytes cannot create thousands of them.
"""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,4})\]|\['((?:[^'\\]|\\.)*)'\]")


class OpenArguments:
    """The arguments of one call received so far."""

    __slots__ = ("_growing", "_pieces", "_value", "name")

    def __init__(self, name: str, value: dict[str, Any]) -> None:
        self.name = name
        self._value = value
        self._growing: str | None = None
        """The path of the string that the next piece continues."""
        self._pieces: list[str] = []
        """The pieces of that string."""

    def add(self, pieces: Iterable[PartialArg]) -> None:
        """Apply pieces."""
        for piece in pieces:
            steps = _steps(piece.json_path)
            if not steps:
                continue
            value = _value(piece)
            if piece.json_path == self._growing and isinstance(value, str):
                self._pieces.append(value)
            else:
                self._close_string()
                _put(self._value, steps, value)
                self._pieces = [value] if isinstance(value, str) else []
            self._growing = piece.json_path
            if not piece.will_continue:
                self._close_string()

    def _close_string(self) -> None:
        """Store the string that was assembled."""
        if self._growing is not None and len(self._pieces) > 1:
            _put(self._value, _steps(self._growing), "".join(self._pieces))
        self._growing, self._pieces = None, []

    def whole(self) -> bytes:
        """Return the arguments as JSON text."""
        self._close_string()
        return msgspec.json.encode(self._value)


def _steps(path: str) -> list[str | int]:
    return [int(match[2]) if match[2] else match[1] or match[3] or "" for match in _STEP.finditer(path)]


def _value(piece: PartialArg) -> Any:
    """Return the value that is set; if none is set, it is null."""
    for value in (piece.string_value, piece.bool_value):
        if value is not None:
            return value
    number = decode_any(piece.number_value) if piece.number_value else None
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _put(value: Any, steps: list[str | int], leaf: Any) -> None:
    """Set the value, creating the objects and arrays on its path."""
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(value, list) and isinstance(step, int) and step < len(value) + WIDEST_GAP:
            value.extend([None] * (step + 1 - len(value)))
        elif not (isinstance(value, dict) and isinstance(step, str)):
            return  # the pieces contradict each other
        if following is None:
            value[step] = leaf
            return
        inner = value.get(step) if isinstance(value, dict) else value[step]
        if not isinstance(inner, (dict, list)):
            value[step] = [] if isinstance(following, int) else {}
        value = value[step]
