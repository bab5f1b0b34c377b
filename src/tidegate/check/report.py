"""What was found, for machines and for a file that people read."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from .findings import Finding
from .probes import PROBES

__all__ = ["HEADINGS", "MARKS", "render_json", "render_markdown", "show_ms", "tell_row", "tell_troubles"]

MARKS = {"good": "✓", "failed": "✗", "not_offered": "–", "not_tried": "·"}
"""A verdict as one character."""

HEADINGS = ("", "Provider", "Model", "Reach", "Answer", "Stream", "First token", "Tools", "Tokens")


def render_json(findings: Sequence[Finding]) -> bytes:
    """Everything, as JSON."""
    told = [
        {"provider": finding.provider, "kind": finding.kind, "model": finding.model, "good": finding.good}
        | {"tokens": finding.tokens, "probes": finding.probes}
        for finding in findings
    ]
    good = all(finding.good for finding in findings)
    return msgspec.json.format(msgspec.json.encode({"good": good, "providers": told}), indent=2)


def render_markdown(findings: Sequence[Finding]) -> str:
    """A report."""
    return "\n".join(_lines(findings)) + "\n"


def show_ms(ms: float | None) -> str:
    """A time for people."""
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    good = sum(finding.good for finding in findings)
    yield "# Providers, checked by Tidegate"
    yield ""
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {good} of {len(findings)} are well."
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---" * len(HEADINGS) + "|"
    for finding in findings:
        yield f"| {' | '.join(_cell(cell) for cell in tell_row(finding))} |"
    troubles = [
        f"- **{finding.provider}**, {name}: {words}"
        for finding in findings
        for name, words in tell_troubles(finding)
    ]
    if troubles:
        yield ""
        yield "## In their own words"
        yield ""
        yield from troubles
    yield ""
    yield "✓ good · ✗ failed · – the provider's API has no such feature · · not tried"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def tell_row(finding: Finding) -> Iterator[str]:
    """What a table says of one provider, under `HEADINGS`."""
    yield "✓" if finding.good else "✗"
    yield finding.provider
    yield finding.model or ""
    for name in PROBES:
        probe = finding.probes[name]
        yield f"{MARKS[probe.verdict]} {show_ms(probe.ms)}".rstrip()
        if name == "stream":
            yield show_ms(probe.first_token_ms)
    yield "" if finding.tokens is None else str(finding.tokens)


def tell_troubles(finding: Finding) -> Iterator[tuple[str, str]]:
    """The probes with something to say, and what; the same words once."""
    told: dict[str, list[str]] = {}
    for name, probe in finding.probes.items():
        if probe.error:
            status = f"({probe.status}) " if probe.status else ""
            told.setdefault(status + " ".join(probe.error.split()), []).append(name)
    for words, names in told.items():
        yield ", ".join(names), words
