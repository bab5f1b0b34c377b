#!/usr/bin/env python3
"""Writes the tables of docs/ that the code decides: `uv run python scripts/render_docs.py`.

They stand between `<!-- table: NAME -->` and `<!-- end -->`. A test sees to it that they are fresh.
"""

import ast
import importlib
import inspect
import json
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from check_architecture import HOUSE, LAWS, ROOMS
from failure_tables import render_chains, render_faults, render_hedges, render_resumed
from outcomes import outcomes
from tidegate.catalog import models, priced_model, retired
from tidegate.figures.families import FAMILIES, LAYOUTS, READINGS
from tidegate.figures.kinds import KINDS
from tidegate.protocols import errors
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import Turn
from tidegate.providers import FORMATS, Kind, kinds, protocol_named

DOCS = HOUSE.parents[1] / "docs"
GROUPS = ("TidegateError", "ClientError", "GatewayError", "ProviderError")
"""Error classes that are never raised themselves."""


def render_rooms() -> Iterable[str]:
    """The packages and single modules, in the order of the architecture check."""
    yield "| room | what it does | may import |"
    yield "|---|---|---|"
    for name, room in ROOMS.items():
        if (HOUSE / name).is_dir() or (HOUSE / f"{name}.py").is_file():
            allowed = ", ".join(sorted(room.may_import)) or "nothing"
            yield f"| `{name}` | {_first_sentence(_source_doc(name))} | {allowed}: {room.reason} |"


def render_laws() -> Iterable[str]:
    """What the architecture check finds."""
    return (f"- {text}." for text in LAWS)


def render_errors() -> Iterable[str]:
    """Every error as the two doors tell it."""
    yield "| class | status | fault | OpenAI's `type` | OpenAI's `code` | Anthropic's `type` | meaning |"
    yield "|---|---|---|---|---|---|---|"
    for name in sorted(errors.__all__, key=lambda name: getattr(errors, name).status):
        if name not in GROUPS:
            yield _error_row(name, getattr(errors, name))


def _error_row(name: str, kind: type[errors.TidegateError]) -> str:
    shown = {}
    for door in ("openai_chat", "anthropic"):
        shown[door] = json.loads(protocol_named(door).render_error(kind("…"), "req_1").body)["error"]
    status, shapes = (
        str(kind.status),
        [shown["openai_chat"]["type"], shown["openai_chat"]["code"], shown["anthropic"]["type"]],
    )
    fault = f"`{kind.fault}`"
    if kind is errors.ProviderRefused:
        fault = "by code or status"
        status, shapes = "the provider's", ["the provider's", "the provider's", "by the status"]
    cells = [word if word is None or "'" in word or " " in word else f"`{word}`" for word in shapes]
    words = " | ".join(cell or "none" for cell in cells)
    return f"| `{name}` | {status} | {fault} | {words} | {_first_sentence(kind.__doc__ or '')} |"


def render_fields() -> Iterable[str]:
    """The optional fields of a Turn, and what each wire format does with them."""
    protocols = {name: protocol_named(name) for name in FORMATS}
    yield f"| field | {' | '.join(f'`{name}`' for name in protocols)} |"
    yield "|---|" + "---|" * len(protocols)
    for field in Turn.__struct_fields__:
        outcomes = [protocol.carries.get(field) for protocol in protocols.values()]
        if any(outcomes):
            yield f"| `{field}` | {' | '.join(outcome or 'carried' for outcome in outcomes)} |"


def render_parts() -> Iterable[str]:
    """The parts of a conversation, and what becomes of each."""
    others = {name: next(other for other in ("gemini", "anthropic") if other != name) for name in FORMATS}
    columns = [dict(outcomes(protocol_named(name), other)) for name, other in others.items()]
    yield f"| part | {' | '.join(f'`{name}`' for name in others)} |"
    yield "|---|" + "---|" * len(columns)
    for part in columns[0]:
        yield f"| {part} | {' | '.join(column[part] for column in columns)} |"


def render_providers() -> Iterable[str]:
    """The services, what each took to add, and what of that is more than a row."""
    lines = _row_lines()
    shared = Counter(
        row.protocol for kind in kinds().values() for row in (kind, *kind.variants) if row.protocol
    )
    yield "| kind | service | wire format | lines of its row | beyond the row |"
    yield "|---|---|---|---|---|"
    rows_only = 0
    for kind in kinds().values():
        beyond = list(_beyond(kind, shared))
        rows_only += not beyond
        shown = ", ".join(beyond) or "nothing"
        label = f"[{kind.label}]({kind.docs})"
        yield f"| `{kind.name}` | {label} | `{kind.protocol}` | {lines[kind.name]} | {shown} |"
    yield ""
    yield f"{rows_only} of {len(kinds())} are a row and nothing else."


def _beyond(kind: Kind, shared: Mapping[str, int]) -> Iterable[str]:
    if kind.embedded:
        yield f"`{kind.embedded}`"
    if shared[kind.protocol] == 1:
        yield f"`protocols/{kind.protocol}`"
    if kind.signer:
        yield f"the signer `{kind.signer}`"


def _row_lines() -> Counter[str]:
    lines: Counter[str] = Counter()
    name = ""
    for line in (HOUSE / "providers" / "rows.toml").read_text(encoding="utf-8").splitlines():
        head = re.match(r"\[+(\w+)", line)
        name = head[1] if head else name
        lines[name] += bool(name and line.strip() and not line.startswith("#"))
    return lines


