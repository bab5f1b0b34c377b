"""The block with which Claude Code begins its system prompt: `x-anthropic-billing-header: cc_version=…; …`.

It is meant for Anthropic. Bedrock rejects it ("x-anthropic-billing-header is a reserved keyword"), and
everywhere else it is text at the very beginning of the prompt that differs between sessions and so defeats
prefix caching.
"""

from typing import Any

from msgspec import Raw
from msgspec.json import Encoder

from .wire import FIELDS, RAWS, TextBlock

__all__ = ["BILLING_HEADER", "has_billing_block", "strip_billing_block", "strip_billing_line"]

BILLING_HEADER = "x-anthropic-billing-header"

_encode = Encoder().encode


def has_billing_block(system: str | list[Any] | None) -> bool:
    """Return whether a decoded system prompt begins with the billing block."""
    if isinstance(system, str) or not system:
        return isinstance(system, str) and system.startswith(BILLING_HEADER)
    return _is_billing(system[0])


def strip_billing_line(text: str) -> str:
    """Return a text without the billing line at its beginning, if there is one."""
    return text.partition("\n")[2].lstrip("\n") if text.startswith(BILLING_HEADER) else text


def strip_billing_block(system: Raw, decoded: str | list[Any] | None) -> Raw | None:
    """Return a system prompt for which `has_billing_block` holds without the block; None
    if nothing remains.
    """
    if not isinstance(decoded, list):
        rest = strip_billing_line(decoded or "")
        return Raw(_encode(rest)) if rest else None
    first, *others = RAWS.decode(system)
    rest = strip_billing_line(decoded[0].text)
    if rest:
        others.insert(0, Raw(_encode({**FIELDS.decode(first), "text": rest})))
    return Raw(_encode(others)) if others else None


def _is_billing(block: Any) -> bool:
    return type(block) is TextBlock and block.text.startswith(BILLING_HEADER)
