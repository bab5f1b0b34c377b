"""Reading `tidegate.toml`."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from .draft import Draft, Setting, Table
from .problems import Origin, Path, Problems
from .toml_lines import locate

__all__ = ["FILE_NAME", "NAMED_SECTIONS", "draft_file", "find_file"]

FILE_NAME = "tidegate.toml"

NAMED_SECTIONS = ("providers", "models", "prices")
"""Sections of sections: `[providers.<name>]`."""

PARTS: Mapping[Path, str] = {("auth", "jwt"): "jwt_issuers"}
"""Sections whose keys are keys of the outer section (`issuer` in `[auth.jwt]` is its `jwt_issuer`) → the key
that a list of such sections is (`[[auth.jwt]]`)."""

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


def find_file(path: FilePath | None, directory: FilePath) -> FilePath | None:
    """The file to read: the given one, or `tidegate.toml` in the directory if it exists."""
    if path is not None:
        return directory / path
    found = directory / FILE_NAME
    return found if found.is_file() else None


def draft_file(path: FilePath, draft: Draft, problems: Problems) -> None:
    """Add the file's settings to the draft."""
    text = _read(path, problems)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.add(_place_of(error, path.name, text), (), f"not TOML: {_PLACE.sub('', str(error))}")
        return
    lines = {_flat_path(path): line for path, line in locate(text).items()}
    nested = _nested(lines)
    for table, settings in _tables(tree, path.name, lines, problems):
        if "kind" in settings and settings["kind"] != draft.value(table, "kind"):
            draft.forget(table)  # a provider of another kind must not get the environment's key
        draft.open(table, Origin("file", path.name, lines.get(table, 0)))
        for key, value in settings.items():
            draft.put(table, key, _setting(value, (*table, key), path.name, lines, nested))


def _read(path: FilePath, problems: Problems) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problems.add(path.name, (), "not UTF-8")
    except OSError as error:
        problems.add(str(path), (), f"cannot be read: {(error.strerror or str(error)).lower()}")
    return ""


def _tables(
    tree: Mapping[str, Any], file: str, lines: Mapping[Path, int], problems: Problems
) -> Iterator[tuple[Table, Mapping[str, Any]]]:
    for section, content in tree.items():
        origin = Origin("file", file, lines.get((section,), 0))
        if not isinstance(content, dict):
            problems.add(origin, (section,), "expected a table, such as [server]")
        elif section not in NAMED_SECTIONS:
            yield (section,), _flat(section, content)
        else:
            for name, settings in content.items():
                if isinstance(settings, dict):
                    yield (section, name), settings
                else:
                    place = Origin("file", file, lines.get((section, name), 0))
                    problems.add(place, (section, name), f"expected a table [{section}.<name>]")


def _flat(section: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a section, with those of its parts."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if (section, name) in PARTS and isinstance(value, dict):
            flat |= {f"{name}_{key}": setting for key, setting in value.items()}
        elif (section, name) in PARTS and isinstance(value, list):
            flat[PARTS[section, name]] = value
        else:
            flat[name] = value
    return flat


def _flat_path(path: Path) -> Path:
    listed = PARTS.get(path[:2])
    if listed is not None and len(path) > 2:
        if isinstance(path[2], int):
            return (path[0], listed, *path[2:])
        return (path[0], f"{path[1]}_{path[2]}", *path[3:])
    return path


def _nested(lines: Mapping[Path, int]) -> Mapping[Path, Mapping[Path, int]]:
    """The lines of what is within each table or value, by the path of that and the rest of the path."""
    nested: defaultdict[Path, dict[Path, int]] = defaultdict(dict)
    for path, line in lines.items():
        for depth in range(1, len(path)):
            nested[path[:depth]][path[depth:]] = line
    return nested


def _setting(
    value: Any, path: Path, file: str, lines: Mapping[Path, int], nested: Mapping[Path, Mapping[Path, int]]
) -> Setting:
    inner = {rest: Origin("file", file, line) for rest, line in nested.get(path, {}).items()}
    return Setting(value, Origin("file", file, lines.get(path, 0)), inner=inner)


def _place_of(error: tomllib.TOMLDecodeError, file: str, text: str) -> Origin:
    found = _PLACE.search(str(error))
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    return Origin("file", file, line)
