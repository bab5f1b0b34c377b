"""Decodes a client's JSON and reports every mistake with its parameter and a plain sentence."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from msgspec import DecodeError, Raw, ValidationError, inspect
from msgspec.json import Decoder, encode

from .errors import InvalidRequest, ProviderBroke
from .sound_json import make_sound

__all__ = ["MALFORMED", "check_utf8", "decode", "either", "malformed", "require_json", "require_utf8"]

T = TypeVar("T")

MALFORMED = (DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for JSON that it cannot read: wrong syntax or a wrong type (`DecodeError`, whose
subclasses include `ValidationError`), a string that is not UTF-8, nesting that is too deep."""


def require_utf8(body: bytes) -> None:
    """Raise InvalidRequest if a body is not UTF-8. Decoding alone would not notice, because raw JSON that is
    passed through is not decoded.
    """
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error


def check_utf8(data: bytes) -> None:
    """Raise UnicodeDecodeError if these bytes from a provider are not UTF-8."""
    if not data.isascii():
        data.decode()


_JSON = Decoder(Raw).decode


def require_json(data: bytes) -> bytes:
    """Raise one of MALFORMED unless these bytes from a provider are JSON in UTF-8 throughout: a decoder for a
    narrow type checks only what it reads. Returns bytes that a decoder can read: the same ones, except for
    what `make_sound` replaces.
    """
    check_utf8(data)
    try:
        _JSON(data)
    except DecodeError:
        data = make_sound(data)
        _JSON(data)
    return data


def malformed(what: str, error: Exception) -> ProviderBroke:
    """Create the error for unreadable bytes from a provider: what is wrong and where, without quoting them,
    because errors are recorded.
    """
    return ProviderBroke(f"{what} cannot be read: {_fault(error)}")


def _fault(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 ({error.reason} at byte {error.start})"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, DecodeError):
        return _QUOTED.sub("a value", str(error))
    return f"it has an unexpected form ({type(error).__name__})"


_QUOTED = re.compile(r"'.*'", re.DOTALL)
"""Values in msgspec's messages; names and paths are in backquotes."""


def decode(decoder: Decoder[T], body: bytes | Raw, at: str = "") -> T:
    """Decode JSON; `at` is the path of this value in the request. Raises InvalidRequest."""
    try:
        return decoder.decode(body)
    except ValidationError as error:
        raise _explain(str(error), at, decoder.type) from error
    except (DecodeError, UnicodeDecodeError) as error:
        if not at and not bytes(body).strip():
            raise InvalidRequest("the body is empty; send JSON") from error
        raise InvalidRequest(f"{at or 'the body'} is not valid JSON: {error}", param=at or None) from error
    except RecursionError as error:
        raise InvalidRequest(f"{at or 'the body'} is nested too deeply", param=at or None) from error


# msgspec says "Expected `str`, got `int` - at `$.messages[2].role`".
_PLACE = re.compile(r" - at `(?:key in )?\$\.?(.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
_INDEX = re.compile(r"\.?\[(\d+|\.\.\.)\]")
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|([^.\[\]]+)")
_TYPES = re.compile(r"`([a-z |]+)`")
_PLAIN = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def _explain(complaint: str, at: str, wanted: Any) -> InvalidRequest:
    """Explain what msgspec found wrong with a value of this type, in plain words and with the parameter's
    path.
    """
    found = _PLACE.search(complaint)
    said = complaint[: found.start()] if found else complaint
    steps = _INDEX.sub(lambda step: "" if step[1] == "..." else f".{step[1]}", found[1]) if found else ""
    path = ".".join(part for part in (at, steps.lstrip(".")) if part)
    missing = _MISSING.fullmatch(said)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
        return InvalidRequest(f"{path}: this field is required", param=path)
    if said.startswith("Invalid enum value"):
        choices = _choices_at(_info_of(wanted), _STEP.findall(found[1]) if found else [])
        given = said.removeprefix("Invalid enum value ")
        given = f'"{given[1:-1]}"' if given.startswith("'") else given
        said = f"expected {either(choices)}, not {given}" if choices else said
    said = _TYPES.sub(lambda types: _in_words(types[1]), said[:1].lower() + said[1:])
    return InvalidRequest(f"{path or 'the body'}: {said}", param=path or None)


def either(choices: Sequence[str]) -> str:
    """Alternatives in words: `"a", "b" or "c"`."""
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _choices_at(kind: inspect.Type, steps: list[tuple[str, str]]) -> list[str]:
    """The values, in JSON, that are allowed at a place inside a type."""
    if isinstance(kind, inspect.UnionType):
        found = [choice for one in kind.types for choice in _choices_at(one, steps)]
        return list(dict.fromkeys(found))
    if not steps:
        values = kind.values if isinstance(kind, inspect.LiteralType) else ()
        return [encode(value).decode() for value in values]
    (_, name), rest = steps[0], steps[1:]
    if isinstance(kind, inspect.StructType):
        fields = (field for field in kind.fields if field.encode_name == name)
        return [choice for field in fields for choice in _choices_at(field.type, rest)]
    if isinstance(kind, inspect.DictType):
        return _choices_at(kind.value_type, rest)
    item = getattr(kind, "item_type", None)  # of lists, sets and tuples of any length
    return _choices_at(item, rest) if item is not None else []


@cache
def _info_of(wanted: Any) -> inspect.Type:
    return inspect.type_info(wanted)


def _in_words(types: str) -> str:
    return " or ".join(_PLAIN.get(one, one) for one in types.split(" | "))
