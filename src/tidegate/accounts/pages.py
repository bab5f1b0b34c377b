"""Histories page by page: the places in them, the times that bound them, and pages in CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from tidegate.money import show_usd
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.excerpt import escape_controls
from tidegate.store.history import Booked, Position
from tidegate.store.statements import Movement

__all__ = ["next_position", "parse_position", "parse_time", "render_csv", "render_rows", "wants_csv"]

COLUMNS = ("time", "id", "kind", "user", "amount_usd", "balance_usd", "request", "reference", "note",
           "expires")  # fmt: skip
OF_STATEMENTS = frozenset(["balance_usd", "expires"])
OF_BOOKS = frozenset(["user"])
"""Columns of only one of the two kinds of history."""
FORMULA = ("=", "+", "-", "@", "\\t", "\\r")
"""What a spreadsheet takes a text for a formula by."""


def next_position(rows: Sequence[Movement | Booked], limit: int) -> str | None:
    """Where the page after these rows begins."""
    return f"{rows[-1].at}.{rows[-1].id}" if len(rows) == limit else None


def render_csv(rows: Sequence[Movement | Booked]) -> str:
    """A page in CSV."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    left_out = OF_STATEMENTS if _with_users(rows) else OF_BOOKS
    names = [name for name in COLUMNS if name not in left_out]
    writer.writerow(names)
    for one in rows:
        writer.writerow([_cell(one, name) for name in names])
    return sheet.getvalue()


def render_rows(rows: Sequence[Struct], kind: type[Struct]) -> str:
    """Structs of a kind in CSV: those within them as columns of their own, lists with semicolons."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    heading: list[str] = []
    for field in structs.fields(kind):
        inner = _struct_in(field.type)
        names = (f"{field.name}_{name}" for name in inner.__struct_fields__) if inner is not None else ()
        heading += names or [field.name]
    writer.writerow(heading)
    for one in rows:
        writer.writerow(_cells(one, kind))
    return sheet.getvalue()


def parse_time(text: str | None, param: str) -> int | None:
    """A time as milliseconds since 1970: these themselves, a date or a time of ISO 8601 (UTC unless it says
    otherwise). None if nothing is said. Raises InvalidRequest.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit() and 10 <= len(text) <= 15:
        return int(text)
    try:
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        message = f"{param} is a date (2026-11-29), a time (2026-11-29T12:00:00Z) or milliseconds since 1970"
        raise InvalidRequest(message, param=param) from None


def parse_position(text: str) -> Position | None:
    """Where a page begins; None at the beginning. Raises InvalidRequest."""
    if not text:
        return None
    at, dot, name = text.partition(".")
    if not (dot and name and "\x00" not in name and at.isascii() and at.isdigit() and len(at) <= 15):
        raise InvalidRequest("after is not the `next` of a page", param="after")
    return Position(int(at), name)


def wants_csv(accept: str | None) -> bool:
    """Whether a client prefers CSV to JSON."""
    return accept is not None and accept.partition(",")[0].partition(";")[0].strip().lower() == "text/csv"


def _with_users(rows: Sequence[Movement | Booked]) -> bool:
    return bool(rows) and isinstance(rows[0], Booked)


def _cell(one: Movement | Booked, name: str) -> str:
    if name == "time":
        return _time(one.at)
    if name == "expires":
        expires_at = one.expires_at if isinstance(one, Movement) else None
        return _time(expires_at) if expires_at is not None else ""
    if name.endswith("_usd"):
        return show_usd(getattr(one, name.removesuffix("_usd")))
    return _harmless(getattr(one, name) or "")


def _cells(one: Struct, kind: type[Struct]) -> list[str]:
    cells: list[str] = []
    for field in structs.fields(kind):
        value, inner = getattr(one, field.name), _struct_in(field.type)
        if inner is None:
            cells.append(_shown(value))
        elif value is None:
            cells += [""] * len(inner.__struct_fields__)
        else:
            cells += [_shown(getattr(value, name)) for name in inner.__struct_fields__]
    return cells


def _struct_in(kind: Any) -> type[Struct] | None:
    """The struct that a field holds, if it holds one."""
    for one in getattr(kind, "__args__", (kind,)):
        if isinstance(one, type) and issubclass(one, Struct):
            return one
    return None


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return _harmless(value)
        case list() | tuple():
            return _harmless(";".join(map(str, value)))
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _harmless(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula and no terminal obeys."""
    text = escape_controls(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def _time(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
