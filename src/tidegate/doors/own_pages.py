"""Pages of a caller's own lists, in JSON or CSV."""

from collections.abc import Sequence
from urllib.parse import urlencode

from msgspec import Struct

from tidegate.exchange import JSON, Header, Request
from tidegate.protocols.errors import InvalidRequest

from .details import encode
from .listing import query_of

__all__ = ["PRIVATE", "parse_limit", "respond_page", "respond_sheet", "wants_sheet"]

CSV: Header = (b"content-type", b"text/csv; charset=utf-8")
PRIVATE: Header = (b"cache-control", b"no-store")
USUAL, MOST = 100, 1000
"""Rows of a page, and the most of them."""


def parse_limit(text: str | None) -> int:
    """The most rows of a page. Raises InvalidRequest."""
    if text is None:
        return USUAL
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST):
        raise InvalidRequest(f"limit is between 1 and {MOST}", param="limit")
    return int(text)


def wants_sheet(request: Request) -> bool:
    """Whether the client prefers CSV to JSON."""
    from tidegate.accounts.pages import wants_csv

    return wants_csv(request.named.get(b"accept", b"").decode("latin-1"))


def respond_page(request: Request, rows: Sequence[Struct], kind: type[Struct], following: str | None) -> None:
    """Answer with a page of structs of this kind."""
    from tidegate.accounts.pages import render_rows

    if wants_sheet(request):
        respond_sheet(request, render_rows(rows, kind), following)
    else:
        request.respond(200, [JSON, PRIVATE], encode({"data": rows, "next": following}))


def respond_sheet(request: Request, sheet: str, following: str | None) -> None:
    """Answer with a page in CSV; the header `Link` has the next one."""
    headers = [CSV, PRIVATE]
    if following is not None:
        target = f"{request.path}?{urlencode({**query_of(request), 'after': following})}"
        headers.append((b"link", f'<{target}>; rel="next"'.encode()))
    request.respond(200, headers, sheet.encode())
