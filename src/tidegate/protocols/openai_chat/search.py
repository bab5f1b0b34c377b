"""OpenAI's web search as a field of a chat (`web_search_options`)."""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.fields import FIELDS, Fields, is_set
from tidegate.protocols.search import OPTIONS, options_for
from tidegate.protocols.turn import Place, Tool, WebSearch

__all__ = ["SEARCHES", "build_search", "render_options"]

FORMAT = "openai_chat"
SEARCHES = "web_search"
"""How the types of tools begin by which compatible servers search the web."""
CARRIED = ("user_location", "search_context_size")


class Location(Struct, frozen=True):
    """Where the user is."""

    approximate: Place | None = None


class OptionsIn(Struct, frozen=True):
    """The field."""

    user_location: Location | None = None
    search_context_size: str | None = None


DECODER = Decoder(OptionsIn)


def build_search(fields: Fields) -> tuple[Tool, ...]:
    """The search that a request asks for, as a tool."""
    raw = fields.get(OPTIONS, Raw())
    if not is_set(raw):
        return ()
    return (Tool(OPTIONS, kind="native", format=FORMAT, block=raw, search=_read(raw)),)


def _read(raw: Raw) -> WebSearch:
    try:
        options, fields = DECODER.decode(raw), FIELDS.decode(raw)
    except MALFORMED:
        return WebSearch()  # a provider of this format reports it
    return WebSearch(
        user_location=options.user_location.approximate if options.user_location is not None else None,
        search_context_size=options.search_context_size,
        others=tuple(name for name in fields if name not in CARRIED),
    )


def render_options(tool: Tool, dropped: list[str]) -> Any:
    """Write the field: a client's own as it is."""
    if tool.format == FORMAT and tool.block is not None:
        return tool.block
    search = options_for(tool, CARRIED, dropped)
    rendered: dict[str, Any] = {}
    if search.user_location is not None:
        rendered["user_location"] = {"type": "approximate", "approximate": search.user_location.render()}
    if search.search_context_size is not None:
        rendered["search_context_size"] = search.search_context_size
    return rendered
