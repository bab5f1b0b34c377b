"""Conversion of tools and tool choice."""

from collections.abc import Iterable, Sequence

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.fields import is_set
from tidegate.protocols.turn import Tool, ToolChoice

from .custom import chat_declaration
from .search import read_search
from .tools import SEARCH, Offered, ToolNames
from .wire import NAME, ChoiceIn, CustomTool, OwnTool, ToolSearchTool

__all__ = ["build_choice", "build_tools"]


def build_tools(
    offered: Sequence[Offered], names: ToolNames, choice: str | ChoiceIn | None
) -> tuple[tuple[Tool, ...], dict[str, Raw]]:
    """Return the tools by their flat names, and the names of those that are left out."""
    tools: list[Tool] = []
    left_out: dict[str, Raw] = {}
    for one in offered:
        if _may_be_left_out(one, offered, choice):
            left_out[f"tools.{one.name}"] = Raw(b"true")
        else:
            tools.append(_build_tool(one, names))
    return tuple(tools), left_out


class Search(Struct, gc=False):
    """The field that shows that a web search only uses the provider's index."""

    external_web_access: bool | None = None


_SEARCH = Decoder(Search)


def _may_be_left_out(one: Offered, offered: Iterable[Offered], choice: str | ChoiceIn | None) -> bool:
    """Return whether a tool can be left out without changing the meaning of the request.

    That holds for the provider's search among deferred tools, because all of them are offered; and for a web
    search without web access in addition to the client's tools, which Codex offers in every request.
    """
    tool = one.tool
    if isinstance(tool, ToolSearchTool):
        return tool.execution != "client"
    if not isinstance(tool, OwnTool) or tool.kind != "web_search" or choice not in (None, "auto", "none"):
        return False
    if all(isinstance(other.tool, OwnTool) for other in offered):
        return False
    try:
        return _SEARCH.decode(tool.raw).external_web_access is False
    except MALFORMED:
        return False


def _build_tool(one: Offered, names: ToolNames) -> Tool:
    tool, flat = one.tool, names.flat(one.namespace, one.name)
    if isinstance(tool, OwnTool):
        search = read_search(tool.kind, tool.raw)
        return Tool(tool.kind, kind="native", format=NAME, block=tool.raw, search=search)
    if isinstance(tool, CustomTool):
        block = chat_declaration(tool, flat)
        return Tool(flat, tool.description, kind="custom", format="openai_chat", block=block)
    parameters = tool.parameters if is_set(tool.parameters) else None
    strict = None if isinstance(tool, ToolSearchTool) else tool.strict
    return Tool(flat, tool.description, parameters, strict)


def build_choice(choice: str | ChoiceIn | None, names: ToolNames) -> ToolChoice | None:
    """Convert the tool choice. Raises Unsupported."""
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(choice)  # type: ignore[arg-type]
    if choice.type == "allowed_tools":
        allowed = tuple(names.flat(tool.namespace, tool.name) for tool in choice.tools or () if tool.name)
        return ToolChoice(choice.mode or "auto", allowed)
    name = SEARCH if choice.type == SEARCH else choice.name
    if choice.type not in ("function", "custom", SEARCH) or name is None:
        raise Unsupported(f'this provider does not support the tool "{choice.type}"', param="tool_choice")
    return ToolChoice("named", (names.flat(choice.namespace, name),))
