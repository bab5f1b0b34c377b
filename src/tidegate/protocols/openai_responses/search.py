"""OpenAI's web search as a tool of a response."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.fields import FIELDS
from tidegate.protocols.search import options_for
from tidegate.protocols.turn import Place, Tool, WebSearch

__all__ = ["SEARCHES", "read_search", "render_search"]

SEARCHES = ("web_search", "web_search_preview")
"""The types; each also exists with a date (`web_search_2025_08_26`)."""
CARRIED = ("allowed_domains", "blocked_domains", "user_location", "search_context_size")
KNOWN = frozenset(["type", "filters", "user_location", "search_context_size", "external_web_access"])


class Filters(Struct, frozen=True):
    """The domains that are searched."""

    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class SearchIn(Struct, frozen=True):
    """The declaration of the tool."""

    filters: Filters | None = None
    user_location: Place | None = None
    search_context_size: str | None = None
    external_web_access: bool | None = None


SEARCH = Decoder(SearchIn)


def read_search(kind: str, block: Raw) -> WebSearch | None:
    """The options of a declared tool; None if it is no web search, or one that only reads OpenAI's index
    (`external_web_access: false`), which nobody else has.
    """
    if not kind.startswith(SEARCHES):
        return None
    try:
        search, fields = SEARCH.decode(block), FIELDS.decode(block)
    except MALFORMED:
        return None
    if search.external_web_access is False:
        return None
    filters = search.filters or Filters()
    return WebSearch(
        allowed_domains=tuple(filters.allowed_domains or ()),
        blocked_domains=tuple(filters.blocked_domains or ()),
        user_location=search.user_location,
        search_context_size=search.search_context_size,
        others=tuple(name for name in fields if name not in KNOWN),
    )


def render_search(tool: Tool, dropped: list[str]) -> dict[str, Any]:
    """Write the declaration."""
    search = options_for(tool, CARRIED, dropped)
    rendered: dict[str, Any] = {"type": "web_search"}
    domains = {"allowed_domains": search.allowed_domains, "blocked_domains": search.blocked_domains}
    if any(domains.values()):
        rendered["filters"] = {name: names for name, names in domains.items() if names}
    if search.user_location is not None:
        rendered["user_location"] = {"type": "approximate", **search.user_location.render()}
    if search.search_context_size is not None:
        rendered["search_context_size"] = search.search_context_size
    return rendered
