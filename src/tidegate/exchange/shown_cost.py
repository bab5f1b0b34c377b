"""`usage.cost`: what a request costs, within the usage of its answer, as OpenRouter reports it.

The usage is found without knowing the dialect: it is the object `usage` of the answer or event, or of the
response in it. All other values are passed on byte for byte.
"""

import re
from collections.abc import Callable

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder, encode

from tidegate.money import in_usd

from .billing import bill_attempts
from .state import Exchange

__all__ = ["shows_cost", "with_cost", "write_with_cost"]

DATA = re.compile(rb'^(data: ?)(\{[^\n]*"usage"[^\n]*\})', re.MULTILINE)
"""An event's data, if it may have a usage."""

NOTHING = Raw(b"")
KEY = b'"usage"'


class _Answer(Struct):
    """The parts of an answer or an event that may have a usage."""

    usage: Raw = NOTHING
    response: Raw = NOTHING


_decode_answer = Decoder(_Answer).decode
_decode = Decoder(dict[str, Raw]).decode


def shows_cost(this: Exchange) -> bool:
    """Whether answers say what they cost: accounts are kept, and the client's dialect has a place for it."""
    return this.ticket is not None and this.gateway.shows_cost and getattr(this.door, "cost_in_usage", False)


def with_cost(answer: bytes, nano: int | None) -> bytes:
    """A JSON answer with its cost, unless that is not known, or the provider reports one itself."""
    number = answer.count(KEY) if nano is not None else 0  # `in` raises a TypeError first: is it a number?
    if nano is None or not number:
        return answer
    try:
        return _insert(answer, encode(in_usd(nano)), once=number == 1) or answer
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


def _insert(text: bytes, cost: bytes, *, once: bool = False) -> bytes | None:
    """An object with the cost in its usage, or in that of its response; None if it has none. `once`: only one
    `"usage"` stands in it.
    """
    found = _decode_answer(text)
    name, old = "usage", bytes(found.usage)
    if old:
        new = _with_field(old, cost)
    else:
        name, old = "response", bytes(found.response)
        new = _insert(old, cost) if old.startswith(b"{") else None
    if new is None:
        return None
    if name == "usage" and once and not _may_escape(text):
        place = text.find(old, text.rfind(KEY))
        return text[:place] + new + text[place + len(old) :]
    place = text.find(old)
    if text.find(old, place + 1) < 0:  # it stands nowhere else: the rest of the bytes stays as it is
        return text[:place] + new + text[place + len(old) :]
    return encode({**_decode(text), name: Raw(new)})


def _may_escape(text: bytes) -> bool:
    """Whether a key may be written with escaped letters."""
    return text.find(b"\\") >= 0 and text.find(b"\\u00") >= 0


def _with_field(usage: bytes, cost: bytes) -> bytes | None:
    """A usage with the cost as its last field; None if it is no object, or has one."""
    if not usage.startswith(b"{"):
        return None
    may_have_one = usage.find(b"cost") >= 0 or usage.find(b"\\") >= 0
    if may_have_one and "cost" in _decode(usage):
        return None
    fields = usage[:-1].rstrip()
    return fields + (b'"cost":' if fields == b"{" else b',"cost":') + cost + b"}"
