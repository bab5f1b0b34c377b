"""`/admin/refusals`: what was refused before it began, and why."""

from typing import Annotated

from fastapi import Query, Request, Response

from tidegate.accounts.refusal_views import RefusalView, following_refusals, refusal_view, search_refusals
from tidegate.store.journal import milliseconds
from tidegate.store.refusals import list_refusals
from tidegate.store.store import Store

from .answers import Page, respond
from .reading import After, From, Limit, Text, To
from .routes import Routes

__all__ = ["add_refusals"]

SOUGHT = "A request's id or its beginning, or a part of an error's code or message."


def add_refusals(routes: Routes, store: Store) -> None:
    """Add the path."""

    @routes.add("GET", "/refusals", Page[RefusalView])
    async def list_refused_requests(
        request: Request,
        limit: Limit = 100,
        after: After = "",
        since: From = None,
        to: To = None,
        user: Text = None,
        key: Text = None,
        status: Annotated[int | None, Query(ge=400, le=599)] = None,
        q: Annotated[str | None, Query(max_length=255, description=SOUGHT)] = None,
    ) -> Response:
        """List what was refused before it began, by reason and caller, the most frequent first: of the last
        day, unless `from` says otherwise. Times are those of five minutes. They are kept for seven days.
        """
        given = {"user": user, "key": key}
        filters = {name: value for name, value in given.items() if value is not None}
        search = search_refusals(request.query_params, milliseconds(), filters)
        rows = await store.ask(list_refusals, **search, limit=limit)
        following = following_refusals(len(rows), search, limit)
        return respond(Page([refusal_view(one) for one in rows], following))
