"""Records found again by their id."""

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Found", "find_in_file", "find_in_lines", "full_id"]

PREFIX = "req_"

Found = dict[str, dict[str, Any]]
"""Ids → their records, as they were decoded."""


def find_in_file(path: Path, given: str) -> Found:
    """The records in a file whose id is this, or begins so; with or without `req_`. Raises OSError."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return {}
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return find_in_lines(_lines_with(_pattern(given), content), given)


def find_in_lines(lines: Iterable[bytes], given: str) -> Found:
    """The same in lines, which may have something before the JSON: a time, a name."""
    pattern, found = _pattern(given), Found()
    for line in lines:
        if pattern not in line:
            continue
        try:
            record = msgspec.json.decode(line[line.index(b"{") :])
        except (msgspec.DecodeError, ValueError):
            continue
        if isinstance(record, dict) and str(record.get("id")).startswith(full_id(given)):
            found[record["id"]] = record
    return found


def _lines_with(pattern: bytes, content: mmap.mmap) -> Iterator[bytes]:
    at = content.find(pattern)
    while at >= 0:
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        yield content[content.rfind(b"\n", 0, at) + 1 : end]
        at = content.find(pattern, end)


def _pattern(given: str) -> bytes:
    """How the id stands in a line: a quote within a text is escaped, so that this is no part of one."""
    return f'"id":"{full_id(given)}'.encode()


def full_id(given: str) -> str:
    """The id with its prefix."""
    return given if given.startswith(PREFIX) else PREFIX + given
