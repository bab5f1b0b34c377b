"""What another wire format put into a conversation, and what becomes of it at an Anthropic model.

A client of the Anthropic door may be answered by Gemini today and by Claude tomorrow. What Gemini
signed stands in the conversation in these forms, which Anthropic would refuse:

- a `thinking` block whose signature is `tidegate:<format>:<signature>`, or "" where nobody signed,
  and `redacted_thinking` whose data begins so;
- `extra_content` on a `tool_use` or `text` block, and the empty text that carries nothing else;
- a `tidegate_native` block: `{"type", "format", "block"}`, a block of another format;
- a citation made here, of which Anthropic has no `encrypted_index`.

`strip` leaves them out, and only them, where the request goes to Anthropic after all.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from .wire import FIELDS, RAWS, RedactedThinkingBlock, TextBlock, ThinkingBlock, ToolUseBlock, UnknownBlock

__all__ = ["NATIVE", "NATIVE_BLOCK", "is_foreign", "strip", "unwrap_signature", "wrap_signature"]

PREFIX = "tidegate:"
"""How a signature begins that is not Anthropic's."""
NATIVE_BLOCK = "tidegate_native"
"""The type of a block that holds another format's block."""
NO_INDEX = (b'"encrypted_index":""', b'"encrypted_index": ""')
"""How a citation made here looks, written with and without spaces."""


class NativeIn(Struct, frozen=True):
    """Another format's block, as Tidegate's door wrote it."""

    format: str
    block: Raw


NATIVE = Decoder(NativeIn)

_encode = msgspec.json.Encoder().encode


def wrap_signature(signature: str, format: str) -> str:  # noqa: A002 the contract's own name for it
    """A signature of any format as this dialect carries it."""
    return signature if format == "anthropic" else f"{PREFIX}{format}:{signature}"


def unwrap_signature(signature: str) -> tuple[str, str]:
    """The signature and its format."""
    if not signature.startswith(PREFIX):
        return signature, "anthropic"
    format_, _, own = signature.removeprefix(PREFIX).partition(":")
    return own, format_


def is_foreign(block: Any) -> bool:
    """Whether a decoded block holds what Anthropic does not know."""
    kind = type(block)
    if kind is TextBlock or kind is ToolUseBlock:
        if block.extra_content is not None:
            return True
        return kind is TextBlock and _is_made_here(block.citations)
    if kind is ThinkingBlock:
        return not block.signature or block.signature.startswith(PREFIX)
    if kind is RedactedThinkingBlock:
        return bool(block.data.startswith(PREFIX))
    return kind is UnknownBlock and block.kind == NATIVE_BLOCK


def strip(messages: Raw, decoded: list[Any]) -> Raw:
    """The messages without what is foreign. `decoded` are the same messages."""
    kept = []
    for raw, message in zip(RAWS.decode(messages), decoded, strict=True):
        if isinstance(message.content, str) or not any(map(is_foreign, message.content)):
            kept.append(raw)
            continue
        fields = FIELDS.decode(raw)
        pairs = zip(RAWS.decode(fields["content"]), message.content, strict=True)
        blocks = [_strip_block(block, known) for block, known in pairs]
        content = [block for block in blocks if block is not None]
        if content:
            kept.append(Raw(_encode({**fields, "content": content})))
    return Raw(_encode(kept))


def _strip_block(raw: Raw, block: Any) -> Raw | None:
    if not is_foreign(block):
        return raw
    if not isinstance(block, TextBlock | ToolUseBlock) or (isinstance(block, TextBlock) and not block.text):
        return None
    fields = FIELDS.decode(raw)
    fields.pop("extra_content", None)
    if isinstance(block, TextBlock) and _is_made_here(block.citations):
        fields.pop("citations")
    return Raw(_encode(fields))


def _is_made_here(citations: Raw) -> bool:
    return any(mark in bytes(citations) for mark in NO_INDEX)
