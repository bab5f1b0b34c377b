"""Whether what is said about a provider's dialect is something that its wire format knows."""

from collections.abc import Iterator
from typing import Any, get_args

from msgspec import ValidationError, convert
from msgspec.structs import FieldInfo, fields

from .building import plain_words
from .formats import protocol_named
from .kinds import Kind, form_of
from .problems import ConfigError, near, quoted
from .schema import ProviderConfig

__all__ = ["wrong_dialect"]

Wrong = tuple[tuple[str, ...], str]
"""A place within a provider's settings, and what is wrong there."""


def wrong_dialect(provider: ProviderConfig, kind: Kind) -> Iterator[Wrong]:
    """What is wrong with the differences that the operator sets, and with the row of an installed package.

    Tidegate's own rows are tested: where nobody else says anything, no wire format is loaded here.
    """
    if not provider.dialect and kind.package is None:
        return
    form = form_of(kind, provider.base_url)
    name = (form and form.protocol) or kind.protocol
    row = kind.dialect if form is None or form.dialect is None else form.dialect
    try:
        struct = protocol_named(name).dialect
        convert({**row}, struct)
    except ConfigError as error:
        told = " ".join(error.lines)
        yield ("kind",), told if f"{kind.package}: " in told else f"{_source(kind)}{told}"
    except ValidationError as error:
        yield ("kind",), f"{_source(kind)}its dialect: {plain_words(error)}"
    else:
        known = {field.name: field for field in fields(struct)}
        for key, value in provider.dialect.items():
            wrong = _wrong_value(key, value, known, {**row}, struct)
            if wrong is not None:
                yield ("dialect", key), wrong or f"the wire format {name} knows no {key}{near(key, known)}"


def _source(kind: Kind) -> str:
    return f"the row {quoted(kind.name)} of the package {kind.package}: "


def _wrong_value(
    key: str, value: Any, known: dict[str, FieldInfo], row: dict[str, Any], struct: type[Any]
) -> str | None:
    """What is wrong with one difference; "" for one that the wire format has none of."""
    if key not in known:
        return ""
    try:
        convert(row | {key: value}, struct)
    except ValidationError as error:
        kinds = (known[key].type, *get_args(known[key].type))
        choices = [quoted(choice) for kind in kinds for choice in get_args(kind) if isinstance(choice, str)]
        return f"expected {' or '.join(choices)}, not {quoted(str(value))}" if choices else plain_words(error)
    return None
