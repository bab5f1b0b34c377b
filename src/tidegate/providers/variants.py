"""The base URL and variant of a service, with option values inserted into URLs and paths."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tidegate.config import Kind, ProviderConfig, Variant, kinds, variant_of

__all__ = ["also_of", "base_url_of", "fill", "row_of", "values_of", "variant_at", "variants_of"]

PLACES = ("region", "location")
"""Options for the region of a service."""


def values_of(config: ProviderConfig, kind: Kind) -> dict[str, str]:
    """Return the options of the kind that occur in braces, with their values."""
    given = {option: getattr(config, option) for option, header in kind.options.items() if not header}
    return {**kind.defaults, **{option: value for option, value in given.items() if isinstance(value, str)}}


def base_url_of(config: ProviderConfig, kind: Kind) -> str:
    """Return the base URL for the wire format's paths; "" for an embedded provider that is not running."""
    values = values_of(config, kind)
    place = next((values[option] for option in PLACES if option in values), "")
    base_url = config.base_url or kind.base_urls.get(place) or _fill_text(kind.base_url or "", values)
    return base_url.removesuffix(kind.drop_suffix or "").rstrip("/")


def fill(value: Any, config: ProviderConfig, kind: Kind) -> Any:
    """Return a dialect with option names replaced by their values."""
    return _fill(value, values_of(config, kind))


def _fill(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _fill_text(value, values)
    if isinstance(value, dict):
        return {key: _fill(one, values) for key, one in value.items()}
    return value


def _fill_text(text: str, values: dict[str, str]) -> str:
    for option, value in values.items():
        text = text.replace(f"{{{option}}}", value)
    return text


def _responses_of(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the Responses API as the kind has it at its own addresses. Servers of kinds that have none may
    lack OpenAI's token counting and web search.
    """
    row = kinds()[kind]
    known = (row.also, *(variant.also for variant in row.variants))
    return next((also for also in known if also), {"openai_responses": {"count_path": "", "searches": False}})


# --- variants --------------------------------------------------------------------------------


def row_of(config: ProviderConfig) -> Kind:
    """Return the row of a provider at its address, with the operator's settings about what it supports."""
    row = variant_at(kinds()[config.kind], config.base_url)
    if config.responses is not None and row.protocol == "openai_chat":
        row = msgspec.structs.replace(row, also=_responses_of(config.kind) if config.responses else {})
    if not config.dialect:
        return row
    return msgspec.structs.replace(row, dialect={**row.dialect, **config.dialect})


def variant_at(kind: Kind, base_url: str | None) -> Kind:
    """Return the variant of the row at an address."""
    variant = variant_of(kind, base_url)
    if variant is None:
        return kind
    by_model = tuple(other for other in kind.variants if other.models)
    return msgspec.structs.replace(_with_variant(kind, variant), variants=by_model)


def variants_of(kind: Kind) -> Iterator[tuple[Variant, Kind]]:
    """Return the variants that a row has for some models, each with the row in that variant."""
    return ((variant, _with_variant(kind, variant)) for variant in kind.variants if variant.models)


def also_of(kind: Kind) -> Iterator[tuple[str, Kind]]:
    """Return the additional wire formats of a row, each with the row in that format."""
    for name, dialect in kind.also.items():
        yield name, msgspec.structs.replace(kind, protocol=name, dialect=dialect, also={}, variants=())


def _with_variant(kind: Kind, variant: Variant) -> Kind:
    names = set(Variant.__struct_fields__) - {"models", "address"}
    changed = {name: getattr(variant, name) for name in names if getattr(variant, name) is not None}
    return msgspec.structs.replace(kind, **changed, variants=())
