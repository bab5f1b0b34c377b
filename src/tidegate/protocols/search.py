"""Web search that the provider runs itself: what clients can ask of it, independent of any dialect.

Most providers have one, as a tool or as a field, with options of their own. `options_for` says which of a
client's options a provider gets. A search that is restricted to some domains is not another search with a
preference, so domains are carried or refused; the rest only tunes it.
"""

from msgspec import structs

from .errors import Unsupported
from .turn import Tool, WebSearch

__all__ = ["OPTIONS", "options_for", "refuse_tool"]


DOMAINS = ("allowed_domains", "blocked_domains")


def options_for(tool: Tool, carried: tuple[str, ...], dropped: list[str]) -> WebSearch:
    """The options of a tool's search for a provider that has those in `carried`. Adds the names of the others
    to `dropped`. Raises Unsupported for domains.
    """
    search = tool.search
    assert search is not None
    empty = WebSearch()
    others = [name for name in search.__struct_fields__ if name != "others" and name not in carried]
    set_here = [name for name in others if getattr(search, name) != getattr(empty, name)]
    for name in set_here:
        if name in DOMAINS:
            raise Unsupported(
                f"this provider cannot restrict a web search to domains ({name})", param=place_of(tool)
            )
    dropped += [f"{place_of(tool)}.{name}" for name in (*set_here, *search.others)]
    return structs.replace(search, **{name: getattr(empty, name) for name in set_here})


def place_of(tool: Tool) -> str:
    """Where a client declares the search: a tool, or OpenAI's field of a chat."""
    return OPTIONS if tool.name == OPTIONS else "tools.web_search"


OPTIONS = "web_search_options"
"""OpenAI's field for a search in a chat."""


def refuse_tool(tool: Tool, param: str = "tools") -> Unsupported:
    """The refusal of a tool that the provider would have to run itself."""
    if tool.search is not None:
        return Unsupported(
            f"this provider has no web search ({tool.name}), at least not with this model",
            param=OPTIONS if tool.name == OPTIONS else param,
        )
    return Unsupported(f'this provider does not support the tool "{tool.name}"', param=param)
