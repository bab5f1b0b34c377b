"""Tools, tool choice, and structured output through a tool.

Converse has no tool choice "none", and accepts no calls in a conversation without tools. Claude's own
`tool_choice` can forbid calls: then the tools are declared, or those that the conversation called, and calls
and results stay what they are. For other models the tools are omitted, and earlier calls are sent as text.
Models without structured output return it as the arguments of a tool that they must call.
"""

from typing import Any, NamedTuple

from tidegate.protocols.claude_schema import object_schema
from tidegate.protocols.functions import CUSTOM_INPUT, allowed_tools, custom_names, describe
from tidegate.protocols.profile import Profile
from tidegate.protocols.search import refuse_tool
from tidegate.protocols.turn import OutputFormat, Tool, ToolCall, Turn

from .dialect import FORMAT, Vendor
from .messages import Block, render_cache

__all__ = ["ANSWER_TOOL", "ToolPlan", "plan_tools"]

ANSWER_TOOL = "structured_output"
"""The tool used for structured output; the reader converts its call back to text."""

MOST_STRICT = 20
"""The maximum number of strict tools in a request; Anthropic's models reject more."""


class ToolPlan(NamedTuple):
    """The fields of a request for tools."""

    config: dict[str, Any] | None
    """`toolConfig`."""
    forced: bool
    """Whether the model must call a tool."""
    answer_tool: str | None
    """The name of the tool whose arguments are the text of the answer."""
    custom: frozenset[str]
    """The names of the tools whose argument is free text."""
    dropped: list[str]
    fields: dict[str, Any]
    """Fields of `additionalModelRequestFields`."""


FORBIDDEN = {"tool_choice": {"type": "none"}}


def plan_tools(turn: Turn, profile: Profile, vendor: Vendor) -> ToolPlan:
    """Decide which tools are offered and which must be called. Raises Unsupported for another provider's
    built-in tool.
    """
    offered = _offered(turn)
    forbids = not offered and vendor.tool_choice and profile.native_schema
    if forbids:
        offered = _for_earlier_calls(turn)
    strict = sum(bool(tool.strict) for tool in offered)
    keeps_strict = vendor.strict_tools and profile.native_schema and strict <= MOST_STRICT
    dropped = ["tools.strict"] if strict and not keeps_strict else []
    blocks: list[Block] = []
    for number, tool in enumerate(offered):
        blocks.append(_render_tool(tool, keeps_strict, f"tools.{number}"))
        if tool.cache is not None and "tools" in vendor.caches:
            blocks.append(render_cache(tool.cache))
        elif tool.cache is not None:
            dropped.append("cache_control")
    answer_tool = None
    if turn.output is not None and turn.output.schema is not None and not profile.native_schema:
        answer_tool = _free_name(offered)
        blocks.append(_render_answer_tool(answer_tool, turn.output))
    choice = None if forbids else _render_choice(turn, answer_tool, bool(offered))
    config = {"tools": blocks, **({"toolChoice": choice} if choice is not None else {})} if blocks else None
    forced = choice is not None and "auto" not in choice
    fields = FORBIDDEN if forbids and offered else {}
    return ToolPlan(config, forced, answer_tool, custom_names(offered), list(dict.fromkeys(dropped)), fields)


def _offered(turn: Turn) -> tuple[Tool, ...]:
    """Return the offered tools: a tool choice can name one tool; several are allowed by
    omitting all others.
    """
    mode = turn.tool_choice.mode if turn.tool_choice is not None else "auto"
    if mode == "none":
        return ()
    return turn.tools if mode == "named" else allowed_tools(turn)


def _for_earlier_calls(turn: Turn) -> tuple[Tool, ...]:
    """Return tools that only explain earlier calls: the client's own, else those that the conversation
    called. None if there was no call.
    """
    called = {
        part.name: Tool(part.name, kind=part.kind)
        for message in turn.messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
    if not called:
        return ()
    own = tuple(tool for tool in turn.tools if tool.kind != "native" or tool.format == FORMAT)
    return own or tuple(called.values())


def _render_choice(turn: Turn, answer_tool: str | None, has_tools: bool) -> dict[str, Any] | None:
    choice = turn.tool_choice
    if answer_tool is not None:
        return {"any": {}} if has_tools else {"tool": {"name": answer_tool}}
    if choice is None or not has_tools or choice.mode == "none":
        return None
    if choice.mode == "named":
        return {"tool": {"name": choice.names[0]}}
    return {"any": {}} if choice.mode == "required" else {"auto": {}}


def _render_tool(tool: Tool, keeps_strict: bool, param: str) -> Block:
    if tool.kind == "native":
        if tool.format == FORMAT and tool.block is not None:
            return tool.block
        raise refuse_tool(tool, param)
    parameters = CUSTOM_INPUT if tool.kind == "custom" else object_schema(tool.parameters)
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": parameters}}
    description = describe(tool)
    if description and description.strip():  # Converse rejects an empty one
        spec["description"] = description
    if tool.strict and keeps_strict:
        spec["strict"] = True
    return {"toolSpec": spec}


def _render_answer_tool(name: str, output: OutputFormat) -> Block:
    description = output.description or "Give the answer in this form."
    return {
        "toolSpec": {
            "name": name,
            "description": description,
            "inputSchema": {"json": object_schema(output.schema)},
        }
    }


def _free_name(tools: tuple[Tool, ...]) -> str:
    taken = {tool.name for tool in tools}
    name = ANSWER_TOOL
    while name in taken:
        name += "_"
    return name
