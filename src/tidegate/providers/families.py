"""Model families and their peculiarities.

The families are in `profiles/*.toml`, the keys are explained in `protocols/profile.py`:

    [[family]]
    match = ["claude-opus-4-8*", "claude-fable-5*"]
    system_messages = true
"""

import re
import tomllib
from fnmatch import translate
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from tidegate.protocols.profile import PLAIN, Profile

from .limits import KEPT_NAME

__all__ = ["profile_of"]


def profile_of(model: str) -> Profile:
    """Return the profile of the first family that matches a model name; PLAIN if none matches.

    The last segment of the lower-case name is matched, without a version after `@` or `:`.
    """
    return _known_profile(model) if len(model) <= KEPT_NAME else _find_profile(model)


def _find_profile(model: str) -> Profile:
    name = re.split("[@:]", model.rsplit("/", 1)[-1].lower(), maxsplit=1)[0]
    return next((profile for pattern, profile in _families() if pattern.fullmatch(name)), PLAIN)


_known_profile = lru_cache(maxsize=1024)(_find_profile)


@cache
def _families() -> tuple[tuple[re.Pattern[str], Profile], ...]:
    """All families, file by file in the order of the file names, top to bottom."""
    folder = resources.files("tidegate") / "providers" / "profiles"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(_parse_family(row) for file in files for row in _rows_of(file))


def _rows_of(file: Traversable) -> list[dict[str, Any]]:
    if not file.name.endswith(".toml"):
        return []
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["family"]
    return rows


def _parse_family(row: dict[str, Any]) -> tuple[re.Pattern[str], Profile]:
    match = row.pop("match")
    globs = [match] if isinstance(match, str) else match
    return re.compile("|".join(translate(glob) for glob in globs)), msgspec.convert(row, Profile)
