"""Data of other formats, in an item that clients of this format send back.

Clients of the Responses API (Codex, the Agents SDK) send `reasoning` items back unchanged, and treat
`encrypted_content` as opaque. So it carries whatever another format must receive back:

    tidegate:1:<base64url of JSON>

The JSON is a `WrappedSignature`: the signature's format, what it signs, and the signature itself. For
thinking it includes the text, because what was signed must come back character by character, and clients
shorten summaries. A signature of this format (OpenAI's own `encrypted_content`) is not wrapped.
"""

import base64
import binascii
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import ENCODE

__all__ = ["PREFIX", "WrappedSignature", "is_foreign", "unwrap", "wrap"]

MARK = "tidegate:"
PREFIX = "tidegate:1:"
"""The prefix and the version of the form."""


class WrappedSignature(Struct, frozen=True, omit_defaults=True):
    """Data that another format must receive back."""

    format: str
    """The wire format's name."""
    on: Literal["thinking", "redacted", "call", "text", "image", "block"]
    """Signed thinking, encrypted thinking, a function call, the preceding text or image, or a whole block
    that has no counterpart in this format."""
    signature: str = ""
    """The signature; for `redacted`, the encrypted thinking."""
    text: str = ""
    """For `thinking`: the signed text."""
    call_id: str = ""
    """For `call`: the id of the call."""
    block: Raw = Raw()
    """For `block`: the block."""


_WRAPPED = Decoder(WrappedSignature)


def wrap(wrapped: WrappedSignature) -> str:
    """Return the text for `encrypted_content`."""
    return PREFIX + base64.urlsafe_b64encode(ENCODE(wrapped)).decode()


def is_foreign(encrypted: str | None) -> bool:
    """Return whether an `encrypted_content` was created by Tidegate for another format."""
    return encrypted is not None and encrypted.startswith(MARK)


def unwrap(encrypted: str, param: str) -> WrappedSignature:
    """Return the signature in a text for which `is_foreign` holds. Raises InvalidRequest."""
    if not encrypted.startswith(PREFIX):
        raise InvalidRequest("the reasoning was written by another version of Tidegate", param=param)
    try:
        data = base64.b64decode(encrypted[len(PREFIX) :].encode(), altchars=b"-_", validate=True)
        return _WRAPPED.decode(data)
    except (binascii.Error, *MALFORMED) as error:
        raise InvalidRequest("the reasoning item was changed; send it back unchanged", param=param) from error
