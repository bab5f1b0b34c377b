"""What of a conversation Anthropic refuses although its own dialect was spoken all along: a client may have
been answered by servers of other formats before.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.conversation import CallIds

from .foreign import is_foreign
from .wire import RAWS, RedactedThinkingBlock, TextBlock, ThinkingBlock, ToolUseBlock

__all__ = ["misses_thinking", "tell_apart"]

_MESSAGES = msgspec.json.Decoder(list[dict[str, Any]])
_encode = msgspec.json.Encoder().encode


def tell_apart(messages: Raw) -> Raw:
    """The messages with an id of its own for every call: servers that follow OpenAI's format may number the
    calls of each answer anew, and Anthropic takes an id once in a conversation.
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
    """Give a call or a result its id; whether that is another one."""
    if block.get("type") == "tool_use":
        field, own = "id", ids.call(block["id"])
    elif block.get("type") == "tool_result":
        field, own = "tool_use_id", ids.result(block["tool_use_id"])
    else:
        return False
    changed: bool = block[field] != own
    block[field] = own
    return changed


def misses_thinking(messages: list[Any]) -> bool:
    """Whether decoded messages end in the middle of tool use that does not begin with Anthropic's thinking:
    with a thinking budget that is refused ("Expected `thinking` or `redacted_thinking`, but found
    `tool_use`").
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
    own = [block for block in begins if not is_foreign(block) or isinstance(block, ToolUseBlock)]
    return not isinstance(own[0], ThinkingBlock | RedactedThinkingBlock)
