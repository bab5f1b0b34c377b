"""Names that clients still send and that their provider no longer serves: `retired.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

__all__ = ["Retired", "retired", "retired_name"]


class Retired(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of a model that its providers have taken away, and what takes its place."""

    kinds: tuple[str, ...]
    """The kinds of providers that no longer serve it."""
    names: tuple[str, ...]
    """What clients send. Undated: a dated name asks for exactly that version."""
    now: str
    """The model that these providers serve instead."""
    since: str
    """The day from which they have not served it, `YYYY-MM-DD`; where no day is known, that of the list in
    which it was missing."""
    reason: str
    """For people."""
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
    """What has become of a name; None where it was not retired."""
    return _by_name().get(name.lower())
