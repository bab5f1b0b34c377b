"""The tracer of one worker: it begins traces, and takes finished spans."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Protocol as Interface

from .context import Trace, begin_trace, new_span_id
from .span import Span

__all__ = ["Exports", "Tracer"]


class Exports(Interface):
    """Where finished spans go."""

    def export(self, spans: Iterable[Span]) -> None:
        """Take spans. Returns at once."""
        ...

    def close(self) -> None:
        """Send what is left. Blocks for some seconds at most."""
        ...


class Tracer:
    """Begins traces and exports their spans."""

    def __init__(self, exports: Exports, *, sample: float = 1.0, content_bytes: int = 0) -> None:
        """`sample` is the share of new traces that are exported. `content_bytes` is how much of a prompt and
        of an answer is exported; 0: none.
        """
        self._exports = exports
        self._sample = sample
        self.content_bytes = content_bytes
        self._random = Random()  # noqa: S311 no secret

    def begin(self, headers: Mapping[bytes, bytes]) -> Trace:
        """The trace of a request with these headers."""
        return begin_trace(headers, self._sample, self._random)

    def new_span_id(self) -> int:
        """The id of a span of an attempt."""
        return new_span_id(self._random)

    def export(self, spans: Iterable[Span]) -> None:
        """Export finished spans. Returns at once."""
        self._exports.export(spans)

    def close(self) -> None:
        """Send what is left. Blocks for some seconds at most."""
        self._exports.close()
