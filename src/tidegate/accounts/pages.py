"""Histories page by page: the places in them, the times that bound them, and pages in CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

from tidegate.money import show_usd
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.history import Booked, Position
from tidegate.store.statements import Movement

__all__ = ["next_position", "parse_position", "parse_time", "render_csv", "wants_csv"]

COLUMNS = ("time", "id", "kind", "user", "amount_usd", "balance_usd", "request", "reference", "note",
           "expires")  # fmt: skip
OF_STATEMENTS = frozenset(["balance_usd", "expires"])
OF_BOOKS = frozenset(["user"])
"""Columns of only one of the two kinds of history."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
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


def parse_time(text: str | None, param: str) -> int | None:
    """A time as milliseconds since 1970: these themselves, a date or a time of ISO 8601 (UTC unless it says
    otherwise). Raises InvalidRequest.
    """
    if text is None:
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
    if not (dot and name and at.isascii() and at.isdigit() and len(at) <= 15):
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
    text = getattr(one, name) or ""
    return f"'{text}" if text.startswith(FORMULA) else text


def _time(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
