"""Metrics as text for Prometheus, in its own format and in OpenMetrics, and as JSON.

https://prometheus.io/docs/instrumenting/exposition_formats/
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .counters import Labels
from .families import BOUNDS_S, FAMILIES, LAYOUTS, Family, Type

__all__ = [
    "JSON", "OPENMETRICS", "PROMETHEUS", "Single", "Value", "render_json", "render_text", "wanted_format",
]  # fmt: skip

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
JSON = b"application/json"
"""What `wanted_format` may find besides."""

_LABELS = {layout.block: layout.labels for layout in LAYOUTS}
_BOUNDS = (*(f"{bound:g}" for bound in BOUNDS_S), "+Inf")


class Value(NamedTuple):
    """One value of a metric that is read when it is asked for."""

    labels: Mapping[str, str]
    value: float


class Single(NamedTuple):
    """A metric that is read when it is asked for."""

    name: str
    help: str
    type: Type
    samples: Sequence[Value]


def wanted_format(accept: str) -> bytes:
    """The content type for a client that accepts these: the first of those that are offered."""
    for one in accept.lower().split(","):
        kind = one.partition(";")[0].strip()
        if kind in ("application/json", "application/openmetrics-text"):
            return JSON if kind == "application/json" else OPENMETRICS
        if kind in ("text/plain", "text/*", "*/*"):
            break
    return PROMETHEUS


def render_text(
    blocks: Mapping[Labels, Sequence[int]], singles: Iterable[Single], *, openmetrics: bool = False
) -> bytes:
    """All metrics as text."""
    lines: list[str] = []
    for family in FAMILIES:
        lines += _head(family.name, family.help, family.type, openmetrics=openmetrics)
        if family.type == "histogram":
            for labels, values in blocks.items():
                if labels[0] == family.block:
                    lines += _histogram_lines(family, labels, values, openmetrics=openmetrics)
        else:
            for labels, values in blocks.items():
                if labels[0] == family.block:
                    lines += _lines(family, labels, values)
    for single in singles:
        lines += _head(single.name, single.help, single.type, openmetrics=openmetrics)
        lines += [
            f"{single.name}{_braces(one.labels.items())} {_number(one.value)}" for one in single.samples
        ]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join([*lines, ""]).encode()


def render_json(blocks: Mapping[Labels, Sequence[int]], singles: Iterable[Single]) -> dict[str, Any]:
    """All metrics by name, each with its type, its meaning and its values by labels; of a histogram, how many
    values do not exceed each bound, their number and their sum.
    """
    found: dict[str, Any] = {}
    for family in FAMILIES:
        values = [
            value
            for labels, numbers in blocks.items()
            if labels[0] == family.block
            for value in _json_values(family, labels, numbers)
        ]
        found[family.name] = {"type": family.type, "help": family.help, "values": values}
    for single in singles:
        found[single.name] = {
            "type": single.type,
            "help": single.help,
            "values": [{"labels": dict(one.labels), "value": one.value} for one in single.samples],
        }
    return found


# --- text -----------------------------------------------------------------------------------------


def _head(name: str, text: str, kind: Type, *, openmetrics: bool) -> tuple[str, str]:
    if openmetrics and kind == "counter":
        name = name.removesuffix("_total")
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _lines(family: Family, labels: Labels, values: Sequence[int]) -> Iterator[str]:
    cell, unit = family.cell, family.unit
    for place, start in enumerate(_starts(family, labels)):
        value = values[cell + place]
        if value or not family.sparse:
            yield f"{start}{value if unit == 1.0 else _number(value * unit)}"


def _histogram_lines(
    family: Family, labels: Labels, values: Sequence[int], *, openmetrics: bool
) -> Iterator[str]:
    starts, cell, total = _starts(family, labels), family.cell, 0
    for place in range(len(_BOUNDS)):
        total += values[cell + place]
        yield f"{starts[place]}{total}"
    yield f"{starts[-2]}{_number(values[cell + len(_BOUNDS)] * family.unit)}"
    yield f"{starts[-1]}{total}"


@lru_cache(maxsize=65_536)
def _starts(family: Family, labels: Labels) -> tuple[str, ...]:
    """What each line of a family begins with, up to the value."""
    named = list(zip(_LABELS[family.block], labels[1:], strict=True))
    if family.type == "histogram":
        buckets = [f"{family.name}_bucket{_braces([*named, ('le', bound)])} " for bound in _BOUNDS]
        return (*buckets, f"{family.name}_sum{_braces(named)} ", f"{family.name}_count{_braces(named)} ")
    if not family.label:
        return (f"{family.name}{_braces(named)} ",)
    return tuple(f"{family.name}{_braces([*named, (family.label, value)])} " for value in family.values)


def _braces(labels: Iterable[tuple[str, str]]) -> str:
    inside = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    return f"{{{inside}}}" if inside else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 9))


# --- JSON -----------------------------------------------------------------------------------------


def _json_values(family: Family, labels: Labels, values: Sequence[int]) -> Iterator[dict[str, Any]]:
    named = dict(zip(_LABELS[family.block], labels[1:], strict=True))
    cell = family.cell
    if family.type == "histogram":
        counts = values[cell : cell + len(_BOUNDS)]
        buckets = {bound: sum(counts[: place + 1]) for place, bound in enumerate(_BOUNDS)}
        total = values[cell + len(_BOUNDS)] * family.unit
        yield {"labels": named, "count": sum(counts), "sum": round(total, 9), "buckets": buckets}
        return
    for place, value in enumerate(family.values or ("",)):
        number = values[cell + place]
        if number or not family.sparse:
            own = {family.label: value} if family.label else {}
            yield {
                "labels": {**named, **own},
                "value": number if family.unit == 1.0 else number * family.unit,
            }
