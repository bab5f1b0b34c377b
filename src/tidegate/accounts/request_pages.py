"""What lists of requests and sessions are asked for, and where their pages begin."""

from collections.abc import Mapping, Sequence

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.sought import search_value
from tidegate.store.history import Position
from tidegate.store.requests import FILTERS, Search, StoredRequest
from tidegate.store.sessions import Session, SessionPosition

from .pages import parse_position, parse_time

__all__ = [
    "next_request",
    "next_session",
    "parse_search",
    "parse_session_position",
    "session_filters",
]

TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")
SESSION_FILTERS = ("user", "key", "model")


def parse_search(query: Mapping[str, str]) -> Search:
    """What a list of requests is asked for. Raises InvalidRequest naming the parameter."""
    filters = {name: search_value(query, name) for name in FILTERS if query.get(name)}
    errors = query.get("errors", "").lower()
    if errors not in TRUE + FALSE:
        raise InvalidRequest("errors is true or false", param="errors")
    return Search(
        filters,
        errors in TRUE,
        parse_time(query.get("from"), "from"),
        parse_time(query.get("to"), "to"),
        search_value(query, "q").strip() or None,
    )


def session_filters(query: Mapping[str, str]) -> Mapping[str, str]:
    """What a list of sessions is restricted by. Raises InvalidRequest naming the parameter."""
    return {name: search_value(query, name) for name in SESSION_FILTERS if query.get(name)}


def next_request(rows: Sequence[StoredRequest], limit: int) -> str | None:
    """Where the page after these rows begins."""
    return f"{rows[-1].at}.{rows[-1].id}" if len(rows) == limit else None


def next_session(rows: Sequence[Session], limit: int) -> str | None:
    """Where the page after these rows begins."""
    return f"{rows[-1].last}.{rows[-1].session}" if len(rows) == limit else None


def parse_session_position(text: str) -> SessionPosition | None:
    """Where a page of sessions begins; None at the beginning. Raises InvalidRequest."""
    place: Position | None = parse_position(text)
    return SessionPosition(place.at, place.id) if place is not None else None
