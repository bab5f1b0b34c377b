"""`/admin/overview`: how many requests there were, how fast they were, and what they cost, over time."""

from collections.abc import Sequence
from time import time
from typing import Annotated

from fastapi import Query, Request, Response

from tidegate.accounts.refusal_views import RefusalView, refusal_view, search_refusals
from tidegate.figures import History
from tidegate.figures.asked import overview_asked
from tidegate.figures.views import Group, Overview
from tidegate.store.keys import ids_of_keys
from tidegate.store.refusals import list_refusals
from tidegate.store.store import Store

from .answers import respond
from .routes import Routes

__all__ = ["add_overview"]


MOST_REFUSED = 20


class AdminOverview(Overview, frozen=True, kw_only=True):
    """What happened in a span of time, and what was refused before it began."""

    refused: Sequence[RefusalView]
    """The most frequent reasons, at most 20; empty for a model or provider, and without a store."""


def add_overview(routes: Routes, history: History, store: Store | None) -> None:
    """Add the path."""

    @routes.add("GET", "/overview", AdminOverview)
    async def read_overview(
        request: Request,
        hours: Annotated[float, Query(gt=0, description="How far back.")] = 24,
        bucket: Annotated[
            int | None, Query(description="Seconds from point to point; chosen for at most 100 points.")
        ] = None,
        by: Annotated[Group, Query(description="What to divide by.")] = "model",
        model: Annotated[str | None, Query(description="Only this model; by model or provider.")] = None,
        provider: Annotated[
            str | None, Query(description="Only models of this provider; by model or provider.")
        ] = None,
        user: Annotated[str | None, Query(description="Only this user; by user or key.")] = None,
    ) -> Response:
        """Sum up the last hours: totals, a series over time, and by model, provider, user or key."""
        keys = await store.ask(ids_of_keys, user) if by == "key" and user is not None and store else None
        query = dict(request.query_params)
        now = int(time() * 1000)
        found = await overview_asked(history, query, now, keys)
        refused: Sequence[RefusalView] = ()
        if store is not None and model is None and provider is None:
            filters = {} if user is None else {"user": user}
            search = search_refusals({"from": str(found.from_)}, now, filters)
            rows = await store.ask(list_refusals, **search, limit=MOST_REFUSED)
            refused = [refusal_view(one) for one in rows]
        fields = {name: getattr(found, name) for name in found.__struct_fields__}
        return respond(AdminOverview(**fields, refused=refused))