def render_differences() -> Iterable[str]:
    """What each service does otherwise than its wire format says."""
    yield "| kind | differences |"
    yield "|---|---|"
    for kind in kinds().values():
        shown = _told(kind.dialect)
        for variant in kind.variants:
            where = ", ".join(f"`{pattern}`" for pattern in (*variant.models, variant.address) if pattern)
            speaks = f"`{variant.protocol}`; " if variant.protocol else ""
            shown += f"<br>{where}: {speaks}{_told(variant.dialect or {})}"
        yield f"| `{kind.name}` | {shown} |"


def _told(dialect: Mapping[str, Any]) -> str:
    """Facts, the switches by their names alone where they are on."""
    facts = [
        f"`{key}`" if value is True else f"`{key} = {json.dumps(value)}`" for key, value in dialect.items()
    ]
    return ", ".join(facts) or "none"


def render_dialects() -> Iterable[str]:
    """The fields of every wire format's dialect."""
    for name in FORMATS:
        yield f"\n### `{name}`\n"
        yield from _render_struct(protocol_named(name).dialect)


def render_profile() -> Iterable[str]:
    """The keys of a family of models."""
    return _render_struct(Profile)


OUTSIDE = re.compile(r"; §[\d., §]+(?=\))| \(§[\d., §]+\)")
"""References to sections of a text outside the repository."""


def _render_struct(struct: type) -> Iterable[str]:
    yield "| key | default | what it says |"
    yield "|---|---|---|"
    body = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, doc in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(doc, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(doc.value, ast.Constant)
            default = ast.unparse(field.value) if field.value else "required"
            words = OUTSIDE.sub("", " ".join(str(doc.value.value).split())).replace("|", "\\|")
            yield f"| `{field.target.id}` | `{default}` | {words} |"


def render_retired() -> Iterable[str]:
    """The names that are no longer served, and what takes their place."""
    yield "| names | served instead | since | reason |"
    yield "|---|---|---|---|"
    for row in retired():
        names = ", ".join(f"`{name}`" for name in row.names)
        yield f"| {names} | `{row.now}` | {row.since} | {row.reason} ([source]({row.source})) |"


def render_models() -> Iterable[str]:
    """How many models there are, by kind of provider, and of how many a price is known."""
    yield "| kind | chat | with a price | embeddings | images |"
    yield "|---|---|---|---|---|"
    rows = [models_of(kind) for kind in sorted({model.kind for model in models()})]
    total = tuple(sum(column) for column in zip(*(counts for _, counts in rows), strict=True))
    for name, counts in (*rows, ("all", total)):
        yield f"| {name} | {' | '.join(map(str, counts))} |"


def models_of(kind: str) -> tuple[str, tuple[int, int, int, int]]:
    """The name of a kind for the table, and its numbers."""
    having = [model for model in models() if model.kind == kind]
    chats = [model for model in having if model.type == "chat"]
    priced = sum(bool(model.prices) or _is_priced(kind, model.priced_as or model.id) for model in chats)
    others = [sum(model.type == purpose for model in having) for purpose in ("embedding", "image")]
    return f"`{kind}`", (len(chats), priced, others[0], others[1])


def _is_priced(kind: str, name: str) -> bool:
    found = priced_model(kind, name)
    return found is not None and bool(found.prices)


def render_metrics() -> Iterable[str]:
    """Every metric of `GET /metrics`."""
    yield "| metric | type | labels | |"
    yield "|---|---|---|---|"
    labels = {layout.block: layout.labels for layout in LAYOUTS}
    for one in FAMILIES:
        named = [*labels[one.block], *([one.label] if one.label else [])]
        yield _metric_row(one.name, one.type, named, one.help)
    for name, reading in READINGS.items():
        yield _metric_row(name, reading.type, reading.labels, reading.help)


def _metric_row(name: str, kind: str, labels: Iterable[str], text: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |"


def render_kinds() -> Iterable[str]:
    """The kinds of errors in figures."""
    yield "| kind | the provider's failure |"
    yield "|---|---|"
    for kind, meaning in KINDS.items():
        yield f"| `{kind}` | {meaning} |"


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "rooms": render_rooms,
    "laws": render_laws,
    "errors": render_errors,
    "fields": render_fields,
    "parts": render_parts,
    "providers": render_providers,
    "differences": render_differences,
    "dialects": render_dialects,
    "profile": render_profile,
    "models": render_models,
    "retired": render_retired,
    "metrics": render_metrics,
    "kinds": render_kinds,
    "faults": render_faults,
    "chains": render_chains,
    "resumed": render_resumed,
    "hedges": render_hedges,
}

PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def refresh(text: str) -> str:
    """The text of a page with its tables as they should be."""
    return PLACE.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + found[3], text)


def _source_doc(name: str) -> str:
    module = "tidegate" if name == "__init__" else f"tidegate.{name}"
    return importlib.import_module(module).__doc__ or ""


def _first_sentence(doc: str) -> str:
    sentence = " ".join(doc.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.])\s", sentence)[0].rstrip(".")


def main() -> int:
    """Write what is not fresh."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        fresh = refresh(text)
        if fresh != text:
            path.write_text(fresh, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
