"""Google's web search (`googleSearch`)."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.fields import FIELDS
from tidegate.protocols.search import options_for
from tidegate.protocols.turn import Tool, WebSearch

__all__ = ["SEARCHES", "read_search", "render_search"]

SEARCHES = frozenset(["googleSearch", "googleSearchRetrieval"])
"""The second one is that of Gemini 1.5."""
KNOWN = frozenset(["excludeDomains"])


class SearchIn(Struct, frozen=True, rename="camel"):
    """The options."""

    exclude_domains: list[str] | None = None
    """Only at Vertex AI."""


SEARCH = Decoder(SearchIn)


def read_search(name: str, raw: Raw) -> WebSearch | None:
    """The options of a tool of this name; None if it is no web search."""
    if name not in SEARCHES:
        return None
    try:
        search, fields = SEARCH.decode(raw), FIELDS.decode(raw)
    except MALFORMED:
        return None
    others = tuple(name for name in fields if name not in KNOWN)
    return WebSearch(blocked_domains=tuple(search.exclude_domains or ()), others=others)


def render_search(tool: Tool, carried: tuple[str, ...], dropped: list[str]) -> dict[str, Any]:
    """Write the tool. Raises Unsupported."""
    search = options_for(tool, carried, dropped)
    return {"googleSearch": {"excludeDomains": search.blocked_domains} if search.blocked_domains else {}}
