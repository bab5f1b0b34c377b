"""The block with which Claude Code begins its system prompt: `x-anthropic-billing-header: cc_version=…; …`.

It is for Anthropic. Bedrock refuses it ("x-anthropic-billing-header is a reserved keyword"), and everywhere
else it is text at the very beginning of the prompt that differs from session to session, so that no prefix of
it is found in a cache.
"""

from typing import Any

from msgspec import Raw
from msgspec.json import Encoder

from .wire import FIELDS, RAWS, TextBlock

__all__ = ["BILLING_HEADER", "has_billing_block", "strip_billing_block", "strip_billing_line"]

BILLING_HEADER = "x-anthropic-billing-header"

_encode = Encoder().encode


def has_billing_block(system: str | list[Any] | None) -> bool:
    """Whether a system prompt, decoded, begins so."""
    if isinstance(system, str) or not system:
        return isinstance(system, str) and system.startswith(BILLING_HEADER)
    return _is_billing(system[0])


def strip_billing_line(text: str) -> str:
    """A text without the line, where it begins with it."""
    return text.partition("\n")[2].lstrip("\n") if text.startswith(BILLING_HEADER) else text


def strip_billing_block(system: Raw, decoded: str | list[Any] | None) -> Raw | None:
    """A system prompt for which `has_billing_block` holds, without it; None where nothing is left."""
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
