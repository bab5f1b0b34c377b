"""The settings in effect, as they may be shown: where each comes from, and no key or password."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct

from .kinds import kinds
from .problems import render_path
from .schema import Config, ImagePriceConfig, ProviderConfig
from .secret import Secret, mask_url

__all__ = ["ShownSetting", "shown_settings"]

SECTIONS = ("server", "auth", "limits", "store", "billing", "routing", "images", "logs", "alerts", "api")
_MAY_HIDE = re.compile(r"[a-z][a-z0-9+.-]*://.*[@?#]", re.IGNORECASE | re.DOTALL)
"""A URL that has more than a host and a path."""


class ShownSetting(NamedTuple):
    """A setting in effect."""

    key: str
    value: Any
    """JSON, with masked keys."""
    origin: str
    is_default: bool


def shown_settings(config: Config) -> Iterator[ShownSetting]:
    """Every setting: the sections in their order, then the providers, models and prices."""
    for section in SECTIONS:
        yield from _section(config, (section,), getattr(config, section))
    for name, provider in config.providers.items():
        yield from _provider(config, name, provider)
    for name, model in config.models.items():
        yield from _section(config, ("models", name), model)
    for name, price in config.prices.items():
        yield from _section(config, ("prices", name), price)


def _section(config: Config, table: tuple[str, ...], struct: Struct) -> Iterator[ShownSetting]:
    for key in struct.__struct_fields__:
        origin = config.origin(*table, key)
        value = _plain(getattr(struct, key))
        yield ShownSetting(render_path((*table, key)), value, str(origin), origin.kind == "default")


def _provider(config: Config, name: str, provider: ProviderConfig) -> Iterator[ShownSetting]:
    """A provider's settings; without its own URL, that of the kind."""
    for shown in _section(config, ("providers", name), provider):
        if shown.value is None and shown.key.endswith(".base_url"):
            url = kinds()[provider.kind].base_url
            yield ShownSetting(shown.key, url, f"the kind {provider.kind}", False)
        else:
            yield shown


def _plain(value: Any) -> Any:
    """A value as JSON has it, with keys and passwords masked."""
    if isinstance(value, Secret):
        return value.masked()
    if isinstance(value, str):
        return mask_url(value) if _MAY_HIDE.match(value) else value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, ImagePriceConfig):
        return {key: _plain(getattr(value, key)) for key in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value
