"""Extensions from installed packages: rows of the table of kinds, and wire formats.

A package declares them as entry points. `tidegate.rows` names a Python package that contains a
`rows.toml`; `tidegate.formats` names the module of a wire format. A package is imported only when it is
needed, and its problems are reported with the package's name.
"""

import importlib
import tomllib
from collections.abc import Iterator
from importlib import metadata, resources
from typing import Any, NamedTuple

from tidegate.protocols.contract import ProviderProtocol

from .problems import ConfigError, quoted

__all__ = ["FORMATS_GROUP", "ROWS_GROUP", "Brought", "brought"]

ROWS_GROUP = "tidegate.rows"
FORMATS_GROUP = "tidegate.formats"
ROWS_FILE = "rows.toml"

CONTRACT = (*ProviderProtocol.__annotations__, *(name for name in vars(ProviderProtocol) if name[0] != "_"))
"""The attributes that a wire format's `PROTOCOL` must have."""


class Brought(NamedTuple):
    """One entry point."""

    name: str
    module: str
    package: str
    """The package's name and version."""

    def rows(self) -> dict[str, Any]:
        """Load its rows. Raises ConfigError."""
        try:
            file = resources.files(self.module) / ROWS_FILE
            return tomllib.loads(file.read_text(encoding="utf-8"))
        except Exception as error:  # this imports the package, which can raise anything
            raise self.broken(f"{ROWS_FILE} of {self.module} cannot be read: {error}") from error

    def protocol(self) -> ProviderProtocol:
        """Load its wire format. Raises ConfigError."""
        try:
            found: ProviderProtocol = importlib.import_module(self.module).PROTOCOL
        except Exception as error:  # this imports the package, which can raise anything
            raise self.broken(f"the wire format {self.name}: {type(error).__name__}: {error}") from error
        lacking = [part for part in CONTRACT if not hasattr(found, part)]
        if lacking:
            problem = f"PROTOCOL of {self.module} has no {', '.join(lacking)}"
            raise self.broken(f"the wire format {self.name}: {problem} (see tidegate.protocols.contract)")
        if found.name != self.name:
            problem = f"PROTOCOL.name is {quoted(found.name)}"
            raise self.broken(f"the wire format {self.name}: {problem}")
        return found

    def broken(self, message: str) -> ConfigError:
        """An error about the package."""
        return ConfigError([f"the package {self.package}: {message}"])


def brought(group: str) -> Iterator[Brought]:
    """The entry points of a group, in the order of the packages' names."""
    found = [
        Brought(entry.name, entry.module, f"{entry.dist.name} {entry.dist.version}" if entry.dist else "?")
        for entry in metadata.entry_points(group=group)
    ]
    return iter(sorted(found, key=lambda one: (one.package.lower(), one.name)))
