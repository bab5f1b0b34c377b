"""Refused requests, as operators and callers see them, and what is asked for of them."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.sought import search_value
from tidegate.store.refusals import SPAN_MS, Refused

from .pages import parse_time

__all__ = ["RefusalView", "following_refusals", "refusal_view", "search_refusals"]

DAY_MS = 86_400_000


class RefusalView(Struct, frozen=True, kw_only=True):
    """Requests that were refused for one reason, of one caller."""

    status: int
    code: str
    """The error's code; empty for the rest of a flood, which is counted by door and status only."""
    door: str
    user: str | None
    key: str | None
    """The id of the key that was sent, if it is one of the gateway."""
    presented: str | None
    """The beginning of a key that nobody has; `others` for the rest of a flood."""
    requests: int
    last: int
    """When the last of them was, within a few seconds."""
    request: str
    """Its id, which the log has."""
    model: str | None
    """Its model, if that was read."""
    address: str | None
    """Where it came from."""
    message: str
    """What it was told; for errors in the request, without anything of it."""


def refusal_view(one: Refused) -> RefusalView:
    """Refusals, as they are shown."""
    return RefusalView(
        status=one.status, code=one.code, door=one.door, user=one.user or None, key=one.key or None,
        presented=one.presented or None, requests=one.requests, last=one.last, request=one.request,
        model=one.model or None, address=one.address or None, message=one.message,
    )  # fmt: skip


def search_refusals(query: Mapping[str, str], now: int, filters: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of `list_refusals` for a query and other filters: the day until `now` (in milliseconds
    since 1970), unless it says otherwise. Raises InvalidRequest.
    """
    after, status, text = query.get("after", ""), query.get("status", ""), search_value(query, "q").strip()
    if not _is_number(after):
        raise InvalidRequest("after is not the `next` of a page", param="after")
    if not _is_number(status) or (status and not 400 <= int(status) <= 599):
        raise InvalidRequest("status is a number from 400 to 599", param="status")
    until = parse_time(query.get("to"), "to") or now + 1
    since = parse_time(query.get("from"), "from")
    since = until - DAY_MS if since is None else since
    more: dict[str, str | int] = {"status": int(status)} if status else {}
    return {
        "since": since - since % SPAN_MS, "until": until, "filters": {**filters, **more},
        "text": text or None, "offset": int(after or 0),
    }  # fmt: skip


def following_refusals(rows: int, search: Mapping[str, Any], limit: int) -> str | None:
    """Where the page after so many rows begins."""
    return str(search["offset"] + limit) if rows == limit else None


def _is_number(text: str) -> bool:
    """Whether this is a small number, or nothing."""
    return not text or (text.isascii() and text.isdigit() and len(text) < 10)
