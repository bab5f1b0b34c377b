"""Tools: their definitions, wherever they are in a request, and their names in other formats.

Other formats have a flat list of functions. In this format tools may be in a `namespace` or in items of the
input (`additional_tools`, `tool_search_output`), and one of them may be the client's own search for tools. So
each tool gets a flat name, `<namespace>__<name>`, which is used to offer it and in the history of its calls;
`ToolNames` maps a flat name back to what the client defined.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

from msgspec import DecodeError, Raw
from msgspec.json import Decoder
from msgspec.structs import replace

from tidegate.protocols.decode import decode
from tidegate.protocols.errors import InvalidRequest

from .wire import (
    TOOL_HEAD,
    AdditionalToolsItem,
    CustomTool,
    FunctionTool,
    Item,
    NamespaceTool,
    OfferedTool,
    OwnTool,
    SharedTool,
    ToolSearchOutputItem,
    ToolSearchTool,
)

__all__ = [
    "SEARCH",
    "TOOLS",
    "Declared",
    "Offered",
    "ToolNames",
    "list_offered",
    "may_be_schema",
    "parse_tools",
]

TOOLS: Mapping[str, Decoder[SharedTool]] = {
    "function": Decoder(FunctionTool),
    "custom": Decoder(CustomTool),
    "namespace": Decoder(NamespaceTool),
    "tool_search": Decoder(ToolSearchTool),
}
"""By type of tool. All other types are the provider's built-in tools."""

ALL_TOOLS = Decoder(list[SharedTool])

SEARCH = "tool_search"
"""The name of the search for tools when it is offered as a function."""

PLAIN_NAMESPACE = "functions"
"""The namespace of tools that have none; Codex sometimes writes it explicitly."""

LONGEST_NAME = 64
"""The maximum length of a function name at OpenAI, Anthropic, Gemini and Bedrock."""

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


# --- definitions -----------------------------------------------------------------------------


def parse_tools(raws: Sequence[Raw], whole: Raw | None, place: str) -> list[OfferedTool]:
    """Decode tools, all at once if `whole` is their list and all are of shared types.
    Raises InvalidRequest.
    """
    tools: list[OfferedTool]
    try:
        tools = [*ALL_TOOLS.decode(whole)] if whole is not None else _parse_each(raws, place)
    except DecodeError:
        tools = _parse_each(raws, place)
    for index, tool in enumerate(tools):
        if isinstance(tool, FunctionTool) and not may_be_schema(tool.parameters):
            raise InvalidRequest("expected a JSON Schema object", param=f"{place}.{index}.parameters")
    return tools


def _parse_each(raws: Sequence[Raw], place: str) -> list[OfferedTool]:
    return [_parse_tool(raw, f"{place}.{index}") for index, raw in enumerate(raws)]


def _parse_tool(raw: Raw, place: str) -> OfferedTool:
    """Decode a tool by its type."""
    kind = decode(TOOL_HEAD, raw, place).type
    decoder = TOOLS.get(kind)
    return OwnTool(kind, raw) if decoder is None else decode(decoder, raw, place)


def may_be_schema(raw: Raw) -> bool:
    """Return whether a value can be a JSON Schema: an object, or nothing."""
    view = memoryview(raw)
    return len(view) == 0 or view[0] == 0x7B or bytes(view) == b"null"  # {


# --- every tool of a request -----------------------------------------------------------------


class Offered(NamedTuple):
    """A tool other than a namespace, and the namespace that contains it ("" for none)."""

    tool: FunctionTool | CustomTool | ToolSearchTool | OwnTool
    namespace: str = ""

    @property
    def name(self) -> str:
        """Its name within the namespace, or its type if it has no name."""
        if isinstance(self.tool, OwnTool):
            return self.tool.kind
        return SEARCH if isinstance(self.tool, ToolSearchTool) else self.tool.name


