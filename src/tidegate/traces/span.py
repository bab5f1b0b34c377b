"""A span, before it is given to OpenTelemetry."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from .context import Trace

__all__ = ["Span", "Value"]

Value: TypeAlias = str | bool | int | float | Sequence[str]
"""What an attribute can be."""


class Span(Struct, frozen=True, gc=False):
    """A finished span."""

    name: str
    kind: Literal["server", "client"]
    trace: Trace
    span_id: int
    parent_id: int | None
    began_at: float
    """In seconds since the epoch."""
    ended_at: float
    attributes: Mapping[str, Value | None]
    """Those that are None are left out."""
    error: str | None = None
    """The description of the failure; None if there was none."""
