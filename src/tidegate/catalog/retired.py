"""Names that clients still send, but providers no longer serve: `retired.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

__all__ = ["Retired", "retired", "retired_name"]


class Retired(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of a retired model, and its replacement."""

    kinds: tuple[str, ...]
    """The kinds of providers that no longer serve it."""
    names: tuple[str, ...]
    """Names that clients send, without dates: a dated name requests exactly that version."""
    now: str
    """The replacement at these providers."""
    since: str
    """The day of its retirement, `YYYY-MM-DD`; if unknown, the date of the list in which it was missing."""
    reason: str
    """The reason, for messages."""
    source: str
    """Where it is documented."""


@cache
def retired() -> tuple[Retired, ...]:
    """The whole table."""
    text = (resources.files("tidegate") / "catalog" / "retired.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["retired"], tuple[Retired, ...])


@cache
def _by_name() -> Mapping[str, Retired]:
    return {name.lower(): row for row in retired() for name in row.names}


def retired_name(name: str) -> Retired | None:
    """The entry of a retired name, or None."""
    return _by_name().get(name.lower())