def list_offered(tools: Sequence[OfferedTool], items: Sequence[Item]) -> list[Offered]:
    """Return all tools of a request. A tool that an item defines again is returned once.

    Raises InvalidRequest.
    """
    offered = list(_unfold(tools, "tools"))
    known = {(one.namespace, one.name) for one in offered}
    for index, item in enumerate(items):
        if isinstance(item, AdditionalToolsItem | ToolSearchOutputItem):
            place = f"input.{index}.tools"
            for one in _unfold(parse_tools(item.tools or (), None, place), place):
                if (one.namespace, one.name) not in known:
                    known.add((one.namespace, one.name))
                    offered.append(one)
    return offered


def _unfold(tools: Iterable[OfferedTool], place: str) -> Iterator[Offered]:
    for index, tool in enumerate(tools):
        if isinstance(tool, NamespaceTool):
            yield from _unfold_namespace(tool, f"{place}.{index}.tools")
        else:
            yield Offered(tool)


def _unfold_namespace(namespace: NamespaceTool, place: str) -> Iterator[Offered]:
    """Return the tools of a namespace; the description of the namespace is appended to the first one's."""
    about = f"About the tools of {namespace.name}: {namespace.description}" if namespace.description else ""
    for tool in parse_tools(namespace.tools, None, place):
        if isinstance(tool, NamespaceTool):
            raise InvalidRequest("a namespace may only contain tools, not namespaces", param=place)
        if about and isinstance(tool, FunctionTool | CustomTool):
            tool = replace(tool, description="\n\n".join(filter(None, (tool.description, about))))
            about = ""
        yield Offered(tool, namespace.name)


# --- names -----------------------------------------------------------------------------------


class Declared(NamedTuple):
    """The client's name of a tool."""

    name: str
    namespace: str = ""
    kind: Literal["function", "custom", "search", "own"] = "function"


_KINDS: dict[type, Literal["function", "custom", "search", "own"]] = {
    FunctionTool: "function",
    CustomTool: "custom",
    ToolSearchTool: "search",
    OwnTool: "own",
}


class ToolNames:
    """The mapping between the tools of a request and their flat names."""

    __slots__ = ("_declared", "_flat")

    def __init__(self, offered: Iterable[Offered]) -> None:
        self._declared: dict[str, Declared] = {}
        """By flat name."""
        self._flat: dict[tuple[str, str], str] = {}
        """By namespace and name."""
        for one in sorted(offered, key=lambda one: bool(one.namespace)):  # plain names stay as they are
            self._add(Declared(one.name, one.namespace, _KINDS[type(one.tool)]))

    def flat(self, namespace: str | None, name: str) -> str:
        """Return the flat name of a tool, even of one that is not offered (any more)."""
        known = self._flat.get((namespace or "", name))
        return _join(namespace or "", name) if known is None else known

    def declared(self, flat: str) -> Declared:
        """Return the client's name of the tool with this flat name."""
        return self._declared.get(flat) or Declared(flat)

    def _add(self, declared: Declared) -> None:
        key = (declared.namespace, declared.name)
        flat = _join(*key)
        other = self._declared.get(flat)
        if other is not None and other.namespace == declared.namespace:
            return  # the first of duplicate definitions wins
        if other is not None:
            flat = _shorten(flat, key, always=True)
        self._declared[flat] = declared
        self._flat[key] = flat


def _join(namespace: str, name: str) -> str:
    if namespace in ("", PLAIN_NAMESPACE):
        return name
    joined = f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"
    safe = _UNSAFE.sub("_", joined)
    return _shorten(safe, (namespace, name), always=safe != joined)


def _shorten(flat: str, key: tuple[str, str], *, always: bool) -> str:
    """Return a unique name within the limit; a digest replaces what was cut or replaced."""
    if len(flat) <= LONGEST_NAME and not always:
        return flat
    digest = sha256("\n".join(key).encode()).hexdigest()[:8]
    return f"{flat[: LONGEST_NAME - 9]}_{digest}"
