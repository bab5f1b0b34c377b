"""Custom tools: flat in this format, nested in OpenAI's chat format.

`Tool.block` of a custom tool has chat's form, which every renderer reads, whoever declared it.
"""

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from .wire import ENCODE, CustomTool

__all__ = ["chat_declaration", "flat_declaration"]


class ChatCustom(Struct):
    """What is inside chat's `custom`."""

    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class ChatDeclaration(Struct):
    """Chat's declaration of a custom tool."""

    custom: ChatCustom


_DECLARATION = Decoder(ChatDeclaration)


def chat_declaration(tool: CustomTool, name: str) -> Raw:
    """A custom tool in chat's form, under this name."""
    told: dict[str, Any] = {"name": name}
    if tool.description is not None:
        told["description"] = tool.description
    if tool.format is not None:
        grammar = {name: value for name, value in tool.format.items() if name != "type"}
        nested = tool.format.get("type") == "grammar"
        told["format"] = {"type": "grammar", "grammar": grammar} if nested else tool.format
    return Raw(ENCODE({"type": "custom", "custom": told}))


def flat_declaration(block: Raw) -> dict[str, Any]:
    """A custom tool in this format, of chat's form."""
    told = _DECLARATION.decode(block).custom
    flat: dict[str, Any] = {"type": "custom", "name": told.name}
    if told.description is not None:
        flat["description"] = told.description
    if told.format is not None:
        grammar = told.format.get("grammar")
        flat["format"] = {"type": "grammar", **grammar} if isinstance(grammar, dict) else told.format
    return flat
