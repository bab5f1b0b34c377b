"""Compaction items: an earlier conversation in one item, which clients send back as it came.

OpenAI encrypts its own, so only OpenAI can read them. Those that are written here hold a summary:

    tidegate:1:<base64url of {"summary": …}>

Whoever receives such an item later gets the summary as a user's message.
"""

import base64
import binascii

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import ENCODE

from .foreign import PREFIX, is_foreign
from .wire import CompactionItem, Item

__all__ = ["is_summary", "read_summary", "summary_message", "write_summary"]

PREFACE = "A summary of the conversation so far, which it replaces:"
"""Precedes a summary in the message that a model reads."""


class Summary(Struct, frozen=True):
    """What a compaction item holds."""

    summary: str


_SUMMARY = Decoder(Summary)


def write_summary(text: str) -> str:
    """The `encrypted_content` of a compaction item."""
    return PREFIX + base64.urlsafe_b64encode(ENCODE(Summary(text))).decode()


def is_summary(item: Item) -> bool:
    """Whether an item is a compaction item that was written here."""
    return isinstance(item, CompactionItem) and is_foreign(item.encrypted_content)


def read_summary(encrypted: str, param: str) -> str:
    """The text for the model of an item for which `is_summary` holds. Raises InvalidRequest."""
    try:
        data = base64.b64decode(encrypted.removeprefix(PREFIX).encode(), altchars=b"-_", validate=True)
        return f"{PREFACE}\n\n{_SUMMARY.decode(data).summary}"
    except (binascii.Error, *MALFORMED) as error:
        raise InvalidRequest(
            "the compaction item is not what Tidegate wrote; send it back unchanged", param=param
        ) from error


def summary_message(item: CompactionItem, param: str) -> dict[str, object]:
    """The message that a provider of this format gets in place of such an item. Raises InvalidRequest."""
    return {"type": "message", "role": "user", "content": read_summary(item.encrypted_content or "", param)}
