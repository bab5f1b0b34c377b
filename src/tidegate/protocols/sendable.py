"""What clients write although it means nothing, taken out before a request goes to another format.

Providers refuse a whole request for it: the same tool twice, a stop sequence without text, a negative
`top_k` (which servers of open models read as "off").
"""

from collections.abc import Sequence

from msgspec import structs

from .errors import InvalidRequest, Unsupported
from .noise import EMPTY_STOP, NEGATIVE_TOP_K, REPEATED_TOOL
from .turn import Tool, Turn

__all__ = ["refuse_meaning", "sendable"]

MEANING = frozenset({"mcp_servers", "cachedContent"})
"""Fields of one format only that a request cannot do without: they bring tools, or a part of the prompt."""


def refuse_meaning(turn: Turn) -> None:
    """Raise Unsupported for a field that no other format has and that means more than tuning."""
    for name in MEANING & turn.extensions.keys():
        if bytes(turn.extensions[name]).strip() not in (b"[]", b'""', b"null"):
            raise Unsupported(f'this provider does not support the parameter "{name}"', param=name)


def sendable(turn: Turn) -> tuple[Turn, tuple[str, ...]]:
    """Return a Turn that a provider can be asked, and the names of what was taken out of it. Raises
    InvalidRequest for different tools with one name: nobody could tell which of them is called.
    """
    dropped: list[str] = []
    if turn.stop and "" in turn.stop:
        turn = structs.replace(turn, stop=tuple(stop for stop in turn.stop if stop))
        dropped.append(EMPTY_STOP)
    if turn.top_k is not None and turn.top_k < 0:
        turn = structs.replace(turn, top_k=None)
        dropped.append(NEGATIVE_TOP_K)
    if len(turn.tools) > 1 and len({_key(tool) for tool in turn.tools}) < len(turn.tools):
        turn = structs.replace(turn, tools=_distinct(turn.tools))
        dropped.append(REPEATED_TOOL)
    return turn, tuple(dropped)


def _key(tool: Tool) -> object:
    """Return what a provider tells tools apart by; those that it runs itself need not have a name."""
    return tool.name if tool.kind != "native" else id(tool)


def _distinct(tools: Sequence[Tool]) -> tuple[Tool, ...]:
    known: dict[object, Tool] = {}
    for tool in tools:
        same = known.setdefault(_key(tool), tool)
        if same is not tool and _declared(same) != _declared(tool):
            raise InvalidRequest(f'there are two different tools named "{tool.name}"', param="tools")
    return tuple(known.values())


def _declared(tool: Tool) -> object:
    return (tool.kind, tool.description, tool.strict, bytes(tool.parameters or b""), bytes(tool.block or b""))
