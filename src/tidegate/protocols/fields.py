"""The top level of a JSON object, each value as it was written: what is not edited keeps its bytes."""

import re
from collections.abc import Container
from typing import TypeAlias, TypeVar

from msgspec import Raw
from msgspec.json import Decoder, Encoder

from .decode import MALFORMED, decode, require_utf8
from .errors import InvalidRequest

__all__ = [
    "ENCODE",
    "FIELDS",
    "NULL",
    "Fields",
    "extensions_in",
    "has_object",
    "is_object",
    "is_set",
    "read_body",
    "read_unique_body",
]

T = TypeVar("T")

Fields: TypeAlias = dict[str, Raw]

FIELDS = Decoder(Fields)
ENCODE = Encoder().encode
NULL = b"null"


def is_set(raw: Raw) -> bool:
    """Return whether a value was sent and is not null."""
    return len(memoryview(raw)) > 0 and bytes(raw) != NULL


def has_object(raw: Raw) -> bool:
    """Return whether a value is a JSON object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object."""
    try:
        FIELDS.decode(text)
    except MALFORMED:
        return False
    return True


def extensions_in(fields: Fields, known: Container[str]) -> Fields:
    """Return the fields in which the client says something that is not known here."""
    return {name: raw for name, raw in fields.items() if name not in known and is_set(raw)}


# --- a client's body -------------------------------------------------------------------------


def read_body(decoder: Decoder[T], body: bytes) -> tuple[T, Fields]:
    """Decode a client's body. Raises InvalidRequest."""
    require_utf8(body)
    try:
        return decoder.decode(body), FIELDS.decode(body)
    except MALFORMED:
        return decode(decoder, body), decode(FIELDS, body)  # which says what is wrong


def read_unique_body(decoder: Decoder[T], body: bytes) -> tuple[T, Fields]:
    """Decode a client's body in which no top-level key may be duplicate: programs differ in which value they
    use, and the one that is checked here might not be the one that the provider reads. Raises InvalidRequest.
    """
    wire, fields = read_body(decoder, body)
    # Nearly every small body is compact JSON, which encoding its fields reproduces byte for byte.
    if not (len(body) <= SMALL and ENCODE(fields) == body) and not _is_compact(body, fields):
        _check_keys(body, fields)
    return wire, fields


SMALL = 16_384
"""The largest body in bytes that is encoded again for comparison; of larger ones only the length is compared.
"""
_KEY = re.compile(rb'[\s{,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_STRING = Decoder(str)


def _is_compact(body: bytes, fields: Fields) -> bool:
    """Return whether the body is as short as its fields can be written: then it has nothing else."""
    values = sum([len(memoryview(raw)) for raw in fields.values()])
    return len(body) == sum(map(len, fields)) + values + 4 * len(fields) + 1


def _check_keys(body: bytes, fields: Fields) -> None:
    """Scan the top level. Raises InvalidRequest for a duplicate key."""
    position = 0
    seen = set()
    while (found := _KEY.match(body, position)) is not None:
        key = _STRING.decode(found[1])
        value = bytes(fields[key])
        if key in seen or not body.startswith(value, found.end()):  # the last value of a key wins
            raise InvalidRequest(f"duplicate key {key!r}", param=key)
        seen.add(key)
        position = found.end() + len(value)
