"""Tools, tool choice, and structured output through a tool."""

import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.claude_schema import close_input, object_schema
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.profile import Profile
from tidegate.protocols.search import refuse_tool
from tidegate.protocols.turn import CacheControl, Tool, ToolChoice, Turn

from .search import render_search

__all__ = ["ANSWER_TOOL", "CUSTOM_INPUT", "ToolPlan", "is_forced", "plan_tools", "render_cache"]

ANSWER_TOOL = "structured_output"
"""The tool that older models use for structured output; the reader converts its call back to text."""
CUSTOM_INPUT = "input"
"""The only property of a custom tool's input: Anthropic's tools take objects, OpenAI's custom tools take
text."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
MOST_STRICT = 20
"""The maximum number of strict tools in a request; Anthropic rejects more."""

_SCHEMA_OF_CUSTOM = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
}


class ToolPlan(Struct, frozen=True, kw_only=True):
    """The fields of the body about tools, and how to read the calls in the answer."""

    tools: list[dict[str, Any] | Raw]
    choice: dict[str, Any] | None
    answer_tool: str | None
    """The name of the tool whose call is the text of the answer."""
    custom: frozenset[str]
    """The tools whose calls are read as calls to custom tools."""
    dropped: tuple[str, ...]


NO_TOOLS = ToolPlan(tools=[], choice=None, answer_tool=None, custom=frozenset(), dropped=())


def is_forced(turn: Turn, profile: Profile) -> bool:
    """Return whether the model must call a tool."""
    if turn.tool_choice is not None and turn.tool_choice.mode in ("required", "named") and turn.tools:
        return True
    return _needs_answer_tool(turn, profile)


def plan_tools(turn: Turn, profile: Profile) -> ToolPlan:
    """Decide which tools are offered and which must be called. Raises Unsupported for another provider's
    built-in tool.
    """
    if not turn.tools and turn.output is None:
        return NO_TOOLS
    _check_names(turn)
    offered = _offered(turn)
    strict = [tool for tool in offered if tool.strict]
    keeps_strict = profile.native_schema and len(strict) <= MOST_STRICT
    unsearched: list[str] = []
    tools = [_render_tool(tool, keeps_strict, unsearched) for tool in offered]
    answer_tool = _free_name(offered) if _needs_answer_tool(turn, profile) else None
    if answer_tool is not None:
        assert turn.output is not None
        tools.append(_render_answer_tool(answer_tool, turn))
    return ToolPlan(
        tools=tools,
        choice=_render_choice(turn, answer_tool, bool(offered)),
        answer_tool=answer_tool,
        custom=frozenset(tool.name for tool in offered if tool.kind == "custom"),
        dropped=(*unsearched, *(("tools.strict",) if strict and not keeps_strict else ())),
    )


def _check_names(turn: Turn) -> None:
    for number, tool in enumerate(turn.tools):
        if tool.kind != "native" and _NAME.fullmatch(tool.name) is None:
            raise Unsupported(
                f"a tool name may only contain letters, digits, _ and -, not {tool.name[:64]!r}",
                param=f"tools.{number}",
            )


def render_cache(cache: CacheControl) -> dict[str, str]:
    """Write a cache breakpoint."""
    return {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}


def _needs_answer_tool(turn: Turn, profile: Profile) -> bool:
    return turn.output is not None and turn.output.kind == "json_schema" and not profile.native_schema


def _offered(turn: Turn) -> list[Tool]:
    """Return the tools, without those that the client's tool choice excludes."""
    choice = turn.tool_choice
    if choice is None or choice.mode not in ("auto", "required") or not choice.names:
        return list(turn.tools)
    names = frozenset(choice.names)
    return [tool for tool in turn.tools if tool.name in names]


def _free_name(offered: list[Tool]) -> str:
    name = ANSWER_TOOL
    while any(tool.name == name for tool in offered):
        name += "_"
    return name


# --- tools -----------------------------------------------------------------------------------


def _render_tool(tool: Tool, keeps_strict: bool, dropped: list[str]) -> dict[str, Any] | Raw:
    if tool.kind == "native":
        return _render_native(tool, dropped)
    rendered: dict[str, Any] = {"name": tool.name}
    description = _describe_custom(tool) if tool.kind == "custom" else tool.description
    if description is not None:
        rendered["description"] = description
    strict = bool(tool.strict) and keeps_strict and tool.parameters is not None
    if tool.kind == "custom":
        rendered["input_schema"] = _SCHEMA_OF_CUSTOM
    elif strict and tool.parameters is not None:
        rendered["input_schema"] = close_input(tool.parameters)
        rendered["strict"] = True
    else:
        rendered["input_schema"] = object_schema(tool.parameters)
    if tool.cache is not None:
        rendered["cache_control"] = render_cache(tool.cache)
    return rendered


def _render_native(tool: Tool, dropped: list[str]) -> dict[str, Any] | Raw:
    if tool.format == "anthropic" and tool.block is not None:
        return tool.block
    if tool.search is not None:
        return render_search(tool, dropped)
    raise refuse_tool(tool)


class CustomIn(Struct, frozen=True):
    """The definition of OpenAI's custom tool."""

    custom: dict[str, Any] = {}


_CUSTOM = msgspec.json.Decoder(CustomIn)
_encode = msgspec.json.Encoder().encode


def _describe_custom(tool: Tool) -> str | None:
    """Return the description with the grammar of the input, if there is one, because Anthropic cannot enforce
    it.
    """
    form = _CUSTOM.decode(tool.block).custom.get("format") if tool.block is not None else None
    if not isinstance(form, dict) or form.get("type") != "grammar":
        return tool.description
    syntax = f"The {CUSTOM_INPUT} has this form: {_encode(form).decode()}"
    return f"{tool.description}\n\n{syntax}" if tool.description else syntax


def _render_answer_tool(name: str, turn: Turn) -> dict[str, Any]:
    output = turn.output
    assert output is not None
    described = output.description or (f"The answer as {output.name}." if output.name else "The answer.")
    return {
        "name": name,
        "description": f"{described} Give the final answer by calling this tool.",
        "input_schema": object_schema(output.schema),
    }


# --- tool choice -----------------------------------------------------------------------------

_MODES = {"auto": "auto", "none": "none", "required": "any"}


def _render_choice(turn: Turn, answer_tool: str | None, offers: bool) -> dict[str, Any] | None:
    choice = turn.tool_choice
    if answer_tool is not None and (choice is None or choice.mode != "named"):
        # If there are other tools, the client may expect a call to one before the final answer.
        free = offers and (choice is None or choice.mode != "none")
        rendered: dict[str, Any] = {"type": "any"} if free else {"type": "tool", "name": answer_tool}
    elif not offers:
        return None
    elif choice is None:
        if turn.parallel_tool_calls is not False:
            return None
        rendered = {"type": "auto"}
    else:
        rendered = _render_client_choice(choice)
    if turn.parallel_tool_calls is False and rendered["type"] != "none":
        rendered["disable_parallel_tool_use"] = True
    return rendered


def _render_client_choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.mode == "named":
        return {"type": "tool", "name": choice.names[0]}
    return {"type": _MODES[choice.mode]}
