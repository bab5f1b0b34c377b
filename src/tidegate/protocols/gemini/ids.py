"""Ids of function calls: Gemini's own, and those made here.

Gemini 3 gives its calls ids, earlier models do not; clients of other dialects need them always.
A made id is known by its beginning, so that it never travels to Gemini.
"""

from collections.abc import Iterable

from tidegate.protocols.ids import new_id
from tidegate.protocols.turn import Message, Reasoning, RedactedReasoning, Text, ToolCall, Turn

__all__ = ["gemini_ids", "made_id", "placed_id"]

_MADE = "call_tidegate_"


def made_id() -> str:
    """An id for a call that has none."""
    return new_id(_MADE)


def placed_id(content: int, part: int) -> str:
    """An id for a call that a client gives back without one: the same in every later request."""
    return f"{_MADE}{content}_{part}"


def gemini_ids(turn: Turn) -> frozenset[str]:
    """The ids of calls in the conversation that Gemini itself gave.

    They are those in messages that bear Gemini's signature, and all that a client of Gemini's own
    dialect sends. (Of parallel calls only the first is signed.)
    """
    return frozenset(
        part.id
        for message in turn.messages
        if message.role == "assistant" and (turn.origin == "gemini" or _is_signed(message))
        for part in message.parts
        if isinstance(part, ToolCall) and not part.id.startswith(_MADE)
    )


def _is_signed(message: Message) -> bool:
    return any(_signatures(message.parts))


def _signatures(parts: Iterable[object]) -> Iterable[bool]:
    for part in parts:
        if isinstance(part, (Text, ToolCall)):
            yield part.signature is not None
        elif isinstance(part, (Reasoning, RedactedReasoning)):
            yield part.format == "gemini"
