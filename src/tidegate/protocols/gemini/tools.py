"""Tools: functions, and Google's built-in tools."""

import re
from typing import Any, NamedTuple

from msgspec import Raw

from tidegate.protocols.errors import Unsupported
from tidegate.protocols.functions import CUSTOM_INPUT, custom_names, describe
from tidegate.protocols.search import refuse_tool
from tidegate.protocols.turn import Tool, ToolChoice, Turn

from .dialect import GeminiDialect
from .schema import is_empty_object, mend_references, to_openapi
from .search import render_search
from .wire import FunctionCallingConfig, FunctionDeclaration, ToolConfig

__all__ = ["RenderedTools", "render_tool_config", "render_tools"]

FORMAT = "gemini"

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", re.ASCII)
"""The function names that Google accepts (google-genai, FunctionDeclaration.name)."""

MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


class RenderedTools(NamedTuple):
    """The `tools` of a request."""

    tools: list[Any]
    """One declaration with all functions, then Google's built-in tools."""
    functions: frozenset[str]
    custom: frozenset[str]
    """The names of the tools whose argument is free text."""


def render_tools(turn: Turn, dialect: GeminiDialect, dropped: list[str]) -> RenderedTools:
    """Write the tools. Raises Unsupported for a built-in tool of another provider that Google lacks."""
    functions = []
    native: list[Any] = []
    carried = ("blocked_domains",) if dialect.excludes_domains else ()
    for number, tool in enumerate(turn.tools):
        if tool.kind != "native":
            functions.append(_declare(tool, dialect, f"tools.{number}"))
        elif tool.format == FORMAT and tool.block is not None:
            native.append(tool.block)
        elif tool.search is not None:
            _refuse_functions(turn)
            native.append(render_search(tool, carried, dropped))
        else:
            raise refuse_tool(tool, f"tools.{number}")
    declared = [{"functionDeclarations": functions}] if functions else []
    return RenderedTools(
        [*declared, *native],
        frozenset(function.name for function in functions),
        custom_names(turn.tools),
    )


def _refuse_functions(turn: Turn) -> None:
    """Google answers 400 "Multiple tools are supported only when they are all search tools", or wants the
    calls of its own tools sent back, which no other dialect can.
    """
    if any(tool.kind != "native" for tool in turn.tools):
        raise Unsupported(
            "this provider cannot search the web and call functions in one request: offer either",
            param="tools",
        )


def render_tool_config(choice: ToolChoice | None, tools: RenderedTools) -> ToolConfig | None:
    """Write how functions may be used. Google rejects this if there are none."""
    if choice is None or not tools.functions:
        return None
    mode = MODES[choice.mode]
    if choice.names and choice.mode == "auto":
        mode = "VALIDATED"  # the only mode in which the model may choose among some of them
    return ToolConfig(
        function_calling_config=FunctionCallingConfig(mode=mode, allowed_function_names=choice.names or None)
    )


def _declare(tool: Tool, dialect: GeminiDialect, param: str) -> FunctionDeclaration:
    if NAME.fullmatch(tool.name) is None:
        raise Unsupported(
            f"a function name may only contain letters, digits, _, ., : and -, not {tool.name[:64]!r}",
            param=param,
        )
    parameters = CUSTOM_INPUT if tool.kind == "custom" else tool.parameters or Raw()
    description = describe(tool)
    if not parameters or is_empty_object(parameters):
        return FunctionDeclaration(name=tool.name, description=description)
    if dialect.schemas == "openapi":
        return FunctionDeclaration(
            name=tool.name, description=description, parameters=to_openapi(parameters, param)
        )
    return FunctionDeclaration(
        name=tool.name, description=description, parameters_json_schema=mend_references(parameters, param)
    )
