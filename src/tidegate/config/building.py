"""Converts settings as they were written to validated structs."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from tidegate.protocols.decode import either

from .draft import Draft, Setting, Table
from .environment import Environment
from .normal import NORMAL_FORMS
from .problems import Path, Problems, near, quoted
from .secret import Secret

__all__ = ["LATER", "build", "check_sections", "plain_words", "resolve_variables"]

S = TypeVar("S", bound=Struct)

LATER = frozenset(["cache"])
"""Sections and keys of later versions."""

NOT_YET = "this is not available in this version of Tidegate"

_VARIABLE = "env:"
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_WORDS = {
    "`str`": "a string",
    "`decimal | null`": "a number",
    "`decimal`": "a number",
    "`str | null`": "a string",
    "`int`": "an integer",
    "`float`": "a number",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a table",
}
_PLACE = re.compile(r" - at `[^`]*`$")


def check_sections(draft: Draft, known: Mapping[str, Any], problems: Problems) -> None:
    """Report unknown sections."""
    for table, origin in draft.heads.items():
        if table[0] not in known:
            later = NOT_YET if table[0] in LATER else f"unknown section{near(table[0], known)}"
            problems.add(origin, table[:1], later)


def resolve_variables(draft: Draft, environment: Environment, problems: Problems) -> None:
    """Replace `env:NAME` with the variable's value, inside lists and tables too."""
    for table, settings in draft.tables.items():
        for key, setting in settings.items():
            found = _Resolver(setting, (*table, key), environment, problems)
            value = found.resolve(setting.value)
            lenient = setting.lenient or found.any
            settings[key] = msgspec.structs.replace(setting, value=value, lenient=lenient)


class _Resolver:
    """Resolves the variables of one setting."""

    def __init__(self, setting: Setting, path: Path, environment: Environment, problems: Problems) -> None:
        self._setting = setting
        self._path = path
        self._environment = environment
        self._problems = problems
        self.any = False
        """Whether the whole setting is a variable."""

    def resolve(self, value: Any, inner: Path = ()) -> Any:
        if isinstance(value, list):
            return [self.resolve(item, (*inner, index)) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.resolve(item, (*inner, key)) for key, item in value.items()}
        if not isinstance(value, str) or not value.startswith(_VARIABLE):
            return value
        self.any = self.any or not inner
        name = value.removeprefix(_VARIABLE).strip()
        variable = self._environment.variables.get(name)
        if variable is None:
            message = f"the variable {name} is not set (or is empty) in the environment and in .env"
            self._problems.add(self._setting.origin_of(inner), (*self._path, *inner), message)
            return value
        return variable.value


def build(struct: type[S], table: Table, draft: Draft, problems: Problems) -> S | None:
    """Build a section's struct. None if a required key is missing or invalid."""
    settings = draft.tables.get(table, {})
    known = {field.name: field for field in fields(struct)}
    for key in settings.keys() - known.keys():
        later = f"{table[0]}.{key}" in LATER
        message = NOT_YET if later else f"unknown key{near(key, known)}"
        problems.add(settings[key].origin, (*table, key), message)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in settings:
            _build_value(values, field, settings[name], (*table, name), problems)
        elif _required(field):
            problems.add(draft.heads[table], (*table, name), "is missing")
    required = {name for name, field in known.items() if _required(field)}
    return struct(**values) if required <= values.keys() else None


def _required(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _build_value(
    values: dict[str, Any], field: FieldInfo, setting: Setting, path: Path, problems: Problems
) -> None:
    """Convert one value. Problems are reported for the innermost part that causes them."""
    if problems.touch(path):
        return
    try:
        values[field.name] = _convert(setting.value, field, setting.lenient, path)
    except ValueError as error:
        for inner, message in _wrong_places(error, field, setting, path):
            problems.add(setting.origin_of(inner), (*path, *inner), message)


def _wrong_places(
    error: ValueError, field: FieldInfo, setting: Setting, path: Path
) -> list[tuple[Path, str]]:
    """The problems of a value by their path within it: each item of a list or table is tried separately."""
    places: list[tuple[Path, str]] = []
    for place, alone in _items(setting.value, field):
        try:
            _convert(alone, field, setting.lenient, path)
        except ValueError as inner:
            places.append((place, _words(inner, field, alone)))
    return places or [((), _words(error, field, setting.value))]


def _items(value: Any, field: FieldInfo) -> Iterator[tuple[Path, Any]]:
    """The items of a list or table, each as if it were the only one."""
    if isinstance(value, list) and _takes_list(field):
        yield from (((index,), [item]) for index, item in enumerate(value))
    elif isinstance(value, dict) and get_origin(field.type) is Mapping:
        yield from (((key,), {key: item}) for key, item in value.items())


def _convert(value: Any, field: FieldInfo, lenient: bool, path: Path) -> Any:
    """Convert a value to its type and normal form. Raises ValueError (msgspec.ValidationError is one)."""
    if lenient and isinstance(value, str):
        value = _from_text(value, field)
    if isinstance(value, str) and value.lower() in _choices(field):
        value = value.lower()
    converted = msgspec.convert(value, field.type, strict=not lenient, dec_hook=_make_secret)
    normal = NORMAL_FORMS.get((str(path[0]), field.name))
    return converted if normal is None else normal(converted)


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    """The allowed types of a value."""
    return get_args(field.type) if get_origin(field.type) in (Union, UnionType) else (field.type,)


def _takes_list(field: FieldInfo) -> bool:
    return any(get_origin(kind) is tuple for kind in _kinds(field))


def _takes_tables(field: FieldInfo) -> bool:
    """Whether a value is a list of tables, which a variable has as JSON."""
    inner = [one for kind in _kinds(field) if get_origin(kind) is tuple for one in get_args(kind)]
    return any(isinstance(one, type) and issubclass(one, Struct) for one in inner)


def _choices(field: FieldInfo) -> tuple[str, ...]:
    """The allowed values of an enumeration."""
    return tuple(word for kind in _kinds(field) if get_origin(kind) is Literal for word in get_args(kind))


def _from_text(text: str, field: FieldInfo) -> Any:
    """Convert a variable's text to the field's type: lists are separated by commas."""
    if _takes_tables(field):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(text)
    if _takes_list(field) and text.lower() not in _choices(field):
        return [item.strip() for item in text.split(",") if item.strip()]
    if field.type is bool:
        return _TRUTHS.get(text.lower(), text)
    return text


def _make_secret(wanted: type, value: Any) -> Any:
    if wanted is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("expected a string")


def _words(error: ValueError, field: FieldInfo, value: Any) -> str:
    """A readable description of an error."""
    if str(error).startswith("Invalid enum value"):
        words = [quoted(choice) for choice in _choices(field)]
        choices = [*words, "a list"] if _takes_list(field) else words
        return f"expected {either(choices)}, not {quoted(value)}"
    return plain_words(error)


def plain_words(error: Exception) -> str:
    """A readable form of msgspec's message."""
    message = _PLACE.sub("", str(error))
    for name, word in _WORDS.items():
        message = message.replace(name, word)
    return message[:1].lower() + message[1:]
