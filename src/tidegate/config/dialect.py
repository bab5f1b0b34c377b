"""Checks a provider's dialect settings against its wire format."""

from collections.abc import Iterator
from typing import Any, get_args

from msgspec import ValidationError, convert
from msgspec.structs import FieldInfo, fields

from tidegate.protocols.decode import either

from .building import plain_words
from .formats import protocol_named
from .kinds import Kind, variant_of
from .problems import ConfigError, near, quoted
from .schema import ProviderConfig

__all__ = ["fault_of_row", "wrong_dialect"]

Wrong = tuple[tuple[str, ...], str]
"""A path within a provider's settings, and the problem there."""


def fault_of_row(kind: Kind, base_url: str | None) -> str | None:
    """A mismatch between an installed package's row and its wire format. Tidegate's own rows are tested."""
    if kind.package is None:
        return None
    name, row = _format_at(kind, base_url)
    try:
        convert(row, protocol_named(name).dialect)
    except ConfigError as error:
        message = " ".join(error.lines)
        return message if f"{kind.package}: " in message else f"{_source(kind)}{message}"
    except ValidationError as error:
        return f"{_source(kind)}its dialect: {plain_words(error)}"
    return None


def wrong_dialect(provider: ProviderConfig, kind: Kind) -> Iterator[Wrong]:
    """The problems of the dialect settings in the file. Without any, no wire format is loaded."""
    if not provider.dialect:
        return
    name, row = _format_at(kind, provider.base_url)
    struct = protocol_named(name).dialect
    known = {field.name: field for field in fields(struct)}
    for key, value in provider.dialect.items():
        wrong = _wrong_value(key, value, known, row, struct)
        if wrong is not None:
            yield ("dialect", key), wrong or f"the wire format {name} has no key {key}{near(key, known)}"


def _format_at(kind: Kind, base_url: str | None) -> tuple[str, dict[str, Any]]:
    """The wire format that a service uses at an address, and the row's dialect settings for it."""
    variant = variant_of(kind, base_url)
    row = kind.dialect if variant is None or variant.dialect is None else variant.dialect
    return (variant and variant.protocol) or kind.protocol, {**row}


def _source(kind: Kind) -> str:
    return f"the row {quoted(kind.name)} of the package {kind.package}: "


def _wrong_value(
    key: str, value: Any, known: dict[str, FieldInfo], row: dict[str, Any], struct: type[Any]
) -> str | None:
    """The problem of one dialect setting; "" if the wire format has no such setting."""
    if key not in known:
        return ""
    try:
        convert(row | {key: value}, struct)
    except ValidationError as error:
        kinds = (known[key].type, *get_args(known[key].type))
        choices = [quoted(choice) for kind in kinds for choice in get_args(kind) if isinstance(choice, str)]
        return f"expected {either(choices)}, not {quoted(str(value))}" if choices else plain_words(error)
    return None
