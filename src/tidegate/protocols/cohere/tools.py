"""Tools and tool choice.

Cohere has function tools and three ways to use them: freely (no `tool_choice`), REQUIRED and NONE. If a
choice names tools, all others are omitted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.functions import CUSTOM_INPUT, NO_PARAMETERS, allowed_tools, custom_names, describe
from tidegate.protocols.search import refuse_tool
from tidegate.protocols.turn import Tool, Turn

from .dialect import CohereDialect
from .wire import DeclaredFunction, ToolOut

__all__ = ["RenderedTools", "render_tools"]

CHOICES = {"auto": None, "none": "NONE", "required": "REQUIRED", "named": "REQUIRED"}


class Required(Struct, frozen=True):
    """The part of a schema that strict tools require."""

    required: list[str] | None = None


_REQUIRED = msgspec.json.Decoder(Required)


class RenderedTools(NamedTuple):
    """The fields of a request for tools."""

    tools: Sequence[ToolOut] | None
    choice: str | None
    strict: bool | None
    custom: frozenset[str]
    """The names of the tools whose argument is free text."""


def render_tools(turn: Turn, dialect: CohereDialect, dropped: dict[str, None]) -> RenderedTools:
    """Write the tools. Raises Unsupported for a provider's built-in tool."""
    offered = [_declare(tool, f"tools.{number}", dropped) for number, tool in enumerate(allowed_tools(turn))]
    choice = CHOICES[turn.tool_choice.mode] if turn.tool_choice is not None and offered else None
    if choice is not None and not dialect.tool_choice:
        if choice == "REQUIRED":
            dropped["tool_choice"] = None
        else:
            offered = []
        choice = None
    return RenderedTools(offered or None, choice, _strict(turn.tools, dropped), custom_names(turn.tools))


def _declare(tool: Tool, param: str, dropped: dict[str, None]) -> ToolOut:
    if tool.kind == "native":
        raise refuse_tool(tool, param)
    if tool.cache is not None:
        dropped["cache_control"] = None
    parameters = CUSTOM_INPUT if tool.kind == "custom" else tool.parameters or NO_PARAMETERS
    return ToolOut(function=DeclaredFunction(tool.name, parameters, describe(tool)))


def _strict(tools: Sequence[Tool], dropped: dict[str, None]) -> bool | None:
    """Return `strict_tools`, which applies to all tools; each of them must then have a required parameter
    (docs.cohere.com/docs/structured-outputs).
    """
    if not any(tool.strict for tool in tools):
        return None
    if all(tool.strict and _requires(tool.parameters) for tool in tools):
        return True
    dropped["tools.strict"] = None
    return None


def _requires(parameters: Raw | None) -> bool:
    try:
        return parameters is not None and bool(_REQUIRED.decode(parameters).required)
    except MALFORMED:
        return False
