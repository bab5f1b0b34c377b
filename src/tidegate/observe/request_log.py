"""The request log: records to standard output, written every tenth of a second.

Writing each line when its request ends would cost a system call per request. The request log collects lines
and writes them together. If the process is killed, up to `FLUSH_S` seconds of records are lost.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Protocol

import msgspec

from tidegate.protocols.excerpt import escape_controls

from .bounds import CUTS, clean, replace_surrogates, shortened, without_absurd_counts
from .nonblocking import PIPE_BUF
from .record import Record

__all__ = ["FLUSH_S", "RequestLog", "render_json", "render_text", "timestamp"]

log = logging.getLogger("tidegate")

FLUSH_S = 0.1
MOST_TIMES = 200
"""Bytes of the times in a line, at most."""
_encode = msgspec.json.Encoder().encode

Written = tuple[Record, bytes]
"""A record, and the same in JSON as it was before its answer was sent; empty where nobody needed that."""


def timestamp(ago_s: float = 0.0) -> str:
    """The time `ago_s` seconds ago, in UTC with milliseconds."""
    milliseconds = int((time() - ago_s) * 1000)
    return _second(milliseconds // 1000) + _MILLISECONDS[milliseconds % 1000]


_MILLISECONDS = tuple(f".{number:03d}Z" for number in range(1000))
"""The possible endings of timestamps."""


@lru_cache(maxsize=2)
def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def render_json(record: Record) -> bytes:
    """A record as one line of JSON in UTF-8, short enough for an atomic write to a pipe."""
    return _render(record, _encode_json)


def _render(record: Record, encode: Callable[[Record], bytes]) -> bytes:
    record = clean(record)
    try:
        line = encode(record)
    except (OverflowError, ValueError):  # a count with hundreds of digits
        record = without_absurd_counts(record)
        line = encode(record)
    for limit in CUTS:
        if len(line) <= PIPE_BUF:
            break
        line = encode(shortened(record, limit))
    return line


class _Times(msgspec.Struct, omit_defaults=True, gc=False):
    """The last fields of a record, of which some are known only when its answer has been sent."""

    total_ms: float = 0.0
    first_byte_ms: float | None = None
    began_ms: float | None = None
    answered_ms: float | None = None
    overhead_ms: float | None = None
    response_bytes: int | None = None


def _with_times(encoded: bytes, record: Record) -> bytes | None:
    """What `render_json` returns for a record that was encoded before its answer was sent; None where that
    has to be made anew. It takes a third of the time.
    """
    place = encoded.rfind(b',"total_ms":')
    if place < 0 or place > PIPE_BUF - MOST_TIMES or clean(record) is not record:
        return None
    times = _Times(
        record.total_ms, record.first_byte_ms, record.began_ms, record.answered_ms, record.overhead_ms,
        record.response_bytes,
    )  # fmt: skip
    return encoded[:place] + b"," + _encode(times)[1:] + b"\n"


def _encode_json(record: Record) -> bytes:
    try:
        return _encode(record) + b"\n"
    except UnicodeEncodeError:
        return _encode(replace_surrogates(record)) + b"\n"


def render_text(record: Record) -> bytes:
    """A record as one line of text, without control characters, and no longer than JSON may be."""
    return _render(record, _encode_text)


def _encode_text(record: Record) -> bytes:
    words = [record.time, record.id, record.door, str(record.status), record.ended, record.model or "-"]
    if record.provider:
        words.append(f"→ {record.provider}/{record.provider_model}")
    if record.usage is not None:
        prompt, completion = record.usage.prompt_tokens, record.usage.completion_tokens
        words.append(f"{_shown(prompt)}+{_shown(completion)} tokens")
    words.append(f"{record.total_ms:.0f} ms")
    if record.first_byte_ms is not None and record.overhead_ms is not None:
        words.append(f"(first byte {record.first_byte_ms:.0f}, overhead {record.overhead_ms:.1f})")
    if failed := sum(not attempt.cancelled for attempt in record.attempts):
        words.append(f"after {failed} failed")
    if record.hedge or any(attempt.hedge for attempt in record.attempts):
        words.append("hedged")
    if record.dropped:
        words.append(f"dropped {','.join(record.dropped)}")
    if record.error:
        words.append(f"“{record.error}”")
    if record.shortened:
        words.append(f"shortened {','.join(record.shortened)}")
    return escape_controls(" ".join(words)).encode() + b"\n"


def _shown(count: int | None) -> str:
    return "?" if count is None else str(count)


def _lines_of(records: Sequence[Written], render: Callable[[Record], bytes]) -> bytes:
    """The lines of all records; one that cannot be rendered is logged, and costs no other its line."""
    lines: list[bytes] = []
    for record, encoded in records:
        try:
            line = _with_times(encoded, record) if encoded and render is render_json else None
            lines.append(line or render(record))
        except Exception:
            log.exception("the record of %s cannot be written", record.id)
    return b"".join(lines)


class Output(Protocol):
    """A destination of lines."""

    def write(self, lines: bytes, /) -> object:
        """Write complete lines."""
        ...

    def flush(self) -> object:
        """Wait until they are written."""
        ...


class RequestLog:
    """Writes records as lines. They are rendered together, too, when they are written."""

    def __init__(self, render: Callable[[Record], bytes], out: Output, files: Output | None = None) -> None:
        """`files` gets every record as JSON, whatever the form of the lines for `out` is."""
        self._render = render
        self._out = out
        self._files = files
        self._records: list[Written] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, record: Record, encoded: bytes = b"") -> None:
        """Accept a record; its line is written soon. `encoded` is the record in JSON, if that was needed
        before: only its times have changed since.
        """
        self._records.append((record, encoded))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write the collected records."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        records, self._records = self._records, []
        if not records:
            return
        lines = _lines_of(records, self._render)
        self._out.write(lines)
        if self._files is not None:
            self._files.write(lines if self._render is render_json else _lines_of(records, render_json))

    def close(self) -> None:
        """Write the collected lines and wait until they are written."""
        self.flush()
        self._out.flush()
        if self._files is not None:
            self._files.flush()
