"""The recorded exchanges with real providers, which live outside the repository.

A stranger's clone has none: tests over recordings are then skipped, and say so.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("TIDEGATE_SHARED", Path(__file__).parents[2] / "shared"))
FOLDER = SHARED / "recordings"
NOT_PLAIN = frozenset({"response_only", "mock_response", "suspect_synthetic"})

needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not here (../shared)")


@dataclass(frozen=True)
class Recording:
    """One recorded request and its answer."""

    id: str
    provider: str
    kind: str
    model: str
    features: frozenset[str]
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def path(self) -> str:
        return str(self.request.get("url", "")).split("?")[0]

    @property
    def request_body(self) -> Any:
        return self.request.get("body")

    @property
    def status(self) -> int:
        return int(self.response["status"])

    @property
    def body(self) -> bytes:
        """The answer's bytes."""
        body = self.response.get("body")
        if isinstance(body, str):
            return body.encode()
        return json.dumps(body, ensure_ascii=False).encode()

    @property
    def plain(self) -> bool:
        return not self.features & NOT_PLAIN

    def __repr__(self) -> str:
        return self.id


@cache
def load(provider: str) -> tuple[Recording, ...]:
    return tuple(_read(FOLDER / provider))


def recordings(provider: str, *kinds: str, path: str = "", status: int | None = None) -> list[Recording]:
    """The recordings of a provider, for `parametrize`; none where they are not here."""
    if not FOLDER.is_dir():
        return []
    found = [r for r in load(provider) if r.kind in kinds and r.path.endswith(path)]
    return [r for r in found if status is None or r.status == status]


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The data whole, event by event, byte by byte, and in odd pieces."""
    yield [data]
    if b"\n\n" in data:
        yield [piece + b"\n\n" for piece in data.removesuffix(b"\n\n").split(b"\n\n")]
    yield [data[i : i + 1] for i in range(len(data))]
    for size in (2, 3, 7, 61):
        yield [data[i : i + size] for i in range(0, len(data), size)]


def _read(folder: Path) -> Iterator[Recording]:
    for path in sorted(folder.glob("*.json")):
        case = json.loads(path.read_text())
        yield Recording(
            id=case["id"],
            provider=case["provider"],
            kind=case["kind"],
            model=case["model"] or "unnamed-model",
            features=frozenset(case["features"]),
            request=case["request"] or {},
            response=case["response"],
        )
