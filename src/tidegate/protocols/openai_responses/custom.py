"""Custom tools: flat in this format, nested in OpenAI's chat format.

`Tool.block` of a custom tool has the chat form, which every renderer reads, whatever the origin.
"""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.fields import ENCODE

from .wire import CustomTool

__all__ = ["chat_declaration", "flat_declaration"]


class ChatCustom(Struct):
    """The content of chat's `custom`."""

    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class ChatDeclaration(Struct):
    """Chat's definition of a custom tool."""

    custom: ChatCustom


_DECLARATION = Decoder(ChatDeclaration)


def chat_declaration(tool: CustomTool, name: str) -> Raw:
    """Return a custom tool in the chat form, under this name."""
    custom: dict[str, Any] = {"name": name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        grammar = {name: value for name, value in tool.format.items() if name != "type"}
        nested = tool.format.get("type") == "grammar"
        custom["format"] = {"type": "grammar", "grammar": grammar} if nested else tool.format
    return Raw(ENCODE({"type": "custom", "custom": custom}))


def flat_declaration(block: Raw) -> dict[str, Any]:
    """Return a custom tool of the chat form in this format."""
    custom = _DECLARATION.decode(block).custom
    flat: dict[str, Any] = {"type": "custom", "name": custom.name}
    if custom.description is not None:
        flat["description"] = custom.description
    if custom.format is not None:
        grammar = custom.format.get("grammar")
        flat["format"] = {"type": "grammar", **grammar} if isinstance(grammar, dict) else custom.format
    return flat
