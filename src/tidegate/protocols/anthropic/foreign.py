"""Data of other wire formats in a conversation, and its removal before it is sent to an Anthropic model.

A client of the Anthropic door may receive answers from Gemini today and from Claude tomorrow. Gemini's
signatures are in the conversation in these forms, which Anthropic would reject:

- a `thinking` block whose signature is `tidegate:<format>:<signature>`, or "" if it is unsigned, and
  `redacted_thinking` whose data begins like that;
- `extra_content` on a `tool_use` or `text` block, and an empty text that contains nothing else;
- a `tidegate_native` block: `{"type", "format", "block"}`, a block of another format;
- a citation created by Tidegate, for which Anthropic has no `encrypted_index`.

`strip` removes exactly these when the request is sent to Anthropic.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from .wire import FIELDS, RAWS, RedactedThinkingBlock, TextBlock, ThinkingBlock, ToolUseBlock, UnknownBlock

__all__ = ["NATIVE", "NATIVE_BLOCK", "is_foreign", "strip", "unwrap_signature", "wrap_signature"]

PREFIX = "tidegate:"
"""The prefix of signatures that are not Anthropic's."""
NATIVE_BLOCK = "tidegate_native"
"""The type of a block that wraps another format's block."""
NO_INDEX = (b'"encrypted_index":""', b'"encrypted_index": ""')
"""How a citation created by Tidegate is recognised, encoded with and without spaces."""


class NativeIn(Struct, frozen=True):
    """Another format's block, as written by the Anthropic door."""

    format: str
    block: Raw


NATIVE = Decoder(NativeIn)

_encode = msgspec.json.Encoder().encode


def wrap_signature(signature: str, format: str) -> str:  # noqa: A002 the contract's own name for it
    """Wrap a signature of any format for this dialect."""
    return signature if format == "anthropic" else f"{PREFIX}{format}:{signature}"


def unwrap_signature(signature: str) -> tuple[str, str]:
    """Return the signature and its format."""
    if not signature.startswith(PREFIX):
        return signature, "anthropic"
    format_, _, wrapped = signature.removeprefix(PREFIX).partition(":")
    return wrapped, format_


def is_foreign(block: Any) -> bool:
    """Return whether a decoded block contains data that Anthropic does not know."""
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
    """Return the messages without foreign data. `decoded` are the same messages."""
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
