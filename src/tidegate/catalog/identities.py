"""Which rows of the catalog are the same model.

An identity is a model's name without a provider: `llama-3.3-70b` is
`meta-llama/Llama-3.3-70B-Instruct-Turbo` at Together and `llama-3.3-70b-versatile` at Groq. Rows of one
identity have the same weights, but may differ in quantization, context and limits. For a row without
`identity`, as at the makers' own services, it is the id.
"""

from collections.abc import Mapping
from functools import cache

from .models import CatalogModel, models
from .retired import retired_name

__all__ = ["identity_of", "serving_row"]


def identity_of(name: str) -> str | None:
    """The identity of a name, which may be an identity itself or any provider's name for the model."""
    return _by_name().get(name.lower())


def serving_row(kind: str, identity: str, name: str = "") -> CatalogModel | None:
    """A kind's row for an identity: the one with this name if there are several, else the first. None if the
    kind does not serve it, or no longer does.
    """
    rows = _by_kind().get((kind, identity), ())
    return next((row for row in rows if row.is_named(name)), rows[0] if rows else None)


@cache
def _by_name() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for row in models():
        for name in (row.identity_name, row.id, *row.also):
            names.setdefault(name.lower(), row.identity_name)
    return names


@cache
def _by_kind() -> Mapping[tuple[str, str], tuple[CatalogModel, ...]]:
    found: dict[tuple[str, str], tuple[CatalogModel, ...]] = {}
    for row in models():
        gone = retired_name(row.id)
        if gone is None or row.kind not in gone.kinds:
            place = (row.kind, row.identity_name)
            found[place] = (*found.get(place, ()), row)
    return found
