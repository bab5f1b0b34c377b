"""Server-sent events, as providers send them in practice.

`Splitter` splits a byte stream into events: with LF, CRLF or CR, with or without `event:` lines. Comments are
skipped, several `data:` lines are joined, a bare JSON object between events counts as data (Google sends
errors in mid-stream that way), and an unfinished event at the end is returned too. A stream that begins with
JSON is one of JSON lines, a JSON array or one answer: each line, each element, or the answer, is an event.

Heartbeats of any form are not events: comments, empty data, words that are not JSON (`: keepalive`, `ping`),
JSON that is not an object (`null`). `[DONE]` is the end mark, with or without surrounding spaces.

The bytes between two blank lines are a *block*. To pass blocks on, `LineBlocks` returns them with LF and
without the blank line (`parse_block` reads one), and `Blocks` returns them unchanged, with their line endings
and the blank line (`parse_event` reads one).
"""

import re
from typing import NamedTuple

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from .errors import ProviderBroke
from .surrogates import Surrogates, without_halves

__all__ = [
    "BLANKS",
    "KEEP_ALIVE",
    "MAX_EVENT",
    "Blocks",
    "LineBlocks",
    "ServerSentEvent",
    "Splitter",
    "frame",
    "is_heartbeat",
    "is_json",
    "is_several",
    "is_stream",
    "only_heartbeats",
    "parse_block",
    "parse_event",
    "without_mark",
    "words_of_failure",
]

MAX_EVENT = 32 * 1024 * 1024
"""Maximum size of one event, in bytes; inline images may be large."""

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment, sent to clients in place of a heartbeat that they could not read."""

DONE = b"[DONE]"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

BLANKS = b" \t\r\n" + BYTE_ORDER_MARK
"""What may precede a stream or a body, perhaps in pieces."""


class ServerSentEvent(NamedTuple):
    """One event. `data` is the joined text of its data lines."""

    name: bytes
    """The event's name; b"" if it has none."""
    data: bytes


