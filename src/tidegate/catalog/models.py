"""The table of models."""

import tomllib
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

__all__ = ["CatalogModel", "models"]


class CatalogModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chat model, by the name that its own service has for it."""

    id: str
    kind: str
    """The kind of provider that makes it: a row of the table of providers."""
    label: str
    """Its name for people."""
    context: int | None = None
    """Tokens of prompt and answer together. None: not known here."""
    output: int | None = None
    """The most tokens of an answer. None: not known here."""


@cache
def models() -> tuple[CatalogModel, ...]:
    """All models, in the order of the table: service by service, the newest first."""
    text = (resources.files("tidegate") / "catalog" / "models.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    listed = ({**row, "kind": kind} for kind, rows_of_kind in rows.items() for row in rows_of_kind)
    return tuple(msgspec.convert(row, CatalogModel) for row in listed)
