"""What docstrings, comments and pages refer to by its dotted name is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tidegate"
TEXTS = [*SOURCE.rglob("*.py"), *ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

NAMED = re.compile(r"(?:`|\bsee )((?:[a-z_]+[./])*[a-z_]+)\.([A-Z]\w+)\b(?:`|\))")
"""`transcript.Transcript`, `exchange/transcript.Transcript`, (see contract.Conduit)."""
FILE = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|toml|md))`")
"""`observe/record.py`: a file, from the repository's folder or the package's."""


@cache
def modules() -> dict[str, Path]:
    """Each module under its dotted name below `tidegate`."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names that a module defines or imports at its top, and those of its classes' members."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.alias):
            names.add((node.asname or node.name) if isinstance(node, ast.alias) else node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return frozenset(names)


def missing(text: str) -> list[str]:
    """References in a text to what is not there. A name whose module is not ours is not looked at."""
    return [*missing_names(text), *(file for file in FILE.findall(text) if not is_file(file))]


def missing_names(text: str) -> Iterator[str]:
    for module, name in NAMED.findall(text):
        dotted = "." + module.replace("/", ".").removeprefix("tidegate.")
        homes = [path for one, path in modules().items() if f".{one}".endswith(dotted)]
        if homes and not any(name in names_in(path) for path in homes):
            yield f"{module}.{name}"


def is_file(name: str) -> bool:
    return any((folder / name).exists() for folder in (ROOT, SOURCE)) or any(
        path.as_posix().endswith(f"/{name}") for path in modules().values()
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_text_refers_to_is_there(path: Path) -> None:
    assert missing(path.read_text()) == []


def test_a_reference_to_what_has_moved_is_found() -> None:
    assert missing("(see `delivery.Transcript`)") == ["delivery.Transcript"]
    assert missing("`exchange/delivery.Transcript`") == ["exchange/delivery.Transcript"]
    assert missing("`transcript.Transcript`, `exchange/state.py`") == []
    assert missing("`exchange/story.py`") == ["exchange/story.py"]
