"""Server-sent events, as providers really send them.

`Splitter` cuts a byte stream into events: LF, CRLF or CR, with or without `event:` lines,
comments skipped, several `data:` lines joined, a bare JSON object between events taken as data
(Google sends an error in mid-stream that way), an unfinished event at the end given too.
"""

from typing import NamedTuple

from .errors import ProviderBroke

__all__ = ["MAX_EVENT", "ServerSentEvent", "Splitter", "frame"]

MAX_EVENT = 32 * 1024 * 1024
"""Bytes of one event (an inline image may be large; an endless line is no event)."""


class ServerSentEvent(NamedTuple):
    """One event. `data` is the joined text of its data lines."""

    name: bytes
    """The event's name, b"" where the stream gives none."""
    data: bytes


class Splitter:
    """Cuts what arrives into events; what is unfinished waits for more."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that `data` completes.

        Raises ProviderBroke for an event larger than `MAX_EVENT`.
        """
        # The usual case: whole events with LF, nothing left from before.
        if not self._rest and data.endswith(b"\n\n") and b"\r" not in data:
            return _parse_blocks(data)
        return self._feed_pieces(data)

    def close(self) -> list[ServerSentEvent]:
        """The event that the stream ended in, if any."""
        rest = bytes(self._rest)
        self._rest.clear()
        return _parse_blocks(_with_line_feeds(rest)) if rest.strip() else []

    def _feed_pieces(self, data: bytes) -> list[ServerSentEvent]:
        rest = self._rest
        seen = max(0, len(rest) - 3)  # an end of event may have begun in what is there
        rest += data
        if b"\r" in data or b"\r" in rest[seen:]:
            held = b"\r" if rest.endswith(b"\r") else b""  # the second half of CRLF may still come
            tail = _with_line_feeds(bytes(rest[seen : len(rest) - len(held)]))
            rest[seen:] = tail + held
        end = rest.rfind(b"\n\n", seen) + 2
        if end == 1:
            if len(rest) > MAX_EVENT:
                raise ProviderBroke(f"the provider sent an event of more than {MAX_EVENT} bytes")
            return []
        whole = bytes(rest[:end])
        del rest[:end]
        return _parse_blocks(whole)


def frame(data: bytes, name: bytes = b"") -> bytes:
    """One event as bytes."""
    if name:
        return b"event: " + name + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"


def _with_line_feeds(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _parse_blocks(data: bytes) -> list[ServerSentEvent]:
    events = []
    for block in data.split(b"\n\n"):
        if block.startswith(b"data: ") and b"\n" not in block:
            events.append(ServerSentEvent(b"", block[6:]))
        elif block:
            event = _parse_block(block)
            if event is not None:
                events.append(event)
    return events


def _parse_block(block: bytes) -> ServerSentEvent | None:
    if block.lstrip()[:1] in (b"{", b"["):
        return ServerSentEvent(b"", block.strip())
    name = b""
    lines = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.strip()
    return ServerSentEvent(name, b"\n".join(lines)) if lines else None
