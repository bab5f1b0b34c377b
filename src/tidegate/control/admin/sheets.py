"""Movements of money as JSON and as CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import Response
from starlette.datastructures import URL

from tidegate.money import show_usd
from tidegate.store.history import Booked
from tidegate.store.statements import Movement as Booking

from .answers import Movement, Transaction, usd
from .reading import render_position

__all__ = ["movement", "next_position", "respond_csv", "transaction"]

COLUMNS = ("time", "id", "kind", "user", "amount_usd", "balance_usd", "request", "reference", "note")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a text for a formula by."""


def movement(one: Booking) -> Movement:
    """A movement of a wallet, as it is shown."""
    return Movement(
        id=one.id, kind=one.kind, at=one.at, amount_usd=usd(one.amount), balance_usd=usd(one.balance),
        request=one.request, reference=one.reference, note=one.note,
    )  # fmt: skip


def transaction(one: Booked) -> Transaction:
    """A transaction, as it is shown."""
    return Transaction(
        id=one.id, kind=one.kind, at=one.at, user=one.user, amount_usd=usd(one.amount), request=one.request,
        reference=one.reference, note=one.note,
    )  # fmt: skip


def next_position(rows: Sequence[Booking | Booked], limit: int) -> str | None:
    """Where the page after these rows begins."""
    return render_position(rows[-1].at, rows[-1].id) if len(rows) == limit else None


def respond_csv(rows: Sequence[Booking | Booked], url: URL, following: str | None) -> Response:
    """A page in CSV; the header `Link` has the next one."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    names = [name for name in COLUMNS if name != ("user" if not _with_users(rows) else "balance_usd")]
    writer.writerow(names)
    for one in rows:
        writer.writerow([_cell(one, name) for name in names])
    headers = {}
    if following is not None:
        target = url.include_query_params(after=following)
        headers["link"] = f'<{target.path}?{target.query}>; rel="next"'
    return Response(sheet.getvalue(), 200, headers, "text/csv; charset=utf-8")


def _with_users(rows: Sequence[Booking | Booked]) -> bool:
    return bool(rows) and isinstance(rows[0], Booked)


def _cell(one: Booking | Booked, name: str) -> str:
    if name == "time":
        return (
            datetime.fromtimestamp(one.at / 1000, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
    if name.endswith("_usd"):
        return show_usd(getattr(one, name.removesuffix("_usd")))
    text = getattr(one, name) or ""
    return f"'{text}" if text.startswith(FORMULA) else text
