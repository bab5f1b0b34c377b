"""The results as JSON and as a Markdown report."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from .findings import Finding
from .probes import PROBES

__all__ = ["HEADINGS", "MARKS", "list_failures", "render_json", "render_markdown", "show_ms", "table_row"]

MARKS = {"good": "✓", "failed": "✗", "not_offered": "–", "not_tried": "·"}
"""A verdict as one character."""

HEADINGS = ("", "Provider", "Model", "Reach", "Answer", "Stream", "First token", "Tools", "Tokens")


def render_json(findings: Sequence[Finding]) -> bytes:
    """All results as JSON."""
    providers = [
        {"provider": finding.provider, "kind": finding.kind, "model": finding.model, "good": finding.good}
        | {"tokens": finding.tokens, "probes": finding.probes}
        for finding in findings
    ]
    good = all(finding.good for finding in findings)
    return msgspec.json.format(msgspec.json.encode({"good": good, "providers": providers}), indent=2)


def render_markdown(findings: Sequence[Finding]) -> str:
    """The results as a Markdown report."""
    return "\n".join(_lines(findings)) + "\n"


def show_ms(ms: float | None) -> str:
    """A duration in readable units."""
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    good = sum(finding.good for finding in findings)
    yield "# Providers, checked by Tidegate"
    yield ""
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {good} of {len(findings)} passed."
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---" * len(HEADINGS) + "|"
    for finding in findings:
        yield f"| {' | '.join(_cell(cell) for cell in table_row(finding))} |"
    failures = [
        f"- **{finding.provider}**, {name}: {message}"
        for finding in findings
        for name, message in list_failures(finding)
    ]
    if failures:
        yield ""
        yield "## Failures"
        yield ""
        yield from failures
    yield ""
    yield "✓ passed · ✗ failed · – not supported by the provider's API · · not tried"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def table_row(finding: Finding) -> Iterator[str]:
    """One provider's table cells, under `HEADINGS`."""
    yield "✓" if finding.good else "✗"
    yield finding.provider
    yield finding.model or ""
    for name in PROBES:
        probe = finding.probes[name]
        yield f"{MARKS[probe.verdict]} {show_ms(probe.ms)}".rstrip()
        if name == "stream":
            yield show_ms(probe.first_token_ms)
    yield "" if finding.tokens is None else str(finding.tokens)


def list_failures(finding: Finding) -> Iterator[tuple[str, str]]:
    """The names of the failed probes and their message; equal messages only once."""
    by_message: dict[str, list[str]] = {}
    for name, probe in finding.probes.items():
        if probe.error:
            status = f"({probe.status}) " if probe.status else ""
            by_message.setdefault(status + " ".join(probe.error.split()), []).append(name)
    for message, names in by_message.items():
        yield ", ".join(names), message
