"""Anthropic's web search (`web_search_20250305` and later)."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.fields import FIELDS
from tidegate.protocols.search import options_for
from tidegate.protocols.turn import Place, Tool, WebSearch

__all__ = ["is_search", "most_searches", "read_search", "render_search"]

TYPE = "web_search_20250305"
"""The version that every model with a web search accepts."""
PREFIX = "web_search_"
CARRIED = ("allowed_domains", "blocked_domains", "user_location", "max_uses")
KNOWN = frozenset([*CARRIED, "type", "name", "cache_control"])


class SearchIn(Struct, frozen=True):
    """The declaration of the tool."""

    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    user_location: Place | None = None
    max_uses: int | None = None


SEARCH = Decoder(SearchIn)


class BoundedIn(Struct, frozen=True):
    """What a tool says about how often it is used."""

    type: Any = None
    max_uses: Any = None


class ToolsIn(Struct, frozen=True):
    """The tools of a request."""

    tools: list[BoundedIn]


TOOLS = Decoder(ToolsIn)


def is_search(kind: str | None) -> bool:
    """Whether a tool of this type is a web search."""
    return kind is not None and kind.startswith(PREFIX)


def most_searches(body: bytes) -> int | None:
    """The most searches of a request that has such tools; None if one of them has no bound."""
    try:
        tools = TOOLS.decode(body).tools
    except MALFORMED:
        return None
    bounds = [tool.max_uses for tool in tools if isinstance(tool.type, str) and is_search(tool.type)]
    return sum(bounds) if all(type(one) is int and one >= 0 for one in bounds) else None


def read_search(block: Raw) -> WebSearch | None:
    """The options of a declaration; None if they are not as documented."""
    try:
        search, fields = SEARCH.decode(block), FIELDS.decode(block)
    except MALFORMED:
        return None
    return WebSearch(
        allowed_domains=tuple(search.allowed_domains or ()),
        blocked_domains=tuple(search.blocked_domains or ()),
        user_location=search.user_location,
        max_uses=search.max_uses,
        others=tuple(name for name in fields if name not in KNOWN),
    )


def render_search(tool: Tool, dropped: list[str]) -> dict[str, Any]:
    """Write the declaration. Raises Unsupported."""
    search = options_for(tool, CARRIED, dropped)
    if search.allowed_domains and search.blocked_domains:
        raise Unsupported(
            "this provider takes either allowed or blocked domains for a web search, not both", param="tools"
        )
    rendered: dict[str, Any] = {"type": TYPE, "name": "web_search"}
    if search.max_uses is not None:
        rendered["max_uses"] = search.max_uses
    if search.allowed_domains:
        rendered["allowed_domains"] = search.allowed_domains
    if search.blocked_domains:
        rendered["blocked_domains"] = search.blocked_domains
    if search.user_location is not None:
        rendered["user_location"] = {"type": "approximate", **search.user_location.render()}
    return rendered
