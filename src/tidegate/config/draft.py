"""Settings as they were written, before validation."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from .problems import Origin, Path

__all__ = ["Draft", "Setting", "Table"]

Table = tuple[str, ...]
"""A section: `("server",)`, `("providers", "azure")`."""


class Setting(Struct, frozen=True):
    """A value and its origin."""

    value: Any
    origin: Origin
    lenient: bool = False
    """Whether strings represent numbers and booleans, as in the environment."""
    inner: Mapping[Path, Origin] = {}
    """The origins of the items of a list or table, by their path within the value."""

    def origin_of(self, inner: Path) -> Origin:
        """The origin of a part of the value."""
        return self.inner.get(inner, self.origin)


class Draft:
    """All settings by section and key. Later values replace earlier ones."""

    def __init__(self) -> None:
        self.tables: dict[Table, dict[str, Setting]] = {}
        self.heads: dict[Table, Origin] = {}
        """Where a section begins."""

    def open(self, table: Table, origin: Origin) -> None:
        """Create a section, even if it has no settings."""
        self.heads[table] = origin
        self.tables.setdefault(table, {})

    def put(self, table: Table, key: str, setting: Setting) -> None:
        """Set a value."""
        self.heads.setdefault(table, setting.origin)
        self.tables.setdefault(table, {})[key] = setting

    def value(self, table: Table, key: str) -> Any:
        """A value as it was written, or None."""
        setting = self.tables.get(table, {}).get(key)
        return setting.value if setting is not None else None

    def forget(self, table: Table) -> None:
        """Remove a section."""
        self.heads.pop(table, None)
        self.tables.pop(table, None)
