"""The arguments of calls, and custom tools as functions, for wire formats without any other kind of tool.

OpenAI's custom tools take free text. For other formats they become functions with one parameter, `input`;
calls of them in an answer become custom calls again.
"""

import msgspec
from msgspec import Raw, Struct

from .decode import MALFORMED
from .turn import Tool, ToolCall, Turn

__all__ = [
    "CUSTOM_INPUT",
    "NO_OUTPUT",
    "NO_PARAMETERS",
    "allowed_tools",
    "arguments_object",
    "arguments_text",
    "custom_names",
    "custom_text",
    "describe",
]

CUSTOM_INPUT = Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
"""The parameters of a custom tool as a function."""

NO_OUTPUT = "(no output)"
"""The content of a failed result without any: Claude and Converse reject an empty one."""

NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
"""The parameters of a function without any, if a schema is required."""


class Grammar(Struct, frozen=True):
    """The grammar that a custom tool's text must follow."""

    syntax: str = ""
    definition: str = ""


class CustomFormat(Struct, frozen=True):
    """OpenAI's `format` of a custom tool."""

    grammar: Grammar | None = None


class CustomTool(Struct, frozen=True):
    """The parts of a custom tool's declaration that `Tool` does not have."""

    format: CustomFormat | None = None


class CustomDeclaration(Struct, frozen=True):
    """OpenAI's declaration of a custom tool."""

    custom: CustomTool | None = None


class CustomArguments(Struct, frozen=True):
    """The arguments of a custom tool that was offered as a function."""

    input: str


_DECLARATION = msgspec.json.Decoder(CustomDeclaration)
_ARGUMENTS = msgspec.json.Decoder(CustomArguments)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_STRING = msgspec.json.Decoder(str)


def allowed_tools(turn: Turn) -> tuple[Tool, ...]:
    """The tools that the client lets the model call, for formats that cannot name them in the choice."""
    names = frozenset(turn.tool_choice.names if turn.tool_choice is not None else ())
    return tuple(tool for tool in turn.tools if tool.name in names) if names else turn.tools


def custom_names(tools: tuple[Tool, ...]) -> frozenset[str]:
    """The names of the tools that take free text."""
    return frozenset(tool.name for tool in tools if tool.kind == "custom")


def describe(tool: Tool) -> str | None:
    """A tool's description, including a custom tool's grammar, for which there is no field."""
    if tool.kind != "custom" or tool.block is None:
        return tool.description
    try:
        declared = _DECLARATION.decode(tool.block).custom
    except MALFORMED:
        return tool.description
    grammar = declared.format.grammar if declared is not None and declared.format is not None else None
    if grammar is None:
        return tool.description
    rule = f"The input must follow this grammar ({grammar.syntax}):\n{grammar.definition}"
    return f"{tool.description}\n\n{rule}" if tool.description else rule


def arguments_object(call: ToolCall) -> Raw:
    """A call's arguments as a JSON object. Anything else (a custom tool's text, arguments truncated by a
    length limit) becomes its `input`.
    """
    text = call.arguments.strip()
    if call.kind == "function":
        if not text:
            return Raw(b"{}")
        try:
            encoded = text.encode()
            _OBJECT.decode(encoded)
            return Raw(encoded)
        except MALFORMED:
            pass
    return Raw(msgspec.json.encode({"input": call.arguments}))


def arguments_text(sent: str) -> str:
    """The arguments of a complete call, in JSON, as a provider sent them. Clients expect an object: for no
    arguments there is also nothing, `null` or an empty list, and some servers send the object as a string.
    """
    bare = sent.strip()
    if bare in _NO_ARGUMENTS:
        return "{}"
    if not bare.startswith('"'):
        return sent
    try:
        inner = _STRING.decode(bare)
        _OBJECT.decode(inner)
    except MALFORMED:
        return "{}" if bare == '""' else sent
    return inner


_NO_ARGUMENTS = frozenset({"", "null", "[]"})


def custom_text(arguments: str) -> str:
    """The free text in the arguments of a custom tool that was offered as a function."""
    try:
        return _ARGUMENTS.decode(arguments).input
    except MALFORMED:
        return arguments
