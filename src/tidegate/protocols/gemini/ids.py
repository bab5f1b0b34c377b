"""Ids of function calls: Gemini's own, and those created by Tidegate.

Gemini 3 assigns ids to its calls, earlier models do not; clients of other dialects always need them. Ids
created by Tidegate have a prefix, so that they are never sent to Gemini.
"""

from collections.abc import Iterable

from tidegate.protocols.ids import CallIds
from tidegate.protocols.turn import Message, Reasoning, RedactedReasoning, Text, ToolCall, Turn

__all__ = ["call_ids", "gemini_ids", "placed_id"]

_MADE = "call_tidegate_"


def call_ids() -> CallIds:
    """Return the ids of an answer's calls; Gemini's own are kept."""
    return CallIds(_MADE)


def placed_id(content: int, part: int) -> str:
    """Create an id for a call that a client sends back without one: the same in every later request."""
    return f"{_MADE}{content}_{part}"


def gemini_ids(turn: Turn) -> frozenset[str]:
    """Return the ids of calls in the conversation that Gemini itself assigned.

    These are the ids in messages that have Gemini's signature, and all those from a client of Gemini's
    dialect. (Of parallel calls, only the first is signed.)
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
