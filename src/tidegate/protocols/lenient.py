"""Lenient decoding of provider data: a malformed optional field never ends an answer.

What is not quite JSON is made sound (see `sound_json`), and values of an unexpected type are converted if
their meaning is clear, and otherwise omitted and named (see `fitting`). A field that is part of the answer
itself is never omitted. Lone surrogates become U+FFFD, unless a stream has joined them before.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import ValidationError
from msgspec.json import Decoder

from .decode import MALFORMED
from .envelopes import respelled, unwrapped
from .events import Event, LeftOut
from .fitting import fit
from .sound_json import make_sound
from .wide_numbers import decode_any

__all__ = ["decode_aside", "decode_leniently", "decode_view", "look_closer"]

T = TypeVar("T")


def decode_leniently(decoder: Decoder[T], data: bytes | msgspec.Raw, events: list[Event]) -> T:
    """Decode JSON, omitting optional fields that cannot be read. Each one adds a `LeftOut` event.

    Raises one of MALFORMED if the answer itself cannot be read.
    """
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        sound = make_sound(bytes(data))
        if sound == data and not isinstance(error, ValidationError):
            raise
    return _decode_fitted(decoder, sound, lambda name: events.append(LeftOut(name)))


def decode_aside(decoder: Decoder[T], data: bytes | msgspec.Raw, events: list[Event], name: str) -> T | None:
    """Decode a value that is optional as a whole. If it cannot be read, returns None, and the value is
    reported under this name.
    """
    try:
        return decode_leniently(decoder, data, events)
    except MALFORMED:
        events.append(LeftOut(name))
        return None


def decode_view(decoder: Decoder[T], data: bytes, leave_out: Callable[[str], None]) -> T:
    """Decode the fields that accounting needs from an answer that is passed through. Fields that cannot be
    read are not counted, and `leave_out` is called with their names.

    Raises one of MALFORMED if the answer itself cannot be read.
    """
    try:
        return decoder.decode(data)
    except ValidationError:
        return _decode_fitted(decoder, data, leave_out)


def look_closer(decoder: Decoder[T], data: bytes, marks: frozenset[str], events: list[Event]) -> T | None:
    """Decode again what seems to be empty: the answer may be wrapped in another object, or have its fields
    in the other spelling. `marks` are fields that only an answer has. Returns None if there is no answer.
    """
    try:
        found = unwrapped(decode_any(make_sound(data)), marks)
        if found is None:
            return None
        return decode_leniently(decoder, msgspec.json.encode(respelled(found, decoder.type)), events)
    except MALFORMED:
        return None


def _decode_fitted(decoder: Decoder[T], data: bytes, leave_out: Callable[[str], None]) -> T:
    try:
        return decoder.decode(data)
    except ValidationError:
        unread: list[str] = []
        fitted = fit(decode_any(data), decoder.type, unread.append)
    decoded = decoder.decode(msgspec.json.encode(fitted))
    for name in unread:
        leave_out(name)
    return decoded
