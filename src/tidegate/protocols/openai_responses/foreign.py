"""What other formats sign, in an item that clients of this format give back.

Clients of the Responses API (Codex, the Agents SDK) send `reasoning` items back as they came, and
treat `encrypted_content` as opaque. So whatever another format must see again travels in there:

    tidegate:1:<base64url of JSON>

The JSON is a `WrappedSignature`: the signature's format, what it is on, and the signature itself.
Thinking carries its text too, because what was signed must come back letter by letter, and clients
shorten summaries. A signature that this format made itself (OpenAI's own `encrypted_content`) is not
wrapped.
"""

import base64
import binascii
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import InvalidRequest

from .wire import ENCODE

__all__ = ["PREFIX", "WrappedSignature", "is_foreign", "unwrap", "wrap"]

MARK = "tidegate:"
PREFIX = "tidegate:1:"
"""The mark and the version of the form."""


class WrappedSignature(Struct, frozen=True, omit_defaults=True):
    """What another format must see again."""

    format: str
    """The wire format's name."""
    on: Literal["thinking", "redacted", "call", "text", "image", "block"]
    """Signed thinking, encrypted thinking, a function call, the text or the image that was just said,
    or a whole block that has no counterpart here."""
    signature: str = ""
    """The signature; of `redacted`, the encrypted thinking."""
    text: str = ""
    """Of `thinking`: what was signed."""
    call_id: str = ""
    """Of `call`: which one."""
    block: Raw = Raw()
    """Of `block`: the block."""


_WRAPPED = Decoder(WrappedSignature)


def wrap(wrapped: WrappedSignature) -> str:
    """The text of `encrypted_content`."""
    return PREFIX + base64.urlsafe_b64encode(ENCODE(wrapped)).decode()


def is_foreign(encrypted: str | None) -> bool:
    """Whether a text of `encrypted_content` was made here, for another format."""
    return encrypted is not None and encrypted.startswith(MARK)


def unwrap(encrypted: str, param: str) -> WrappedSignature:
    """The signature in a text for which `is_foreign` holds. Raises InvalidRequest."""
    if not encrypted.startswith(PREFIX):
        raise InvalidRequest("the reasoning was written by another version of Tidegate", param=param)
    try:
        data = base64.b64decode(encrypted[len(PREFIX) :].encode(), altchars=b"-_", validate=True)
        return _WRAPPED.decode(data)
    except (binascii.Error, *MALFORMED) as error:
        raise InvalidRequest("the reasoning is not what Tidegate wrote", param=param) from error
