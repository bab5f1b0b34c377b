"""Signatures of other formats in Gemini's `thoughtSignature`, which must be base64.

A signature from, say, Anthropic is sent to a Gemini client and back as the base64 of
`tidegate:anthropic:<signature>`; thinking that only its provider can read as that of
`tidegate-redacted:anthropic:<data>`. Gemini's own signatures are not changed.
"""

import base64
import binascii

from tidegate.protocols.turn import Reasoning, RedactedReasoning

__all__ = ["unwrap_thought", "wrap_redacted", "wrap_thought"]

FORMAT = "gemini"
_SEALED = "tidegate:"
_REDACTED = "tidegate-redacted:"


def wrap_thought(signature: str, format_: str) -> str:
    """Wrap a signature."""
    return signature if format_ == FORMAT else _pack(f"{_SEALED}{format_}:{signature}")


def wrap_redacted(data: str, format_: str) -> str:
    """Wrap thinking that only its provider can read."""
    return data if format_ == FORMAT else _pack(f"{_REDACTED}{format_}:{data}")


def unwrap_thought(text: str, signature: str | None) -> Reasoning | RedactedReasoning | None:
    """Convert a thought that was sent back; None if it is empty."""
    if not signature:
        return Reasoning(text, None, FORMAT) if text else None
    unpacked = _unpack(signature)
    for beginning in (_SEALED, _REDACTED):
        format_, colon, rest = unpacked.removeprefix(beginning).partition(":")
        if unpacked.startswith(beginning) and colon:
            if beginning == _REDACTED:
                return RedactedReasoning(rest, format_)
            return Reasoning(text, rest, format_)
    return Reasoning(text, signature, FORMAT)


def _pack(text: str) -> str:
    return base64.b64encode(text.encode(errors="replace")).decode()


def _unpack(signature: str) -> str:
    try:
        return base64.b64decode(signature, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
