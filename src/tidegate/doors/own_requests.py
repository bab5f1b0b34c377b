"""A caller's own requests and sessions, and what was refused of them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tidegate.exchange import JSON, Gateway, Request
from tidegate.exchange.state import Exchange

from .details import encode
from .listing import query_of
from .own_pages import PRIVATE, parse_limit, respond_page
from .routing import Routes

if TYPE_CHECKING:
    from tidegate.accounts.own import OwnAccounts

__all__ = ["own_requests"]

PATH = "/v1/me/requests/"

Answer = Callable[[Exchange, "OwnAccounts"], Awaitable[None]]
Answering = Callable[[Request, Gateway, Answer], Awaitable[None]]
"""Answers a caller who is known, with the accounts."""


def own_requests(answering: Answering) -> Routes:
    """The paths."""

    def route(answer: Callable[[Request, Exchange, Any], Awaitable[None]]) -> Any:
        def endpoint(request: Request, gateway: Gateway) -> Awaitable[None]:
            return answering(request, gateway, lambda this, accounts: answer(request, this, accounts))

        return endpoint

    return {
        ("GET", "/v1/me/requests"): route(list_requests),
        ("GET", f"{PATH}*"): route(show_request),
        ("GET", "/v1/me/sessions"): route(list_sessions),
        ("GET", "/v1/me/refusals"): route(list_refusals),
    }


async def list_requests(request: Request, this: Exchange, accounts: "OwnAccounts") -> None:
    """List the caller's requests, the latest first, in JSON or CSV."""
    from tidegate.accounts.pages import parse_position
    from tidegate.accounts.request_pages import next_request, parse_search
    from tidegate.accounts.request_views import RequestView, request_view

    query = query_of(request)
    limit = parse_limit(query.get("limit"))
    before = parse_position(query.get("after", ""))
    rows = await accounts.requests(this.caller, parse_search(query), before, limit)
    respond_page(request, [request_view(one) for one in rows], RequestView, next_request(rows, limit))


async def show_request(request: Request, this: Exchange, accounts: "OwnAccounts") -> None:
    """Show one of the caller's requests."""
    from tidegate.accounts.request_views import request_details

    found, bodies = await accounts.request(this.caller, request.path.removeprefix(PATH))
    request.respond(200, [JSON, PRIVATE], encode(request_details(found, bodies)))


async def list_sessions(request: Request, this: Exchange, accounts: "OwnAccounts") -> None:
    """List the caller's sessions, the one that ended last first, in JSON or CSV."""
    from tidegate.accounts.pages import parse_time
    from tidegate.accounts.request_pages import next_session, parse_session_position, session_filters
    from tidegate.accounts.request_views import SessionView, session_view

    query = query_of(request)
    limit = parse_limit(query.get("limit"))
    rows = await accounts.sessions(
        this.caller,
        session_filters(query),
        parse_session_position(query.get("after", "")),
        parse_time(query.get("from"), "from"),
        parse_time(query.get("to"), "to"),
        limit,
    )
    respond_page(request, [session_view(one) for one in rows], SessionView, next_session(rows, limit))


async def list_refusals(request: Request, this: Exchange, accounts: "OwnAccounts") -> None:
    """List why the caller's requests were refused before they began."""
    query = query_of(request)
    found = await accounts.refusals(this.caller, query, parse_limit(query.get("limit")))
    request.respond(200, [JSON, PRIVATE], encode(found))
