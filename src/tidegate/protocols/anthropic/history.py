"""Conversations that Anthropic rejects even though the client uses its dialect: earlier answers may have come
from servers of other formats.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.conversation import CallIds

from .foreign import is_foreign
from .wire import RAWS, RedactedThinkingBlock, TextBlock, ThinkingBlock, ToolUseBlock

__all__ = ["make_ids_unique", "misses_thinking"]

_MESSAGES = msgspec.json.Decoder(list[dict[str, Any]])
_encode = msgspec.json.Encoder().encode


def make_ids_unique(messages: Raw) -> Raw:
    """Give every call a unique id: servers that follow OpenAI's format may restart call ids in every answer,
    and Anthropic accepts an id only once per conversation.
    """
    ids = CallIds()
    decoded = _MESSAGES.decode(messages)
    raws = RAWS.decode(messages)
    for place, message in enumerate(decoded):
        content = message.get("content")
        changes = [_rename(block, ids) for block in content] if isinstance(content, list) else []
        if any(changes):
            raws[place] = Raw(_encode(message))
    return Raw(_encode(raws))


def _rename(block: dict[str, Any], ids: CallIds) -> bool:
    """Give a call or a result its unique id; return whether it changed."""
    if block.get("type") == "tool_use":
        field, unique = "id", ids.call(block["id"])
    elif block.get("type") == "tool_result":
        field, unique = "tool_use_id", ids.result(block["tool_use_id"])
    else:
        return False
    changed: bool = block[field] != unique
    block[field] = unique
    return changed


def misses_thinking(messages: list[Any]) -> bool:
    """Return whether decoded messages end in the middle of tool use that does not begin with Anthropic's
    thinking. With a thinking budget, Anthropic rejects that ("Expected `thinking` or `redacted_thinking`, but
    found `tool_use`").
    """
    begins: list[Any] | None = None
    for message in reversed(messages):
        blocks = message.content
        if message.role == "user" and (
            isinstance(blocks, str) or any(isinstance(block, TextBlock) for block in blocks)
        ):
            break
        if (
            message.role == "assistant"
            and isinstance(blocks, list)
            and any(isinstance(block, ToolUseBlock) for block in blocks)
        ):
            begins = blocks
    if begins is None:
        return False
    kept = [block for block in begins if not is_foreign(block) or isinstance(block, ToolUseBlock)]
    return not isinstance(kept[0], ThinkingBlock | RedactedThinkingBlock)
