"""Movements of money as JSON and as CSV."""

from collections.abc import Sequence

from fastapi import Response
from starlette.datastructures import URL

from tidegate.accounts.pages import render_csv
from tidegate.money import usd
from tidegate.store.history import Booked
from tidegate.store.statements import Movement as Booking

from .answers import Movement, Transaction

__all__ = ["movement", "respond_csv", "respond_sheet", "transaction"]


def movement(one: Booking) -> Movement:
    """A movement of a wallet, as it is shown."""
    return Movement(
        id=one.id, kind=one.kind, at=one.at, amount_usd=usd(one.amount), balance_usd=usd(one.balance),
        request=one.request, reference=one.reference, note=one.note, expires_at=one.expires_at,
    )  # fmt: skip


def transaction(one: Booked) -> Transaction:
    """A transaction, as it is shown."""
    return Transaction(
        id=one.id, kind=one.kind, at=one.at, user=one.user, amount_usd=usd(one.amount), request=one.request,
        reference=one.reference, note=one.note,
    )  # fmt: skip


def respond_csv(rows: Sequence[Booking | Booked], url: URL, following: str | None) -> Response:
    """A page in CSV; the header `Link` has the next one."""
    return respond_sheet(render_csv(rows), url, following)


def respond_sheet(sheet: str, url: URL, following: str | None) -> Response:
    """The same for rows in CSV already."""
    headers = {}
    if following is not None:
        target = url.include_query_params(after=following)
        headers["link"] = f'<{target.path}?{target.query}>; rel="next"'
    return Response(sheet, 200, headers, "text/csv; charset=utf-8")
