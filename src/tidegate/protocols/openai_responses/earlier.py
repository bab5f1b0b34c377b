"""Continuation of a conversation by the id of its last response (`previous_response_id`).

Every response that is written here is remembered with its own input and the response before it, so that a
conversation is a chain and takes memory once. A request that continues a remembered response becomes one
with the whole input. As at OpenAI, the earlier instructions do not apply to it.

Ids that are not remembered stay in the request: a provider of this format may know them.
"""

from collections.abc import Sequence

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.fields import ENCODE, Fields

from .memory import ItemMemory
from .wire import RAWS, ResponsesRequest

__all__ = ["continue_earlier", "remember_response"]

LONGEST_CHAIN = 1000
"""Responses that a conversation may consist of. Ids come from providers, so a chain may be a circle."""


class Step(Struct, frozen=True):
    """A response and what it responded to."""

    items: list[Raw]
    """The input of its own request, and its output."""
    previous: str | None = None
    """The id of the response before it."""


STEP = Decoder(Step)


def continue_earlier(wire: ResponsesRequest, fields: Fields, memory: ItemMemory) -> str | None:
    """Put the remembered conversation before the input of a request that continues it. Returns the id that
    it continued; None if it continues none that is remembered.
    """
    previous = wire.previous_response_id
    items = _recall(previous, memory) if previous else None
    if items is None:
        return None
    wire.input = [*items, *own_items(wire, fields)]
    fields["input"] = Raw(ENCODE(wire.input))
    fields.pop("previous_response_id")
    wire.previous_response_id = None
    return previous


def own_items(wire: ResponsesRequest, fields: Fields) -> list[Raw]:
    """The input of a request as items."""
    if isinstance(wire.input, str):
        return [Raw(ENCODE({"type": "message", "role": "user", "content": wire.input}))]
    return RAWS.decode(fields["input"]) if wire.input else []


def remember_response(
    memory: ItemMemory, response_id: str, items: Sequence[Raw], output: Sequence[Raw], previous: str | None
) -> None:
    """Keep a response: the input of its own request, its output, and the id that it continued."""
    known = _recall(previous, memory) if previous == response_id else None
    before = None if known else previous
    step = Step([*(known or ()), *items, *output], before)
    memory.remember(_key(response_id), ENCODE(step), None if before is None else _key(before))


def _recall(response_id: str | None, memory: ItemMemory) -> list[Raw] | None:
    """All items of a conversation up to this response; None if any of its responses is forgotten."""
    steps: list[list[Raw]] = []
    while response_id is not None:
        kept = memory.recall(_key(response_id))
        if kept is None or len(steps) == LONGEST_CHAIN:
            return None
        step = STEP.decode(kept)
        steps.append(step.items)
        response_id = step.previous
    return [item for items in reversed(steps) for item in items]


def _key(response_id: str) -> str:
    """The key of a response in the memory, which no item has: their ids contain no spaces."""
    return f"response {response_id}"
