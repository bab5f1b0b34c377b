"""The wording of code and docs: standard terms for everything that has one, in plain English.

`docs/architecture.md` explains the few terms of our own. The words banned here must not come back.
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
    r"\btold( =|: |\[|\.[a-z])": "the result, the message, the payload",
    r"\bHeard\b|\bheard\b|\bhear\(": "collected, received, parsed",
    r"\bsaid nothing\b": "did not report, reported nothing",
    r"\bnobody is left\b": "no provider is left",
    r"\bno use for it\b": "without effect",
    r"\btells_finish\b": "reports_finish",
    r"\bwants_usage\b": "include_usage",
    r"\breasoning_beside\b": "excludes_reasoning",
    r"\b(take_|remove_)?own_fields\b|\bOWN_FIELDS\b": "gateway_fields",
    r"\bclosed_by\b|\bClosedBy\b|\bopens_in_s\b|\bopens first\b": "blocked_by, available_in_s",
    r"\b(is|are|be|was|were) let in\b|\blets? (everyone|anyone) in\b": "accepted, admitted, allowed",
    r"\bleft alone\b": "not used, not called, blocked",
    r"\bcounts? for nobody\b": "has no effect, does not affect",
    r"\b[Bb]y address\b": "by URL",
    r"key is not known here": "is not valid for this gateway",
    r"\bnothing to draw\b|\bnothing to embed\b": "expected a text that is not empty",
    r"that it claims to be\b": "is not valid …",
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
