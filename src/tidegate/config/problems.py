"""Origins of values, and problems with them."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

__all__ = ["DEFAULT", "ConfigError", "Origin", "Path", "Problems", "near", "quoted", "render_path"]

Path: TypeAlias = tuple[str | int, ...]
"""The path of a value: `("providers", "azure", "base_url")`, `("models", "x", "candidates", 0)`."""

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class Origin(Struct, frozen=True):
    """Where a value comes from."""

    kind: Literal["file", "dotenv", "environment", "option", "store", "default"]
    name: str = ""
    """The file, variable or command-line option."""
    line: int = 0
    """The line of the file, or 0."""
    variable: str = ""
    """The variable's name in a `.env` file."""

    def __str__(self) -> str:
        if self.kind == "default":
            return "default"
        place = f"{self.name}:{self.line}" if self.line else self.name
        return f"{place} {self.variable}" if self.variable else place


DEFAULT = Origin("default")


class ConfigError(Exception):
    """A configuration that cannot be used; `lines` lists every problem."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class Problems:
    """The problems of a configuration, collected so that all are reported at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, str]] = []
        self._paths: set[Path] = set()

    def add(self, origin: Origin | str, path: Path, message: str) -> None:
        """Add a problem: `tidegate.toml:12: providers.azure.base_url: …`."""
        self._paths.add(path)
        key = f"{render_path(path)}: " if path else ""
        line = origin.line if isinstance(origin, Origin) else 0
        self._found.append((getattr(origin, "name", str(origin)), line, f"{origin}: {key}{message}"))

    def touch(self, path: Path) -> bool:
        """Whether a problem with this value or a part of it has been reported."""
        return any(found[: len(path)] == path for found in self._paths)

    def raise_if_any(self) -> None:
        """Raise ConfigError with all problems, in the order of the file."""
        if self._found:
            raise ConfigError(self)

    def __iter__(self) -> Iterator[str]:
        return (text for _, _, text in sorted(self._found, key=lambda found: found[:2]))


def render_path(path: Path) -> str:
    """A path as written in TOML, with positions in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if step and set(step) <= _BARE else quoted(step))
    return text


def quoted(text: str) -> str:
    """Text in double quotes."""
    return f'"{text}"'


def near(name: str, known: Iterable[str]) -> str:
    """` (did you mean "port"?)`, or "" if no name is similar."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.65)
    return f" (did you mean {quoted(found[0])}?)" if found else ""
