"""`/admin/transactions` and `/admin/usage`: what was booked, and what requests have cost."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response

from tidegate.accounts.pages import next_position, parse_position, parse_time, wants_csv
from tidegate.accounts.usage_window import usage_window
from tidegate.money import usd
from tidegate.money.ledger import Kind
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.costs import GROUPS, Spent, spent_by
from tidegate.store.history import list_booked
from tidegate.store.journal import milliseconds
from tidegate.store.store import Store

from .answers import Page, Transaction, Usage, respond
from .reading import After, From, Limit, Text, To
from .routes import Routes
from .sheets import respond_csv, transaction

__all__ = ["add_figures"]


def add_figures(routes: Routes, store: Store) -> None:
    """Add the paths."""
    _add_transactions(routes, store)
    _add_usage(routes, store)


def _add_transactions(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/transactions", Page[Transaction], csv=True)
    async def list_transactions(
        request: Request,
        limit: Limit = 100,
        after: After = "",
        since: From = None,
        to: To = None,
        user: Text = None,
        kind: Annotated[Kind | None, Query()] = None,
        of_request: Annotated[str | None, Query(alias="request", description="A request's id.")] = None,
    ) -> Response:
        """List transactions, the latest first; in CSV with `Accept: text/csv`."""
        given = {"user": user, "kind": kind, "request": of_request}
        await store.flush()
        rows = await store.ask(
            list_booked,
            filters={name: value for name, value in given.items() if value is not None},
            before=parse_position(after),
            since=parse_time(since, "from"),
            until=parse_time(to, "to"),
            limit=limit,
        )
        following = next_position(rows, limit)
        if wants_csv(request.headers.get("accept")):
            return respond_csv(rows, request.url, following)
        return respond(Page([transaction(one) for one in rows], following))


def _add_usage(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/usage", Page[Usage])
    async def sum_up_usage(
        by: Annotated[str, Query(description=f"What to sum up by: of {', '.join(GROUPS)}.")] = "day",
        limit: Limit = 1000,
        after: After = "",
        since: From = None,
        to: To = None,
        user: Text = None,
        team: Text = None,
        key: Text = None,
        model: Text = None,
        provider: Text = None,
    ) -> Response:
        """Sum up the cost of requests, by when they began: of today (UTC) and the 30 days before, unless
        `from` says otherwise.
        """
        groups = list(dict.fromkeys(name for name in by.split(",") if name))
        if not groups or not set(groups) <= set(GROUPS):
            raise InvalidRequest(f"by has one or several of {', '.join(GROUPS)}", param="by")
        if after and not (after.isascii() and after.isdigit() and len(after) < 10):
            raise InvalidRequest("after is not the `next` of a page", param="after")
        given = {"user": user, "team": team, "key": key, "model": model, "provider": provider}
        filters = {name: value for name, value in given.items() if value is not None}
        begin, until = usage_window(
            parse_time(since, "from"), parse_time(to, "to"), milliseconds(), groups=groups, filters=filters
        )
        offset = int(after or 0)
        await store.flush()
        rows = await store.ask(
            spent_by,
            groups,
            since=begin,
            until=until,
            filters=filters,
            limit=limit,
            offset=offset,
        )
        following = str(offset + limit) if len(rows) == limit else None
        return respond(Page([_usage(one) for one in rows], following))


def _usage(spent: Spent) -> Usage:
    by: dict[str, Any] = dict(spent.by)
    if "day" in by:
        by["day"] = f"{datetime.fromtimestamp(by['day'] / 1000, UTC):%Y-%m-%d}"
    return Usage(**by, requests=spent.requests, unpriced=spent.unpriced, cost_usd=usd(spent.cost))