class _Lines:
    """Collects data up to the end of the last complete event, with LF; the unfinished rest waits."""

    __slots__ = ("_bare", "_begun", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._bare: bool | None = None
        """Whether the stream is JSON without `data:`; None until its first byte is known."""
        self._begun = False
        """Whether the first bytes, which may be a byte order mark, have been read."""

    @property
    def waiting(self) -> bool:
        """Whether there is the beginning of an event that has not ended."""
        return bool(self._rest)

    def give_up(self) -> bytes:
        """Return the beginning of an event that has not ended, for another reader of the stream."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def _take_rest(self) -> bytes:
        rest = bytes(self._rest)
        self._rest.clear()
        if self._bare or (self._bare is None and is_json(rest)):
            return b"\n\n".join(_values(rest))
        return _with_line_feeds(rest).strip(b"\n") if rest.strip() else b""

    def _take_whole(self, data: bytes) -> bytes:
        """Return everything up to the end of the last complete event."""
        rest = self._rest
        # Google's usual case: whole events with CRLF, nothing left from before.
        if self._begun and not rest and data.endswith(b"\r\n\r\n"):
            whole = data.replace(b"\r\n", b"\n")
            if whole.find(b"\r") < 0:
                return whole
        seen = max(0, len(rest) - 3)  # an end of event may have begun in what is there
        rest += data
        if not self._begun and len(rest) >= len(BYTE_ORDER_MARK):
            self._begun = True
            if rest.startswith(BYTE_ORDER_MARK):
                del rest[: len(BYTE_ORDER_MARK)]
        if rest.find(b"\r", seen) >= 0:
            held = b"\r" if rest.endswith(b"\r") else b""  # the second half of CRLF may still come
            tail = _with_line_feeds(bytes(rest[seen : len(rest) - len(held)]))
            rest[seen:] = tail + held
        if self._bare is not False and self._is_bare():
            return self._take_lines()
        end = rest.rfind(b"\n\n", seen) + 2
        if end == 1:
            if len(rest) > MAX_EVENT:
                raise ProviderBroke(f"the provider sent an event of more than {MAX_EVENT} bytes")
            return b""
        whole = bytes(rest[:end])
        del rest[:end]
        return whole

    def _is_bare(self) -> bool:
        if self._bare is None and self._begun:
            begin = bytes(self._rest[:_MOST_BLANKS]).lstrip()
            self._bare = is_json(begin) if begin else None
        return bool(self._bare)

    def _take_lines(self) -> bytes:
        """Return the complete lines of a stream of JSON lines, as events. Everything else is one document,
        which is read at its end.
        """
        rest = self._rest
        first = rest.find(b"\n") + 1
        end = rest.rfind(b"\n") + 1 if first and _is_object(bytes(rest[:first])) else 0
        if not end:
            if len(rest) > MAX_EVENT:
                raise ProviderBroke(f"the provider sent an event of more than {MAX_EVENT} bytes")
            return b""
        whole = bytes(rest[:end])
        del rest[:end]
        return b"".join(line + b"\n\n" for line in whole.split(b"\n") if line.strip())


class Splitter(_Lines):
    """Splits data into events; an unfinished one waits for more data. Events with the field `whole` have
    nothing that goes on in the next one: a lone surrogate in them is not the half of a pair.
    """

    __slots__ = ("_halves", "_whole")

    def __init__(self, whole: bytes = b"") -> None:
        super().__init__()
        self._whole = whole
        self._halves: Surrogates | None = None
        """Created when there is a lone surrogate."""

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that `data` completes.

        Raises ProviderBroke for an event larger than `MAX_EVENT`.
        """
        # The usual case: whole events with LF, nothing left from before.
        if self._begun and not self._rest and data.endswith(b"\n\n") and data.find(b"\r") < 0:
            return self._parse(data)
        return self._parse(self._take_whole(data))

    def close(self) -> list[ServerSentEvent]:
        """Return the unfinished event at the end of the stream, if any."""
        return self._parse(self._take_rest())

    @property
    def lacks_half(self) -> bool:
        """Whether a text ended in half a surrogate pair, and nothing has completed it."""
        return self._halves is not None and self._halves.waits

    def _parse(self, data: bytes) -> list[ServerSentEvent]:
        events = _parse_blocks(data)
        if data.find(b"\\ud") >= 0 or data.find(b"\\uD") >= 0:
            halves = self._halves = self._halves or Surrogates()
            return [ServerSentEvent(event.name, self._joined(event.data, halves)) for event in events]
        return events

    def _joined(self, data: bytes, halves: Surrogates) -> bytes:
        return without_halves(data) if self._whole and self._whole in data else halves.join(data)


class LineBlocks(_Lines):
    """Splits data into blocks with LF and without the blank line after them, including comments."""

    __slots__ = ()

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that `data` completes. Raises ProviderBroke for one larger than `MAX_EVENT`."""
        whole = self._take_whole(data)
        return [block for block in whole.split(b"\n\n") if block.strip(b"\n")] if whole else []

    def close(self) -> list[bytes]:
        """The block that the stream ended in, if any."""
        return [block for block in self._take_rest().split(b"\n\n") if block.strip(b"\n")]


class Blocks:
    """Splits data into blocks that keep every byte; an unfinished one waits for more data."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that `data` completes. Raises ProviderBroke for one larger than `MAX_EVENT`."""
        rest = self._rest
        seen = max(0, len(rest) - 3)  # a blank line may have begun in what is there
        rest += data
        # A last CR may be the first half of CRLF: it is looked at when the next bytes are there.
        known = len(rest) - 1 if rest.endswith(b"\r") else len(rest)
        ends = [found.end() for found in _BLANK_LINE.finditer(rest, seen, known)]
        if not ends:
            if len(rest) > MAX_EVENT:
                raise ProviderBroke(f"the provider sent an event of more than {MAX_EVENT} bytes")
            return []
        whole = bytes(rest[: ends[-1]])
        del rest[: ends[-1]]
        return [whole[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def close(self) -> list[bytes]:
        """The block that the stream ended in, if any."""
        rest = self.give_up()
        return [rest] if rest else []

    def give_up(self) -> bytes:
        """Return the beginning of a block that has not ended, for another reader of the stream."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    @property
    def waiting(self) -> bool:
        """Whether there is the beginning of a block that has not ended."""
        return bool(self._rest)


_BLANK_LINE = re.compile(rb"\n(?:\n|\r\n?)|\r\r\n?")


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
        if block.startswith(b'data: {"') and block.find(b"\n") < 0:
            events.append(ServerSentEvent(b"", block[6:]))
        elif block:
            event = parse_block(block)
            if event is not None:
                events.append(event)
    return events


def parse_event(block: bytes) -> ServerSentEvent | None:
    """Parse a block of `Blocks`; None if it has no data or is a heartbeat."""
    if b"\r" in block:
        block = _with_line_feeds(block)
    return parse_block(block.removeprefix(BYTE_ORDER_MARK).strip(b"\n"))


def parse_block(block: bytes) -> ServerSentEvent | None:
    """Parse a block; None if it has no data (a comment, a name alone) or is a heartbeat."""
    if block.startswith(b'data: {"') and block.find(b"\n") < 0:
        return ServerSentEvent(b"", block[6:])
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
    return _event(name, b"\n".join(lines)) if lines else None


def is_heartbeat(block: bytes) -> bool:
    """Whether a block's data is a heartbeat."""
    return parse_event(block) is None and _DATA.search(block) is not None


def is_stream(body: bytes) -> bool:
    """Whether a body is a stream of events: some servers stream although a whole answer was requested."""
    if body[:1] == b"{":
        return False
    return body.removeprefix(BYTE_ORDER_MARK).lstrip().startswith((b"data:", b"event:", b": "))


def is_json(data: bytes) -> bool:
    """Whether a stream begins with JSON in place of an event."""
    return data.lstrip(BLANKS)[:1] in (b"{", b"[")


def is_several(body: bytes) -> bool:
    """Whether a body is several answers where one was asked for: events, JSON lines or a JSON array."""
    if is_stream(body):
        return True
    bare = body.lstrip()
    first, _, more = bare.partition(b"\n") if bare[:1] == b"{" else (b"", b"", b"")
    return bare[:1] == b"[" or (bool(more.strip()) and _is_object(first))


def without_mark(body: bytes) -> bytes:
    """A body without a byte order mark, with which it is not JSON."""
    return body.removeprefix(BYTE_ORDER_MARK)


def words_of_failure(body: bytes) -> bool:
    """Whether a text is a server's error, and not the answer in a form that is not known."""
    return _FAILURE.search(body) is not None and not is_stream(body)


def only_heartbeats(data: bytes) -> bool:
    """Whether whole events say nothing but that the stream goes on: comments, and Anthropic's pings."""
    return _HEARTBEATS.fullmatch(data) is not None


_HEARTBEATS = re.compile(
    rb"""(?: [\r\n] | event:[ ]?ping
    | (?: : | id: | retry: | data:[ ]?\{[ ]*"type":[ ]*"ping" )[^\r\n]*+ )*+""",
    re.VERBOSE,
)


_MOST_BLANKS = 1024
"""How many bytes of a stream are looked at for its first that is no blank."""
_JSON = Decoder(Raw)
_LIST = Decoder(list[Raw])


def _is_object(line: bytes) -> bool:
    try:
        return is_json(line) and bytes(_JSON.decode(line))[:1] == b"{"
    except (DecodeError, RecursionError):
        return False


def _values(data: bytes) -> list[bytes]:
    """Return the JSON values of a stream that is JSON: one, the elements of an array, or lines."""
    data = data.removeprefix(BYTE_ORDER_MARK).strip()
    try:
        values = (
            [bytes(one) for one in _LIST.decode(data)] if data[:1] == b"[" else [bytes(_JSON.decode(data))]
        )
    except (DecodeError, UnicodeError, RecursionError):
        values = [line.strip() for line in data.split(b"\n")]
    return [value.replace(b"\r", b" ").replace(b"\n", b" ") for value in values if value]


_DATA = re.compile(rb"^data\b", re.MULTILINE)
_NO_OBJECT = re.compile(rb'(?:null|true|false|[-+\d.eE]+|\[\s*\]|\{\s*\}|"(?:[^"\\]|\\.)*")', re.DOTALL)
"""JSON that is not an event in any format."""
_FAILURE = re.compile(
    rb"error|exception|fail|traceback|time[d -]*out|overload|unavailable|too many|denied|exceeded|refused",
    re.IGNORECASE,
)
"""Words that are not a heartbeat: a server's plain-text error."""
LONGEST_WORD = 200
"""Maximum size of a heartbeat that is not JSON, in bytes."""


def _event(name: bytes, data: bytes) -> ServerSentEvent | None:
    bare = data.strip()
    if bare.startswith(DONE) or bare.strip(b'"') == DONE:
        return ServerSentEvent(name, DONE)
    if name != b"error" and (not bare or _says_nothing(bare)):
        return None
    return ServerSentEvent(name, data)


def _says_nothing(bare: bytes) -> bool:
    if bare[:1] in (b"{", b"[") or bare[:1] == b'"' or bare[:1].isdigit():
        return _NO_OBJECT.fullmatch(bare) is not None
    try:
        bare.decode()
    except UnicodeDecodeError:
        return False
    words = len(bare) <= LONGEST_WORD and not any(mark in bare for mark in (b"{", b"}", b"<"))
    return words and _FAILURE.search(bare) is None
