"""A request's preferences for the choice of providers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.protocols.errors import InvalidRequest

from .limits import check_names

__all__ = ["Preferences", "parse_preferences"]


class Preferences(Struct, frozen=True, forbid_unknown_fields=True):
    """The request's `provider` as an object. Names that are not configured are ignored."""

    order: tuple[str, ...] = ()
    """Providers to try first, in this order."""
    only: tuple[str, ...] = ()
    """The only providers that may serve the request; empty allows all."""
    ignore: tuple[str, ...] = ()
    """Providers that must not serve it."""
    allow_fallbacks: bool = True
    """False: only the providers in `order`; without `order`, only the first."""


def parse_preferences(given: Mapping[str, Any]) -> Preferences:
    """Decode and check the request's object. Raises InvalidRequest."""
    try:
        preferences = msgspec.convert(dict(given), Preferences)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        param = "provider" + place.rstrip("`").replace("[", ".").replace("]", "")
        known = ", ".join(Preferences.__struct_fields__)
        raise InvalidRequest(f"{message[:1].lower()}{message[1:]} (known: {known})", param=param) from None
    for name in ("order", "only", "ignore"):
        check_names(getattr(preferences, name), f"provider.{name}")
    return preferences
