"""The framing of `application/vnd.amazon.eventstream`.

A frame is: length of the whole (4 bytes), length of the headers (4), checksum of these eight (4),
headers, payload, checksum of all before it (4). Numbers are big-endian, checksums are CRC-32. A header
is: length of its name (1), name, type (1), value. (docs.aws.amazon.com, "Event stream encoding")
"""

import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from uuid import UUID

from tidegate.protocols.errors import ProviderBroke

__all__ = ["MAX_FRAME", "Frame", "FrameSplitter", "HeaderValue"]

HeaderValue: TypeAlias = bool | int | str | bytes | UUID

MAX_FRAME = 32 * 1024 * 1024
"""The maximum length of a frame in bytes (AWS allows 24 MB of payload)."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_LEAST = _PRELUDE.size + _CHECKSUM.size

_NUMBERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}
"""Header types that are numbers: of 1, 2, 4 and 8 bytes, and a time in milliseconds since the epoch."""

_TRUE, _FALSE, _BYTES, _TEXT, _UUID = 0, 1, 6, 7, 9
_SIZE = struct.Struct(">H")

_SHORT = 512
"""The maximum length of headers in bytes that are cached; longer ones may contain an exception's message."""


class Frame(NamedTuple):
    """A message of the stream."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


class FrameSplitter:
    """Splits data into frames; incomplete frames are buffered."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Return the frames that `data` completes. Raises ProviderBroke, after the valid ones, at the first
        frame that is damaged or larger than `MAX_FRAME`.
        """
        rest = self._rest
        rest += data
        start = 0
        try:
            while len(rest) - start >= _PRELUDE.size:
                total, headers_length = _check_prelude(rest, start)
                if len(rest) - start < total:
                    break
                frame = bytes(rest[start : start + total])
                start += total
                yield _parse_frame(frame, headers_length)
        finally:
            del rest[:start]

    @property
    def waiting(self) -> bool:
        """Whether an incomplete frame is buffered."""
        return bool(self._rest)


def _check_prelude(data: bytearray, start: int) -> tuple[int, int]:
    """Return the lengths of the frame and of its headers, after checking them."""
    total, headers_length, checksum = _PRELUDE.unpack_from(data, start)
    if crc32(data[start : start + 8]) != checksum:
        raise ProviderBroke("the provider's stream is damaged: a frame's header does not match its checksum")
    if not _LEAST + headers_length <= total <= MAX_FRAME:
        raise ProviderBroke(f"the provider sent a frame of {total} bytes, {headers_length} of them headers")
    return total, headers_length


def _parse_frame(frame: bytes, headers_length: int) -> Frame:
    body = memoryview(frame)[: -_CHECKSUM.size]
    if crc32(body) != _CHECKSUM.unpack_from(frame, len(body))[0]:
        raise ProviderBroke("the provider's stream is damaged: a frame does not match its checksum")
    begin = _PRELUDE.size + headers_length
    try:
        headers = _headers_of(frame[_PRELUDE.size : begin])
    except (struct.error, IndexError, ValueError) as error:
        raise ProviderBroke("the provider sent a frame whose headers cannot be read") from error
    return Frame(headers, frame[begin : len(body)])


def _headers_of(data: bytes) -> Mapping[str, HeaderValue]:
    """Return the headers, cached because they are the same few in every stream and parsing them costs more
    than everything else.
    """
    return _known_headers(data) if len(data) <= _SHORT else dict(_parse_headers(data))


@lru_cache(maxsize=64)
def _known_headers(data: bytes) -> Mapping[str, HeaderValue]:
    return MappingProxyType(dict(_parse_headers(data)))


def _parse_headers(data: bytes) -> Iterator[tuple[str, HeaderValue]]:
    """Parse the headers. Raises struct.error, IndexError or ValueError (including UnicodeDecodeError)."""
    place = 0
    while place < len(data):
        end = place + 1 + data[place]
        name = data[place + 1 : end].decode()
        value, place = _parse_value(data, data[end], end + 1)
        yield name, value


def _parse_value(data: bytes, kind: int, place: int) -> tuple[HeaderValue, int]:
    """Return a value, and the position after it."""
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, place
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        return number.unpack_from(data, place)[0], place + number.size
    if kind == _UUID:
        return UUID(bytes=data[place : place + 16]), place + 16
    if kind not in (_BYTES, _TEXT):
        raise ValueError(f"header type {kind}")
    begin = place + _SIZE.size
    end = begin + _SIZE.unpack_from(data, place)[0]
    if end > len(data):
        raise ValueError("a header is longer than all headers")
    value = data[begin:end]
    return (value.decode() if kind == _TEXT else value), end
