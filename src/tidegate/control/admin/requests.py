"""`/admin/requests`, `/admin/sessions` and `/admin/live`: what clients asked for, and what became of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import Query, Request, Response

from tidegate.accounts.live import LiveRequest
from tidegate.accounts.pages import parse_position, parse_time, render_rows, wants_csv
from tidegate.accounts.request_pages import (
    next_request,
    next_session,
    parse_search,
    parse_session_position,
    session_filters,
)
from tidegate.accounts.request_views import (
    RequestDetails,
    RequestView,
    SessionView,
    request_details,
    request_view,
    session_view,
)
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.bodies import find_bodies
from tidegate.store.requests import MOST_SEARCHED, find_request, list_requests
from tidegate.store.sessions import find_session, list_sessions
from tidegate.store.store import Store

from .answers import Page, respond
from .reading import After, From, Limit, Text, To
from .routes import Routes
from .sheets import respond_sheet

__all__ = ["Live", "add_requests"]

Live = Callable[[], Awaitable[Sequence[LiveRequest]]]
"""Asks all workers of the host for their open requests."""

Errors = Annotated[bool | None, Query(description="Only requests that failed.")]
Words = Annotated[
    str | None,
    Query(
        max_length=255,
        description="A request's id or its beginning, a session, or a part of an error. Errors are looked "
        f"for in the latest {MOST_SEARCHED:,} failed requests.",
    ),
]


def add_requests(routes: Routes, store: Store, live: Live) -> None:
    """Add the paths."""
    _add_lists(routes, store)
    _add_sessions(routes, store)

    @routes.add("GET", "/live", Page[LiveRequest])
    async def list_live() -> Response:
        """List the open requests of all workers of this host, the latest first."""
        return respond(Page(await live()))


def _add_lists(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/requests", Page[RequestView], csv=True)
    async def list_all_requests(
        request: Request,
        limit: Limit = 100,
        after: After = "",
        user: Text = None,
        team: Text = None,
        key: Text = None,
        session: Text = None,
        model: Text = None,
        provider: Text = None,
        door: Text = None,
        ended: Text = None,
        errors: Errors = None,
        since: From = None,
        to: To = None,
        q: Words = None,
    ) -> Response:
        """List requests that have ended, the latest first; in CSV with `Accept: text/csv`."""
        return await _respond_page(request, store, limit, after, {})

    @routes.add("GET", "/requests/{request_id}", RequestDetails)
    async def show_request(request_id: str) -> Response:
        """Show everything that is known of a request: its attempts, its bill and, if recorded, its bodies."""
        await store.flush()
        found = await store.ask(find_request, request_id)
        if found is None:
            message = "there is no record of this request"
            raise InvalidRequest(message, status=404, code="not_found", param="request_id")
        bodies = await store.ask(find_bodies, request_id)
        return respond(request_details(found, bodies))


def _add_sessions(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/sessions", Page[SessionView], csv=True)
    async def list_all_sessions(
        request: Request,
        limit: Limit = 100,
        after: After = "",
        user: Text = None,
        key: Text = None,
        model: Text = None,
        since: From = None,
        to: To = None,
    ) -> Response:
        """List sessions, the one that ended last first; in CSV with `Accept: text/csv`."""
        query = request.query_params
        await store.flush()
        rows = await store.ask(
            list_sessions,
            filters=session_filters(query),
            before=parse_session_position(after),
            since=parse_time(since, "from"),
            until=parse_time(to, "to"),
            limit=limit,
        )
        views, following = [session_view(one) for one in rows], next_session(rows, limit)
        if wants_csv(request.headers.get("accept")):
            return respond_sheet(render_rows(views, SessionView), request.url, following)
        return respond(Page(views, following))

    @routes.add("GET", "/sessions/{session:path}", SessionDetails)
    async def show_session(request: Request, session: str, limit: Limit = 100, after: After = "") -> Response:
        """Show a session, and its requests, the latest first."""
        await store.flush()
        found = await store.ask(find_session, session, {})
        if found is None:
            message = "there is no record of this session"
            raise InvalidRequest(message, status=404, code="not_found", param="session")
        search = parse_search({"session": session})
        rows = await store.ask(list_requests, search, before=parse_position(after), limit=limit)
        view: dict[str, Any] = {
            name: getattr(session_view(found), name) for name in SessionView.__struct_fields__
        }
        requests = [request_view(one) for one in rows]
        return respond(SessionDetails(**view, data=requests, next=next_request(rows, limit)))


class SessionDetails(SessionView, frozen=True, kw_only=True):
    """A session, and a page of its requests."""

    data: Sequence[RequestView]
    next: str | None
    """What to send as `after` for the next page; null after the last one."""


async def _respond_page(
    request: Request, store: Store, limit: int, after: str, more: dict[str, str]
) -> Response:
    search = parse_search({**request.query_params, **more})
    await store.flush()
    rows = await store.ask(list_requests, search, before=parse_position(after), limit=limit)
    views, following = [request_view(one) for one in rows], next_request(rows, limit)
    if wants_csv(request.headers.get("accept")):
        return respond_sheet(render_rows(views, RequestView), request.url, following)
    return respond(Page(views, following))
