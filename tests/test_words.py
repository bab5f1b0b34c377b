"""The words of the house: a term that has a name in the field is called by it, everywhere.

`docs/architecture.md` says what the few terms of our own mean; what stands here is not to come back.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

BANNED = {
    r"\bvigils?\b": "watchdog",
    r"\bErrand\b|\berrands?\b": "TaskOperation, a task",
    r"\bReworded\b|\bReword(ing)?s?\b|\brewording\b": "AdaptedOperation, adapted",
    r"\bOutlets?\b|\boutlets?\b": "NonBlockingWriter, a non-blocking writer",
    r"\bsimply\(": "respond_json",
    r"\bown_ms\b": "overhead_ms",
    r"\bwhole_ms\b": "total_ms",
    r"\bcached_and_written\b": "cache_write_total",
    r"\bseal(s|ed|ing)?\b|\bunseal\b": "a (wrapped) signature, signed",
    r"\btake_verdict\b": "take_cancel_cause",
    r"\bsound\.py\b": "clean.py",
    r"\bgateway\.directory\b|\bModelDirectory\b": "the model registry",
    r"makes? no sense": "is malformed, cannot be read",
    r"nothing like the parameter": "does not support the parameter",
    r"has nothing of": "does not support",
    r"\bwas told to\b": "during shutdown, was asked to; name what happens",
    r"\bsaid nothing\b": "did not report, reported nothing",
    r"\bnobody is left\b": "no provider is left",
    r"\bno use for it\b": "without effect",
}
"""Pattern -> what to write in its place."""

TEXTS = (".py", ".md", ".toml", ".example", ".yaml")


def texts() -> Iterator[Path]:
    """Every text of the repository that people read, but for this one."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    files = [ROOT / line for line in listed.splitlines()] or list(ROOT.glob("src/**/*.py"))
    for file in files:
        if file.suffix in TEXTS and file.is_file() and file != Path(__file__) and file.name != "CHANGELOG.md":
            yield file


def test_no_banned_word_is_used() -> None:
    found = []
    for file in texts():
        text = file.read_text(encoding="utf-8")
        for pattern, instead in BANNED.items():
            for word in re.finditer(pattern, text):
                line = text.count("\n", 0, word.start()) + 1
                found.append(f"{file.relative_to(ROOT)}:{line}: {word[0]!r}; write: {instead}")
    assert found == []


def test_there_is_something_to_read() -> None:
    assert len(list(texts())) > 100
