"""`usage.cost`: what a request costs, within the usage of its answer, as OpenRouter reports it.

The usage is found without knowing the dialect: it is the object `usage` of the answer or event, or of the
response in it. All other values are passed on byte for byte.
"""

import re
from collections.abc import Callable

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder, encode

from tidegate.money import in_usd
from tidegate.observe import Record

from .billing import bill_attempts
from .state import Exchange

__all__ = ["shows_cost", "with_cost", "with_cost_of", "write_with_cost"]

DATA = re.compile(rb'^(data: ?)(\{[^\n]*"usage"[^\n]*\})', re.MULTILINE)
"""An event's data, if it may have a usage."""

NO_FIELD = frozenset([b"{", b" ", b"\n", b"\r", b"\t"])
"""What may stand before the end of an object, other than its last field."""

NOTHING = Raw(b"")
KEY = b'"usage"'
ESCAPED = b"\\u00"
"""The beginning of a letter in a key, if it is written as an escape."""


class _Answer(Struct):
    """The parts of an answer or an event that may have a usage."""

    usage: Raw = NOTHING
    response: Raw = NOTHING


_decode_answer = Decoder(_Answer).decode
_decode = Decoder(dict[str, Raw]).decode


def shows_cost(this: Exchange) -> bool:
    """Whether answers say what they cost: accounts are kept, and the client's dialect has a place for it."""
    return this.ticket is not None and this.gateway.shows_cost and getattr(this.door, "cost_in_usage", False)


def with_cost_of(answer: bytes, record: Record) -> bytes:
    """A whole answer with the cost in its record. Its usage has been read: if one key has that name, and none
    is written with escapes, that is it. To look for it by `partition` takes half as long as by `find`.
    """
    before, key, after = answer.rpartition(KEY)
    colon, _, fields = after.partition(b"{")
    if (
        record.cost is None
        or record.usage is None
        or not key
        or colon.strip() != b":"
        or before.partition(KEY)[1]
        or fields.partition(b"cost")[1]
        or not fields.lstrip().startswith(b'"')
        or (answer.partition(b"\\")[1] and answer.partition(ESCAPED)[1])
    ):
        return with_cost(answer, record.cost)
    cost = encode(in_usd(record.cost))
    return b"".join((before, key, colon, b'{"cost":', cost, b",", fields))


def with_cost(answer: bytes, nano: int | None) -> bytes:
    """A JSON answer with its cost, unless that is not known, or the provider reports one itself."""
    number = answer.count(KEY) if nano is not None else 0  # `in` raises a TypeError first: is it a number?
    if nano is None or not number:
        return answer
    cost = encode(in_usd(nano))
    try:
        if number == 1 and (answer.find(b"\\") < 0 or answer.find(ESCAPED) < 0):
            usage = bytes(_decode_answer(answer).usage)
            if usage.startswith(b"{") and usage.find(b"cost") < 0 and usage[-2:-1] not in NO_FIELD:
                end = answer.find(usage, answer.rfind(KEY)) + len(usage) - 1
                return answer[:end] + b',"cost":' + cost + answer[end:]
        return _insert(answer, cost) or answer
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return answer


def write_with_cost(this: Exchange) -> Callable[[bytes], bytes]:
    """A function for the pieces of a stream: once its end is reported, a usage in it gets the cost."""

    def show(piece: bytes) -> bytes:
        attempt = this.attempt
        if piece.find(KEY) < 0 or attempt is None or attempt.tally.finish is None:
            return piece
        bills, _ = bill_attempts(this)
        if not bills:
            return piece
        cost = sum(bill.total for _, bill in bills)
        return DATA.sub(lambda found: found[1] + with_cost(found[2], cost), piece)

    return show


def _insert(text: bytes, cost: bytes) -> bytes | None:
    """An object with the cost in its usage, or in that of its response; None if it has none."""
    found = _decode_answer(text)
    name, old = "usage", bytes(found.usage)
    if old:
        new = _with_field(old, cost)
    else:
        name, old = "response", bytes(found.response)
        new = _insert(old, cost) if old.startswith(b"{") else None
    if new is None:
        return None
    place = text.find(old)
    if text.find(old, place + 1) < 0:  # it stands nowhere else: the rest of the bytes stays as it is
        return text[:place] + new + text[place + len(old) :]
    return encode({**_decode(text), name: Raw(new)})


def _with_field(usage: bytes, cost: bytes) -> bytes | None:
    """A usage with the cost as its last field; None if it is no object, or has one."""
    if not usage.startswith(b"{"):
        return None
    may_have_one = usage.find(b"cost") >= 0 or usage.find(b"\\") >= 0
    if may_have_one and "cost" in _decode(usage):
        return None
    fields = usage[:-1].rstrip()
    return fields + (b'"cost":' if fields == b"{" else b',"cost":') + cost + b"}"
