"""`/admin/refusals`: what was refused before it began, and why."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Query, Response
from msgspec import Struct

from tidegate.accounts.pages import parse_time
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.journal import milliseconds
from tidegate.store.refusals import SPAN_MS, Refused, list_refusals
from tidegate.store.store import Store

from .answers import Page, respond
from .reading import After, From, Limit, Text, To
from .routes import Routes

__all__ = ["RefusalView", "add_refusals", "read_refusals"]

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


def add_refusals(routes: Routes, store: Store) -> None:
    """Add the path."""

    @routes.add("GET", "/refusals", Page[RefusalView])
    async def list_refused_requests(
        limit: Limit = 100,
        after: After = "",
        since: From = None,
        to: To = None,
        user: Text = None,
        key: Text = None,
        status: Annotated[int | None, Query(ge=400, le=599)] = None,
    ) -> Response:
        """List what was refused before it began, by reason and caller, the most frequent first: of the last
        day, unless `from` says otherwise. Times are those of five minutes. They are kept for seven days.
        """
        if after and not (after.isascii() and after.isdigit() and len(after) < 10):
            raise InvalidRequest("after is not the `next` of a page", param="after")
        given = {"user": user, "key": key, "status": status}
        until, offset = parse_time(to, "to") or milliseconds() + 1, int(after or 0)
        begin = parse_time(since, "from")
        begin = until - DAY_MS if begin is None else begin
        filters = {name: value for name, value in given.items() if value is not None}
        rows = await read_refusals(store, begin, until, filters, limit=limit, offset=offset)
        return respond(Page(rows, str(offset + limit) if len(rows) == limit else None))


async def read_refusals(
    store: Store, since: int, until: int, filters: Mapping[str, str | int], *, limit: int, offset: int = 0
) -> Sequence[RefusalView]:
    """Refusals, from the five minutes of `since` to before `until`. Raises StoreUnavailable."""
    since -= since % SPAN_MS
    rows = await store.ask(
        list_refusals, since=since, until=until, filters=filters, limit=limit, offset=offset
    )
    return [_view(one) for one in rows]


def _view(one: Refused) -> RefusalView:
    return RefusalView(
        status=one.status, code=one.code, door=one.door, user=one.user or None, key=one.key or None,
        presented=one.presented or None, requests=one.requests, last=one.last, request=one.request,
        model=one.model or None, address=one.address or None, message=one.message,
    )  # fmt: skip
