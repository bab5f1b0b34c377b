"""Compaction items: an earlier conversation in one item, which clients send back as it came.

OpenAI encrypts its own, so only OpenAI can read them. Those that are written here hold a summary:

    tidegate:1:<base64url of {"summary": …}>

Whoever receives such an item later gets the summary as a user's message.
"""

import base64
import binascii

from msgspec import Struct, structs
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import ENCODE
from tidegate.protocols.turn import Message, Text, ToolChoice, Turn

from .foreign import PREFIX, is_foreign
from .wire import CompactionItem, Item

__all__ = ["NO_SUMMARY", "ask_for_summary", "is_summary", "read_summary", "summary_item", "summary_message"]

PREFACE = "A summary of the conversation so far, which it replaces:"
"""Precedes a summary in the message that a model reads."""


PROMPT = """\
Write a summary of this conversation. It will replace the conversation: whoever continues has nothing else, \
and must be able to continue without asking again. State what the user wants, with every constraint and \
preference; what was done and found so far, with the exact names, numbers, paths, commands and pieces of \
code that matter; what was decided and why; what failed; and what remains to be done next. Do not continue \
the conversation and call no tools. Answer with the summary only."""
"""What a model is asked that has no endpoint for compaction."""

NO_SUMMARY = "the model was asked for a summary of the conversation and returned none"


class Summary(Struct, frozen=True):
    """What a compaction item holds."""

    summary: str


_SUMMARY = Decoder(Summary)


def ask_for_summary(turn: Turn) -> Turn:
    """The conversation, and the request for a summary of it."""
    return structs.replace(
        turn,
        messages=(*turn.messages, Message("user", (Text(PROMPT),))),
        tool_choice=ToolChoice("none") if turn.tools else None,
        parallel_tool_calls=None,
        output=None,
    )


def summary_item(id: str, text: str) -> dict[str, str]:  # noqa: A002 the dialect's own name for it
    """The compaction item that holds a summary."""
    content = PREFIX + base64.urlsafe_b64encode(ENCODE(Summary(text))).decode()
    return {"id": id, "type": "compaction", "encrypted_content": content}


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
            "the compaction item was changed; send it back unchanged", param=param
        ) from error


def summary_message(item: CompactionItem, param: str) -> dict[str, object]:
    """The message that a provider of this format gets in place of such an item. Raises InvalidRequest."""
    return {"type": "message", "role": "user", "content": read_summary(item.encrypted_content or "", param)}
